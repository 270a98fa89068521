"""The queue of messages: takes them, has each sent once, and knows what became of it."""

import asyncio
import logging
import math
import time
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import assert_never

from waziterm.domain.care.evidence import UNKNOWN_S, MessagesLook
from waziterm.domain.errors import FleetError
from waziterm.domain.messages.checks import checked
from waziterm.domain.messages.codes import Waits
from waziterm.domain.messages.message import (
    Message,
    MessageState,
    MessageView,
    NewMessage,
    OptedOut,
)
from waziterm.domain.messages.message_settings import Messages, Pacing
from waziterm.domain.messages.message_states import Cancelled, Closed, Happening, Resent
from waziterm.domain.messages.pacing import DAY_S, HOUR_S, JITTER
from waziterm.domain.messages.queue import (
    MOST_QUEUED,
    MessageRefusedError,
    Once,
    RefusalCode,
    Resolution,
    no_such_message,
)
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.messages.sending import CannotSend, OptOut, Phones, Receipt, Standing
from waziterm.domain.phrase import Phrase
from waziterm.gateway.messages_file import MessagesFile, MessagesPlace
from waziterm.gateway.queue_lane import AGAIN_S, Around, Lane
from waziterm.gateway.queue_tally import Tally
from waziterm.gateway.queue_views import Outlook, view_of
from waziterm.store.errors import StoreError
from waziterm.store.messages import MessageStore

log = logging.getLogger(__name__)

CLOSE_S = 5.0
"""So long the end of the queue waits for what a worker has."""
UNUSED_MEDIA_S = DAY_S
"""So long a file of `media/` stays that no message has named."""
_RECEIPTS_AT_ONCE = 1000
_EARLY_RECEIPTS = 100
"""So many receipts wait for the acknowledgement that tells whose they are."""


