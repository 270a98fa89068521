"""The control socket's file: bound by us, private from its first moment, gone when we end."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waziterm.domain.errors import FleetError

# The kernel's sockaddr_un holds 108 bytes, one of which is the closing NUL.
LONGEST_PATH = 107


def check_socket_path(path: Path) -> None:
    """Raises FleetError when the kernel could not take this path for a unix socket."""
    size = len(os.fsencode(path))
    if size > LONGEST_PATH:
        raise FleetError(
            f"the control socket's path has {size} bytes, the system allows {LONGEST_PATH}: {path}",
            "use a data directory with a shorter path (--data-dir)",
        )


@contextmanager
def listener(path: Path) -> Iterator[socket.socket]:
    """A listening socket at `path` with mode 0600; its file is removed at the end.

    Call it only while holding the data directory's lock: a socket that a dead manager left
    is replaced. Raises FleetError when something else lies there, or somebody still answers.
    """
    check_socket_path(path)
    try:
        _remove_stale(path)
        sock = _bind(path)
        born = identity(path)
    except OSError as error:
        raise FleetError(
            f"cannot listen on {path}: {error.strerror or error}",
            "look at the data directory's permissions and free space",
        ) from error
    try:
        yield sock
    finally:
        sock.close()
        _remove_own(path, born)


def _bind(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The mask is the whole process's, so nothing may run between its two changes.
        mask = os.umask(0o177)
        try:
            sock.bind(os.fspath(path))
        finally:
            os.umask(mask)
        sock.listen(64)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FleetError(f"{path} is in the way: it is not a socket", "move it somewhere else")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise FleetError(f"cannot replace {path}: {error}", code=3) from error
    raise FleetError(f"another process still answers on {path}", code=3)


def identity(path: Path) -> tuple[int, int, int] | None:
    """Which file lies there; None for nothing that can be seen. An inode alone is soon used again;
    the time of a socket's last change is that of its bind, whoever gives it another mode."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _remove_own(path: Path, born: tuple[int, int, int] | None) -> None:
    if born is not None and identity(path) == born:
        path.unlink(missing_ok=True)
