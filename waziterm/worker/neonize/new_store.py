"""Make an empty whatsmeow store with the installed library, in a process that ends at once.

The library makes its tables before it dials; the proxy that it is given takes no connection, so
nothing reaches anybody.
"""

import os
import socket
import sys
from pathlib import Path

from waziterm.domain.lifecycle.instance import DEVICE_NAME
from waziterm.worker.neonize.client import Callbacks, Client, LibraryError
from waziterm.worker.neonize.library import load


def make(path: str) -> None:
    """Make the store. path: absolute, must not exist. Raises LibraryError and OSError."""
    os.umask(0o077)

    def ignore(*_: object) -> None:
        """Nothing is told of a device that there is not."""

    client = Client(load(), Callbacks(*(ignore,) * 7))
    with socket.socket() as nobody:
        # Bound and not listened to: nobody else can have the port, and a connect is refused.
        nobody.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        try:
            client.connect(path, None, nowhere, DEVICE_NAME)
        except LibraryError:
            # That it was not connected is what was wanted.
            if not Path(path).exists():
                raise


if __name__ == "__main__":
    make(sys.argv[1])
