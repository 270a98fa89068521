"""The keeper of one instance: asks the rules, stores what they say, and carries it out.

One task works through one inbox, so that every change of the instance has one place and one
order: decide, store, show, act. Whoever has something to say posts it and may wait.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random

from waziterm.domain import events as ev
from waziterm.domain.fleet import FleetError, InstanceView, LogLine, SendResult, Source
from waziterm.domain.instance import Instance
from waziterm.domain.labfile import LabFile
from waziterm.domain.limits import Limits
from waziterm.domain.moves import QUEUED
from waziterm.domain.reasons import Reason
from waziterm.domain.rules import Action, Decision, decide
from waziterm.domain.states import State
from waziterm.manager.attempt import Attempt
from waziterm.manager.background import Background
from waziterm.manager.claims import Claims
from waziterm.manager.clock import Clock, Handle
from waziterm.manager.gate import ConnectGate
from waziterm.manager.holder import Address, peers_of
from waziterm.manager.inbox import Inbox, Post
from waziterm.manager.journal import Journal
from waziterm.manager.link import Link, Worker
from waziterm.manager.records import Records
from waziterm.manager.sending import send
from waziterm.manager.sessions import SessionFiles
from waziterm.manager.views import Health, view_of
from waziterm.worker import protocol as wire

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that a supervisor shares with the rest of its manager.

    spawn: starts a worker process; raises OSError.
    show: passes a view on to the subscribers. outdated: tells the fleet of a 405.
    lab: a local WhatsApp in use instead of the real one.
    """

    records: Records
    sessions: SessionFiles
    claims: Claims
    gate: ConnectGate
    clock: Clock
    random: Random
    spawn: Callable[[], Awaitable[Worker]]
    show: Callable[[InstanceView], None]
    outdated: Callable[[str], None]
    lab: LabFile | None


