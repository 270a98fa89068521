"""A QR code as a picture file, for a screen that is too small to paint it."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from waziterm.qrcode import png_of


@contextmanager
def private_file(content: bytes) -> Iterator[Path]:
    """A file that its owner alone can read, in a folder of its own; both go with the context.

    Raises OSError.
    """
    with tempfile.TemporaryDirectory(prefix="waziterm-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "qr.png"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        yield path


async def keep_picture(payload: str, seconds: float, saved: Callable[[Path], None]) -> None:
    """Keep a picture of the code for `seconds`, or until this is cancelled.

    saved: is told where it is. Raises OSError.
    """
    content = await asyncio.to_thread(png_of, payload)
    with private_file(content) as path:
        saved(path)
        await asyncio.sleep(seconds)
