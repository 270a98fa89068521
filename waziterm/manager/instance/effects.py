"""The effects of a supervisor: what its decisions do to workers, session files and the machine."""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol, assert_never

from waziterm.domain.fleet.api import FleetError, Notice, Source
from waziterm.domain.frozen import dataclass
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.actions import (
    Action,
    Claim,
    Dial,
    FindHolder,
    FreePlace,
    HoldPairing,
    KeepApart,
    LoggedIn,
    NetworkFailed,
    NetworkReached,
    NoteAddresses,
    Probe,
    Queue,
    ReadVersion,
    Release,
    ReportRefusedVersion,
    Restore,
    StopWorker,
    Tell,
    Trash,
    Unwatch,
    Watch,
)
from waziterm.domain.lifecycle.handling import MayDial
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.messages.sending import Hears
from waziterm.domain.phrase import Phrase
from waziterm.domain.version import UsedVersion
from waziterm.manager.background import Background
from waziterm.manager.clock import Clock
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.files.trash import not_restored
from waziterm.manager.instance.attempt import Attempt
from waziterm.manager.instance.inbox import Inbox
from waziterm.manager.instance.log import InstanceLog
from waziterm.manager.instance.storms import Storms
from waziterm.manager.instance.traces import Traces
from waziterm.manager.rivals.addresses import Addresses
from waziterm.manager.rivals.claims import Claims
from waziterm.manager.rivals.connections import Address
from waziterm.manager.views import Shown
from waziterm.manager.workers.connect_limit import ConnectLimit
from waziterm.manager.workers.link import Link
from waziterm.manager.workers.pairing_turns import PairingTurns
from waziterm.manager.workers.pool import Pool
from waziterm.worker import protocol as wire