class Queue:
    """`domain.messages.queue.MessageQueue`, and `Hears`. `messages.db` is made for the first
    message. start: makes a task that lasts as long as the manager. identity_of: the id of the
    instance with a name; raises FleetError."""

    def __init__(
        self,
        file: MessagesFile,
        phones: Phones,
        random: Random,
        messages: Messages,
        pacing: Pacing,
        start: Callable[[Coroutine[object, object, None], str], asyncio.Task[None]],
        identity_of: Callable[[str], str],
    ) -> None:
        self._file = file
        self._place = file.place
        self._phones = phones
        self._clock = file.clock
        self._random = random
        self._messages = messages
        self._pacing = pacing
        self._start = start
        self._identity_of = identity_of
        self._begun = self._is_closed = False
        self._lanes: dict[str, Lane] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._tallies: dict[str, Tally] = {}
        self._names: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._heard: deque[tuple[str, Receipt | OptOut]] = deque()
        self._listening: asyncio.Task[None] | None = None
        self._early: dict[str, deque[Receipt]] = {}
        self._used_media: set[str] = set()
        file.when_opened(self._take_up)
        file.when_clock_set(self._shift)

    # -- its life -----------------------------------------------------------------------------

    async def boot(self, shift: float = 0.0) -> None:
        """Take up what the last manager left, before any instance connects. shift: by how many
        seconds the clock was set since. What cannot be opened is told, and tried again later."""
        self._file.shift(shift)
        if self._file.is_there:
            with suppress(FleetError):
                await self._file.opened()

    def begin(self) -> None:
        """Send from now on: the instances are there."""
        self._begun = True
        for lane in self._lanes.values():
            self._run(lane)

    async def close(self) -> None:
        """Give no worker anything more, and wait a little for what one has. What is not known then
        is looked up at the next boot."""
        self._is_closed = True
        for lane in self._lanes.values():
            lane.close()
        tasks = {*self._tasks.values(), *([self._listening] if self._listening else ())}
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def apply(self, messages: Messages, pacing: Pacing) -> None:
        """Go by other settings from now on."""
        self._messages, self._pacing = messages, pacing
        for lane in self._lanes.values():
            lane.reload()

    async def _shift(self, by: float) -> None:
        """All that is stored was moved by so many seconds, with a clock that was set."""
        for lane in self._lanes.values():
            lane.shift(by)
        if self._file.store is not None:
            await self._count(self._file.store)

    async def hold(self, identity: str, code: str) -> None:
        """The session of the instance with this id is another one, or was brought back: what waits
        is for a person to decide about, and what a worker has can be looked up no more."""
        await self._file.opened_if_there()
        if (lane := self._lanes.get(identity)) is not None:
            lane.moved()
            await lane.hold(code)

    async def tidy(self, *, is_calm: bool) -> None:
        """Delete what is kept no longer. is_calm: the clock can be believed for long times too.
        Raises StoreError."""
        try:
            store = await self._file.opened_if_there()
        except StoreError:
            # It was said why, and is tried again at the next round.
            return
        if store is None:
            return
        await self._file.clock_set()
        now, settings = self._clock.now(), self._messages
        done = await store.tidy(
            now,
            settings.keep_sent_text_s,
            settings.keep_open_text_s,
            settings.keep_s if is_calm else None,
        )
        for each in done.closed:
            self._count_moved(replace(each, is_closed=False), each)
            log.warning("messages: nobody decided about %s in time: its text is gone", each.id)
        used = await store.media_in_use()
        old_s = settings.keep_open_text_s if is_calm else math.inf
        await asyncio.to_thread(_sweep, self._place, used, self._used_media, old_s)
        self._used_media = set(used)

    # -- MessageQueue -------------------------------------------------------------------------

    async def accept(self, instance: str, new: NewMessage, once: Once | None = None) -> MessageView:
        identity, new = self._id_of(instance), checked(new)
        standing = self._phones.standing(identity)
        if refusal := _refusal(standing, instance):
            before = await self._before(identity, once)
            if before is None:
                raise refusal
            return self._view(before)
        if new.content.media:
            await self._look_at_media(new.content.media)
        store = await self._file.opened()
        added = await store.add(
            identity,
            standing.name or instance,
            new,
            self._messages.on_unknown,
            self._clock.now(),
            once=once,
            most=MOST_QUEUED,
        )
        if added.waiting is not None:
            if new.content.media:
                # One of a message that was refused waits for another.
                self._used_media.add(new.content.media)
            self._names[identity] = standing.name or instance
            lane = self._lane(identity, store)
            lane.line.put(added.waiting)
            lane.wake()
            self._changed.set()
        return self._view(added.message)

    async def taken_with(self, instance: str, once: Once) -> MessageView | None:
        before = await self._before(self._id_of(instance), once)
        return None if before is None else self._view(before)

    async def looked_at(self) -> Mapping[str, MessagesLook]:
        """By the ids of the instances, whose messages somebody should look at. Raises StoreError
        when none is taken or sent."""
        store = await self._file.opened_if_there()
        if store is not None:
            await store.look()
        return {} if store is None else await messages_look(store, self._clock.now())

    async def digest(self, body: bytes) -> str:
        return await (await self._file.opened()).digest(body)

    async def message(self, message_id: str) -> MessageView:
        return self._view(await self._found(message_id))

    async def messages(
        self,
        *,
        instance: str | None = None,
        state: MessageState | None = None,
        ref: str | None = None,
        limit: int = 200,
        before: str | None = None,
    ) -> tuple[MessageView, ...]:
        identity = None if instance is None else self._known_id(instance)
        store = await self._file.opened_if_there()
        found = () if store is None else await store.messages(identity, state, ref, limit, before)
        if before is not None and not found:
            await self._found(before)
        ranks: dict[str, dict[str, int]] = {}
        for each in found:
            lane = self._lanes.get(each.instance)
            if lane is not None and each.instance not in ranks and each.id in lane.line:
                ranks[each.instance] = lane.line.ranks()
        return tuple(self._view(each, ranks.get(each.instance)) for each in found)

    async def cancel(self, message_id: str) -> MessageView:
        after = await self._happen(message_id, Cancelled())
        if after is None:
            raise MessageRefusedError(
                RefusalCode.TOO_LATE,
                Phrase("{id} cannot be taken back any more", id=message_id),
                Phrase("see `waziterm messages`"),
            )
        return self._view(after)

    async def resolve(self, message_id: str, how: Resolution) -> MessageView:
        before = await self._found(message_id)
        event: Happening = Closed()
        if how is Resolution.RESEND:
            event = Resent()
            standing = self._phones.standing(before.instance)
            if refusal := _refusal(standing, self._name_of(before.instance)):
                raise refusal
            if await (await self._file.opened()).content(message_id) is None:
                raise MessageRefusedError(
                    RefusalCode.TOO_LATE, Phrase("what {id} says is kept no more", id=message_id)
                )
        after = await self._happen(message_id, event)
        if after is None:
            raise MessageRefusedError(
                RefusalCode.TOO_LATE,
                Phrase("{id} waits for nobody's decision", id=message_id),
                Phrase("see `waziterm messages`"),
            )
        return self._view(after)

    async def text_of(self, message_id: str) -> str:
        await self._found(message_id)
        content = await (await self._file.opened()).content(message_id)
        return "" if content is None else content.text

    def counts(self) -> Mapping[str, QueueCounts]:
        now = self._clock.now()
        found: dict[str, QueueCounts] = {}
        for identity in {*self._tallies, *self._lanes}:
            name = self._name_of(identity)
            tally, lane = self._tally(identity), self._lanes.get(identity)
            queued = 0 if lane is None else lane.count
            ahead = Outlook(None, "") if lane is None or not queued else self._outlook(lane)
            hours = tally.hours(now)
            found[name] = QueueCounts(
                queued=queued,
                unknown=tally.unknown,
                failed=tally.failed,
                next_at=ahead.due,
                waits_for=ahead.code,
                sent_hour=tally.sent_hour(now),
                sent_day=sum(hours),
                hours=hours,
            )
        return found

    async def changed(self) -> None:
        """Wait until the counts may be others than when this returned last; for one caller."""
        await self._changed.wait()
        self._changed.clear()

    async def opt_outs(self, instance: str | None = None) -> tuple[OptedOut, ...]:
        identity = None if instance is None else self._known_id(instance)
        store = await self._file.opened_if_there()
        found = () if store is None else await store.opt_outs(identity)
        return tuple(replace(each, instance=self._name_of(each.instance)) for each in found)

    async def take_back_opt_out(self, opt_out_id: str) -> OptedOut:
        store = await self._file.opened_if_there()
        found = None if store is None else await store.take_back_opt_out(opt_out_id)
        if found is None:
            raise MessageRefusedError(
                RefusalCode.OPT_OUT_NOT_FOUND,
                Phrase("there is no opt-out {id}", id=opt_out_id[:60]),
                Phrase("`waziterm opt-outs` lists them"),
            )
        return replace(found, instance=self._name_of(found.instance))

    # -- Hears --------------------------------------------------------------------------------

    def heard(self, identity: str, what: Receipt | OptOut) -> None:
        if self._is_closed or (self._file.store is None and isinstance(what, Receipt)):
            # Of messages that are not there.
            return
        self._heard.append((identity, what))
        if self._listening is None or self._listening.done():
            self._listening = self._start(self._listen(), "messages receipts")

    async def _listen(self) -> None:
        """Store what was heard, until there is nothing more."""
        most = _RECEIPTS_AT_ONCE
        while self._heard:
            identity, what = self._heard[0]
            receipts = self._next_receipts(identity)[:most]
            taken = len(receipts) or 1
            try:
                if isinstance(what, OptOut):
                    await self._opted_out(identity, what)
                else:
                    await self._receive(identity, receipts)
            except StoreError as error:
                log.warning("what was heard of messages is not kept yet: %s", error)
                await self._clock.sleep(AGAIN_S)
                continue
            except Exception as error:  # noqa: BLE001 - what comes in must never end the manager
                if taken > 1:
                    # It is of one of them.
                    most = 1
                    continue
                met = "".join(traceback.format_tb(error.__traceback__))
                said = "%s: what was heard of a message is lost: %s\n%s"
                log.error(said, self._name_of(identity), type(error).__name__, met)
            for _ in range(taken):
                self._heard.popleft()

    def _next_receipts(self, identity: str) -> list[Receipt]:
        """What was heard next, as far as it is receipts of one instance."""
        found: list[Receipt] = []
        for who, what in self._heard:
            if who != identity or isinstance(what, OptOut):
                break
            found.append(what)
        return found

    async def _receive(self, identity: str, receipts: Sequence[Receipt]) -> None:
        store = self._file.store
        if store is None:
            return
        moved, strange = await store.receive(identity, receipts, self._clock.now())
        lane = self._lanes.get(identity)
        for state, after in moved:
            if lane is not None and state is MessageState.QUEUED:
                lane.line.remove(after.id)
            self._count_moved(replace(after, state=state, is_closed=False), after)
        if strange and lane is not None and lane.is_sending:
            # It came before the acknowledgement of its message.
            early = self._early.setdefault(identity, deque(maxlen=_EARLY_RECEIPTS))
            early.extend(each for each in strange if each not in early)

    def _settled(self, identity: str) -> None:
        """A worker has no message any more: receipts that came too early may be of the last."""
        for each in self._early.pop(identity, ()):
            self.heard(identity, each)

    async def _opted_out(self, identity: str, what: OptOut) -> None:
        store = await self._file.opened()
        for each in await store.opt_out(identity, what):
            self._moved(replace(each, state=MessageState.QUEUED, is_closed=False), each)
        log.info("%s: somebody asked to be sent no more", self._name_of(identity))
        self._changed.set()

    # -- how it is done -----------------------------------------------------------------------

    async def _take_up(self, store: MessageStore) -> None:
        """Take up what waits in the file, which was just opened. Raises StoreError."""
        self._names = await store.names()
        waiting, media = await store.waiting(), await store.media_in_use()
        await self._count(store)
        for each in waiting:
            lane = self._lane(each.message.instance, store)
            if each.message.state is MessageState.SENDING:
                lane.left.append(each)
                self._phones.expect(lane.identity)
            else:
                lane.line.put(each)
        self._used_media = set(media)
        if self._begun:
            self.begin()

    async def _count(self, store: MessageStore) -> None:
        """Count anew what there is."""
        now = self._clock.now()
        self._tallies.clear()
        for (identity, state), count in (await store.open_counts()).items():
            tally = self._tally(identity)
            if state is MessageState.UNKNOWN:
                tally.unknown = count
            else:
                tally.failed = count
        for identity, at in await store.sent_since(now - DAY_S - HOUR_S):
            self._tally(identity).sent(at, now)
        self._changed.set()

    def _tally(self, identity: str) -> Tally:
        return self._tallies.setdefault(identity, Tally())

    def _lane(self, identity: str, store: MessageStore) -> Lane:
        lane = self._lanes.get(identity)
        if lane is None:
            around = Around(
                store,
                self._phones,
                self._clock,
                self._random,
                lambda: self._pacing,
                self._count_moved,
                self._settled,
            )
            lane = self._lanes[identity] = Lane(identity, around)
            if self._begun:
                self._run(lane)
        return lane

    def _run(self, lane: Lane) -> None:
        if lane.identity not in self._tasks and not self._is_closed:
            name = f"messages {self._name_of(lane.identity)}"
            self._tasks[lane.identity] = self._start(lane.run(), name)

    def _count_moved(self, before: Message, after: Message) -> None:
        """Count what happened to a message."""
        tally = self._tally(after.instance)
        tally.moved(before.state, before.is_closed, after)
        if after.sent_at is not None and before.sent_at is None:
            tally.sent(after.sent_at, self._clock.now())
        self._changed.set()

    def _moved(self, before: Message, after: Message) -> None:
        """Let a lane have a message as it stands now."""
        lane = self._lanes.get(after.instance)
        if lane is not None:
            if after.state is MessageState.QUEUED:
                lane.line.update(after)
            else:
                lane.line.remove(after.id)
            lane.wake()
        self._count_moved(before, after)

    async def _happen(self, message_id: str, event: Happening) -> Message | None:
        before = await self._found(message_id)
        store = await self._file.opened()
        after = await store.happen(message_id, event, self._clock.now())
        if after is None:
            return None
        if after.state is MessageState.QUEUED:
            place = await store.place_of(message_id)
            if place is not None and place.message.state is MessageState.QUEUED:
                self._lane(after.instance, store).line.put(place)
        self._moved(before, after)
        return after

    async def _found(self, message_id: str) -> Message:
        store = await self._file.opened_if_there()
        found = None if store is None else await store.message(message_id)
        if found is None:
            raise no_such_message(message_id)
        return found

    async def _before(self, identity: str, once: Once | None) -> Message | None:
        """The message that was taken with a key, although none would be now."""
        store = None if once is None else await self._file.opened_if_there()
        if store is None or once is None:
            return None
        return await store.taken_before(identity, once, self._clock.now())

    async def _look_at_media(self, media: str) -> None:
        path = self._place.root / media
        if not await asyncio.to_thread(lambda: path.is_file() and not path.is_symlink()):
            raise MessageRefusedError(
                RefusalCode.WRONG_CONTENT, Phrase("there is no file {path}", path=media)
            )

    def _id_of(self, instance: str) -> str:
        try:
            return self._identity_of(instance)
        except FleetError as error:
            raise MessageRefusedError(
                RefusalCode.INSTANCE_NOT_FOUND, error.told, error.hint
            ) from error

    def _known_id(self, instance: str) -> str:
        """The id of an instance that is there, or that had messages and is gone."""
        try:
            return self._id_of(instance)
        except MessageRefusedError:
            for identity, name in self._names.items():
                if name == instance:
                    return identity
            raise

    def _name_of(self, identity: str) -> str:
        return self._phones.standing(identity).name or self._names.get(identity) or identity

    def _view(self, message: Message, ranks: Mapping[str, int] | None = None) -> MessageView:
        lane, outlook = self._lanes.get(message.instance), Outlook(None, "")
        if lane is not None and message.state is MessageState.QUEUED and not message.held:
            rank = 0
            if ranks is not None:
                rank = ranks.get(message.id, 0)
            elif message.id in lane.line:
                rank = lane.line.rank(message.id)
            outlook = self._outlook_of(lane, message, rank)
        return view_of(message, self._name_of(message.instance), outlook)

    def _outlook(self, lane: Lane) -> Outlook:
        """When the next message of an instance is sent, and what it waits for."""
        standing = lane.standing()
        if standing.why is not None:
            return Outlook(standing.until, standing.why)
        message, turn = lane.line.first(lane.turns(standing))
        if message is not None:
            return Outlook(self._clock.now(), "")
        return Outlook(None, "") if turn is None else Outlook(turn.at, turn.why or "")

    def _outlook_of(self, lane: Lane, message: Message, rank: int) -> Outlook:
        """The same of one message, before which so many others are sent."""
        standing = lane.standing()
        if standing.why is not None:
            return Outlook(standing.until, standing.why)
        turn = lane.turns(standing)(message.due, lane.line.is_new(message.id))
        least_s = self._pacing.gap_s * (1 - JITTER) if self._pacing.enabled else 0.0
        due = turn.at + rank * least_s
        return Outlook(due, turn.why or (Waits.LINE if rank > 0 else ""))


