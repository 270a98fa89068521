"""What was done about an incident, told from how its instances went on."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.fleet.history import Moved
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.incidents.outcome import closed_at, done_about
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State

ONLINE = (State.CONNECTED, Reason.ONLINE)
COOLING = (State.COOLDOWN, Reason.CONFLICT)
GUARDED = (State.CONNECTING, Reason.GUARDED)
TAKEOVER = (State.CONNECTING, Reason.TAKEOVER)
RIVAL = (State.HELD, Reason.RIVAL)
NO_DIAL = (State.RETRYING, Reason.DIAL_FAILED)
RETRY = (State.CONNECTING, Reason.RETRY)
DROPPED = (State.RETRYING, Reason.DROPPED)
STOPPED = (State.STOPPED, Reason.BY_OPERATOR)
PAUSED = (State.STOPPED, Reason.PAUSED)
NO_MANAGER = (State.STOPPED, Reason.NO_MANAGER)
RESUMED = (State.CONNECTING, Reason.RESUMED)
UNLINKED = (State.LOGGED_OUT, Reason.UNLINKED)

Step = tuple[State, Reason]


def course(*steps: Step, begin: float = 100.0, apart_s: float = 6.0) -> tuple[Moved, ...]:
    """What an instance goes through, a step every `apart_s` seconds."""
    return tuple(Moved(begin + apart_s * at, *step) for at, step in enumerate(steps))


def incident(reason: Reason, *names: str) -> Incident:
    met = names or ("a",)
    return Incident(reason, 100.0, 100.0, met, 12, met=met)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((COOLING,), "waits for the end of the cool-down"),
        ((COOLING, GUARDED), "cool-down, an attempt is under way"),
        ((COOLING, GUARDED, ONLINE), "cool-down, one guarded attempt, connected after 12 s"),
        ((COOLING, GUARDED, ONLINE, STOPPED),
         "cool-down, one guarded attempt, connected after 12 s"),
        ((COOLING, GUARDED, RIVAL, TAKEOVER, ONLINE), "cool-down, one guarded attempt, then held:"
         " another client keeps taking this session"),
        ((COOLING, STOPPED), "cool-down, stopped by an operator"),
        ((COOLING, TAKEOVER, ONLINE), "cool-down, taken over by an operator, connected after 12 s"),
        ((RIVAL,), "waits for an operator"),
        ((RIVAL, TAKEOVER, ONLINE), "taken over by an operator, connected after 12 s"),
        ((NO_DIAL,), "waits for the next attempt"),
        ((NO_DIAL, RETRY, ONLINE), "1 attempt, connected after 12 s"),
        ((NO_DIAL, RETRY, NO_DIAL, RETRY, NO_DIAL), "2 attempts, waits for the next attempt"),
        ((NO_DIAL, RETRY, NO_DIAL, RETRY, DROPPED, ONLINE), "2 attempts, connected after 30 s"),
        ((NO_DIAL, PAUSED, RESUMED, ONLINE),
         "resumed after the program's start or a pause, connected after 18 s"),
        ((DROPPED, ONLINE), "connected after 6 s"),
        ((NO_DIAL, NO_MANAGER), "no manager runs"),
        ((COOLING, PAUSED), "cool-down, stopped for maintenance"),
        ((DROPPED, COOLING, GUARDED, ONLINE),
         "then cool-down: another client took over this session"),
        ((UNLINKED, (State.CONNECTING, Reason.ASKED), (State.PAIRING, Reason.QR_SHOWN)),
         "connect asked by an operator, a QR code waits to be scanned"),
    ],
)  # fmt: skip
def test_one_instance_is_told_step_by_step(steps: Sequence[Step], said: str) -> None:
    first = steps[0][1]
    assert done_about(incident(first), {"a": course(*steps)}) == said


def test_what_came_before_and_what_is_another_s_is_not_told() -> None:
    before = course(NO_DIAL, RETRY, ONLINE, begin=50.0)
    courses = {"a": (*before, *course(COOLING, GUARDED, ONLINE)), "b": course(NO_DIAL)}
    said = "cool-down, one guarded attempt, connected after 12 s"
    assert done_about(incident(Reason.CONFLICT), courses) == said


def test_of_several_only_the_outcome_is_told() -> None:
    names = ("a", "b", "c", "d")
    courses = {
        "a": course(NO_DIAL, RETRY, ONLINE),
        "b": course(NO_DIAL, RETRY, ONLINE, apart_s=90.0),
        "c": course(NO_DIAL, RETRY, NO_DIAL),
        "d": course(NO_DIAL, STOPPED),
    }
    told = done_about(incident(Reason.DIAL_FAILED, *names), courses)
    assert told == "2 of 4 connected again, each within 3 min; 1 retrying; 1 stopped"
    told = done_about(incident(Reason.DIAL_FAILED, "a", "b"), courses)
    assert told == "all 2 connected again, each within 3 min"
    assert done_about(incident(Reason.DIAL_FAILED, "c", "d"), courses) == "1 retrying; 1 stopped"


@pytest.mark.parametrize(
    "courses",
    [{}, {"a": ()}, {"a": course(ONLINE)}, {"a": course(COOLING, begin=200.0)}],
    ids=["removed", "pruned", "another reason", "another time"],
)
def test_what_the_history_does_not_tell_is_not_made_up(
    courses: dict[str, tuple[Moved, ...]],
) -> None:
    assert done_about(incident(Reason.CONFLICT), courses) == ""
    assert done_about(incident(Reason.CONFLICT, "a", "b"), courses) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (119.0, "119 s"), (120.0, "2 min"), (7200.0, "2 h"), (172_800.0, "2 d")],
)
def test_the_time_is_told_in_its_largest_unit(seconds: float, said: str) -> None:
    courses = {"a": course(DROPPED, ONLINE, apart_s=seconds)}
    assert done_about(incident(Reason.DROPPED), courses) == f"connected after {said}"


steps = st.lists(
    st.tuples(st.sampled_from(State), st.sampled_from(list(Reason))), min_size=1, max_size=8
)


@given(steps, st.sampled_from(list(Reason)))
def test_any_course_can_be_told(taken: list[Step], reason: Reason) -> None:
    told = done_about(incident(reason), {"a": course((State.RETRYING, reason), *taken)})
    assert told and "\n" not in told
    online = any(state is State.CONNECTED for state, _ in taken)
    assert online or "connected after" not in told


@pytest.mark.parametrize(
    ("steps", "closed"),
    [
        ((COOLING,), None),
        ((COOLING, GUARDED), None),
        ((COOLING, GUARDED, ONLINE, STOPPED), 112.0),
        ((COOLING, GUARDED, RIVAL), 112.0),
        ((NO_DIAL, PAUSED, RESUMED, ONLINE), 118.0),
        ((NO_DIAL, NO_MANAGER), None),
        ((RIVAL, STOPPED), 106.0),
        ((RIVAL,), None),
    ],
)
def test_an_incident_is_closed_when_its_instance_is_through_with_it(
    steps: Sequence[Step], closed: float | None
) -> None:
    assert closed_at(incident(steps[0][1]), {"a": course(*steps)}, {}) == closed


def test_an_incident_of_several_is_closed_with_the_last_of_them() -> None:
    met = incident(Reason.DIAL_FAILED, "a", "b")
    courses = {"a": course(NO_DIAL, RETRY, ONLINE), "b": course(NO_DIAL, RETRY)}
    assert closed_at(met, courses, {}) is None
    courses["b"] = course(NO_DIAL, RETRY, ONLINE, apart_s=90.0)
    assert closed_at(met, courses, {}) == 280.0


def test_an_incident_that_met_the_same_instance_again_is_open_again() -> None:
    grown = Incident(Reason.CONFLICT, 100.0, 118.0, ("a",), 12, met=("a",))
    moves = course(COOLING, GUARDED, ONLINE, COOLING, GUARDED)
    assert closed_at(grown, {"a": moves}, {}) is None
    assert closed_at(grown, {"a": course(COOLING, GUARDED, ONLINE, COOLING, ONLINE)}, {}) == 124.0


def test_where_the_history_does_not_reach_back_an_instance_s_reason_tells() -> None:
    old = incident(Reason.RIVAL)
    assert closed_at(old, {}, {"a": Reason.RIVAL}) is None
    assert closed_at(old, {}, {"a": Reason.ONLINE}) == 100.0
    assert closed_at(old, {}, {}) == 100.0
    later = course(ONLINE, begin=500.0)
    assert closed_at(old, {"a": later}, {"a": Reason.ONLINE}) == 500.0
