"""The files that messages carry, streamed into `media/` and called by an id."""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from waziterm.domain.messages.message import MOST_MEDIA_BYTES
from waziterm.gateway.api_error import RETRY_S, ApiError
from waziterm.gateway.request_body import chunks_of

FOLDER = "media"
CHUNK_S = 20.0
"""Seconds within which the next bytes have to come."""
UPLOAD_S = 600.0
MOST_AT_ONCE = 4
_WRITTEN_AT_ONCE = 1_048_576
_ID = re.compile(r"[0-9a-f]{32}")
_IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class Upload(NamedTuple):
    """A file that was taken. id: by which a message names it, as `media`. bytes: its size."""

    id: str
    bytes: int


class Media:
    """The folder `media/` of a data directory, 0700; each file in it 0600. most: bytes of all.
    unfinished: how the names of files begin that are still coming, of this listener alone."""

    def __init__(self, root: Path, most: int, unfinished: str = ".upload-") -> None:
        self._folder = root / FOLDER
        self._most = most
        self._unfinished = unfinished
        self._uploads = 0

    async def clear(self) -> None:
        """Delete what uploads have left that were cut short by the manager's end."""
        await asyncio.to_thread(self._clear)

    async def take_body(self, request: web.Request) -> Upload:
        """Take a request's body as a file. Raises ApiError."""
        return await self.take(chunks_of(request, MOST_MEDIA_BYTES), request.content_length or 0)

    async def take(self, coming: AsyncGenerator[bytes, None], length: int) -> Upload:
        """Take what comes as a file. length: how many bytes it says that these are, or 0. Raises
        ApiError, and whatever `coming` does."""
        if self._uploads >= MOST_AT_ONCE:
            raise ApiError(
                *(429, "rate", f"{self._uploads} uploads are under way"), retry_after_s=5.0
            )
        self._uploads += 1
        try:
            async with asyncio.timeout(UPLOAD_S):
                return await self._take(coming, length)
        except TimeoutError:
            raise ApiError(408, "too_slow", "the upload came too slowly") from None
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            said = f"the file cannot be kept: {error.strerror}"
            raise ApiError(503, "unavailable", said, retry_after_s=RETRY_S) from error
        finally:
            self._uploads -= 1

    async def _take(self, coming: AsyncGenerator[bytes, None], length: int) -> Upload:
        free = self._most - await asyncio.to_thread(self._size)
        if length > min(free, MOST_MEDIA_BYTES) or free <= 0:
            self._refuse_size(length)
        name = secrets.token_hex(16)
        path = self._folder / f"{self._unfinished}{name}"
        file = await asyncio.to_thread(self._create, path)
        try:
            size = await self._write(coming, file, free)
            await asyncio.to_thread(self._keep, file, path, name)
        finally:
            os.close(file)
            path.unlink(missing_ok=True)
        return Upload(name, size)

    async def _write(self, coming: AsyncGenerator[bytes, None], file: int, free: int) -> int:
        """Write what comes into a file; its size. free: bytes that it may have at most."""
        size, held = 0, bytearray()
        async with aclosing(coming) as chunks:
            while True:
                async with asyncio.timeout(CHUNK_S):
                    chunk = await anext(chunks, b"")
                held += chunk
                size += len(chunk)
                if size > min(free, MOST_MEDIA_BYTES):
                    self._refuse_size(size)
                if len(held) >= _WRITTEN_AT_ONCE or (held and not chunk):
                    await asyncio.to_thread(_write_all, file, bytes(held))
                    held.clear()
                if not chunk:
                    break
        if not size:
            raise ApiError(400, "bad_request", "the body is empty")
        return size

    def _keep(self, file: int, path: Path, name: str) -> None:
        os.fsync(file)
        path.rename(self._folder / name)

    def _refuse_size(self, size: int) -> None:
        if size > MOST_MEDIA_BYTES:
            raise ApiError(
                413, "too_large", f"a file may have {MOST_MEDIA_BYTES} bytes, this one has more"
            )
        raise ApiError(
            *(429, "media_full", "there is no room for more files until others are sent"),
            retry_after_s=RETRY_S,
        )

    async def path_of(self, upload: str) -> str | None:
        """Where an upload lies below the data directory; None for one that there is not."""
        path = self._folder / upload
        if _ID.fullmatch(upload) is None or not await asyncio.to_thread(_is_own_file, path):
            return None
        return f"{FOLDER}/{upload}"

    async def image_type(self, upload: str) -> str:
        """The MIME type of an upload by what is in it; "" for no image that WhatsApp shows."""
        head = await asyncio.to_thread(_head, self._folder / upload)
        return next((mime for begin, mime in _IMAGES.items() if head.startswith(begin)), "")

    def _create(self, path: Path) -> int:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)

    def _size(self) -> int:
        try:
            with os.scandir(self._folder) as found:
                return sum(each.stat(follow_symlinks=False).st_size for each in found)
        except FileNotFoundError:
            return 0

    def _clear(self) -> None:
        with suppress(OSError):
            for each in self._folder.glob(f"{self._unfinished}*"):
                each.unlink(missing_ok=True)


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _is_own_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _head(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read(16)
    except OSError:
        return b""
