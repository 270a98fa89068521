"""Sends the messages of one instance, one after the other."""

import asyncio
import logging
import secrets
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from random import Random

from waziterm.domain.errors import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.codes import Code
from waziterm.domain.messages.message import Message, MessageState
from waziterm.domain.messages.message_settings import Pacing
from waziterm.domain.messages.message_states import Adrift, Happening, Overdue, Traced
from waziterm.domain.messages.pacing import (
    GROWN_FACTOR,
    HOUR_S,
    Past,
    Stops,
    Turn,
    gap,
    turn,
)
from waziterm.domain.messages.sending import (
    CannotSend,
    NoTraceError,
    NotSent,
    Outgoing,
    Phones,
    Refused,
    Sent,
    Standing,
    Uncertain,
)
from waziterm.gateway.queue_clock import QueueClock
from waziterm.gateway.queue_line import Line
from waziterm.store.errors import StoreError
from waziterm.store.messages import MessageStore
from waziterm.store.messages_rows import Waiting

log = logging.getLogger(__name__)

AGAIN_S = 5.0
"""The pause before a database or a session file that failed is tried again."""
LOOK_S = 60.0
"""At least so often it is looked what is due: a timer stands still while a machine is suspended."""
NOT_ITS_OWN = {
    CannotSend.GONE: Code.REMOVED.value,
    CannotSend.LOGGED_OUT: CannotSend.LOGGED_OUT.value,
    CannotSend.NOT_PAIRED: CannotSend.NOT_PAIRED.value,
}
"""Who links this instance next may have another number: what waits is held, with this code."""

Moved = Callable[[Message, Message], None]
"""Is told of a message as it was and as it is stored now."""


@dataclass(frozen=True, slots=True)
class Around:
    """What all lanes share. pacing: the settings as they are. moved: see there. settled: a worker
    has no message of the instance with this id any more."""

    store: MessageStore
    phones: Phones
    clock: QueueClock
    random: Random
    pacing: Callable[[], Pacing]
    moved: Moved
    settled: Callable[[str], None]


