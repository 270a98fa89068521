"""`python -m waziterm.worker --fd N [--library PATH]`: a worker for the manager at the end of N."""

from waziterm.worker.pipe import complain, leave
from waziterm.worker.serve import begin, serve


def main() -> int:
    """Serve until the manager is gone; returns only when that could not start."""
    begun = begin("waziterm.worker", __doc__)
    if begun is None:
        return 2
    try:
        serve(*begun)
    except (ImportError, OSError) as error:
        complain(f"waziterm.worker: neonize could not be loaded ({error})")
        return 1


if __name__ == "__main__":
    leave(main())
