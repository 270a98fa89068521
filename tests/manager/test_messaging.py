"""What a manager makes of its queue's counts, and what it asks of the queue by name."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.message import (
    MessageKind,
    MessageState,
    MessageView,
    NewMessage,
    OptedOut,
)
from waziterm.domain.messages.queue import (
    MessageQueue,
    MessageRefusedError,
    Once,
    RefusalCode,
    Resolution,
)
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.manager import messaging
from waziterm.manager.clock import SystemClock
from waziterm.manager.messaging import Messaging, send, text_of

WAITS = MessageView(
    "m-1", "shop", "+62812••••7890", MessageKind.TEXT, MessageState.QUEUED, 1.0, 2.0, 3.0,
    OnUnknown.HOLD,
)  # fmt: skip


class ScriptedQueue:
    """Takes everything in, and counts as it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, NewMessage]] = []
        self.looks = 0
        self.counted: dict[str, QueueCounts] = {}
        self.news = asyncio.Event()

    async def accept(self, instance: str, new: NewMessage, once: Once | None = None) -> MessageView:
        self.taken.append((instance, new))
        return WAITS

    async def taken_with(self, instance: str, once: Once) -> MessageView | None:
        raise NotImplementedError

    async def digest(self, body: bytes) -> str:
        raise NotImplementedError

    async def message(self, message_id: str) -> MessageView:
        if message_id != WAITS.id:
            raise MessageRefusedError(RefusalCode.MESSAGE_NOT_FOUND, "no such message")
        return WAITS

    async def messages(
        self,
        *,
        instance: str | None = None,
        state: MessageState | None = None,
        ref: str | None = None,
        limit: int = 200,
        before: str | None = None,
    ) -> tuple[MessageView, ...]:
        return (WAITS,)

    async def cancel(self, message_id: str) -> MessageView:
        return WAITS

    async def resolve(self, message_id: str, how: Resolution) -> MessageView:
        return WAITS

    async def text_of(self, message_id: str) -> str:
        return "hello"

    def counts(self) -> Mapping[str, QueueCounts]:
        self.looks += 1
        return dict(self.counted)

    async def changed(self) -> None:
        await self.news.wait()
        self.news.clear()

    async def opt_outs(self, instance: str | None = None) -> tuple[OptedOut, ...]:
        return ()

    async def take_back_opt_out(self, opt_out_id: str) -> OptedOut:
        raise MessageRefusedError(RefusalCode.OPT_OUT_NOT_FOUND, "no such opt-out")


@asynccontextmanager
async def running(queue: MessageQueue) -> AsyncIterator[tuple[Messaging, asyncio.Queue[str]]]:
    shown: asyncio.Queue[str] = asyncio.Queue()
    desk = Messaging(SystemClock(), shown.put_nowait)
    task = asyncio.create_task(desk.run(queue))
    try:
        async with asyncio.timeout(10):
            yield desk, shown
    finally:
        task.cancel()


async def test_whose_counts_change_is_shown_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(messaging, "COUNTED_S", 0.01)
    queue = ScriptedQueue()
    async with running(queue) as (desk, shown):
        assert desk.counts_of("shop-a") is None
        queue.counted = {"shop-a": QueueCounts(queued=1), "shop-b": QueueCounts(sent_day=3)}
        queue.news.set()
        assert {await shown.get(), await shown.get()} == {"shop-a", "shop-b"}
        assert desk.counts_of("shop-a") == QueueCounts(queued=1)
        queue.counted["shop-a"] = QueueCounts(sent_hour=1)
        queue.news.set()
        assert await shown.get() == "shop-a" and shown.empty()
        del queue.counted["shop-b"]
        queue.news.set()
        assert await shown.get() == "shop-b" and desk.counts_of("shop-b") is None


async def test_a_fleet_without_messages_is_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(messaging, "COUNTED_S", 0.0)
    monkeypatch.setattr(messaging, "OLD_S", 0.0)
    queue = ScriptedQueue()
    async with running(queue):
        for _ in range(50):
            await asyncio.sleep(0)
        assert queue.looks == 1


@pytest.mark.parametrize(
    ("to", "jid"),
    [
        ("+62 812 3456-7890", "6281234567890@s.whatsapp.net"),
        (" 6281234567890@s.whatsapp.net ", "6281234567890@s.whatsapp.net"),
        ("120363041234567890@g.us", "120363041234567890@g.us"),
    ],
)
async def test_a_recipient_is_a_number_or_a_jid(to: str, jid: str) -> None:
    queue = ScriptedQueue()
    assert await send(queue, "shop", to, "hello") == WAITS
    ((name, new),) = queue.taken
    assert (name, new.to, new.content.text) == ("shop", jid, "hello")
    assert "hello" not in repr(new)


async def test_what_is_no_number_reaches_no_queue() -> None:
    queue = ScriptedQueue()
    for wrong in ("081234", "meet me at the harbour", ""):
        with pytest.raises(MessageRefusedError) as refused:
            await send(queue, "shop", wrong, "hello")
        assert refused.value.refusal is RefusalCode.WRONG_RECIPIENT
        assert "harbour" not in str(refused.value), "it may be the text by mistake"
    assert queue.taken == []


async def test_a_text_is_told_with_whose_it_is() -> None:
    told = await text_of(ScriptedQueue(), "m-1")
    assert (told.instance, told.to, told.text) == ("shop", WAITS.to, "hello")
    assert "hello" not in repr(told)
    with pytest.raises(MessageRefusedError):
        await text_of(ScriptedQueue(), "m-2")
