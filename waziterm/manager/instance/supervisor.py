"""The keeper of one instance: asks the rules, stores what they say, and carries it out.

One task works through one inbox, so that every change of the instance has one place and one
order: decide, store, show, act. Whoever has something to say posts it and may wait.
"""

import asyncio
import logging
from dataclasses import replace
from secrets import token_hex
from typing import assert_never

from waziterm.domain.fleet.api import FleetError, InstanceView, LogLine, SendResult, Source
from waziterm.domain.jid import Jid, mask_number
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.details import FOUND_DEAD, as_phrase, is_queued
from waziterm.domain.lifecycle.event_names import EventName, name_of
from waziterm.domain.lifecycle.future import has_future, stuck
from waziterm.domain.lifecycle.handling import (
    IsCarried,
    MayDial,
    MetOthers,
    counts_late,
    failure,
    question,
)
from waziterm.domain.lifecycle.instance import Configured, Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.rules import Decision, decide
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.messages.message import Content, MessageKind
from waziterm.domain.messages.sending import (
    Acknowledged,
    NotSent,
    Outgoing,
    Refused,
    Sent,
    Uncertain,
)
from waziterm.domain.phrase import Phrase
from waziterm.domain.send_refusals import send_refusal
from waziterm.manager.background import cause_of
from waziterm.manager.clock import Handle
from waziterm.manager.instance.attempt import Attempt
from waziterm.manager.instance.effects import Effects, Services
from waziterm.manager.instance.inbox import Inbox, Post
from waziterm.manager.instance.log import InstanceLog
from waziterm.manager.instance.recorder import Recorder
from waziterm.manager.views import Health, view_of
from waziterm.manager.workers.link import Link
from waziterm.manager.workers.process import WorkerGoneError
from waziterm.store.errors import LockedStoreError
from waziterm.worker import protocol as wire

log = logging.getLogger(__name__)

LOGOUT_S = 15.0
STORE_AGAIN_S = 5.0
"""Pause before what could not be stored is stored again."""
AGAIN_S = 60.0
"""Pause before what could not even be planned is tried again."""


