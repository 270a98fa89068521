"""Messages in: reads the journals that workers write, and has what is in them kept.

A journal is read from where it was taken to, in parts. Whoever takes a part stores its messages and
how far the journal was taken in one, so that a kill at any point loses and doubles nothing. What
was taken is rolled aside soon and deleted: no text rests here for long.
"""

import asyncio
import errno
import fcntl
import logging
import os
import stat
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from waziterm.domain.errors import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.inbound import (
    Inbound,
    JournalPart,
    LostWhy,
    MessageLost,
    Received,
    TakesInbound,
)
from waziterm.domain.messages.journal import (
    HEADER_BYTES,
    MOST_BYTES,
    ROLLED,
    NewerJournalError,
    journal_id,
    part_of,
)
from waziterm.gateway.queue_clock import Handle

log = logging.getLogger(__name__)

AT_ONCE = 4
"""So many journals are read at once; what they tell is stored with few commits."""
END = ".journal"
"""The end of a journal's name, behind the instance's id."""
CLOSE_S = 5.0
"""So long the end of a manager waits for what is left."""
_HEAD_BYTES = 4096
"""The first line is in these, or it is damaged."""
SEEN = ".seen"
"""The end of the name of the file that has the ids of the last messages that were told."""
_REMEMBERED = 200
"""By so many ids of an instance it is known that a message that WhatsApp brings again was told."""


class Clock(Protocol):
    """See `manager.clock.Clock`."""

    def elapsed(self) -> float: ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Handle: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """When a journal is looked at again, in seconds. quiet_s: after the first message of one until
    it is rolled. roll_s: between two rolls of an instance. again_s, longest_s: after a failure;
    each wait is twice as long as the one before."""

    quiet_s: float = 2.0
    roll_s: float = 60.0
    again_s: float = 1.0
    longest_s: float = 60.0


