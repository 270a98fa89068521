"""The queue as somebody meets it who tries to break it."""

import asyncio

import pytest

from tests.gateway.phones import TO, Bench
from waziterm.domain.messages.message import Content, MessageKind, MessageState, NewMessage
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode, Resolution
from waziterm.domain.messages.sending import (
    CannotSend,
    NotSent,
    OptOut,
    Receipt,
    ReceiptKind,
    Refused,
)

OTHER = "+4915112345679"
THEIRS = "4915112345678@s.whatsapp.net"
OTHERS = "4915112345679@s.whatsapp.net"


def refusal_of(bench: Bench, message_id: str, how: Resolution) -> RefusalCode:
    with pytest.raises(MessageRefusedError) as caught:
        bench.world.run(bench.queue.resolve(message_id, how))
    return caught.value.refusal


def test_what_no_database_takes_stops_nobody_else(bench: Bench) -> None:
    bench.accept()
    half = Receipt("3EB0\ud800", "4915112345678@s.whatsapp.net", ReceiptKind.READ, 1.0)
    bench.queue.heard("id-shop", half)
    bench.queue.heard("id-shop", OptOut(("1234567\udfff@lid",), 1.0))
    bench.world.settle()
    bench.accept(text="after it")
    bench.world.pass_time(1.0)
    assert bench.sent() == ["hello", "after it"]
    bench.queue.heard("id-shop", OptOut((OTHERS,), bench.world.clock.now()))
    bench.world.settle()
    assert len(bench.world.run(bench.queue.opt_outs())) == 1, "who is heard later is heard"
    assert all(not task.done() for task in bench.tasks if task.get_name() == "messages shop")


def test_who_opted_out_is_written_to_by_no_way_round(bench: Bench) -> None:
    bench.phones.of("shop").answers = [Refused(463, "463")]
    failed = bench.accept()
    assert bench.view(failed).state is MessageState.FAILED
    bench.phones.of("shop").answers = [NotSent("not connected")]
    bench.apply(enabled=False)
    again = bench.accept(to=OTHER, text="again")
    assert bench.view(again).state is MessageState.QUEUED
    now = bench.world.clock.now()
    bench.queue.heard("id-shop", OptOut((THEIRS,), now))
    bench.world.settle()
    assert refusal_of(bench, failed.id, Resolution.RESEND) is RefusalCode.OPTED_OUT
    assert bench.view(failed).state is MessageState.FAILED
    assert bench.world.run(bench.queue.resolve(failed.id, Resolution.CLOSE)).id == failed.id


def test_who_opts_out_while_a_worker_has_a_message_gets_it_no_second_time(bench: Bench) -> None:
    phone = bench.phones.of("shop")
    bench.apply(enabled=False)
    first = bench.accept(to=OTHER)
    phone.ack_s, phone.answers = 5.0, [Refused(500, "500")]
    bench.accept()
    assert bench.phones.of("shop").under_way == 1
    bench.queue.heard("id-shop", OptOut((THEIRS,), bench.world.clock.now()))
    bench.world.pass_time(600.0)
    assert [each.to for _, each in phone.sent] == [OTHERS, THEIRS]
    assert bench.view(first).state is MessageState.SENT
    (gone,) = bench.world.run(bench.queue.messages(state=MessageState.CANCELLED))
    assert gone.code == "opted_out"
    assert bench.queue.counts()["shop"].queued == 0


def test_an_opt_out_that_is_taken_back_is_nobody_elses(bench: Bench) -> None:
    bench.accept()
    at = bench.world.clock.now()
    for chats in ((THEIRS, "111111111@lid"), (OTHERS, "222222222@lid")):
        bench.queue.heard("id-shop", OptOut(chats, at))
    bench.world.settle()
    found = bench.world.run(bench.queue.opt_outs())
    assert len(found) == 4
    taken = bench.world.run(bench.queue.take_back_opt_out(found[0].id))
    left = bench.world.run(bench.queue.opt_outs())
    assert len(left) == 2, "one answered in the same second as the other"
    assert taken not in left


def test_one_message_says_what_the_list_says_of_it(bench: Bench) -> None:
    bench.apply(enabled=True, gap_s=60.0)
    bench.accept(to=OTHER)
    held = bench.accept(text="held")
    bench.world.run(bench.queue.hold("id-shop", "restored"))
    ids = [
        bench.accept(to=f"+49151123456{place}", priority=place % 3).id for place in range(70, 76)
    ]
    listed = {each.id: each for each in bench.world.run(bench.queue.messages())}
    for each in (*ids, held.id):
        assert bench.view(each) == listed[each]
    soonest = min((listed[each] for each in ids), key=lambda each: each.due or 0.0)
    assert soonest.priority == 2


def test_what_is_held_says_why_it_is_now(bench: Bench) -> None:
    """An instance that is cleaned is not linked for a moment; one that was restored is again."""
    bench.phones.set("shop", CannotSend.STOPPED)
    message = bench.accept()
    for happens, code in (("", "not_paired"), ("cleaned", "cleaned"), ("restored", "restored")):
        if happens:
            bench.world.run(bench.queue.hold("id-shop", happens))
        else:
            bench.phones.set("shop", CannotSend.NOT_PAIRED)
            bench.world.settle()
        assert bench.view(message).code == code and bench.view(message).waits_for_person
    bench.phones.set("shop", None)
    bench.world.settle()
    assert bench.sent() == []


def test_settings_that_change_while_a_message_is_given_disturb_nobody(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    phone = bench.phones.of("shop")
    phone.ack_s = 1.0
    bench.world.run(bench.queue.accept("shop", NewMessage(TO, Content(MessageKind.TEXT, "one"))))
    for _ in range(200):
        bench.queue.apply(bench.messages, bench.pacing)
        bench.world.run(asyncio.sleep(0))
    bench.world.pass_time(2.0)
    assert bench.sent() == ["one"]
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


def test_a_file_of_a_message_that_was_refused_waits_for_the_next_try(bench: Bench) -> None:
    media = bench.root / "media"
    media.mkdir()
    (media / "abc").write_bytes(b"x")
    bench.accept()
    content = Content(MessageKind.DOCUMENT, "", "media/abc")
    bench.queue.heard("id-shop", OptOut((OTHERS,), bench.world.clock.now()))
    bench.world.settle()
    with pytest.raises(MessageRefusedError):
        bench.accept(to=OTHER, content=content)
    bench.world.run(bench.queue.tidy(is_calm=True))
    assert (media / "abc").exists()
    assert bench.accept(content=content).state is MessageState.QUEUED