class Lane:
    """The messages of one instance. left: what the last manager gave to a worker, and of which
    nobody knows what became of it."""

    def __init__(self, identity: str, around: Around) -> None:
        self.identity = identity
        self.line = Line()
        self.left: list[Waiting] = []
        self._around = around
        self._news = asyncio.Event()
        self._given: Message | None = None
        self._is_moved = False
        self._is_closing = False
        self._is_failing = False
        self._past: _Past | None = None
        self._stops = Stops()

    @property
    def is_sending(self) -> bool:
        """Whether a worker has, or had, a message of which nobody knows yet what became of it."""
        return self._given is not None or bool(self.left)

    @property
    def count(self) -> int:
        """How many messages wait, or are with a worker."""
        is_given = self._given is not None and self._given.id not in self.line
        return len(self.line) + len(self.left) + is_given

    def wake(self) -> None:
        """Look again: something has changed."""
        self._news.set()

    def reload(self) -> None:
        """Go by what is stored, and by the settings as they are now."""
        self._past = None
        self.wake()

    def moved(self) -> None:
        """The session is another one from now on, or at another place: its file does not tell any
        more what was sent."""
        self._is_moved = self.is_sending
        self.wake()

    def shift(self, by: float) -> None:
        """All that is stored was moved by so many seconds."""
        self.line.shift(by)
        self.left = [replace(each, message=each.message.shifted(by)) for each in self.left]
        if self._given is not None:
            self._given = self._given.shifted(by)
        self.reload()

    def close(self) -> None:
        """Give no worker anything any more."""
        self._is_closing = True
        self.wake()

    async def run(self) -> None:
        """Send what is due until `close`; and what a worker has then comes to its end."""
        watching = asyncio.create_task(self._watch(), name=f"messages {self.identity} watch")
        try:
            while not self._is_closing:
                self._news.clear()
                try:
                    await self._step()
                except StoreError as error:
                    self._tell(error)
                    await self._pause_s(AGAIN_S)
                except Exception:
                    # One instance's messages must never end the manager.
                    log.exception("messages of %s: the queue failed", self._name)
                    await self._pause_s(AGAIN_S)
        finally:
            watching.cancel()

    # -- what is told -------------------------------------------------------------------------

    def standing(self) -> Standing:
        return self._around.phones.standing(self.identity)

    def turns(self, standing: Standing) -> Callable[[float, bool], Turn]:
        """What tells, for this moment, when a message may be sent as far as pacing goes: one that
        is not sent before a moment, and that begins a chat or does not."""
        past = self._past.told if self._past is not None else Past()
        stops = self._stops
        if (until := standing.no_new_chats_until or 0.0) > stops.new_until:
            stops = replace(stops, new_until=until)
        now, pacing = self._around.clock.now(), self._around.pacing()

        def turn_of(due: float, is_new: bool) -> Turn:
            return turn(pacing, past, stops, due, now, is_new=is_new)

        return turn_of

    @property
    def _name(self) -> str:
        return self.standing().name or self.identity

    # -- its work -----------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await self._around.phones.changed(self.identity)
            self.wake()

    async def _step(self) -> None:
        """Send one message that is due, or wait for one."""
        while self.left:
            await self._settle(self.left[0])
            del self.left[0]
        if self._past is None:
            await self._load()
        await self._expire()
        standing = self.standing()
        if standing.why in NOT_ITS_OWN and self.line.free:
            await self.hold(NOT_ITS_OWN[standing.why])
        self._is_failing = False
        if standing.why is not None:
            await self._pause(None)
            return
        message, turn_ = self.line.first(self.turns(standing))
        if message is not None:
            await self._send(message)
        else:
            await self._pause(None if turn_ is None else turn_.at)

    async def hold(self, code: str) -> None:
        """Let all that waits wait for a person. Raises StoreError."""
        held = await self._around.store.hold(self.identity, code, self._around.clock.now())
        for each in held:
            self._moved(replace(each, held=False), each)
        if held:
            log.warning("%s: %d messages wait for a person (%s)", self._name, len(held), code)

    async def _load(self) -> None:
        """Take up what was sent before. Raises StoreError."""
        pacing, now = self._around.pacing(), self._around.clock.now()
        sender = await self._around.store.sender(self.identity, now, pacing.per_hour)
        self._past = _Past(sender.past, pacing)
        if sender.past.hour:
            self._past.gap_s = gap(pacing, self._around.random.random())
        self._stops = sender.stops

    async def _expire(self) -> None:
        """Give up what is overdue. Raises StoreError."""
        now = self._around.clock.now()
        ends = self.line.expiring()
        if ends is None or ends > now:
            return
        overdue = [each for each in self.line if each.expires_at <= now]
        happen = self._around.store.happen
        gone = await asyncio.gather(*(happen(each.id, Overdue(), now) for each in overdue))
        for before, after in zip(overdue, gone, strict=True):
            self._moved(before, after)
        log.warning("%s: %d messages were not sent in time", self._name, len(overdue))

    async def _send(self, message: Message) -> None:
        around = self._around
        secret, now = secrets.token_hex(32), around.clock.now()
        place, is_new = self.line.place(message.id), self.line.is_new(message.id)
        self._given, self._is_moved = message, False
        try:
            handed = await around.store.give(message.id, secret, now, is_new=is_new)
            if handed is None:
                await self._look_again(message)
                return
            waiting = Waiting(place.number, handed.message, place.is_new, secret)
            if self._past is not None:
                # Else settings or clock have changed meanwhile: it is taken up anew, with this one.
                self._past.add(now, gap(around.pacing(), around.random.random()), is_new=is_new)
            self._moved(message, handed.message)
            self._given = handed.message
            sent = await self._sent(handed.message, Outgoing(message.to, handed.content, secret))
            if isinstance(sent, Uncertain):
                log.warning("%s: nobody knows whether %s was sent", self._name, message.id)
                await self._settle(waiting)
            else:
                await self._outcome(waiting, sent)
        finally:
            self._given = None
        around.settled(self.identity)

    async def _look_again(self, message: Message) -> None:
        """A message is not to be sent any more: somebody took it back or holds it, or its recipient
        opted out, or a disk that failed has kept that it was to be given."""
        self.line.remove(message.id)
        found = await self._around.store.place_of(message.id)
        if found is not None and found.message.state is MessageState.QUEUED:
            self.line.put(found)
        if found is not None and found.message.state is MessageState.SENDING:
            self.left.append(found)
        if found is not None and found.message.state is MessageState.CANCELLED:
            self._around.moved(message, found.message)

    async def _sent(self, message: Message, outgoing: Outgoing) -> Sent:
        if message.expires_at <= self._around.clock.now():
            # The disk took too long: no worker has it.
            return NotSent("its time is over", Code.EXPIRED)
        try:
            return await self._around.phones.send(self.identity, outgoing)
        except Exception as error:  # noqa: BLE001 - it may have been sent
            # What it says may hold what was sent; where it was met holds nothing of that.
            met = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s: sending failed: %s\n%s", self._name, type(error).__name__, met)
            return Uncertain(type(error).__name__)

    async def _settle(self, waiting: Waiting) -> None:
        """Find out what became of a message that a worker had."""
        event: Happening | None = None
        while event is None:
            event = await self._look(waiting.secret)
            if event is None:
                await self._around.clock.sleep(AGAIN_S)
        await self._outcome(waiting, event)

    async def _look(self, secret: str) -> Happening | None:
        """What is known of a message, by its secret; None when it cannot be known yet."""
        why = self.standing().why
        if why is CannotSend.GONE:
            return Adrift(Code.REMOVED)
        if self._is_moved or why in NOT_ITS_OWN:
            return Adrift(Code.CLEANED)
        try:
            traces = await self._around.phones.traces(self.identity, (secret,))
        except NoTraceError:
            return Adrift(Code.CLEANED)
        except FleetError as error:
            self._tell(error)
            return None
        return Adrift(Code.CLEANED) if self._is_moved else Traced(traces.get(secret))

    async def _outcome(self, waiting: Waiting, event: Happening) -> None:
        """Store what became of a message; until that is possible nothing else is sent."""
        now, before = self._around.clock.now(), waiting.message
        stops = None
        if isinstance(event, Refused):
            stops = self._stops.after(event.code, now)
            stops = None if stops == self._stops else stops
        while True:
            try:
                outcome = self._around.store.outcome
                after = await outcome(before.id, event, now, stops)
                break
            except StoreError as error:
                self._tell(error)
                await self._around.clock.sleep(AGAIN_S)
        if stops is not None:
            self._stops = stops
        if isinstance(event, NotSent) and self._past is not None:
            self._past.take_back()
        if after is None:
            log.error("%s: what became of %s could not be kept", self._name, before.id)
            return
        if after.sent_at is not None or after.state is MessageState.UNKNOWN:
            self.line.begun(after.to)
        if after.state is MessageState.QUEUED:
            self.line.put(Waiting(waiting.number, after, waiting.is_new))
        self._moved(before, after)

    def _moved(self, before: Message, after: Message | None) -> None:
        if after is None or after.state is not MessageState.QUEUED:
            self.line.remove(before.id)
        else:
            self.line.update(after)
        if after is not None:
            self._around.moved(before, after)

    def _tell(self, error: FleetError) -> None:
        """Say once that something fails, until it works again."""
        if not self._is_failing:
            self._is_failing = True
            log.warning("messages of %s wait: %s", self._name, error)

    async def _pause(self, until: float | None) -> None:
        """Wait until a moment, or something has changed; a minute at most."""
        moments = (until, self.line.expiring())
        now = self._around.clock.now()
        wait_s = min((each - now for each in moments if each is not None), default=LOOK_S)
        await self._pause_s(min(wait_s, LOOK_S))

    async def _pause_s(self, wait_s: float) -> None:
        handle = self._around.clock.call_later(max(0.0, wait_s), self._news.set)
        try:
            await self._news.wait()
        finally:
            handle.cancel()


class _Past:
    """What an instance sent, as far as pacing asks for it."""

    def __init__(self, past: Past, pacing: Pacing) -> None:
        self._began_at = past.began_at
        self._hour = deque(past.hour, maxlen=pacing.per_hour)
        self._new = deque(past.new, maxlen=max(1, pacing.new_chats_per_day * GROWN_FACTOR))
        self._newest_is_new = False
        self.gap_s = 0.0

    @property
    def told(self) -> Past:
        return Past(self._began_at, self.gap_s, self._hour, self._new)

    def add(self, now: float, gap_s: float, *, is_new: bool) -> None:
        """A worker gets a message. gap_s: what has to lie behind it."""
        self._began_at = now if self._began_at is None else self._began_at
        self.gap_s = gap_s
        while len(self._hour) > 1 and self._hour[1] <= now - HOUR_S:
            self._hour.popleft()
        self._hour.append(now)
        if is_new:
            self._new.append(now)
        self._newest_is_new = is_new

    def take_back(self) -> None:
        """The newest one was not sent after all."""
        self._hour.pop()
        if self._newest_is_new:
            self._new.pop()
