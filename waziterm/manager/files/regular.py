"""Opening what ought to be a file: whatever lies there in its place hangs nobody."""

import errno
import os
import stat
from pathlib import Path


def open_regular(path: Path, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """The descriptor of a regular file, which nobody's child inherits.

    A pipe would be waited on for ever, and a device may do anything when it is opened. Raises
    OSError, EINVAL for what is no regular file.
    """
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        found = None
    if found is not None and not stat.S_ISREG(found):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    # It may have been replaced in between.
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def read_regular(path: Path) -> bytes:
    """The content of a regular file. Raises OSError."""
    with os.fdopen(open_regular(path), "rb") as stream:
        return stream.read()
