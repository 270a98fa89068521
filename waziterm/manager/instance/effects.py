"""The hands of a supervisor: what its decisions do to workers, session files and the machine."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

from waziterm.domain.care.trash import Why
from waziterm.domain.fleet.api import FleetError, InstanceView, Source
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.rules import Action
from waziterm.domain.lifecycle.states import State
from waziterm.domain.upkeep.packing import TRUSTED_S
from waziterm.domain.version import UsedVersion
from waziterm.manager.background import Background
from waziterm.manager.clock import Clock
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.instance.attempt import Attempt
from waziterm.manager.instance.inbox import Inbox
from waziterm.manager.instance.log import Journal
from waziterm.manager.instance.recorder import Records
from waziterm.manager.instance.storms import Storms
from waziterm.manager.rivals.addresses import Peers
from waziterm.manager.rivals.claims import Claims
from waziterm.manager.rivals.search import Address, Sought
from waziterm.manager.workers.connect_limit import ConnectGate
from waziterm.manager.workers.link import Link
from waziterm.manager.workers.pool import Packs
from waziterm.worker import protocol as wire

MOVES = frozenset(
    {
        Action.TRASH_SESSION,
        Action.TRASH_REMAINS,
        Action.TRASH_INSTANCE,
        Action.RESTORE_SESSION,
    }
)
"""What moves a session; when that fails, all is as before."""


class VersionGate(Protocol):
    """What a supervisor tells and asks of the fleet's version; see `manager.version.versions`."""

    def version(self, number: int | None) -> UsedVersion | None: ...

    def forbids(self, name: str) -> bool: ...

    def refused(self, name: str, number: int | None) -> None: ...

    def wanted(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that a supervisor shares with the rest of its manager.

    storms: tells which faults meet several instances. packs: finds each attempt its place in a
    worker. isolated: this instance shares none. show: passes a view on to the subscribers.
    versions: knows what WhatsApp accepts.
    lab: a local WhatsApp in use instead of the real one.
    """

    records: Records
    sessions: SessionFiles
    claims: Claims
    gate: ConnectGate
    storms: Storms
    clock: Clock
    random: Random
    packs: Packs
    peers: Peers
    isolated: Callable[[], bool]
    show: Callable[[InstanceView], None]
    versions: VersionGate
    lab: LabFile | None


class Hands:
    """Carries the decisions for one instance out. tasks: owns what runs in the background."""

    def __init__(
        self,
        name: str,
        around: Surroundings,
        inbox: Inbox,
        journal: Journal,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._name = name
        self._around = around
        self._inbox = inbox
        self._journal = journal
        self._tasks = tasks
        self._background = Background(tasks, name)
        self._peers: frozenset[Address] = frozenset()
        self._apart = False
        self._number: int | None = None
        self.attempt: Attempt | None = None

    @property
    def link(self) -> Link | None:
        """The current worker, if there is one."""
        return self.attempt.link if self.attempt else None

    async def checked_dial(self, instance: Instance) -> ev.Event:
        """What becomes of a dial whose turn has come: itself, or what speaks against it."""
        around = self._around
        if around.versions.forbids(self._name):
            return ev.FleetOutdated()
        if instance.jid is None:
            return ev.Dialling()
        if not around.sessions.exists(self._name):
            # The library would make the file anew, for a device that nobody linked.
            return ev.SessionMissing()
        takeover = instance.reason is Reason.TAKEOVER
        holder = await around.claims.claim(self._name, instance.jid, beside=takeover)
        if holder and not takeover:
            return ev.HolderFound(holder)
        return ev.Dialling()

    async def carry_out(
        self, action: Action, event: ev.Event, before: Instance, instance: Instance
    ) -> None:
        """Do what a decision asks for. Raises FleetError when a session cannot be moved.

        event: what led to it. before, instance: the instance before and after the decision.
        """
        match action:
            case Action.STOP_WORKER:
                await self.end_attempt()
            case Action.DIAL:
                self._queue_attempt(instance)
            case Action.PROBE if self.attempt is not None:
                self.attempt.probe_now()
            case Action.FIND_HOLDER if instance.jid is not None:
                self._background.start(partial(self._find_holder, instance.jid))
            case Action.TRASH_SESSION:
                await self._trash(Why.CLEANED, before, restorable=True)
            case Action.TRASH_REMAINS:
                await self._trash(Why.LOGGED_OUT, before, restorable=False)
            case Action.TRASH_INSTANCE if isinstance(event, ev.CleanAsked):
                await self._trash(Why.REMOVED, before, restorable=not event.unlinked)
            case Action.RESTORE_SESSION if isinstance(event, ev.SessionRestored):
                await self._restore(event.entry)
            case Action.STOP_FLEET_RETRIES:
                self._around.versions.refused(self._name, self._number)
            case Action.READ_VERSION:
                self._around.versions.wanted(self._name)

    async def follow(self, event: ev.Event, instance: Instance, limits: Limits) -> None:
        """Let claims, gate and worker go along with the state that was just reached."""
        around, attempt, state = self._around, self.attempt, instance.state
        if isinstance(event, ev.WorkerDied):
            self._apart = True
        elif isinstance(event, ev.Booted | ev.StopAsked | ev.RegroupAsked):
            self._apart = False
        if not state.is_live:
            await around.claims.release(self._name)
        elif instance.jid is not None and state is State.CONNECTED:
            await around.claims.keep(self._name, instance.jid)
        if isinstance(event, ev.DialFailed):
            around.gate.failed(self._name)
        elif isinstance(event, ev.Connected | ev.QrShown | ev.Authenticated):
            around.gate.reached()
        if attempt is None:
            return
        if state is not State.CONNECTING or instance.reason is Reason.AUTHENTICATED:
            attempt.leave_gate()
        elif isinstance(event, ev.Dialling):
            await self._dial(attempt, instance)
        if isinstance(event, ev.Connected) and attempt.link is not None:
            self._background.start(partial(self._note_peers, attempt.link.pid))
        if state in (State.CONNECTED, State.DEGRADED):
            attempt.watch(limits)
        else:
            await attempt.unwatch()

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

    def _queue_attempt(self, instance: Instance) -> None:
        put, write = self._inbox.put, self._journal.add
        self.attempt = Attempt(self._tasks, self._around.clock, put, write)
        paced = not instance.is_paired or instance.reason is Reason.RETRY
        free = partial(self._around.packs.free, self._name)
        self.attempt.queue(self._around.gate, free, paced=paced)

    async def _dial(self, attempt: Attempt, instance: Instance) -> None:
        lab = self._around.lab
        command = wire.Connect(
            instance=self._name,
            session=str(self._around.sessions.path(self._name)),
            jid=instance.jid,
            proxy=lab.proxy if lab else instance.proxy,
            noise_root_key=lab.noise_root_key if lab else None,
        )
        shared = self._may_share(instance)
        await attempt.dial(lambda: self._around.packs.berth(self._name, shared=shared), command)

    def _may_share(self, instance: Instance) -> bool:
        """Whether others may be in the worker of the attempt that begins.

        A pairing and a guarded attempt have their worker to themselves, as has who is suspected
        of a crash, or was hit by more than one, and whom an operator has just restarted.
        """
        quiet = instance.reason in (
            Reason.RESUMED,
            Reason.RETRY,
            Reason.MOVED,
            Reason.VERSION_CHANGED,
        )
        since = self._around.clock.now() - TRUSTED_S
        suspect = self._apart or sum(crash > since for crash in instance.crashes) > 1
        return instance.is_paired and quiet and not suspect and not self._around.isolated()

    async def _restore(self, entry: str) -> None:
        try:
            await self._around.sessions.from_trash(entry)
        except OSError as error:
            raise FleetError(
                f"{self._name}: {entry} cannot be restored: {error.strerror}",
                "it is in the trash as before",
            ) from error
        self._journal.add(Source.MANAGER, f"session restored from the trash ({entry})")

    async def _trash(self, why: Why, was: Instance, *, restorable: bool) -> None:
        now = self._around.clock.now()
        try:
            entry = await self._around.sessions.to_trash(
                self._name, at=now, why=why, restorable=restorable, was=was
            )
        except OSError as error:
            raise FleetError(
                f"{self._name}: the session cannot be moved to the trash: {error.strerror}",
                "it is where it was; see the disk and the directory's mode",
            ) from error
        if entry is not None:
            self._journal.add(Source.MANAGER, f"session moved to the trash as {entry.id}")

    async def _find_holder(self, jid: str) -> None:
        files = self._around.sessions.files(self._name)
        sought = Sought(files, self._peers, self._around.packs.pids())
        findings = await self._around.claims.search(self._name, jid, sought)
        if findings.holder:
            self._inbox.put(ev.HolderFound(findings.holder))
        else:
            self._inbox.put(ev.SuspectsFound(findings.summary))

    async def _note_peers(self, pid: int) -> None:
        self._peers = await self._around.peers.of(pid)
