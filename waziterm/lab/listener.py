"""The lab's TCP port: it listens, is reserved during an outage, and listens again."""

import asyncio
import socket
from collections.abc import Callable

BACKLOG = 512
HOST = "127.0.0.1"

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


class Listener:
    """A port on 127.0.0.1 that can be taken down and brought back.

    While it is down the port stays bound without listening: connecting is refused, and no other
    process can take the port meanwhile.
    """

    def __init__(self, accept: Accept) -> None:
        self._accept = accept
        self._server: asyncio.Server | None = None
        self._bound: socket.socket | None = None
        self.port = 0

    async def open(self, port: int) -> None:
        """Listen on a port, 0 for any. Raises OSError when it is taken."""
        self._bound = _bind(port)
        self.port = self._bound.getsockname()[1]
        await self.up()

    async def up(self) -> None:
        """Listen again after `down`; nothing happens when it listens already."""
        if self._server is not None or self._bound is None:
            return
        bound, self._bound = self._bound, None
        self._server = await asyncio.start_server(self._accept, sock=bound, backlog=BACKLOG)

    def down(self) -> None:
        """Refuse new connections from now on."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._bound = _bind(self.port)

    def close(self) -> None:
        """Give the port back."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._bound is not None:
            self._bound.close()
            self._bound = None


def _bind(port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is named.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound
