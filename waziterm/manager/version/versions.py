"""The version that a fleet tells WhatsApp, and what is done when WhatsApp refuses it (405).

A refusal meets every instance, so it is answered once for the fleet: nobody dials any more,
WhatsApp's page is read, a copy of neonize's library is made that tells the current version, one
instance tries it, and when WhatsApp lets that one in, the others follow. Where no version is found,
nobody dials; the page is read again once an hour, and when an operator asks for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from pathlib import Path
from random import Random
from typing import assert_never

from waziterm.domain.fleet.api import FleetError, Notice
from waziterm.domain.frozen import dataclass
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.details import (
    INTERNAL_ERROR,
    NO_PAGE,
    NO_VERSION_SOUGHT,
    NO_VERSION_YET,
    OTHER_LIBRARY,
    OWN_VERSION,
    READ_VERSION,
    REFUSED_VERSION,
    SET_VERSION,
    TRIED_VERSION,
    VERSION_IS_READ,
)
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.phrase import Phrase, joined
from waziterm.domain.text import plain
from waziterm.domain.version import (
    Origin,
    UsedVersion,
    VersionChoice,
    VersionMode,
    day_text,
    objection,
    version_text,
)
from waziterm.manager.instance.supervisor import Supervisor
from waziterm.manager.version.kept import COMPILED, KEPT, Kept, Library, dated
from waziterm.manager.version_page import PageError
from waziterm.manager.workers.pool import Pool
from waziterm.manager.world import World
from waziterm.store.store import Store
from waziterm.worker.library_file import (
    LibraryFileError,
    compiled_number,
    copy_of,
    remove_copies,
)

EVERY_S = 3600.0
"""Seconds between two looks at WhatsApp's page while the fleet is outdated."""
_JITTER = 0.1
_PAUSE_S = 1.0
"""Seconds between two looks that an operator asks for."""
_MOST_WAYS = 3

log = logging.getLogger(__name__)


class _Phase(Enum):
    """ACCEPTED: nothing is known against the version in use. SEEKING: WhatsApp's page is read and
    the copy made. TRYING: one instance tries it. WAITING: none was found yet. STOPPED: none will
    be sought."""

    ACCEPTED = auto()
    SEEKING = auto()
    TRYING = auto()
    WAITING = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True)
class FleetAccess:
    """What the versions need of their fleet. members: the supervisors by name. refresh: lets
    whoever watches take a new look."""

    members: Mapping[str, Supervisor]
    pool: Pool
    refresh: Callable[[], None]
    notice: Callable[[Notice], None]


class Versions:
    """Which version a fleet uses. folder: where the copies of the library lie.

    `boot` comes before the first worker, `refused` when one was refused, `saw` after each change of
    an instance.
    """

    def __init__(
        self,
        choice: VersionChoice,
        folder: Path,
        lab: LabFile | None,
        store: Store,
        world: World,
        tasks: asyncio.TaskGroup,
        fleet: FleetAccess,
    ) -> None:
        self._choice = choice
        self._folder = folder
        self._lab = lab
        self._store = store
        self._world = world
        self._tasks = tasks
        self._fleet = fleet
        self._kept = Kept()
        self._own: int | None = None
        self._library: Library | None = None
        self._trouble = ""
        self._origin = Origin.COMPILED
        self._phase = _Phase.ACCEPTED
        self._scout = ""
        self._tried: set[str] = set()
        self._told: ev.VersionAwaited | None = None
        self._work: asyncio.Task[None] | None = None
        self._closed = False

    # -- what is in use -------------------------------------------------------------------------

    @property
    def used(self) -> UsedVersion | None:
        """The version that new workers tell WhatsApp; None while it is not known."""
        number = self._fleet.pool.number
        return None if number is None else self._dated(number, self._origin)

    def version(self, number: int | None) -> UsedVersion | None:
        """The version of a worker whose N is known, else of a new one."""
        used = self.used
        if number is None or used is None or number == used.number:
            return used
        return self._dated(number, Origin.COMPILED if number == self._own else Origin.READ)

    def _dated(self, number: int, origin: Origin) -> UsedVersion:
        return dated(number, origin, self._kept, self._world.clock.now())

    @property
    def is_outdated(self) -> bool:
        """Whether WhatsApp refuses the version, and none that it accepts is known yet."""
        return self._phase is not _Phase.ACCEPTED

    def forbids(self, name: str) -> bool:
        """Whether this instance must not dial now: the version would be refused."""
        return self.is_outdated and name != self._scout

    # -- the life of the fleet ------------------------------------------------------------------

    async def boot(self, *, held: bool, upgraded: bool) -> bool:
        """Choose the version that the first workers use; True when an instance that was outdated
        may try again.

        held: some instance is outdated. upgraded: neonize is another version than last time.
        """
        self._kept = Kept.parse(await self._store.get_meta(KEPT))
        await self._choose(known=self._kept.refused is not None or held)
        number, refused = self._fleet.pool.number, self._kept.refused
        unknown = number is None or refused is None
        free = (upgraded or not held) if unknown else (number or 0) > (refused or 0)
        self._phase = _Phase.ACCEPTED if free else _Phase.WAITING
        await self._tidy_up()
        return free

    def resume(self) -> None:
        """Go on where the last manager ended, once the instances are there; and learn, in the
        background, which version the library has."""
        if self._phase is _Phase.WAITING:
            self._outdated("")
        elif self._fleet.pool.number is None:
            self._start(self._learn)

    def apply(self, choice: VersionChoice) -> None:
        """Go by another setting from now on."""
        if choice != self._choice:
            self._choice = choice
            self._start(self._chosen_anew)

    def close(self) -> None:
        """Begin nothing any more, and end what is under way."""
        self._closed = True
        if self._work is not None:
            self._work.cancel()

    def _start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something in the background, and nothing else there."""
        if self._closed:
            return
        if self._work is not None and self._work is not asyncio.current_task():
            self._work.cancel()
        self._work = self._tasks.create_task(self._guarded(work), name="library version")

    async def _learn(self) -> None:
        await self._own_number()
        if self._origin is Origin.COMPILED and self._fleet.pool.number is None:
            self._fleet.pool.use(None, self._own)
            self._fleet.refresh()

    async def _chosen_anew(self) -> None:
        await self._choose(known=True)
        number, refused = self._fleet.pool.number, self._kept.refused
        if number is not None and (refused is None or number > refused):
            self._accepted()
        elif self.is_outdated:
            self._outdated("")
        await self._tidy_up()
        self._fleet.refresh()

    async def _choose(self, *, known: bool) -> None:
        """Take the version that the setting and what was read lead to. known: neonize's own number
        is needed in any case; else reading it has time."""
        wanted, origin = self._choice.number, Origin.SET
        if self._choice.mode is VersionMode.AUTO:
            wanted, origin = self._kept.read, Origin.READ
        if known or wanted is not None:
            await self._own_number()
        own = self._own
        if wanted is not None and own is not None and (wanted > own or origin is Origin.SET):
            try:
                library = None if wanted == own else await self._copy(wanted)
            except LibraryFileError as error:
                self._refuse(wanted, str(error))
            else:
                self._trouble = ""
                self._take(library, wanted, origin)
                return
        elif wanted is not None and own is None:
            self._refuse(wanted, self._trouble)
        self._take(None, own, Origin.COMPILED)

    def _refuse(self, number: int, why: str) -> None:
        trouble = Phrase("{version} cannot be used: {why}", version=version_text(number), why=why)
        self._trouble = trouble
        self._say(trouble, trouble=True)

    def _take(self, library: Path | None, number: int | None, origin: Origin) -> None:
        self._origin = origin
        self._fleet.pool.use(None if library is None else str(library), number)

    async def _own_number(self) -> int | None:
        """N of the version that neonize was compiled with; read once for each library file."""
        if self._own is None:
            try:
                path = self._world.installed()
                known = Library.at(path)
                self._own = known.number_in(await self._store.get_meta(COMPILED))
                if self._own is None:
                    self._own = await asyncio.to_thread(compiled_number, path)
                    await self._remember(COMPILED, known.dump(self._own))
                self._library = known
            except LibraryFileError as error:
                self._trouble = str(error)
                log.warning("%s", error)
        return self._own

    async def _copy(self, number: int) -> Path:
        """A copy of the library that tells this version, and can be loaded here."""
        path, is_new = await asyncio.to_thread(
            copy_of, self._world.installed(), self._folder, number
        )
        if is_new and (why := await self._world.trial(path)):
            path.unlink(missing_ok=True)
            raise LibraryFileError(f"its copy of neonize's library cannot be loaded: {why}")
        return path

    async def _tidy_up(self) -> None:
        """Delete the copies that nobody will load any more."""
        library = self._fleet.pool.library
        try:
            await asyncio.to_thread(
                remove_copies, self._folder, None if library is None else Path(library)
            )
        except LibraryFileError as error:
            log.warning("%s", error)

    async def _remember(self, key: str, value: str) -> None:
        try:
            await self._store.set_meta(key, value)
        except FleetError as error:
            log.warning("the library's version is not stored: %s", error)

    # -- what the instances tell ----------------------------------------------------------------

    def refused(self, name: str, number: int | None) -> None:
        """WhatsApp refused an instance. number: N that its worker told, None when not known."""
        used = self._fleet.pool.number
        if number is not None and used is not None and number < used:
            # Its worker is older than the version in use: a new one has that.
            if not self.is_outdated:
                self._post(name, ev.VersionChanged(scouting=True))
            return
        if self.is_outdated and name != self._scout:
            return
        number = number or used
        if number is not None:
            self._kept = replace(self._kept, refused=max(number, self._kept.refused or 0))
            self._tasks.create_task(
                self._remember(KEPT, self._kept.dump()), name="library version kept"
            )
        self._scout = ""
        for other in self._fleet.members:
            if other != name:
                self._post(other, ev.FleetOutdated())
        shown = Phrase("this version") if number is None else version_text(number)
        said = Phrase("WhatsApp refuses {version} (405); no instance connects", version=shown)
        self._say(said, trouble=True)
        self._outdated(name)

    def wanted(self, name: str) -> None:
        """An operator wants a version to be found now, for this instance."""
        if self._phase is not _Phase.WAITING:
            return
        since = self._world.clock.now() - self._kept.checked_at
        if 0 <= since < _PAUSE_S:
            self._start(partial(self._look_again, _PAUSE_S - since, name))
        else:
            self._seek(name)

    def saw(self, instance: Instance) -> None:
        """An instance has changed: hear how the scout fares, and tell who is outdated why."""
        if self._phase is _Phase.TRYING and instance.name == self._scout:
            self._heard_of_scout(instance)
        if instance.state is State.OUTDATED and self._told is not None:
            told = self._told
            reason = Reason.VERSION_AWAITED if told.by_itself else Reason.OUTDATED_CLIENT
            if (instance.reason, instance.detail) != (reason, told.detail):
                self._post(instance.name, told)

    def forgotten(self, name: str) -> None:
        """An instance is gone."""
        if self._phase is _Phase.TRYING and name == self._scout:
            self._send_scout()

    def _heard_of_scout(self, instance: Instance) -> None:
        match instance.state:
            case State.CONNECTED | State.DEGRADED | State.PAIRING:
                self._accepted()
            case State.CONNECTING | State.OUTDATED:
                return
            case State.RETRYING if instance.next_attempt is None:
                # The library dials by itself.
                return
            case (
                State.STOPPED
                | State.RETRYING
                | State.COOLDOWN
                | State.HELD
                | State.LOGGED_OUT
                | State.BANNED
            ):
                # It has met something else: its answer will not come, or says nothing.
                self._send_scout()
            case _:
                assert_never(instance.state)

    # -- from a refusal to another version ------------------------------------------------------

    def _outdated(self, name: str) -> None:
        """See to it that a version is found, or say why none will be. name: who was refused."""
        now, kept = self._world.clock.now(), self._kept
        if self._choice.mode is not VersionMode.AUTO:
            self._phase = _Phase.STOPPED
            self._tell(NO_VERSION_SOUGHT, None)
        elif self._is_read_now() or (not name and 0 <= now - kept.checked_at < EVERY_S):
            self._wait(self._trouble or NO_VERSION_YET)
        else:
            self._seek(name)

    def _is_read_now(self) -> bool:
        """Whether what WhatsApp refuses is what its page has just told."""
        kept = self._kept
        fresh = 0 <= self._world.clock.now() - kept.checked_at < EVERY_S
        return self._origin is Origin.READ and kept.refused == kept.read and fresh

    def _seek(self, name: str) -> None:
        self._phase = _Phase.SEEKING
        self._start(partial(self._find, name))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever goes wrong in it, the fleet goes on, and who is outdated has a next look."""
        try:
            await work()
        except Exception:
            log.exception("the search for WhatsApp's version failed")
            self._kept = replace(self._kept, checked_at=self._world.clock.now())
            if self._phase in (_Phase.SEEKING, _Phase.WAITING):
                self._wait(INTERNAL_ERROR)

    async def _find(self, name: str) -> None:
        """Read WhatsApp's page, make the copy, and send the scout."""
        await self._learn()
        own, now, number = self._own, self._world.clock.now(), self._fleet.pool.number
        refused = max(self._kept.refused or 0, number or 0)
        self._kept = replace(self._kept, refused=refused or None)
        await self._remember(KEPT, self._kept.dump())
        if own is None:
            self._phase = _Phase.STOPPED
            self._tell(self._trouble, None)
            return
        if self._is_upgraded():
            await self._looked(OTHER_LIBRARY)
            return
        self._tell(VERSION_IS_READ, None)
        found, trouble = await self._read_page(name, refused)
        if found is None:
            await self._looked(trouble)
            return
        try:
            library = await self._copy(found)
        except LibraryFileError as error:
            await self._looked(f"{version_text(found)} cannot be used: {error}")
            return
        self._kept = replace(self._kept, read=found, read_at=now, checked_at=now)
        await self._remember(KEPT, self._kept.dump())
        self._take(library, found, Origin.READ)
        self._fleet.refresh()
        self._tried = set()
        self._phase = _Phase.TRYING
        self._send_scout(name)

    async def _looked(self, why: str) -> None:
        """A look came to its end without a version. One that was broken off does not count: the
        next manager, or the next setting, begins with another."""
        self._kept = replace(self._kept, checked_at=self._world.clock.now())
        await self._remember(KEPT, self._kept.dump())
        self._wait(why)

    async def _read_page(self, name: str, refused: int) -> tuple[int | None, str]:
        """WhatsApp's current number if it is of use, else why there is none."""
        trouble = NO_PAGE
        for proxy in self._ways(name):
            try:
                number = await self._world.read_version(proxy, self._lab)
            except PageError as error:
                trouble = str(error)
                continue
            trouble = objection(number, refused)
            return (None if trouble else number), trouble
        return None, trouble

    def _ways(self, name: str) -> list[str | None]:
        """The proxies to ask through, that of the instance first, then those that work: one that
        is dead must not keep the others from a version. In a lab there is one way."""
        if self._lab is not None:
            return [None]
        instances = sorted(
            self._instances(),
            key=lambda each: (each.name != name, each.state is not State.CONNECTED),
        )
        return list(dict.fromkeys(each.way for each in instances))[:_MOST_WAYS]

    def _send_scout(self, first: str = "") -> None:
        """Let one instance try the new version: who was refused, else who is linked."""
        candidates = [
            each
            for each in self._instances()
            if each.state is State.OUTDATED
            and each.wanted is Wanted.RUNNING
            and each.name not in self._tried
        ]
        if not candidates:
            self._accepted()
            return
        chosen = min(candidates, key=lambda each: (each.name != first, not each.is_paired))
        self._scout = chosen.name
        self._tried.add(chosen.name)
        shown = version_text(self._fleet.pool.number or 0)
        said = Phrase(TRIED_VERSION, name=chosen.name, version=shown)
        self._say(said)
        self._tell(said, None)
        self._post(chosen.name, ev.VersionChanged(scouting=True))

    def _accepted(self) -> None:
        """Nothing is known against the version in use: whoever waited for it goes on."""
        was_outdated = self.is_outdated
        self._phase = _Phase.ACCEPTED
        self._scout, self._told = "", None
        self._fleet.pool.expect(
            sum(
                each.is_paired and each.state is State.OUTDATED and not each.is_isolated
                for each in self._instances()
            )
        )
        for name in self._fleet.members:
            # Also to who is not outdated: that it is may still wait in its inbox.
            self._post(name, ev.VersionChanged(scouting=False))
        number = self._fleet.pool.number
        if was_outdated and number is not None:
            said = Phrase("{version} is in use; all go on.", version=version_text(number))
            if self._origin is Origin.READ:
                bridge = Phrase("It lasts for some weeks: upgrade neonize.")
                said = joined(" ", (said, bridge))
            self._say(said)
        self._tasks.create_task(self._tidy_up(), name="library copies")

    def _wait(self, why: str) -> None:
        """Look again in an hour."""
        now = self._world.clock.now()
        pause_s = EVERY_S * (1.0 + _JITTER * self._random.random())
        until = min(now + pause_s, max(now, self._kept.checked_at + pause_s))
        self._phase = _Phase.WAITING
        self._tell(why, until)
        self._start(partial(self._look_again, until - now))

    async def _look_again(self, pause_s: float, name: str = "") -> None:
        await self._world.clock.sleep(pause_s)
        if self._phase is _Phase.WAITING:
            self._phase = _Phase.SEEKING
            await self._find(name)

    def _is_upgraded(self) -> bool:
        """Whether another library was installed under this program, which still has the old one."""
        try:
            return Library.at(self._world.installed()) != self._library
        except LibraryFileError:
            return True

    # -- telling --------------------------------------------------------------------------------

    def _tell(self, what: str, until: float | None) -> None:
        """Let everybody who is outdated know the numbers, and what comes next."""
        detail = plain("; ".join(part for part in (*self._numbers(), what) if part), 400)
        by_itself = self._phase is not _Phase.STOPPED
        self._told = ev.VersionAwaited(detail, until, by_itself)
        for each in self._instances():
            if each.state is State.OUTDATED:
                self._post(each.name, self._told)

    def _numbers(self) -> Iterator[str]:
        kept = self._kept
        if self._own is not None:
            yield OWN_VERSION.format(version=version_text(self._own))
        if self._choice.number is not None and self._choice.number != self._own:
            yield SET_VERSION.format(version=self._choice)
        elif kept.read is not None and self._origin is Origin.READ:
            template = REFUSED_VERSION if kept.refused == kept.read else READ_VERSION
            day = day_text(kept.read_at)
            yield template.format(version=version_text(kept.read), day=day)

    def _say(self, text: Phrase, *, trouble: bool = False) -> None:
        log.log(logging.WARNING if trouble else logging.INFO, "%s", text)
        self._fleet.notice(Notice(self._world.clock.now(), text, trouble=trouble))

    def _post(self, name: str, event: ev.Event) -> None:
        supervisor = self._fleet.members.get(name)
        if supervisor is not None:
            supervisor.post(event)

    def _instances(self) -> tuple[Instance, ...]:
        return tuple(each.instance for each in self._fleet.members.values())

    @property
    def _random(self) -> Random:
        return self._world.random