class FleetVersion(Protocol):
    """What a supervisor tells and asks of the fleet's version; see `manager.version.versions`."""

    def version(self, number: int | None) -> UsedVersion | None: ...

    def forbids(self, name: str) -> bool: ...

    def refused(self, name: str, number: int | None) -> None: ...

    def wanted(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """All that a supervisor shares with the rest of its manager.

    tasks: owns the supervisors' own. storms: tells which faults meet several instances. pool:
    finds each attempt its place in a worker. show: passes on to the subscribers how it stands.
    traces: of messages, looked up before an instance connects again. hears: is told what comes in
    that concerns messages. inbox: where the worker of an instance writes what comes in, by its id,
    "" for nowhere. opt_out_words: see `worker.protocol.Connect`. silenced: until when
    nothing is told of an instance, by its id. messages: how its messages out stand, by its name.
    versions: knows what WhatsApp accepts. tell: passes a notice on to whoever watches. lab: a local
    WhatsApp in use instead of the real one.
    """

    tasks: asyncio.TaskGroup
    sessions: SessionFiles
    claims: Claims
    connect_limit: ConnectLimit
    pairing_turns: PairingTurns
    storms: Storms
    clock: Clock
    random: Random
    pool: Pool
    traces: Traces
    hears: Hears
    inbox: Callable[[str], str]
    opt_out_words: Callable[[], tuple[str, ...]]
    addresses: Addresses
    show: Callable[[Shown], None]
    silenced: Callable[[str], float | None]
    messages: Callable[[str], QueueCounts | None]
    tell: Callable[[Notice], None]
    versions: FleetVersion
    lab: LabFile | None


class Effects:
    """Carries the decisions for one instance out. identity: its id. tasks: owns what runs in the
    background."""

    def __init__(
        self,
        name: str,
        identity: str,
        services: Services,
        inbox: Inbox,
        instance_log: InstanceLog,
        tasks: asyncio.TaskGroup,
        lost: Callable[[int], None],
    ) -> None:
        self._name = name
        self._id = identity
        self._services = services
        self._inbox = inbox
        self._log = instance_log
        self._tasks = tasks
        self._lost = lost
        self._background = Background(tasks, name)
        self._addresses: frozenset[Address] = frozenset()
        self._apart = False
        self._number: int | None = None
        self.attempt: Attempt | None = None

    @property
    def link(self) -> Link | None:
        """The current worker, if there is one."""
        return self.attempt.link if self.attempt else None

    async def objection(self, asked: MayDial) -> ev.Event | None:
        """What speaks against a dial whose turn has come, if anything."""
        services, jid = self._services, asked.jid
        if services.versions.forbids(self._name):
            return ev.FleetOutdated()
        if jid is None:
            return None
        if not services.sessions.exists(self._id):
            # The library would make the file anew, for a device that nobody linked.
            return ev.SessionMissing()
        holder = await services.claims.claim(self._name, jid, beside=asked.takeover)
        if not holder:
            return None
        # The others have given way to a takeover: who has it now was asked for with it, or later.
        return ev.TakenOver(holder) if asked.takeover else ev.HolderFound(holder)

    async def carry_out(self, action: Action) -> None:
        """Do what a decision asks for. Raises FleetError when a session cannot be moved.

        What asks something of an attempt or a worker is nothing to do where there is none.
        """
        services, attempt = self._services, self.attempt
        match action:
            case StopWorker():
                await self.end_attempt()
            case Queue():
                self._queue(action)
            case Dial():
                await self._dial(action)
            case Probe() | FreePlace() | HoldPairing() | Watch():
                if attempt is not None:
                    _tell_attempt(attempt, action)
            case FindHolder(jid):
                self._background.start(partial(self._find_holder, jid))
            case Trash():
                await self._trash(action)
            case Restore(entry):
                await self._restore(entry)
            case ReportRefusedVersion():
                services.versions.refused(self._name, self._number)
            case ReadVersion():
                services.versions.wanted(self._name)
            case LoggedIn():
                services.storms.logged_in(self._name)
            case KeepApart(apart):
                self._apart = apart
            case Claim(jid):
                await services.claims.keep(self._name, jid)
            case Release():
                await self._release()
            case NetworkFailed():
                services.connect_limit.failed(self._name)
            case NetworkReached():
                services.connect_limit.reached()
            case NoteAddresses():
                if self.link is not None:
                    self._background.start(partial(self._note_addresses, self.link.pid))
            case Unwatch():
                await self._unwatch()
            case Tell(text):
                self._tell(text)
            case _:
                assert_never(action)

    async def end_attempt(self) -> None:
        """End the current attempt; what it still says is stale from now on."""
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            # Who was refused is asked for its version when its worker is gone already.
            self._number = attempt.link.number if attempt.link is not None else None
            await attempt.close()

    async def close(self) -> None:
        """Leave no task and no worker behind."""
        self._background.cancel()
        await self.end_attempt()

    async def _release(self) -> None:
        """Tell the other managers that the device is free, when no worker has it any more: one that
        hangs may keep its connection for `worker.LEAVE_S` after it was asked to leave."""
        if self._services.pool.has_left(self._name):
            await self._services.claims.release(self._name)
        else:
            self._background.start(self._release_later)

    async def _release_later(self) -> None:
        await self._services.pool.free(self._name, None)
        if self.attempt is None:
            # Another attempt claims the device for itself, and frees it at its own end.
            await self._services.claims.release(self._name)

    async def _unwatch(self) -> None:
        if self.attempt is not None:
            await self.attempt.unwatch()

    def _tell(self, text: Phrase) -> None:
        self._log.add(Source.MANAGER, text)
        self._services.tell(Notice(self._services.clock.now(), text, self._name, trouble=True))

    def _queue(self, action: Queue) -> None:
        put, write = self._inbox.put, self._log.add
        turns = self._services.pairing_turns if action.jid is None else None
        heard = partial(self._services.hears.heard, self._id)
        clock = self._services.clock
        self.attempt = Attempt(self._tasks, clock, put, write, self._lost, heard, turns)
        free = partial(self._free, action.jid)
        self.attempt.queue(self._services.connect_limit, free, paced=action.paced)

    async def _free(self, jid: str | None) -> None:
        """Wait until no worker has it, and what has to be looked up before it connects is."""
        await self._services.pool.free(self._name, jid)
        await self._services.traces.looked(self._id)

    async def _dial(self, action: Dial) -> None:
        if self.attempt is None:
            return
        lab = self._services.lab
        command = wire.Connect(
            instance=self._name,
            session=str(self._services.sessions.path(self._id)),
            jid=action.jid,
            proxy=lab.way(action.proxy) if lab else action.proxy,
            noise_root_key=lab.noise_root_key if lab else None,
            device_name=action.device,
            inbox=self._services.inbox(self._id),
            receipts=action.receipts,
            opt_out_words=self._services.opt_out_words(),
        )
        shared = action.shared and not self._apart
        place = partial(self._services.pool.link, self._name, shared=shared)
        await self.attempt.dial(place, command)

    async def _restore(self, entry: str) -> None:
        try:
            await self._services.sessions.from_trash(entry, self._id)
        except OSError as error:
            raise not_restored(self._name, entry, error) from error
        self._log.add(Source.MANAGER, f"session restored from the trash ({entry})")

    async def _trash(self, action: Trash) -> None:
        now = self._services.clock.now()
        try:
            entry = await self._services.sessions.to_trash(
                action.was,
                at=now,
                why=action.why,
                restorable=action.restorable,
                act_id=action.act_id,
            )
        except OSError as error:
            raise FleetError(
                Phrase(
                    "{name}: the session cannot be moved to the trash: {why}",
                    name=self._name,
                    why=str(error.strerror),
                ),
                Phrase("it is where it was; see the disk and the directory's mode"),
            ) from error
        if entry is not None:
            self._log.add(Source.MANAGER, f"session moved to the trash as {entry.id}")

    async def _find_holder(self, jid: str) -> None:
        from waziterm.manager.rivals.search import (  # noqa: PLC0415 - not before the first paint
            SearchFor,
        )

        files = self._services.sessions.files(self._id)
        wanted = SearchFor(files, self._addresses, self._services.pool.pids())
        findings = await self._services.claims.search(self._name, jid, wanted)
        if findings.holder:
            self._inbox.put(ev.HolderFound(findings.holder))
        else:
            self._inbox.put(ev.SuspectsFound(findings.summary))

    async def _note_addresses(self, pid: int) -> None:
        self._addresses = await self._services.addresses.of(pid)


def _tell_attempt(attempt: Attempt, action: Probe | FreePlace | HoldPairing | Watch) -> None:
    match action:
        case Probe():
            attempt.probe_now()
        case FreePlace():
            attempt.free_place()
        case HoldPairing(for_s):
            attempt.hold_pairing(for_s)
        case Watch(limits):
            attempt.watch(limits)
        case _:
            assert_never(action)
