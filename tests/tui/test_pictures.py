"""Uptime strips and sparklines: exact in width, and true in every cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.scripted import NOW
from waziterm.domain.fleet.history import Attempt, AttemptKind, Moved
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.tui.instance.pictures import (
    AWAY,
    BARS,
    CONNECTED,
    PARTLY,
    UNKNOWN,
    connect_times,
    counts,
    sparkline,
    uptime_strip,
)
from waziterm.tui.paint.cells import width_of

HOUR_S = 3600.0
widths = st.integers(0, 120)
hours = st.floats(0.1, 200.0)
ages = st.floats(-100.0, 300.0 * HOUR_S)
courses = st.lists(st.tuples(ages, st.sampled_from(State)), max_size=12).map(
    lambda pairs: [
        Moved(NOW - age, state, Reason.ONLINE) for age, state in sorted(pairs, key=lambda p: -p[0])
    ]
)
figures = st.lists(st.none() | st.floats(0.0, 1e6), max_size=200)


def moved(hours_ago: float, state: State) -> Moved:
    return Moved(NOW - hours_ago * HOUR_S, state, Reason.ONLINE)


def strip(*moves: Moved, width: int = 24, hours: float = 24.0) -> str:
    return "".join(text for text, _ in uptime_strip(moves, NOW, width, hours))


def test_a_day_cell_by_cell() -> None:
    lived = (
        moved(22, State.CONNECTING),
        moved(20, State.CONNECTED),
        moved(10.5, State.COOLDOWN),
        moved(10.25, State.CONNECTED),
        moved(5, State.HELD),
        moved(2, State.CONNECTED),
    )
    assert strip(*lived) == (
        2 * UNKNOWN + 2 * AWAY + 9 * CONNECTED + PARTLY + 5 * CONNECTED + 3 * AWAY + 2 * CONNECTED
    )
    assert strip(*lived, width=6, hours=6) == CONNECTED + 3 * AWAY + 2 * CONNECTED


def test_a_short_break_is_not_lost() -> None:
    lived = (moved(99, State.CONNECTED), moved(3.5, State.RETRYING), moved(3.499, State.CONNECTED))
    assert strip(*lived) == 20 * CONNECTED + PARTLY + 3 * CONNECTED


def test_who_does_not_answer_is_not_connected() -> None:
    assert strip(moved(99, State.DEGRADED)) == 24 * AWAY


@given(widths, hours)
def test_an_all_connected_day_is_full_whenever_it_began(width: int, long: float) -> None:
    assert strip(moved(long, State.CONNECTED), width=width, hours=long) == width * CONNECTED
    assert strip(moved(999, State.CONNECTED), width=width, hours=long) == width * CONNECTED


@given(widths)
def test_nothing_is_known_of_who_has_no_history(width: int) -> None:
    assert strip(width=width) == width * UNKNOWN
    assert strip(moved(-1, State.CONNECTED), width=width) == width * UNKNOWN


@given(courses, widths, hours)
def test_a_strip_is_exactly_as_wide_as_asked(moves: list[Moved], width: int, long: float) -> None:
    spans = uptime_strip(moves, NOW, width, long)
    text = "".join(text for text, _ in spans)
    assert width_of(text) == len(text) == width
    assert set(text) <= {CONNECTED, PARTLY, AWAY, UNKNOWN}
    if not any(each.state is State.CONNECTED for each in moves):
        assert CONNECTED not in text and PARTLY not in text
    if all(each.state is State.CONNECTED for each in moves):
        assert AWAY not in text and PARTLY not in text


@given(courses, widths, hours)
def test_a_colour_never_says_anything_alone(moves: list[Moved], width: int, long: float) -> None:
    """A glyph has one style, and no two glyphs share one."""
    spans = uptime_strip(moves, NOW, width, long)
    styles = {text[0]: style for text, style in spans}
    assert all(style == styles[text[0]] and set(text) == {text[0]} for text, style in spans)
    assert len(set(styles.values())) == len(styles)


@given(figures, widths)
def test_a_sparkline_is_exactly_as_wide_as_asked(values: list[float | None], width: int) -> None:
    text = sparkline(values, width)
    assert len(text) == width_of(text) == width
    assert set(text) <= {" ", *BARS}
    known = [value for value in values if value is not None]
    if width and known and max(known) > 0:
        assert BARS[-1] in text, "the peak is always there"
    if not known:
        assert text == " " * width


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, BARS),
        ([1, None, 1], 3, "█ █"),
        ([0, 0], 2, "▁▁"),
        ([7], 4, "   █"),
        ([0, 9, 0, 0, None, None], 3, "█▁ "),
        ([], 3, "   "),
    ],
)
def test_a_sparkline_cell_by_cell(values: list[float | None], width: int, drawn: str) -> None:
    assert sparkline(values, width) == drawn


def test_attempts_and_moments_by_the_cell() -> None:
    def attempt(hours_ago: float, took_s: float | None, ok: bool | None) -> Attempt:
        return Attempt(NOW - hours_ago * HOUR_S, "a", AttemptKind.RETRY, took_s, ok)

    tried = (
        attempt(30, 9.0, True),
        attempt(3.5, 1.0, True),
        attempt(3.2, 2.0, True),
        attempt(2.5, 30.0, False),
        attempt(1.5, 0.5, None),
        attempt(0.5, 4.0, True),
        attempt(-0.1, 8.0, True),
    )
    assert connect_times(tried, NOW, 4, 4.0) == [2.0, None, None, 4.0]
    assert counts((each.at for each in tried), NOW, 4, 4.0) == [2, 1, 1, 1]
    assert connect_times(tried, NOW, 0) == counts([], NOW, 0) == []
