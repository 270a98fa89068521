"""The queue: what it takes, when it sends, and what it says of a message then."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.gateway.phones import JID, TO, Bench
from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.message import MessageState
from waziterm.domain.messages.queue import (
    MOST_QUEUED,
    MessageRefusedError,
    Once,
    RefusalCode,
    Resolution,
)
from waziterm.domain.messages.sending import (
    CannotSend,
    NotSent,
    OptOut,
    Receipt,
    ReceiptKind,
    Refused,
    Uncertain,
)

LOST = Uncertain("no acknowledgement came")
NEVER = Uncertain("the worker ended, and it was never sent")


def refused(bench: Bench, **new: object) -> MessageRefusedError:
    with pytest.raises(MessageRefusedError) as caught:
        bench.accept(**new)  # type: ignore[arg-type]
    return caught.value


def test_a_fleet_that_sends_nothing_has_no_file(bench: Bench) -> None:
    assert not list(bench.root.iterdir())
    assert bench.world.run(bench.queue.messages()) == ()
    assert bench.queue.counts() == {}
    bench.world.run(bench.queue.tidy(is_calm=True))
    assert refused(bench, name="nobody").refusal is RefusalCode.INSTANCE_NOT_FOUND
    bench.phones.set("shop", CannotSend.HELD)
    assert refused(bench).refusal is RefusalCode.HELD
    assert not list(bench.root.iterdir())


def test_a_message_is_stored_and_sent_and_acknowledged(bench: Bench) -> None:
    view = bench.accept(ref="order 7")
    assert (view.state, view.instance, view.to) == (MessageState.QUEUED, "shop", "+49151••••5678")
    after = bench.view(view)
    assert (after.state, after.tries, after.ref) == (MessageState.SENT, 1, "order 7")
    ((_, outgoing),) = bench.phones.of("shop").sent
    assert (outgoing.to, outgoing.content.text) == (JID, "hello")
    assert bench.rows("SELECT secret FROM messages") == [(outgoing.secret,)]
    counts = bench.queue.counts()["shop"]
    assert (counts.queued, counts.sent_hour, counts.sent_day, counts.hours[-1]) == (0, 1, 1, 1)
    assert bench.world.run(bench.queue.text_of(view.id)) == "hello"


def test_the_secret_is_stored_before_the_worker_gets_the_message(bench: Bench) -> None:
    phone = bench.phones.of("shop")
    phone.ack_s = 10.0
    bench.accept()
    ((state, secret),) = bench.rows("SELECT state, secret FROM messages")
    assert (state, secret) == ("sending", phone.sent[0][1].secret)


def test_one_is_under_way_at_a_time_and_a_chat_keeps_its_order(bench: Bench) -> None:
    bench.phones.of("shop").ack_s = 0.2
    for place in range(30):
        bench.accept(to=f"+49151123456{place % 3:02}", text=str(place), priority=place % 2)
    bench.until(lambda: len(bench.sent()) == 30)
    bench.world.pass_time(1.0)
    assert bench.phones.most_under_way == 1
    for chat in range(3):
        theirs = [int(text) for text in bench.sent() if int(text) % 3 == chat]
        assert theirs == sorted(theirs)


def test_among_chats_the_greater_priority_goes_first(bench: Bench) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)
    for place, priority in enumerate((0, 5, 9, 5)):
        bench.accept(to=f"+49151123456{place:02}", text=str(place), priority=priority)
    bench.phones.set("shop", None)
    bench.world.settle()
    assert bench.sent() == ["2", "1", "3", "0"]


def test_a_cool_down_a_stop_and_a_ban_are_waited_for_and_told(bench: Bench) -> None:
    now = bench.world.clock.now()
    bench.phones.set("shop", CannotSend.COOLDOWN, now + 60)
    view = bench.accept()
    assert (view.due, view.code) == (now + 60, "cooldown")
    assert "cool-down" in view.reason and view.next_step.startswith("it is sent at 20")
    counts = bench.queue.counts()["shop"]
    assert (counts.queued, counts.next_at, counts.waits_for) == (1, now + 60, "cooldown")
    bench.phones.set("shop", CannotSend.STOPPED)
    assert bench.view(view).due is None
    assert bench.view(view).next_step == "it is sent when shop can send again"
    bench.phones.set("shop", CannotSend.BANNED, now + 3600)
    bench.world.pass_time(3600)
    assert bench.sent() == []
    assert refused(bench).refusal is RefusalCode.BANNED
    bench.phones.set("shop", None)
    bench.world.settle()
    assert bench.view(view).state is MessageState.SENT


def test_the_pace_is_kept_and_the_first_one_goes_at_once(bench: Bench) -> None:
    bench.apply(enabled=True)
    for place in range(5):
        bench.accept(text=str(place))
    assert bench.sent() == ["0"]
    views = bench.world.run(bench.queue.messages(state=MessageState.QUEUED))
    assert [view.code for view in views] == ["gap"] * 4
    assert sorted(view.due or 0 for view in views) == [view.due for view in reversed(views)]
    bench.until(lambda: len(bench.sent()) == 5, 30)
    times = [at for at, _ in bench.phones.of("shop").sent]
    assert all(1.5 <= later - at <= 4.5 for at, later in pairwise(times))


def test_what_was_sent_before_a_restart_counts(bench: Bench) -> None:
    bench.apply(enabled=True, gap_s=0, per_hour=2)
    bench.accept()
    bench.accept()
    bench.close()
    bench.open()
    view = bench.accept()
    assert bench.view(view).code == "per_hour"
    bench.world.pass_time(3590)
    assert len(bench.sent()) == 2
    bench.world.pass_time(11)
    assert len(bench.sent()) == 3


def test_new_chats_wait_and_known_ones_go_on(bench: Bench) -> None:
    bench.apply(enabled=True, gap_s=0, new_chats_per_day=1)
    bench.accept()
    new = bench.accept(to="+4915100000000", text="new")
    bench.accept(text="known")
    assert bench.sent() == ["hello", "known"]
    assert bench.view(new).code == "new_chats"


def test_a_time_lock_stops_new_chats_and_a_rate_limit_all(bench: Bench) -> None:
    phone = bench.phones.of("shop")
    bench.accept()
    phone.answers = [Refused(463, "refused")]
    locked = bench.accept(to="+4915100000000")
    assert (bench.view(locked).state, bench.view(locked).code) == (MessageState.FAILED, "463")
    new = bench.accept(to="+4915100000001")
    bench.accept(text="known")
    assert bench.view(new).code == "time_lock" and bench.sent()[-1] == "known"
    bench.close()
    bench.open()
    assert bench.view(new).code == "time_lock"
    phone.answers = [Refused(429, "refused")]
    busy = bench.accept(text="busy")
    assert bench.view(busy).code == "rate"
    bench.accept(text="other")
    bench.world.pass_time(890)
    assert bench.sent()[-1] == "busy"
    bench.world.pass_time(11)
    assert bench.view(busy).state is MessageState.SENT and bench.sent()[-1] == "other"


@pytest.mark.parametrize("code", [479, 400])
def test_another_refusal_is_the_end_of_it(bench: Bench, code: int) -> None:
    bench.phones.of("shop").answers = [Refused(code, "refused")]
    view = bench.view(bench.accept())
    assert (view.state, view.code) == (MessageState.FAILED, str(code))
    assert view.reason and view.id in view.next_step


def test_what_did_not_reach_whatsapp_is_tried_again_in_its_place(bench: Bench) -> None:
    bench.phones.of("shop").answers = [NotSent("down"), NotSent("down")]
    first = bench.accept(text="first")
    bench.accept(text="second")
    assert bench.sent() == [] and bench.view(first).code == "retry"
    bench.world.pass_time(25)
    assert bench.sent() == ["first", "second"]
    assert bench.view(first).tries == 3


def test_a_number_that_is_not_on_whatsapp_fails_at_once(bench: Bench) -> None:
    bench.phones.of("shop").answers = [NotSent("no LID", "not_on_whatsapp", is_final=True)]
    view = bench.view(bench.accept())
    assert (view.state, view.code) == (MessageState.FAILED, "not_on_whatsapp")


# -- nobody knows -------------------------------------------------------------------------------


def test_one_that_was_never_sent_is_sent_again_and_once(bench: Bench) -> None:
    bench.phones.of("shop").answers = [NEVER]
    view = bench.accept()
    assert bench.view(view).state is MessageState.SENT and bench.sent() == ["hello"]


def test_one_that_may_have_arrived_is_held_until_its_receipt_comes(bench: Bench) -> None:
    bench.phones.of("shop").answers = [LOST]
    view = bench.accept()
    assert bench.view(view).state is MessageState.UNKNOWN
    assert bench.queue.counts()["shop"].unknown == 1
    bench.accept(text="later")
    # The one before it probably arrived: nobody waits for a person because of it.
    assert bench.sent() == ["hello", "later"]
    at = bench.world.clock.now() + 5
    for chat in ("4915199999999@s.whatsapp.net", JID):
        bench.queue.heard("id-shop", Receipt("3EB000000000", chat, ReceiptKind.DELIVERED, at))
        bench.world.settle()
        is_theirs = chat == JID
        assert (bench.view(view).state is MessageState.DELIVERED) is is_theirs
    assert bench.queue.counts()["shop"].unknown == 0


def test_under_resend_it_is_doubled_once_at_most(bench: Bench) -> None:
    bench.phones.of("shop").answers = [LOST, LOST, LOST]
    view = bench.accept(on_unknown=OnUnknown.RESEND)
    assert bench.view(view).state is MessageState.UNKNOWN
    assert bench.sent() == ["hello", "hello"]


def test_nothing_is_assumed_while_the_session_cannot_be_read(bench: Bench) -> None:
    phone = bench.phones.of("shop")
    phone.answers, phone.unreadable = [LOST], 3
    view = bench.accept()
    other = bench.accept(text="other")
    bench.world.pass_time(14)
    assert bench.view(view).state is MessageState.SENDING
    assert bench.view(other).state is MessageState.QUEUED
    bench.world.pass_time(2)
    assert bench.view(view).state is MessageState.UNKNOWN
    assert bench.view(other).state is MessageState.SENT


def test_a_receipt_that_comes_before_the_acknowledgement_counts(bench: Bench) -> None:
    bench.phones.of("shop").ack_s = 1.0
    view = bench.accept()
    at = bench.world.clock.now()
    bench.queue.heard("id-shop", Receipt("3EB000000000", JID, ReceiptKind.READ, at))
    bench.world.pass_time(2.0)
    assert bench.view(view).state is MessageState.READ


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_killed_managers_message_is_looked_up_at_the_boot(bench: Bench, was_sent: bool) -> None:
    phone = bench.phones.of("shop")
    phone.ack_s = 1000.0
    view = bench.accept()
    bench.kill()
    if not was_sent:
        phone.known.clear()
        phone.sent.clear()
    phone.ack_s = 0.0
    bench.open()
    assert bench.phones.expected == ["id-shop"]
    state = MessageState.UNKNOWN if was_sent else MessageState.SENT
    assert bench.view(view).state is state and bench.sent() == ["hello"]


def test_a_close_waits_for_the_acknowledgement(bench: Bench) -> None:
    bench.phones.of("shop").ack_s = 2.0
    view = bench.accept()
    bench.close()
    bench.open()
    assert bench.view(view).state is MessageState.SENT


# -- people -------------------------------------------------------------------------------------


def test_what_waits_can_be_taken_back_and_what_was_sent_cannot(bench: Bench) -> None:
    sent = bench.accept()
    bench.phones.set("shop", CannotSend.CONNECTING)
    view = bench.accept(text="secret")
    cancelled = bench.world.run(bench.queue.cancel(view.id))
    assert cancelled.state is MessageState.CANCELLED
    assert bench.world.run(bench.queue.text_of(view.id)) == ""
    for each in (sent, view):
        with pytest.raises(MessageRefusedError) as caught:
            bench.world.run(bench.queue.cancel(each.id))
        assert caught.value.refusal is RefusalCode.TOO_LATE
    bench.phones.set("shop", None)
    bench.world.settle()
    assert bench.sent() == ["hello"]


def test_a_person_resends_or_closes_what_is_unknown(bench: Bench) -> None:
    bench.phones.of("shop").answers = [LOST, LOST]
    first, second = bench.accept(text="first"), bench.accept(text="second")
    bench.world.run(bench.queue.resolve(first.id, Resolution.RESEND))
    bench.world.settle()
    assert bench.view(first).state is MessageState.SENT
    assert bench.sent() == ["first", "second", "first"]
    closed = bench.world.run(bench.queue.resolve(second.id, Resolution.CLOSE))
    assert closed.state is MessageState.UNKNOWN and closed.ended_at is not None
    assert bench.world.run(bench.queue.text_of(second.id)) == ""
    assert bench.queue.counts()["shop"].unknown == 0
    for how in Resolution:
        with pytest.raises(MessageRefusedError) as caught:
            bench.world.run(bench.queue.resolve(second.id, how))
        assert caught.value.refusal is RefusalCode.TOO_LATE


def test_who_opted_out_is_written_to_no_more(bench: Bench) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)
    view = bench.accept()
    other = bench.accept(to="+4915100000000")
    now = bench.world.clock.now()
    bench.queue.heard("id-shop", OptOut((JID, "123456789012345@lid"), now))
    bench.world.settle()
    assert (bench.view(view).state, bench.view(view).code) == (MessageState.CANCELLED, "opted_out")
    assert bench.view(other).state is MessageState.QUEUED
    assert refused(bench).refusal is RefusalCode.OPTED_OUT
    assert refused(bench, to="123456789012345@lid").refusal is RefusalCode.OPTED_OUT
    listed = bench.world.run(bench.queue.opt_outs("shop"))
    assert {each.instance for each in listed} == {"shop"} and len(listed) == 2
    bench.world.run(bench.queue.take_back_opt_out(listed[0].id))
    assert bench.world.run(bench.queue.opt_outs()) == ()
    bench.accept()
    with pytest.raises(MessageRefusedError) as caught:
        bench.world.run(bench.queue.take_back_opt_out(listed[0].id))
    assert caught.value.refusal is RefusalCode.OPT_OUT_NOT_FOUND


def test_a_key_takes_one_message_for_a_day(bench: Bench) -> None:
    digest = bench.world.run(bench.queue.digest(b'{"text": "hello"}'))
    assert len(digest) == 64 and digest != bench.world.run(bench.queue.digest(b"{}"))
    once = Once("crm", "key-1", digest)
    first = bench.accept(once=once)
    bench.phones.set("shop", CannotSend.HELD)
    assert bench.accept(once=once).id == first.id
    bench.phones.set("shop", None)
    assert bench.accept(once=once).id == first.id
    assert refused(bench, once=replace(once, digest="f" * 64)).refusal is RefusalCode.OTHER_BODY
    bench.phones.of("other")
    assert bench.accept("other", once=once).id != first.id
    assert bench.accept(once=replace(once, owner="erp")).id != first.id
    bench.world.pass_time(86_401)
    assert bench.accept(once=once).id != first.id
    assert bench.rows("SELECT count(*) FROM once WHERE key LIKE '%hello%'") == [(0,)]


def test_a_key_may_end_sooner_and_a_restart_keeps_it(bench: Bench) -> None:
    once = Once("/facade", "key-1", "0" * 64, for_s=30.0)
    assert bench.world.run(bench.queue.taken_with("shop", once)) is None
    first = bench.accept(once=once)
    bench.world.pass_time(10)
    bench.close()  # it takes 10 s
    bench.open()
    found = bench.world.run(bench.queue.taken_with("shop", once))
    assert found is not None and found.id == first.id == bench.accept(once=once).id
    bench.world.pass_time(9)
    assert bench.accept(once=once).id == first.id, "asking again makes it no longer"
    bench.world.pass_time(2)
    assert bench.world.run(bench.queue.taken_with("shop", once)) is None
    second = bench.accept(once=once)
    assert second.id != first.id
    assert bench.accept(once=once).id == second.id


def test_a_full_queue_takes_no_more(bench: Bench) -> None:
    bench.phones.set("shop", CannotSend.CONNECTING)

    async def fill() -> None:
        from waziterm.domain.messages.message import Content, MessageKind, NewMessage

        content = Content(MessageKind.TEXT, "x")
        for _ in range(MOST_QUEUED):
            await bench.queue.accept("shop", NewMessage(TO, content))

    bench.world.run(fill())
    error = refused(bench)
    assert error.refusal is RefusalCode.QUEUE_FULL and error.retry_after_s


def test_pages_of_messages(bench: Bench) -> None:
    views = [bench.accept(ref="a" if place % 2 else "b") for place in range(6)]
    newest = [each.id for each in reversed(views)]
    page = bench.world.run(bench.queue.messages(instance="shop", limit=4))
    assert [each.id for each in page] == newest[:4]
    rest = bench.world.run(bench.queue.messages(before=page[-1].id))
    assert [each.id for each in rest] == newest[4:]
    found = bench.world.run(bench.queue.messages(ref="a", state=MessageState.SENT))
    assert [each.id for each in found] == newest[0::2]
    assert bench.world.run(bench.queue.messages(before=newest[-1])) == ()
    for asked in (bench.queue.message("msg_none"), bench.queue.messages(before="msg_none")):
        with pytest.raises(MessageRefusedError) as caught:
            bench.world.run(asked)
        assert caught.value.refusal is RefusalCode.MESSAGE_NOT_FOUND
