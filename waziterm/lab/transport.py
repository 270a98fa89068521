"""From a TCP connection to WhatsApp's frames: CONNECT proxy, TLS, websocket.

The lab's port is an HTTP CONNECT proxy for its clients; behind it is always the lab itself.
"""

import asyncio
import logging
import re
import socket
import ssl
import struct
from collections import deque

from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

CHAT_PATH = "/ws/chat"
HEAD_TIMEOUT_S = 10.0
TLS_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
READ_SIZE = 1 << 16
MAX_MESSAGE = 1 << 24
MAX_UPLOAD = 80 * 1024 * 1024

_quiet = logging.getLogger("waziterm.lab.websocket")
_quiet.setLevel(logging.WARNING)


class TransportError(Exception):
    """The peer never became a websocket; the message says where it stopped."""


class Channel:
    """One client's websocket: binary messages in, binary messages out. upload: what a request that
    is no websocket has brought, None when it has brought nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE, logger=_quiet)
        self._pending: deque[bytes] = deque()
        self._ended = False
        self.upload: bytes | None = None

    async def open(self, context: ssl.SSLContext) -> str:
        """Answer the CONNECT with 200, then carry TLS and the websocket handshake out. The path
        that was asked for: a page's request is left for `respond` or `respond_without_end`.

        Raises TransportError.
        """
        self._writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await self._writer.start_tls(context, ssl_handshake_timeout=TLS_TIMEOUT_S)
            async with asyncio.timeout(HEAD_TIMEOUT_S):
                first = await self._reader.read(READ_SIZE)
                if first.startswith(b"POST "):
                    return await self._take_upload(first)
                request = await self._request(first)
        except (OSError, TimeoutError) as error:
            raise TransportError(f"TLS or websocket handshake: {error or 'timed out'}") from error
        path = request.path.partition("?")[0]
        if path == CHAT_PATH:
            self._protocol.send_response(self._protocol.accept(request))
            self._flush()
        return path

    async def respond(self, head: str, body: bytes = b"") -> None:
        """Answer a page's request and close. head: its status, and header lines."""
        text = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        await self._part_with(text.encode() + body)

    async def respond_without_end(self, chunk: bytes, times: int) -> None:
        """Answer with a body of no told length: so many chunks, or until the client has enough."""
        self._writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(times):
            self._writer.write(chunk)
            await self.drain()
            if self._writer.is_closing():
                return
        await self._part_with(b"")

    async def until_left(self, patience_s: float) -> None:
        """Answer nothing, until the client goes or `patience_s` seconds are over."""
        try:
            async with asyncio.timeout(patience_s):
                while await self._reader.read(READ_SIZE):
                    pass
        except (OSError, TimeoutError):
            return

    async def _part_with(self, last: bytes) -> None:
        try:
            async with asyncio.timeout(HEAD_TIMEOUT_S):
                self._writer.write(last)
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            return

    async def _take_upload(self, data: bytes) -> str:
        """Read a request that brings a file, which begins with `data`; its path. Raises OSError and
        TransportError."""
        while b"\r\n\r\n" not in data:
            more = await self._reader.read(READ_SIZE)
            if not more or len(data) > READ_SIZE:
                raise TransportError("not an upload")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?im)^content-length: *(\d{1,9})\r?$", head)
        if length is None or int(length[1]) > MAX_UPLOAD:
            raise TransportError("an upload without a length, or too large")
        rest = int(length[1]) - len(body)
        try:
            self.upload = body + await self._reader.readexactly(max(0, rest))
        except asyncio.IncompleteReadError as error:
            raise TransportError("closed within an upload") from error
        return head.split(b" ", 2)[1].decode("latin-1").partition("?")[0]

    async def _request(self, data: bytes) -> Request:
        while True:
            if not data:
                raise TransportError("closed before the websocket handshake")
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Request):
                    return event
            if isinstance(self._protocol.handshake_exc, InvalidHandshake):
                raise TransportError("not a websocket handshake")
            data = await self._reader.read(READ_SIZE)

    async def receive(self) -> bytes | None:
        """The next binary message, or None when the peer has gone."""
        while not self._pending:
            if self._ended:
                return None
            try:
                data = await self._reader.read(READ_SIZE)
            except OSError:
                return None
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.CONT):
                    self._pending.append(bytes(event.data))
            self._flush()
            self._ended = not data or self._protocol.close_expected()
        return self._pending.popleft()

    def send(self, message: bytes) -> None:
        """Queue a binary message; nothing happens when the connection is gone."""
        if self._writer.is_closing() or self._protocol.state.name != "OPEN":
            return
        self._protocol.send_binary(message)
        self._flush()

    async def drain(self) -> None:
        """Wait until the peer has taken most of what was sent."""
        try:
            await self._writer.drain()
        except OSError:
            return

    def close(self, code: int = 1000) -> None:
        """Close the websocket with a close frame, and the connection behind it."""
        if self._protocol.state.name == "OPEN":
            self._protocol.send_close(code)
            self._flush()
        self._writer.close()
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._writer.transport.abort)

    def refuse(self) -> None:
        """Answer the CONNECT with 502 and close."""
        self._writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        self._writer.close()

    def abort(self) -> None:
        """Free the connection at once, whatever its state."""
        if not self._writer.is_closing():
            self._writer.transport.abort()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        raw = self._writer.get_extra_info("socket")
        if raw is not None and not self._writer.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data and not self._writer.is_closing():
                self._writer.write(data)


async def read_connect(reader: asyncio.StreamReader) -> str:
    """The `HOST:PORT` of a CONNECT request. Raises TransportError."""
    try:
        async with asyncio.timeout(HEAD_TIMEOUT_S):
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, TimeoutError) as error:
        raise TransportError("no CONNECT request") from error
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(words) != 3 or words[0] != "CONNECT":
        raise TransportError("not a CONNECT request")
    return words[1]
