"""A message goes from state to state by one pure function, which loses none and doubles none."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.message import ARRIVED, Message, MessageKind, MessageState
from waziterm.domain.messages.message_states import (
    MOST_REFUSALS,
    RATE_S,
    RETRY_S,
    Adrift,
    Cancelled,
    Closed,
    Given,
    Happening,
    Held,
    Overdue,
    Resent,
    Traced,
    is_kept,
    step,
)
from waziterm.domain.messages.sending import (
    Acknowledged,
    NotSent,
    Receipt,
    ReceiptKind,
    Refused,
    Trace,
)

NOW = 1_700_000_000.0
CHAT = "4915112345678@s.whatsapp.net"
NEW = Message(
    *("msg_1", "i1", CHAT, MessageKind.TEXT, MessageState.QUEUED, NOW, NOW, NOW + 86_400.0),
    OnUnknown.HOLD,
)

EVENTS = st.one_of(
    st.just(Given()),
    st.builds(Acknowledged, st.sampled_from(["A1", "B2"]), st.just("77@lid")),
    st.builds(Refused, st.sampled_from([400, 429, 463, 479, 500]), st.just("")),
    st.builds(NotSent, st.just(""), st.sampled_from(["", "not_on_whatsapp"]), st.booleans()),
    st.builds(Traced, st.none() | st.builds(Trace, st.sampled_from(["A1", "B2"]), st.just(CHAT))),
    st.builds(Adrift, st.just("removed")),
    st.builds(
        *(Receipt, st.sampled_from(["A1", "B2"]), st.just(CHAT), st.sampled_from(ReceiptKind)),
        st.just(NOW + 5),
    ),
    st.builds(Cancelled, st.sampled_from(["", "opted_out"])),
    st.just(Overdue()),
    st.builds(Held, st.just("restored")),
    st.just(Resent()),
    st.just(Closed()),
)
STORIES = st.lists(EVENTS, max_size=30)
ON_UNKNOWN = st.sampled_from(OnUnknown)


def told(on_unknown: OnUnknown, story: list[Happening]) -> list[tuple[Message, Happening, Message]]:
    """The steps that were possible."""
    message, steps = replace(NEW, on_unknown=on_unknown), []
    for place, event in enumerate(story):
        after = step(message, event, NOW + place)
        if after is not None:
            steps.append((message, event, after))
            message = after
    return steps


@given(ON_UNKNOWN, STORIES)
def test_nothing_is_given_to_a_worker_but_what_waits(
    on_unknown: OnUnknown, story: list[Happening]
) -> None:
    for before, event, after in told(on_unknown, story):
        assert (after.state is MessageState.SENDING) is (
            isinstance(event, Given) or before.state is MessageState.SENDING is after.state
        )
        if isinstance(event, Given):
            assert before.state is MessageState.QUEUED and not before.held
            assert after.tries == before.tries + 1


@given(ON_UNKNOWN, STORIES)
def test_what_may_have_arrived_is_sent_again_by_a_person_or_once_by_the_rule(
    on_unknown: OnUnknown, story: list[Happening]
) -> None:
    for before, event, after in told(on_unknown, story):
        again = after.state is MessageState.QUEUED and before.state is not MessageState.QUEUED
        if not again or isinstance(event, Resent):
            continue
        # Only what certainly did not arrive, or the one double of `resend`.
        if isinstance(event, Traced) and event.trace is not None:
            assert on_unknown is OnUnknown.RESEND
            assert (before.doubles, after.doubles) == (0, 1)
        else:
            assert isinstance(event, NotSent | Refused | Traced)


@given(ON_UNKNOWN, STORIES)
def test_under_hold_nothing_is_ever_doubled_but_by_a_person(
    on_unknown: OnUnknown, story: list[Happening]
) -> None:
    asked = sum(isinstance(event, Resent) for _, event, _ in told(on_unknown, story))
    for _, _, after in told(on_unknown, story):
        most = asked + (on_unknown is OnUnknown.RESEND)
        assert after.doubles <= most


@given(ON_UNKNOWN, STORIES)
def test_what_has_arrived_never_goes_back(on_unknown: OnUnknown, story: list[Happening]) -> None:
    order = [MessageState.SENT, MessageState.DELIVERED, MessageState.READ]
    for before, _, after in told(on_unknown, story):
        if before.state in ARRIVED:
            assert after.state in ARRIVED
            assert order.index(after.state) >= order.index(before.state)
        if after.state in ARRIVED:
            assert after.sent_at is not None and after.ended_at is not None


@given(ON_UNKNOWN, STORIES)
def test_what_is_over_says_so_and_what_waits_keeps_its_text(
    on_unknown: OnUnknown, story: list[Happening]
) -> None:
    for _, _, after in told(on_unknown, story):
        waits = after.state in (MessageState.QUEUED, MessageState.SENDING)
        assert is_kept(after) or not waits
        assert not (after.held and after.state is not MessageState.QUEUED)
        if after.state in (MessageState.FAILED, MessageState.EXPIRED, MessageState.CANCELLED):
            assert after.ended_at is not None
            # Whoever says that it was not sent has to be right.
            assert not after.doubles
        if waits:
            assert after.ended_at is None and not after.is_closed


def test_a_refusal_that_may_pass_is_tried_a_few_times() -> None:
    message = NEW
    for time in range(1, MOST_REFUSALS + 1):
        given = step(message, Given(), NOW)
        assert given is not None
        after = step(given, Refused(429, ""), NOW)
        assert after is not None
        message = after
        if time < MOST_REFUSALS:
            assert (message.state, message.due) == (MessageState.QUEUED, NOW + RATE_S)
    assert (message.state, message.code) == (MessageState.FAILED, "429")


def test_what_never_reaches_whatsapp_is_tried_ever_more_seldom() -> None:
    message, waits = NEW, []
    for _ in range(6):
        given = step(message, Given(), NOW)
        assert given is not None
        after = step(given, Traced(None), NOW)
        assert after is not None and after.state is MessageState.QUEUED
        message = after
        waits.append(message.due - NOW)
    # A worker that ended costs no time once.
    assert waits == [0.0, *RETRY_S, RETRY_S[-1]]


def test_a_receipt_settles_what_was_unknown_and_stops_what_was_to_be_doubled() -> None:
    given = step(NEW, Given(), NOW)
    assert given is not None
    unknown = step(given, Traced(Trace("A1", CHAT)), NOW)
    assert unknown is not None and unknown.state is MessageState.UNKNOWN
    delivered = step(unknown, Receipt("A1", CHAT, ReceiptKind.DELIVERED, NOW + 9), NOW)
    assert delivered is not None and delivered.state is MessageState.DELIVERED
    assert (delivered.sent_at, delivered.delivered_at) == (NOW + 9, NOW + 9)
    again = step(replace(given, on_unknown=OnUnknown.RESEND), Traced(Trace("A1", CHAT)), NOW)
    assert again is not None and again.state is MessageState.QUEUED
    read = step(again, Receipt("A1", CHAT, ReceiptKind.READ, NOW + 9), NOW)
    assert read is not None and read.state is MessageState.READ
    assert step(again, Receipt("B2", CHAT, ReceiptKind.READ, NOW + 9), NOW) is None
