"""`python -m waziterm.worker --fd N`: one worker for the manager at the other end of N."""

import argparse
import socket
import sys

from waziterm.worker.pipe import leave
from waziterm.worker.serve import serve, settle


def main() -> int:
    """Serve until the manager is gone; returns only when that could not start."""
    parser = argparse.ArgumentParser(prog="waziterm.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="the socket to the manager")
    fd = parser.parse_args().fd
    settle()
    try:
        sock = socket.socket(fileno=fd)
        sock.set_inheritable(False)
    except OSError as error:
        return _fail(f"fd {fd} is not a socket ({error})", 2)
    try:
        serve(sock)
    except (ImportError, OSError) as error:
        return _fail(f"neonize could not be loaded ({error})", 1)


def _fail(text: str, code: int) -> int:
    print(f"waziterm.worker: {text}", file=sys.stderr, flush=True)  # noqa: T201
    return code


if __name__ == "__main__":
    leave(main())