class Supervisor:
    """Keeps one instance, in a task that begins with what it is told first: most of a fleet that
    boots stopped is told nothing."""

    def __init__(
        self,
        instance: Instance,
        limits: Limits,
        instance_log: InstanceLog,
        recorder: Recorder,
        services: Services,
    ) -> None:
        self._instance = self._stored = instance
        self._shift = services.clock.shift
        self._limits = limits
        self._log = instance_log
        self._services = services
        self._health = Health()
        self._viewed: tuple[object, ...] = ()
        self._view: InstanceView | None = None
        self._recorder = recorder
        self._inbox = Inbox(self._begin)
        self._running: asyncio.Task[None] | None = None
        self._effects: Effects | None = None
        self._removed = False
        self._timer: Handle | None = None
        self._unstored: Handle | None = None

    # -- for the manager ------------------------------------------------------------------

    @property
    def instance(self) -> Instance:
        """The instance, its moments as the clock tells them now (`Clock.shift`)."""
        by = self._services.clock.shift - self._shift
        if by:
            self._shift += by
            self._instance = self._instance.shifted(by)
            self._health = self._health.shifted(by)
        return self._instance

    @property
    def view(self) -> InstanceView:
        instance, link, counts = self.instance, self._link, self._recorder.counts
        version = self._services.versions.version(link.number if link else None)
        silenced = self._services.silenced(instance.id)
        messages = self._services.messages(instance.name)
        seen = (instance, self._health, self._pid, counts, version, silenced, messages)
        if self._view is None or seen != self._viewed:
            self._viewed, self._view = seen, view_of(*seen)
        return self._view

    @property
    def stuck(self) -> Phrase:
        """Why it is longer in its state than its limit says, or empty; see `lifecycle.future`."""
        now = self._services.clock.now()
        return stuck(self.instance, now, self._limits, is_carried=self._is_carried)

    @property
    def _is_carried(self) -> bool:
        """Whether there is an attempt: it tells how it ends, whatever happens to it."""
        return self._effects is not None and self._effects.attempt is not None

    @property
    def _link(self) -> Link | None:
        return self._effects.link if self._effects else None

    @property
    def _pid(self) -> int | None:
        return None if (link := self._link) is None else link.pid

    def tail(self, limit: int) -> tuple[LogLine, ...]:
        return self._log.tail(limit)

    def recall(self, old: tuple[LogLine, ...]) -> None:
        """Take up the end of its log, see `InstanceLog.recall`."""
        self._log.recall(old)

    def post(self, event: ev.Event) -> None:
        """Tell the instance something without waiting for what comes of it."""
        self._inbox.put(event)

    async def ask(self, event: ev.Event) -> InstanceView:
        """Tell the instance something and wait until it is stored and carried out.

        Raises FleetError when the rules refuse it or it cannot be stored.
        """
        await self.tell(event)
        return self.view

    def tell(self, event: ev.Event) -> asyncio.Future[None]:
        """The same for whoever wants no view of it."""
        return self._inbox.ask(event)

    def rests(self, event: ev.Event) -> bool:
        """Whether an event that nobody led up to would leave it as it is, with nothing to wait for:
        most of a fleet that boots stopped need not be told."""
        instance = self.instance
        if instance.wanted is Wanted.RUNNING or instance.due is not None or self._is_carried:
            return False
        decision = decide(instance, event, self._services.clock.now(), 0.0, self._limits)
        return decision.instance is instance and not decision.actions and self._has_future

    def lost(self, pid: int) -> None:
        """The process of this worker is gone, and it did not say so. It is no news any more when
        another worker has come in its place."""
        if self._effects is not None and self._link is not None and self._link.pid == pid:
            self._inbox.put(ev.WorkerLost(FOUND_DEAD), self._effects.attempt)

    def revive(self, why: str) -> None:
        """It is stuck: let the rules bring it on. why: as `stuck` tells it."""
        due = self.instance.due
        if due is not None and due <= self._services.clock.now():
            self._inbox.put(ev.Due())
        else:
            self._inbox.put(ev.NotCarriedOut(why, is_carried=None))

    def note(self, said: str) -> None:
        """Write what a person did to it into its log."""
        self._log.add(Source.OPERATOR, said)

    def apply(self, limits: Limits, configured: Configured) -> None:
        """Decide by other settings from now on; what they say of a connection is gone by when it
        connects next."""
        self._limits = limits
        if configured != self._instance.configured:
            self._instance = replace(self._instance, configured=configured)
            self._stored = replace(self._stored, configured=configured)
            self._services.show(self)

    def close(self, why: FleetError | None = None) -> None:
        """Let it end, once what was posted before is done. why: see `Inbox.close`."""
        self._inbox.close(why)

    async def ended(self) -> None:
        """Wait until what was posted before `close` is done, and no worker of it is left."""
        if self._running is not None:
            await asyncio.wait([self._running])

    def _begin(self) -> None:
        if self._running is None:
            name = f"supervisor {self._instance.name}"
            self._running = self._services.tasks.create_task(self._run(), name=name)

    async def _run(self) -> None:
        """Work through the inbox until `close`."""
        name, identity = self.instance.name, self.instance.id
        async with asyncio.TaskGroup() as tasks:
            effects = self._effects = Effects(
                name,
                identity,
                self._services,
                self._inbox,
                self._log,
                tasks,
                self._count_lost,
            )
            try:
                async for post in self._inbox.posts():
                    if self._removed:
                        gone = FleetError(
                            Phrase("{name} was removed", name=name),
                            Phrase("`u` restores it"),
                            code=2,
                        )
                        post.done(gone)
                    elif post.attempt in (None, effects.attempt) or counts_late(
                        self.instance, post.event
                    ):
                        await self._handle(post, effects)
                await effects.close()
                for post in self._inbox.rest():
                    # No later manager would hear of it.
                    if counts_late(self.instance, post.event):
                        await self._handle(post, effects)
            finally:
                self._disarm()
                if self._unstored is not None:
                    self._unstored.cancel()
                await effects.close()

    async def send_test(self, text: str, to: str | None) -> SendResult:
        """Send a text, wait for the acknowledgement and store how it went. One that does not come
        in time has the instance connected anew: nothing else could be sent through it.

        to: a JID, or None for the instance's own account. Raises FleetError when the instance
        is not connected.
        """
        link, attempt = self._link, self._effects.attempt if self._effects else None
        if link is None or self.instance.state not in (State.CONNECTED, State.DEGRADED):
            raise FleetError(
                Phrase(
                    "{name} is {state}; nothing was sent",
                    name=self.instance.name,
                    state=Phrase(self.instance.state.label),
                ),
                Phrase(self.instance.next_step),
            )
        clock = self._services.clock
        account = str(Jid.parse(self.instance.jid).account) if self.instance.jid else ""
        content = Content(MessageKind.TEXT, text)
        message = Outgoing(to or account, content, token_hex(32))
        sent, took_s = await self._given(link, attempt, message, self._limits.query_timeout_s)
        result = _tested(sent, took_s)
        if result.code:
            barred = self.view.new_chats_barred(clock.now())
            refusal = send_refusal(int(result.code), barred)
            result = replace(result, error=refusal.said, next_step=refusal.next_step)
        if result.ok:
            short, took_s = result.took_s < 1.0, result.took_s
            took = f"{1000 * took_s:.0f} ms" if short else f"{took_s:.2f} s"
            said = f"test sent, acknowledged after {took}"
        else:
            said = f"test failed: {result.error}"
        self._log.add(Source.OPERATOR, said)
        await self._recorder.sent(self.instance.id, self._services.clock.now(), result)
        self._services.show(self)
        return result

    async def send(self, message: Outgoing, limit_s: float) -> Sent:
        """Send a message and wait for the acknowledgement, `limit_s` seconds at most; see
        `domain.messages.sending.Phones.send`."""
        link, attempt = self._link, self._effects.attempt if self._effects else None
        if link is None or self.instance.state is not State.CONNECTED:
            return NotSent(f"it is {self.instance.state.label}")
        traces, identity = self._services.traces, self.instance.id
        traces.expect(identity)
        sent, _ = await self._given(link, attempt, message, limit_s)
        if not isinstance(sent, Uncertain):
            traces.known(identity)
        return sent

    async def roll_journal(self, limit_s: float) -> None:
        """Have the worker roll its journal of messages in, if there is a worker; why it did not is
        no matter: it is asked again."""
        if (link := self._link) is not None:
            await link.roll(limit_s)

    async def _given(
        self, link: Link, attempt: Attempt | None, message: Outgoing, limit_s: float
    ) -> tuple[Sent, float]:
        """Give the worker a message; how that went, and after how many seconds. Where nobody knows
        it, nothing else can be sent either before the instance has connected anew."""
        sent, took_s = await link.send(message, limit_s)
        if isinstance(sent, Uncertain):
            self._inbox.put(ev.SendUnanswered(limit_s), attempt)
        return sent, took_s

    async def pairing_code(self, phone: str | None) -> InstanceView:
        """Have a pairing code made and wait until it is shown; see `Fleet.pairing_code`."""
        name, link, number = self.instance.name, self._link, phone or self.instance.phone
        if not self.instance.is_paired and is_queued(self.instance.detail):
            waits = Phrase(
                "{name} has no code yet: {why}", name=name, why=as_phrase(self.instance.detail)
            )
            raise FleetError(waits, Phrase("ask again when its turn has come"))
        if link is None or self.instance.state is not State.PAIRING:
            raise FleetError(
                Phrase(
                    "{name} is {state}; a pairing code is made while it shows QR codes",
                    name=name,
                    state=Phrase(self.instance.state.label),
                ),
                ""
                if self.instance.is_paired
                else Phrase("start it (s) and ask again when a QR code shows"),
            )
        if number is None:
            raise FleetError(
                Phrase("{name} was added without a phone number", name=name),
                Phrase("name it, with --phone"),
                code=2,
            )
        error = await link.ask_code(number, self._limits.query_timeout_s)
        await self._inbox.settled()
        if self.instance.state is not State.PAIRING:
            # What ended the pairing ended its worker too, which may not have answered before.
            why, hint = Phrase(self.instance.reason.sentence), Phrase(self.instance.next_step)
            raise FleetError(Phrase("{name}: no pairing code: {why}", name=name, why=why), hint)
        if error:
            raise FleetError(
                Phrase("{name}: no pairing code: {why}", name=name, why=error),
                Phrase("see its log"),
            )
        self._log.add(Source.OPERATOR, f"pairing code shown, for {mask_number(number)}")
        return self.view

    async def probe(self) -> wire.Answered:
        """One light round trip to WhatsApp. Raises TimeoutError, and FleetError when there is no
        worker to make it."""
        link = self._link
        if link is None:
            raise FleetError(Phrase("{name} has no worker", name=self.instance.name))
        try:
            return await link.probe(self._limits.probe_timeout_s)
        except WorkerGoneError as error:
            raise FleetError(
                Phrase("{name}: {why}", name=self.instance.name, why=str(error))
            ) from error

    async def logout(self) -> str:
        """Unlink the device at WhatsApp; "" or why that was not possible. Takes LOGOUT_S at most:
        whoever cleans must not wait for ever."""
        link, state = self._link, self.instance.state
        if link is None or state not in (State.CONNECTED, State.DEGRADED):
            error = f"it is {state.label}, not connected"
        else:
            error = await link.unlink(LOGOUT_S)
            if self.instance.state is State.LOGGED_OUT:
                # WhatsApp told of the end before it answered, and that ended the worker.
                error = ""
        said = f"not unlinked at WhatsApp: {error}; do it on the phone" if error else "unlinked"
        self._log.add(Source.OPERATOR, said)
        return error

    def _count_lost(self, more: int) -> None:
        self._recorder.lost(more)
        self._services.show(self)

    # -- one change at a time ---------------------------------------------------------------

    async def _handle(self, post: Post, effects: Effects) -> None:
        try:
            decision = await self._change(post, effects)
        except FleetError as error:
            post.done(error)
            if not post.is_command:
                self._log.add(Source.MANAGER, f"{error}")
            self._go_on(post.event, f"{error}")
            return
        except Exception as error:
            # One instance's fault must not end the others: the line tells, the log has it all.
            name, cause = self.instance.name, cause_of(error)
            log.exception("%s: %s was not carried out", name, name_of(post.event))
            self._log.add(Source.MANAGER, f"internal error ({cause}); see the program's log")
            post.done(
                FleetError(
                    Phrase("{name}: internal error ({cause})", name=name, cause=cause),
                    Phrase("see the program's log"),
                )
            )
            self._go_on(post.event, cause)
            return
        said, hint = decision.refusal, decision.hint
        post.done(
            FleetError(Phrase("{name} is {said}", name=self.instance.name, said=said), hint)
            if said
            else None
        )
        if not (decision.is_preliminary or self._has_future):
            self._go_on(post.event, f"nothing follows {name_of(post.event)}")

    @property
    def _has_future(self) -> bool:
        return has_future(self.instance, is_carried=self._is_carried)

    def _go_on(self, event: ev.Event, cause: str) -> None:
        """Let the rules find what comes next after an event that was not carried out to its end."""
        attempt = self._effects.attempt if self._effects else None
        failed = failure(event, cause, has_attempt=attempt is not None)
        if not failed.again:
            self._inbox.put(failed.told, attempt)
        elif not self._has_future:
            self._disarm()
            self._timer = self._services.clock.call_later(
                AGAIN_S, lambda: self._inbox.put(failed.told, attempt)
            )

    async def _looked_at(self, event: ev.Event, effects: Effects) -> ev.Event:
        """The event to decide on, once what the rules must know of it is looked at."""
        match question(self.instance, event):
            case None:
                return event
            case MayDial() as asked:
                return await effects.objection(asked) or event
            case IsCarried(cause):
                return ev.NotCarriedOut(cause, self._is_carried)
            case MetOthers(fault, shared, alone):
                is_shared = self._services.storms.is_shared(self.instance.name, fault)
                return shared if is_shared else alone
            case unknown:
                assert_never(unknown)

    async def _change(self, post: Post, effects: Effects) -> Decision:
        """Carry an event out, and what the rules decided on it. Raises whatever goes wrong."""
        event = await self._looked_at(post.event, effects)
        # In this order: a clock that was set moves the instance's moments along.
        now = self._services.clock.now()
        before = self.instance
        decision = decide(before, event, now, self._services.random.random(), self._limits)
        await self._adopt(decision, now, must_store=post.is_command)
        if decision.probe_s is not None:
            self._health = replace(self._health, probe_s=decision.probe_s, probed_at=now)
        pid = self._pid
        try:
            for action in decision.actions:
                await effects.carry_out(action)
        except Exception:
            if decision.moves_session:
                self.post(ev.NotMoved(before))
            raise
        for action in decision.then:
            await effects.carry_out(action)
        if self._pid != pid or decision.probe_s is not None:
            self._services.show(self)
        self._removed = decision.removes
        return decision

    async def _adopt(self, decision: Decision, now: float, *, must_store: bool) -> None:
        """Store the next value, then show it.

        When it cannot be stored, a command is refused and changes nothing, but for what the
        decision names. What WhatsApp or a worker told is true all the same and is acted on: a full
        disk must not start a war.
        """
        before, after, shift = self.instance, decision.instance, self._shift
        if after == (self._stored if decision.led_by is None else before):
            # A wait of the last manager has no timer yet, and one that rang too early is over.
            self._arm()
            return
        try:
            await self._recorder.changed(before, decision, now)
            self._stored = after
        except Exception as error:
            is_locked = isinstance(error, LockedStoreError)
            stands = decision.stands_unstored or (decision.stands_while_locked and is_locked)
            if must_store and not stands:
                raise
            if not isinstance(error, FleetError):
                log.exception(
                    "%s: %s was not stored", before.name, decision.led_by or EventName.CLOCK_SET
                )
            self._log.add(Source.MANAGER, f"not stored: {error}")
            self._store_later()
        self._instance = after.shifted(self._shift - shift)
        self._arm()
        if _told(before) != _told(after) and not is_queued(after.detail):
            same = (before.state, before.reason) == (after.state, after.reason)
            # Of who waited for its turn nothing stands yet: that it dials is told in full.
            same = same and not is_queued(before.detail)
            # Evidence that comes later, of who has the session, is a line without what stands.
            if not same or after.detail:
                self._log.add(Source.MANAGER, after.detail if same else _told(after))
        self._services.show(self)

    def _store_later(self) -> None:
        """Store what could not be stored when the disk may take it again."""
        if self._unstored is None:
            self._unstored = self._services.clock.call_later(STORE_AGAIN_S, self._store_again)

    def _store_again(self) -> None:
        self._unstored = None
        # It decides nothing, and whatever is not stored yet is stored with it.
        self._inbox.put(ev.ClockSet())

    # -- the one timer ----------------------------------------------------------------------

    def _arm(self) -> None:
        self._disarm()
        now = self._services.clock.now()
        if (due := self.instance.due) is not None:
            self._timer = self._services.clock.call_later(due - now, lambda: self.post(ev.Due()))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _tested(sent: Sent, took_s: float) -> SendResult:
    """How a test went, as its message did."""
    match sent:
        case Acknowledged(whatsapp_id):
            return SendResult(True, took_s, whatsapp_id)
        case Refused(code, error):
            return SendResult(False, took_s, error=error, code=str(code))
        case NotSent(error) | Uncertain(error):
            return SendResult(False, took_s, error=error)
        case _:
            assert_never(sent)


def _told(instance: Instance) -> str:
    """The line that a change leaves in the instance's log."""
    code = f" ({instance.reason.code})" if instance.reason.code else ""
    detail = f": {instance.detail}" if instance.detail else ""
    return f"{instance.state.label}: {instance.reason.sentence}{code}{detail}"