PACE = Pace()


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at a file has found. part: None when it is not known yet where to go on."""

    journal: str
    size: int
    part: JournalPart | None


class Inbox:
    """The journals in a folder. takes: keeps what they tell. start: makes a task. roll: has the
    worker of an instance, by its id, roll its journal, if there is one. is_known: whether there is
    still an instance with this id."""

    def __init__(
        self,
        folder: Path,
        takes: TakesInbound,
        clock: Clock,
        start: Callable[[Coroutine[object, object, None], str], asyncio.Task[None]],
        roll: Callable[[str], Awaitable[None]],
        is_known: Callable[[str], bool] = lambda identity: True,
        pace: Pace = PACE,
    ) -> None:
        self._folder = folder
        self._takes = takes
        self._clock = clock
        self._start = start
        self._roll = roll
        self._is_known = is_known
        self._pace = pace
        self._waiting: dict[str, None] = {}
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0
        self._timers: dict[str, Handle] = {}
        self._due: set[str] = set()
        self._rolled_at: dict[str, float] = {}
        self._places: dict[Path, tuple[str, int]] = {}
        self._failures: dict[str, int] = {}
        self._said: dict[str, str] = {}
        self._seen: dict[str, dict[str, None]] = {}
        self._is_closing = False

    @property
    def troubles(self) -> dict[str, str]:
        """By the ids of the instances whose journals cannot be read or taken now, why not."""
        return {each: self._said[each] for each in self._failures}

    def grew(self, identity: str) -> None:
        """There may be something new in the journal of the instance with this id."""
        if identity not in self._failures and not self._is_closing:
            self._look_at(identity)

    async def look(self) -> None:
        """Look at all journals that are there, those of removed instances too."""
        for identity in await asyncio.to_thread(_named, self._folder, END, END + ROLLED):
            self._look_at(identity)
        for identity in await asyncio.to_thread(_named, self._folder, SEEN):
            if not self._is_known(identity):
                await asyncio.to_thread(self._seen_path(identity).unlink, missing_ok=True)

    async def close(self, limit_s: float = CLOSE_S) -> None:
        """Take what is left, for so many seconds, when no worker runs any more. What is not taken
        then is at the next start."""
        self._is_closing = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        with suppress(OSError):
            await self.look()
        if tasks := set(self._tasks):
            await asyncio.wait(tasks, timeout=limit_s)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- the work -----------------------------------------------------------------------------

    def _look_at(self, identity: str) -> None:
        self._waiting[identity] = None
        if self._running < AT_ONCE and identity not in self._busy:
            self._running += 1
            task = self._start(self._work(), "inbox")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        try:
            while (identity := self._next()) is not None:
                self._busy.add(identity)
                try:
                    await self._take_in(identity)
                finally:
                    self._busy.discard(identity)
        finally:
            # Before anybody else has a turn, who would count on this one.
            self._running -= 1

    def _next(self) -> str | None:
        found = next((each for each in self._waiting if each not in self._busy), None)
        if found is not None:
            del self._waiting[found]
        return found

    async def _take_in(self, identity: str) -> None:
        path = self._path(identity)
        try:
            if identity not in self._seen:
                files = (_rolled(path), path)
                found = await asyncio.to_thread(_remembered, self._seen_path(identity), files)
                self._seen[identity] = dict.fromkeys(found)
            await self._read(identity, _rolled(path), is_whole=True)
            is_told = await self._read(identity, path, is_whole=False)
            if is_told and (identity in self._due or self._is_closing):
                await self._have_rolled(identity, path)
            elif is_told:
                self._roll_later(identity)
        except (FleetError, OSError, NewerJournalError) as error:
            self._fail(identity, error)
        except Exception as error:
            log.exception("the journal of %s is not read", identity)
            self._fail(identity, error)
        else:
            if self._failures.pop(identity, 0):
                log.info("messages in of %s are taken again", identity)
            self._said.pop(identity, None)

    async def _have_rolled(self, identity: str, path: Path) -> None:
        self._due.discard(identity)
        self._rolled_at[identity] = self._clock.elapsed()
        if not self._is_closing:
            await self._roll(identity)
        await asyncio.to_thread(_move, path)
        self._places.pop(path, None)
        await self._read(identity, _rolled(path), is_whole=True)

    def _roll_later(self, identity: str) -> None:
        if identity in self._timers or self._is_closing:
            return
        now = self._clock.elapsed()
        last = self._rolled_at.get(identity, now - self._pace.roll_s)
        wait_s = max(self._pace.quiet_s, last + self._pace.roll_s - now)

        def roll() -> None:
            self._due.add(identity)
            self._look_at(identity)

        self._wait(identity, wait_s, roll)

    def _wait(self, identity: str, seconds: float, act: Callable[[], None]) -> None:
        def ended() -> None:
            self._timers.pop(identity, None)
            act()

        if (before := self._timers.pop(identity, None)) is not None:
            before.cancel()
        self._timers[identity] = self._clock.call_later(seconds, ended)

    def _fail(self, identity: str, error: Exception) -> None:
        """Try again later, and say why once."""
        path = self._path(identity)
        self._places.pop(path, None)
        self._places.pop(_rolled(path), None)
        times = self._failures[identity] = self._failures.get(identity, 0) + 1
        said = _why(error)
        if self._said.get(identity) != said:
            self._said[identity] = said
            log.error("messages in of %s wait in their journal: %s", identity, said)
        if not self._is_closing:
            wait_s = min(self._pace.again_s * 2 ** min(times - 1, 10), self._pace.longest_s)
            self._wait(identity, wait_s, partial(self._look_at, identity))

    async def _read(self, identity: str, path: Path, *, is_whole: bool) -> bool:
        """Have all taken that a file tells, and delete it when nobody writes to it any more.
        Whether it is still there, and tells something."""
        while True:
            known = self._places.get(path)
            look = await asyncio.to_thread(_look, path, identity, known, is_whole=is_whole)
            if look is None:
                self._places.pop(path, None)
                return False
            if look.part is None:
                if not is_whole:
                    # A worker that is new may have rolled what the one before has left.
                    await self._read(identity, _rolled(path), is_whole=True)
                self._places[path] = (look.journal, await self._takes.read_to(look.journal))
                continue
            part = look.part
            if part.end == part.start or (is_whole and part.end >= look.size and _is_empty(part)):
                break
            if part.end < HEADER_BYTES and not is_whole:
                break
            await self._takes.take(identity, self._untold(identity, part))
            self._places[path] = (look.journal, part.end)
            if part.damaged:
                log.warning("%d messages in of %s cannot be read: damaged", part.damaged, identity)
        if not is_whole:
            if part.start > look.size:
                # A crash of the machine took the end of it. What is written now has another place.
                self._due.add(identity)
            return part.start > 0
        if part.end < look.size:
            raise OSError(errno.EIO, "it cannot be read to its end", str(path))
        if self._is_known(identity):
            ids = tuple(self._seen.get(identity, ()))
            await asyncio.to_thread(_remember, self._seen_path(identity), ids)
        await asyncio.to_thread(_delete, path)
        self._places.pop(path, None)
        await self._takes.forget(look.journal)
        return False

    def _untold(self, identity: str, part: JournalPart) -> JournalPart:
        """The same without those that are named as lost and were told before: a worker that was
        killed had written them, and WhatsApp had no receipt yet."""
        seen = self._seen.setdefault(identity, {})
        kept: list[Inbound] = []
        for each in part.messages:
            is_again = isinstance(each, MessageLost) and each.why is LostWhy.OLD_COUNTER
            if is_again and each.whatsapp_id in seen:
                continue
            kept.append(each)
            if isinstance(each, Received):
                seen[each.whatsapp_id] = None
        for old in tuple(seen)[: max(0, len(seen) - _REMEMBERED)]:
            del seen[old]
        return replace(part, messages=tuple(kept))

    def _seen_path(self, identity: str) -> Path:
        return self._folder / f"{identity}{SEEN}"

    def _path(self, identity: str) -> Path:
        return journal_path(self._folder, identity)


def journal_path(folder: Path, identity: str) -> Path:
    """The journal of the instance with this id."""
    return folder / f"{identity}{END}"


def _is_empty(part: JournalPart) -> bool:
    return not part.messages and not part.damaged


def _rolled(path: Path) -> Path:
    return path.with_name(path.name + ROLLED)


def _why(error: Exception) -> str:
    if isinstance(error, NewerJournalError):
        return "a later version of this program has written it"
    if isinstance(error, OSError):
        return f"{error.filename or 'it'}: {error.strerror}"
    return str(error) or type(error).__name__


# -- in threads -----------------------------------------------------------------------------------


def _named(folder: Path, *ends: str) -> tuple[str, ...]:
    """By whose ids files with these ends are named. Raises OSError."""
    try:
        names = sorted(each.name for each in folder.iterdir())
    except FileNotFoundError:
        return ()
    found = (name.removesuffix(end) for name in names for end in ends if name.endswith(end))
    return tuple(dict.fromkeys(each for each in found if each))


def _remembered(seen: Path, files: Iterable[Path]) -> tuple[str, ...]:
    """The ids of the last messages that were told, or will be. What cannot be read tells none."""
    found: list[str] = []
    with suppress(OSError):
        found += seen.read_text(errors="replace").split("\n")
    for path in files:
        with suppress(OSError):
            if (fd := _opened(path, os.O_RDONLY)) is not None:
                with os.fdopen(fd, "rb") as file:
                    at = max(0, os.fstat(fd).st_size - MOST_BYTES)
                    file.seek(at)
                    data = file.read(MOST_BYTES)
                # Where it begins within a line, that one is damaged, and no matter here.
                while data:
                    part = part_of("", at, data, is_whole=True)
                    data, at = data[part.end - at :], part.end
                    told = (each for each in part.messages if isinstance(each, Received))
                    found += [each.whatsapp_id for each in told]
    return tuple(each for each in found if each)[-_REMEMBERED:]


def _remember(seen: Path, ids: Iterable[str]) -> None:
    """Raises OSError."""
    made = seen.with_name(f".{seen.name}.new")
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", errors="replace") as file:
        # An id is a stranger's text.
        file.write("\n".join(each for each in ids if "\n" not in each))
    made.replace(seen)


def _opened(path: Path, flags: int) -> int | None:
    """A file, None when there is none. Raises OSError."""
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(0, "it is no file", str(path))
    return fd


def _look(
    path: Path, identity: str, known: tuple[str, int] | None, *, is_whole: bool
) -> _Look | None:
    """Read a part. known: the journal, and where to go on in it. None when there is no file, or not
    even a first line yet. Raises OSError and NewerJournalError."""
    fd = _opened(path, os.O_RDONLY)
    if fd is None:
        return None
    try:
        size = os.fstat(fd).st_size
        head = os.pread(fd, _HEAD_BYTES, 0)
        first, newline, _ = head.partition(b"\n")
        if not newline and len(head) < _HEAD_BYTES and not is_whole:
            return None
        journal = journal_id(identity, first)
        if known is None or known[0] != journal:
            return _Look(journal, size, None)
        start = known[1]
        data = os.pread(fd, MOST_BYTES, start)
        ends = is_whole and start + len(data) >= size
        return _Look(journal, size, part_of(journal, start, data, is_whole=ends))
    finally:
        os.close(fd)


def _move(path: Path) -> None:
    """Roll a journal that no worker has open. Raises OSError."""
    fd = _opened(path, os.O_RDWR)
    if fd is None:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found, there = os.fstat(fd), path.lstat()
        is_it = (found.st_dev, found.st_ino) == (there.st_dev, there.st_ino)
        if is_it and not os.path.lexists(_rolled(path)):
            path.rename(_rolled(path))
    except (BlockingIOError, FileNotFoundError):
        # A worker has it, or has just rolled it.
        return
    finally:
        os.close(fd)


def _delete(path: Path) -> None:
    """For good, before it is forgotten how far it was taken. Raises OSError."""
    path.unlink(missing_ok=True)
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
