"""What a subscriber gets who reads slowly, or not at all."""

import asyncio

from waziterm.domain.fleet.api import Changes, FleetView, InstanceView, LogLine, Notice, Source
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.phrase import as_it_is
from waziterm.manager.broadcast import LINES_KEPT, NOTICES_KEPT, Broadcast


def view(name: str, sent: int = 0) -> InstanceView:
    return InstanceView(
        name, State.STOPPED, Reason.NEW, "", "start it", Wanted.RUNNING, False, None, 0.0, sent=sent
    )


def snapshot() -> FleetView:
    return FleetView(0.0, False, (view("a"), view("b")))


def line(seq: int) -> LogLine:
    return LogLine(seq, 0.0, Source.MANAGER, f"line {seq}")


async def test_a_new_subscriber_gets_the_snapshot_and_then_only_what_changes() -> None:
    broadcast = Broadcast()
    async with broadcast.subscribe(snapshot) as reader:
        assert await reader.next() == Changes(snapshot=snapshot())
        waiting = asyncio.ensure_future(reader.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        broadcast.changed(view("a", sent=1))
        assert await waiting == Changes(changed=(view("a", sent=1),))


async def test_a_slow_reader_gets_the_newest_of_each_and_a_bounded_tail() -> None:
    broadcast = Broadcast()
    async with broadcast.subscribe(snapshot) as slow, broadcast.subscribe(snapshot) as fast:
        await slow.next()
        await fast.next()
        read = 0
        for turn in range(2000):
            broadcast.changed(view("ab"[turn % 2], sent=turn))
            broadcast.line("a", line(turn))
            broadcast.notice(Notice(float(turn), as_it_is("told")))
            read += len((await fast.next()).lines["a"])
        assert read == 2000
        changes = await slow.next()
        assert changes.snapshot is None
        assert [each.sent for each in changes.changed] == [1998, 1999]
        assert [each.seq for each in changes.lines["a"]] == list(range(2000 - LINES_KEPT, 2000))
        assert [each.at for each in changes.notices] == [
            float(n) for n in range(2000 - NOTICES_KEPT, 2000)
        ]


async def test_what_is_removed_and_comes_again_is_not_told_as_removed() -> None:
    broadcast = Broadcast()
    async with broadcast.subscribe(snapshot) as reader:
        await reader.next()
        broadcast.changed(view("a"))
        broadcast.line("a", line(1))
        broadcast.removed("a")
        gone = await reader.next()
        assert (gone.changed, gone.removed, dict(gone.lines)) == ((), ("a",), {})
        broadcast.removed("a")
        broadcast.changed(view("a"))
        assert (await reader.next()).removed == ()


async def test_who_has_left_is_told_nothing() -> None:
    broadcast = Broadcast()
    async with broadcast.subscribe(snapshot) as reader:
        await reader.next()
    broadcast.changed(view("a"))
    waiting = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
