"""What follows from a try, and whose turn it is: pure."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.alerts.delivering import NUMBER, alert
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.delivery import (
    Arrived,
    Delivery,
    Never,
    NotYet,
    Waiting,
    body_for,
    body_of,
    delay_s,
    in_turn,
    json_of,
    settled,
    trial_body,
)

DAY_S = 86_400.0
FRESH = Waiting(1, "msg_1", frozenset({"a"}), 0.0, 0.0, 0.0, 0)


def waits(give_up_s: float, chance: float, why: NotYet) -> list[float]:
    """The waits between the tries of a message that never arrives."""
    message = FRESH
    found: list[float] = []
    while True:
        told = settled(message, why, chance, give_up_s)
        if told.state is Delivery.FAILED:
            assert told.error == why.why
            return found
        assert told.state is Delivery.PENDING
        found.append(told.wait_s)
        message = Waiting(
            1, "msg_1", FRESH.keys, told.wait_s, told.wait_s, told.waited_s, told.tries
        )


def test_the_waits_double_up_to_an_hour_and_end_after_three_days() -> None:
    found = waits(3 * DAY_S, 0.5, NotYet("HTTP 500"))
    assert found[:10] == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    assert set(found[10:]) == {3600}
    assert 3 * DAY_S - 3600 < sum(found) <= 3 * DAY_S


@given(st.integers(0, 1000), st.floats(0, 1))
def test_a_wait_differs_by_a_tenth_and_is_an_hour_at_most(tries: int, chance: float) -> None:
    middle = min(5 * 2 ** min(tries, 12), 3600)
    assert middle * 0.9 - 1e-6 <= delay_s(tries, chance) <= min(middle * 1.1 + 1e-6, 3600)


@pytest.mark.parametrize(("asked", "kept"), [(0, 1), (-5, 1), (7, 7), (7200, 7200), (1e9, DAY_S)])
def test_what_a_receiver_asks_for_is_obeyed_within_bounds(asked: float, kept: float) -> None:
    assert settled(FRESH, NotYet("HTTP 429", asked), 0.9, 3 * DAY_S).wait_s == kept


def test_what_is_not_wanted_is_given_up_at_once() -> None:
    told = settled(FRESH, Never("HTTP 410"), 0.5, DAY_S)
    assert (told.state, told.error, told.tries) == (Delivery.FAILED, "HTTP 410", 1)
    told = settled(FRESH, Arrived(), 0.5, DAY_S)
    assert (told.state, told.error) == (Delivery.SENT, "")


@given(st.lists(st.frozensets(st.sampled_from("abcd"), min_size=1), max_size=12))
def test_the_first_of_each_key_is_in_turn_and_no_later_one(keys: list[frozenset[str]]) -> None:
    messages = [
        Waiting(number, f"msg_{number}", each, 0.0, 0.0, 0.0, 0) for number, each in enumerate(keys)
    ]
    found = in_turn(messages)
    for message in messages:
        earlier = [each for each in messages[: message.number] if each.keys & message.keys]
        assert (message in found) == (not earlier)


def test_a_number_is_in_full_for_whom_the_settings_say_so() -> None:
    body = body_of(alert())
    assert body_for(body, Numbers.FULL)["number"] == NUMBER
    masked = body_for(body, Numbers.MASKED)
    assert masked["number"] == "+62812••••7890"
    assert NUMBER[1:] not in json_of(masked).decode()
    assert body_for(body_of(alert(number=None)), Numbers.MASKED)["number"] is None


def test_the_body_has_what_the_readme_says_in_its_order() -> None:
    wanted = [
        *("id", "at", "rule", "severity", "state", "instance", "instances", "number", "reason"),
        *("code", "since", "text", "next"),
    ]
    assert list(body_of(alert())) == wanted
    assert list(trial_body(0.0)) == wanted
    assert json.loads(json_of(trial_body(0.0)))["rule"] == "test"
