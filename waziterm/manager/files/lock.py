"""Ownership of a data directory: an OS lock that the kernel releases when its holder dies.

The lock's file may be deleted by anybody. Whoever has it sees that and takes it again, and until
then the control socket tells that somebody is there.
"""

import contextlib
import errno
import fcntl
import os
import pwd
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waziterm.domain.errors import FleetError, UnwritableError
from waziterm.domain.phrase import NOTHING, Phrase
from waziterm.manager.files.regular import open_regular

SOCKET = "control.sock"
"""The name of a manager's control socket, beside the lock."""

_WAIT_S = 0.5
_PAUSE_S = 0.02
_ANSWER_S = 1.0
_CREDENTIALS = struct.Struct("3i")
_Place = tuple[int, int]
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, *_FULL)


def _unusable(lock: Path, error: OSError) -> FleetError:
    """Nobody can own the directory: the lock's file cannot be opened or written."""
    refusal = UnwritableError if error.errno in _REFUSED else FleetError
    if error.errno in _FULL:
        return refusal(f"the disk is full: the lock {lock} cannot be written", "free some space")
    return refusal(
        f"the lock {lock} cannot be used: {error.strerror}",
        "see the owner, the mode and the disk of the data directory,"
        " or name another with --data-dir",
    )


class Ownership:
    """A directory that this process owns. lock: its file. descriptor: as it was opened.

    Its methods look at the disk for an instant.
    """

    def __init__(self, lock: Path, descriptor: int) -> None:
        self._lock = lock
        self._descriptor = descriptor
        self._root = _place(lock.parent)
        self._told: socket.socket | None = None

    def refuse_moved(self) -> None:
        """Raises FleetError while the directory is not at its path: where it was renamed or
        replaced, the files at our paths are not ours."""
        if _place(self._lock.parent) != self._root:
            raise _refused(_moved(self._lock.parent, os.getpid()))

    def renew(self) -> Phrase:
        """Take the lock again where its file was deleted or replaced; why that is not possible,
        empty when it is ours. While the directory is not at its path, whoever looks there is told:
        see `refuse_where_moved`."""
        if _place(self._lock.parent) != self._root:
            self._tell_moved()
            return _moved(self._lock.parent, os.getpid())
        self.close()
        if _place(self._lock) == _place_of(self._descriptor):
            return NOTHING
        try:
            descriptor = open_regular(self._lock, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            return Phrase(
                "the lock {lock} cannot be made again: {why}",
                lock=str(self._lock),
                why=error.strerror or str(error),
            )
        if not flocked(descriptor, wait_s=0.0):
            pid = _holder(descriptor)
            os.close(descriptor)
            return Phrase(
                "another process ({holder}) has taken the lock {lock}",
                holder=_known_as(pid),
                lock=str(self._lock),
            )
        # On a full disk it has no pid in it, and is a lock all the same.
        with contextlib.suppress(OSError):
            _sign(descriptor)
        os.dup2(descriptor, self._descriptor, inheritable=False)
        os.close(descriptor)
        return NOTHING

    def close(self) -> None:
        """Tell nobody any more that the directory was moved."""
        if self._told is not None:
            self._told.close()
            self._told = None

    def _tell_moved(self) -> None:
        if self._told is None:
            self._told = _listening(_moved_from(self._lock.parent))
            return
        # Who asks needs no answer but that somebody is there; the kernel tells him who.
        with contextlib.suppress(OSError):
            while True:
                self._told.accept()[0].close()


@contextmanager
def owned(lock: Path, *, wait_s: float = _WAIT_S) -> Iterator[Ownership]:
    """Own the directory of this lock file while the context lasts.

    wait_s: how long another may keep it, in seconds; a verb on the files has it for a moment.

    Raises FleetError: with exit code 3, naming the owner's pid, when another process owns it;
    code 1 when nobody can, an UnwritableError where that is for want of
    permission or space.
    """
    descriptor = _opened(lock)
    try:
        end = time.monotonic() + wait_s
        while True:
            if not flocked(descriptor, wait_s=end - time.monotonic()):
                raise owned_by(_holder(descriptor), lock.parent)
            if _place(lock) == _place_of(descriptor):
                break
            # It was deleted while it was waited for.
            os.close(descriptor)
            descriptor = _opened(lock)
        if (pid := listener_pid(lock.with_name(SOCKET))) is not None:
            raise owned_by(pid, lock.parent)
        refuse_where_moved(lock.parent)
        try:
            _sign(descriptor)
        except OSError as error:
            raise _unusable(lock, error) from error
        with contextlib.closing(Ownership(lock, descriptor)) as ownership:
            yield ownership
    finally:
        os.close(descriptor)


@contextmanager
def unowned(lock: Path) -> Iterator[None]:
    """Keep a manager from starting while the context lasts, without keeping other readers out.

    Raises FleetError with exit code 3 when one has the directory, else as `owned` does.
    """
    descriptor = _opened(lock)
    try:
        taken = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            taken = True
        pid = _holder(descriptor) if taken else listener_pid(lock.with_name(SOCKET))
        if taken or pid is not None:
            raise FleetError(
                f"a manager ({_known_as(pid)}) has just started on {lock.parent}",
                "run the verb again",
                code=3,
            )
        refuse_where_moved(lock.parent)
        yield
    finally:
        os.close(descriptor)


def owned_by(pid: int | None, root: Path) -> FleetError:
    """The refusal for whoever wants a directory that a manager owns. pid: None or negative when
    unknown."""
    return FleetError(
        f"another manager ({_known_as(pid)}) owns {root}",
        "use its verbs, end it, or name another directory with --data-dir",
        code=3,
    )


def flocked(descriptor: int, *, wait_s: float) -> bool:
    """Take the exclusive lock of an open file, if it gets free within `wait_s` seconds.

    Even a lock that nobody keeps is held for an instant, by a verb that looks for the owner.
    """
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True


def lock_owner(lock: Path) -> int | None:
    """The pid of the live process that holds the lock file, -1 when it is unknown; None when
    nobody does. Raises FleetError when that cannot be seen."""
    try:
        descriptor = open_regular(lock)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(lock, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(descriptor) or -1
        return None
    finally:
        os.close(descriptor)


def listener_pid(path: Path) -> int | None:
    """The pid of the process that listens at a unix socket, -1 when it is unknown; None when
    nobody does, or it cannot be reached."""
    try:
        pid, _ = _peer(str(path))
    except TimeoutError:
        # Nobody is taken in, but somebody is there.
        return -1
    except OSError as error:
        return -1 if error.errno == errno.EAGAIN else None
    return pid or -1


def refuse_where_moved(root: Path) -> None:
    """Raises FleetError while a manager runs whose data directory was at this path and is not any
    more. One of another user is believed by root alone."""
    try:
        pid, uid = _peer(_moved_from(root))
    except OSError:
        # Nobody tells it, or nobody can be asked.
        return
    if os.geteuid() in (0, uid) or uid == 0:
        raise _refused(_moved(root, pid))


def _peer(address: str | bytes) -> tuple[int, int]:
    """The pid and the user of the process that listens at a unix socket, as the kernel tells them.
    Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(_ANSWER_S)
        caller.connect(address)
        found = caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(found)
    return pid, uid


def _moved(root: Path, pid: int) -> Phrase:
    return Phrase(
        "{folder} is gone: it was renamed, replaced or unmounted under its manager ({manager})"
        if _place(root) is None
        else "{folder} is another directory now: it was renamed, replaced or unmounted under its"
        " manager ({manager})",
        folder=str(root),
        manager=_known_as(pid),
    )


def _refused(moved: Phrase) -> FleetError:
    return FleetError(
        moved, "put it back where it was, or end that manager and start one where it is now"
    )


def _moved_from(root: Path) -> bytes:
    """The abstract name (unix(7)) by which a manager tells that its directory is not at this path
    any more. A path that is too long for it is too long for a manager, too."""
    path = Path(os.path.realpath(root.parent), root.name)
    return b"\0wz-moved:" + os.fsencode(path)


def _listening(name: bytes) -> socket.socket | None:
    """A socket that has an abstract name, None where it cannot be had."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(name)
        sock.listen(64)
        sock.setblocking(False)
    except OSError:
        sock.close()
        return None
    return sock


def _opened(lock: Path) -> int:
    try:
        return open_regular(lock, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise _unusable(lock, error) from error


def _sign(descriptor: int) -> None:
    """Write down whose lock it is. Raises OSError."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _place(path: Path) -> _Place | None:
    """What lies at a path, None when nothing can be seen there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _place_of(descriptor: int) -> _Place:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _holder(descriptor: int) -> int | None:
    """The pid of the process that has the exclusive lock of an open file, None when it is unknown.

    The kernel tells it (proc(5), /proc/locks), but of no process outside of this container, and of
    none on some network file systems; what the owner wrote is what is left then. That may be
    missing: it comes after the lock, and on a full disk not at all.
    """
    number = str(os.fstat(descriptor).st_ino)
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            _, kind, _, access, pid, place, *_ = line.split()
            if (kind, access) == ("FLOCK", "WRITE") and place.rpartition(":")[2] == number:
                return int(pid) if int(pid) > 0 else _written(descriptor)
    return _written(descriptor)


def _written(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() else None


def _known_as(pid: int | None) -> str:
    """A process for the operator: its pid, and its user where that is another one. pid: None or
    not positive when unknown."""
    if pid is None or pid <= 0:
        return "pid unknown"
    with contextlib.suppress(OSError, ValueError, IndexError):
        # The folder itself is root's where the process has changed its user.
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        uid = int(status.partition("\nUid:")[2].split()[1])
        if uid != os.geteuid():
            return f"pid {pid} of the user {_user(uid)}"
    return f"pid {pid}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
