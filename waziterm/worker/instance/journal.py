"""The journal of one instance's messages in, as its worker writes it; see
`domain.messages.journal`.

It is written where the library calls back, before anything else is done with a message: one write
of one line, and nothing waits for the disk. Only a crash of the machine loses what the kernel has.
"""

import contextlib
import errno
import fcntl
import os
import stat
import threading
import time
from collections import deque
from pathlib import Path

from waziterm.domain.messages.inbound import Inbound, LostWhy, MessageLost
from waziterm.domain.messages.journal import HEADER_BYTES, ROLLED, first_line, line_of

_MOST_OWED = 1000
_TRIES = 3
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Journal:
    """Appends, from any thread. path: of the file, which is made for the first message.

    While it is open it is locked (`flock`), by which a manager sees that it must not move it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._seen = (0, 0, 0)
        self._lead = b""
        self._is_first = True
        self._owed: deque[MessageLost] = deque(maxlen=_MOST_OWED)

    def write(self, message: Inbound) -> None:
        """Append a message. One that cannot be written is named by the next that can: as
        `LostWhy.NOT_STORED`. Raises OSError."""
        line = line_of(message)
        with self._lock:
            try:
                self._append(b"".join(map(line_of, self._owed)) + line)
            except OSError:
                lost = LostWhy.NOT_STORED
                self._owed.append(MessageLost(message.whatsapp_id, message.chat, time.time(), lost))
                raise
            self._owed.clear()

    def roll(self) -> None:
        """Move what there is to the same name with `ROLLED`: the next message begins a new journal.
        Nothing is done where there is nothing. Raises OSError, also while an older one lies there.
        """
        with self._lock:
            if self._owed:
                with contextlib.suppress(OSError):
                    self._append(b"".join(map(line_of, self._owed)))
                    self._owed.clear()
            self._move()

    def close(self) -> None:
        """Let the file go; a message that comes all the same opens it again."""
        with self._lock:
            self._let_go()

    def _append(self, data: bytes) -> None:
        fd = self._opened()
        data = self._lead + data
        device, inode, size = self._seen
        try:
            written = os.write(fd, data)
            if written != len(data):
                os.ftruncate(fd, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            # How it stands now is looked at when it is opened again.
            self._let_go()
            raise
        self._lead = b""
        self._seen = (device, inode, size + written)

    def _opened(self) -> int:
        """The open file. What was done to it behind our back, deleted, moved or cut, is seen: its
        journal is another one then."""
        if self._fd is not None and self._at_path() == self._seen:
            return self._fd
        self._let_go()
        if self._is_first:
            # What another worker has left: a crash of the machine may have taken of it what was
            # read already, and what is written in its place would be passed over.
            with contextlib.suppress(OSError):
                self._move()
            self._is_first = False
        for last in (False,) * _TRIES + (True,):
            fd = self._open()
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                is_locked = True
            except OSError:
                is_locked = False
            try:
                found = os.fstat(fd)
                # A manager may be about to move it.
                is_there = (found.st_dev, found.st_ino) == (self._at_path() or (0, 0, 0))[:2]
                if last or (is_locked and is_there):
                    self._begin(fd, found)
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
        raise AssertionError("the last turn returns")

    def _open(self) -> int:
        try:
            return os.open(self._path, _FLAGS, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
            return os.open(self._path, _FLAGS, 0o600)

    def _begin(self, fd: int, found: os.stat_result) -> None:
        """Go on where the file ends."""
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        size = found.st_size
        if 0 < size < HEADER_BYTES and not os.pread(fd, size, 0).endswith(b"\n"):
            # Not even its first line was written to its end.
            os.ftruncate(fd, 0)
            size = 0
        if not size:
            self._lead = first_line(os.urandom(8).hex())
        elif os.pread(fd, 1, size - 1) != b"\n":
            self._lead = b"\n"
        else:
            self._lead = b""
        self._fd, self._seen = fd, (found.st_dev, found.st_ino, size)

    def _at_path(self) -> tuple[int, int, int] | None:
        """What lies there: device, inode, bytes."""
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino, found.st_size

    def _move(self) -> None:
        if self._at_path() is None:
            self._let_go()
            return
        rolled = self._path.with_name(self._path.name + ROLLED)
        if os.path.lexists(rolled):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(rolled))
        self._path.rename(rolled)
        self._let_go()

    def _let_go(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
