"""`python -m waziterm.worker --fd N`: one worker for the manager at the other end of N."""

from waziterm.worker.pipe import complain, leave
from waziterm.worker.serve import begin, serve


def main() -> int:
    """Serve until the manager is gone; returns only when that could not start."""
    manager = begin("waziterm.worker", __doc__)
    if manager is None:
        return 2
    try:
        serve(manager)
    except (ImportError, OSError) as error:
        complain(f"waziterm.worker: neonize could not be loaded ({error})")
        return 1


if __name__ == "__main__":
    leave(main())