async def messages_look(store: MessageStore, now: float) -> Mapping[str, MessagesLook]:
    """See `Queue.looked_at`."""
    found = await store.troubled(now, UNKNOWN_S)
    return {identity: MessagesLook(*each) for identity, each in found.items()}


def _refusal(standing: Standing, name: str) -> MessageRefusedError | None:
    """Why an instance takes no messages; None when it does."""
    look = Phrase("see `waziterm status {name}`", name=name)
    match standing.why:
        case CannotSend.GONE:
            said = Phrase("{name} was removed", name=name)
            return MessageRefusedError(RefusalCode.INSTANCE_NOT_FOUND, said)
        case CannotSend.HELD:
            said = Phrase("{name} is held: somebody has to look at it first", name=name)
            return MessageRefusedError(RefusalCode.HELD, said, look)
        case CannotSend.BANNED:
            said = Phrase("the number of {name} is banned", name=name)
            return MessageRefusedError(RefusalCode.BANNED, said, look)
        case CannotSend.LOGGED_OUT:
            said = Phrase("{name} was logged out", name=name)
            return MessageRefusedError(RefusalCode.LOGGED_OUT, said, look)
        case CannotSend.NOT_PAIRED:
            said = Phrase("{name} is not linked", name=name)
            return MessageRefusedError(RefusalCode.NOT_PAIRED, said, look)
        case (
            CannotSend.CONNECTING
            | CannotSend.COOLDOWN
            | CannotSend.RETRYING
            | CannotSend.STOPPED
            | CannotSend.OUTDATED
            | None
        ):
            return None
        case _:
            assert_never(standing.why)


def _sweep(place: MessagesPlace, used: frozenset[str], before: set[str], old_s: float) -> None:
    """Delete the files that no message needs any more, those that none has named for long, and
    copies of `messages.db` from before an upgrade, which have texts too. old_s: how old these are;
    infinite where the clock cannot be believed."""
    now = time.time()

    def is_older(path: Path, seconds: float) -> bool:
        return now - path.stat().st_mtime > seconds

    with suppress(OSError):
        for copy in place.root.glob(f"{place.messages.name}.before-*"):
            if is_older(copy, old_s):
                copy.unlink()
        unused_s = min(old_s, UNUSED_MEDIA_S) if math.isfinite(old_s) else old_s
        for path in [each for each in place.media.iterdir() if not each.name.startswith(".")]:
            name = f"{place.media.name}/{path.name}"
            if name not in used and (name in before or is_older(path, unused_s)):
                path.unlink()