class Supervisor:
    """Keeps one instance. `run` must be running for anything to happen."""

    def __init__(
        self, instance: Instance, limits: Limits, journal: Journal, around: Surroundings
    ) -> None:
        self.instance = instance
        self._limits = limits
        self._journal = journal
        self._around = around
        self._health = Health()
        self._inbox = Inbox()
        self._attempt: Attempt | None = None
        self._peers: frozenset[Address] = frozenset()
        self._timer: Handle | None = None
        self._tasks: asyncio.TaskGroup
        self._background: Background

    # -- for the manager ------------------------------------------------------------------

    @property
    def view(self) -> InstanceView:
        link = self._link
        return view_of(self.instance, self._health, link.pid if link else None)

    @property
    def _link(self) -> Link | None:
        return self._attempt.link if self._attempt else None

    def tail(self, limit: int) -> tuple[LogLine, ...]:
        return self._journal.tail(limit)

    def post(self, event: ev.Event) -> None:
        """Tell the instance something without waiting for what comes of it."""
        self._inbox.put(event)

    async def ask(self, event: ev.Event) -> InstanceView:
        """Tell the instance something and wait until it is stored and carried out.

        Raises FleetError when the rules refuse it or it cannot be stored.
        """
        await self._inbox.ask(event)
        return self.view

    def close(self) -> None:
        """Let `run` end, once what was posted before is done."""
        self._inbox.close()

    async def run(self) -> None:
        """Work through the inbox until `close`. No worker is left when it returns."""
        async with asyncio.TaskGroup() as self._tasks:
            self._background = Background(self._tasks, self.instance.name)
            try:
                async for post in self._inbox.posts():
                    await self._handle(post)
            finally:
                self._disarm()
                self._background.cancel()
                await self._end_attempt()

    async def send_test(self, text: str, to: str | None) -> SendResult:
        """Send a text, wait for the acknowledgement and store how it went.

        to: a JID, or None for the instance's own account. Raises FleetError when the instance
        is not connected.
        """
        link = self._link
        if link is None or self.instance.state not in (State.CONNECTED, State.DEGRADED):
            raise FleetError(
                f"{self.instance.name} is {self.instance.state.label}; nothing was sent",
                self.instance.reason.next_step,
            )
        result = await send(link, text, to, self._limits.query_timeout_s)
        if result.ok:
            self._health = replace(self._health, sent=self._health.sent + 1)
            said = f"test sent, acknowledged after {result.took_s:.2f} s"
        else:
            said = f"test failed: {result.error}"
        self._journal.add(Source.OPERATOR, said)
        await self._around.records.sent(self.instance.name, self._around.clock.now(), result)
        self._around.show(self.view)
        return result

    # -- one change at a time ---------------------------------------------------------------

    async def _handle(self, post: Post) -> None:
        if post.attempt is not None and post.attempt is not self._attempt:
            return
        try:
            await self._change(post)
        except FleetError as error:
            post.done(error)
            if not post.is_command:
                self._journal.add(Source.MANAGER, f"{error}")
        except Exception as error:
            # One instance's fault must not end the others: the line tells, the log has it all.
            log.exception("%s: %s was not carried out", self.instance.name, post.event)
            self._journal.add(Source.MANAGER, f"internal error ({type(error).__name__}); see log")
            post.done(FleetError(f"{self.instance.name}: internal error", "see the program's log"))
        else:
            post.done()

    async def _change(self, post: Post) -> None:
        event, name = post.event, self.instance.name
        if isinstance(event, ev.Dialling):
            event = await self._checked_dial()
        now = self._around.clock.now()
        decision = decide(self.instance, event, now, self._around.random.random(), self._limits)
        await self._adopt(decision, event, now, must_store=post.is_command)
        for action in decision.actions:
            await self._carry_out(action)
        await self._follow(event)
        if decision.refusal:
            raise FleetError(f"{name} is {decision.refusal}")

    async def _checked_dial(self) -> ev.Event:
        """What becomes of a dial whose turn has come: itself, or what speaks against it."""
        name, around = self.instance.name, self._around
        if self.instance.jid is None:
            return ev.Dialling()
        if not around.sessions.exists(name):
            # The library would make the file anew, for a device that nobody linked.
            return ev.SessionMissing()
        await around.claims.claim(name, self.instance.jid)
        holder = await around.claims.earlier_holder(name)
        if holder and self.instance.reason is not Reason.TAKEOVER:
            return ev.HolderFound(holder)
        return ev.Dialling()

    async def _follow(self, event: ev.Event) -> None:
        """Let the current attempt go along with the state that was just reached."""
        attempt, state = self._attempt, self.instance.state
        if not state.is_live:
            await self._around.claims.release(self.instance.name)
        elif self.instance.jid is not None and state is State.CONNECTED:
            await self._around.claims.claim(self.instance.name, self.instance.jid)
        if isinstance(event, ev.DialFailed):
            self._around.gate.failed(self.instance.name)
        elif isinstance(event, ev.Connected | ev.QrShown):
            self._around.gate.reached()
        if isinstance(event, ev.ProbeAnswered):
            now = self._around.clock.now()
            self._health = replace(self._health, probe_s=event.took_s, probed_at=now)
            self._around.show(self.view)
        if attempt is None:
            return
        if state is not State.CONNECTING:
            attempt.leave_gate()
        elif isinstance(event, ev.Dialling):
            await self._dial(attempt)
        if isinstance(event, ev.Connected) and attempt.link is not None:
            self._background.start(self._note_peers(attempt.link.pid))
        if state in (State.CONNECTED, State.DEGRADED):
            attempt.watch(self._limits)
        else:
            await attempt.unwatch()

    async def _adopt(
        self, decision: Decision, event: ev.Event, now: float, *, must_store: bool
    ) -> None:
        """Store the next value, then show it.

        When it cannot be stored, a command is refused and changes nothing. What WhatsApp or a
        worker told is true all the same and is acted on: a full disk must not start a war.
        """
        before, after = self.instance, decision.instance
        if after == before:
            return
        try:
            await self._around.records.changed(before, after, event, now)
        except FleetError as error:
            if must_store and not isinstance(event, ev.StopAsked):
                raise
            self._journal.add(Source.MANAGER, f"not stored: {error}")
        self.instance = after
        self._arm()
        if _told(before) != _told(after) and after.detail != QUEUED:
            self._journal.add(Source.MANAGER, _told(after))
        self._around.show(self.view)

    async def _carry_out(self, action: Action) -> None:
        name = self.instance.name
        match action:
            case Action.STOP_WORKER:
                await self._end_attempt()
                self._around.show(self.view)
            case Action.DIAL:
                self._queue_attempt()
            case Action.FIND_HOLDER:
                self._background.start(self._find_holder())
            case Action.TRASH_SESSION:
                await self._trash("clean", restorable=True)
            case Action.TRASH_REMAINS:
                await self._trash("logged out", restorable=False)
            case Action.STOP_FLEET_RETRIES:
                self._around.outdated(name)

    async def _trash(self, why: str, *, restorable: bool) -> None:
        name, now = self.instance.name, self._around.clock.now()
        try:
            entry = await self._around.sessions.to_trash(
                name, at=now, why=why, restorable=restorable
            )
        except OSError as error:
            raise FleetError(
                f"{name}: the session could not be moved to the trash: {error.strerror}",
                "it is where it was; see the disk and the directory's mode",
            ) from error
        if entry is not None:
            self._journal.add(Source.MANAGER, f"session moved to the trash as {entry.id}")

    # -- attempts -----------------------------------------------------------------------------

    def _queue_attempt(self) -> None:
        name, around = self.instance.name, self._around
        self._attempt = Attempt(name, self._tasks, around.clock, self._inbox.put, self._journal.add)
        paced = not self.instance.is_paired or self.instance.reason is Reason.RETRY
        self._attempt.queue(around.gate, paced=paced)

    async def _dial(self, attempt: Attempt) -> None:
        around = self._around
        command = wire.Connect(
            instance=self.instance.name,
            session=str(around.sessions.path(self.instance.name)),
            jid=self.instance.jid,
            proxy=around.lab.proxy if around.lab else self.instance.proxy,
            noise_root_key=around.lab.noise_root_key if around.lab else None,
        )
        await attempt.dial(around.spawn, command)
        around.show(self.view)

    async def _end_attempt(self) -> None:
        """End the current attempt; what it still says is stale from now on."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            await attempt.close()

    # -- who has it ---------------------------------------------------------------------------

    async def _find_holder(self) -> None:
        name, jid, around = self.instance.name, self.instance.jid, self._around
        if jid is None:
            return
        files = around.sessions.files(name)
        findings = await around.claims.search(name, jid, files, self._peers)
        if findings.holder:
            self.post(ev.HolderFound(findings.holder))
        else:
            self.post(ev.SuspectsFound(findings.summary))

    async def _note_peers(self, pid: int) -> None:
        self._peers = await asyncio.to_thread(peers_of, pid)

    # -- the one timer ----------------------------------------------------------------------

    def _arm(self) -> None:
        self._disarm()
        if self.instance.due is not None:
            due = self.instance.due
            self._timer = self._around.clock.call_at(due, lambda: self.post(ev.Due()))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _told(instance: Instance) -> str:
    """The line that a change leaves in the instance's log."""
    code = f" ({instance.reason.code})" if instance.reason.code else ""
    detail = f": {instance.detail}" if instance.detail else ""
    return f"{instance.state.label}: {instance.reason.sentence}{code}{detail}"
