"""`python -m waziterm.worker --fd N`: hold one instance for the manager at the other end of N."""

import argparse
import os
import signal
import socket
import sys

from waziterm.worker.pipe import leave
from waziterm.worker.serve import serve


def main() -> int:
    """Serve until the manager is gone; returns only when that could not start.

    Only the manager ends a worker: SIGINT and SIGHUP, which a terminal sends to whole groups,
    are ignored. Files that the library creates are readable by their owner alone.
    """
    parser = argparse.ArgumentParser(prog="waziterm.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="the socket to the manager")
    fd = parser.parse_args().fd
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # What the library runs to look for ffmpeg and libmagic is never waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.umask(0o077)
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
