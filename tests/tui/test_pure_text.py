"""Durations, cutting and wrapping: pure functions from text to text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.scripted import HOSTILE
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import cut, inert, row, spread, width_of, wrap
from waziterm.tui.text.format import countdown, duration, share, stretch

texts = st.text(max_size=80).map(inert)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0:00"), (0, "0:00"), (6.2, "0:07"), (7, "0:07"), (750, "12:30"), (3600, "1:00:00"),
     (11_100, "3:05:00"), (183_900, "2 d 03:05")],
)  # fmt: skip
def test_a_countdown_rounds_up_so_that_zero_means_now(seconds: float, said: str) -> None:
    assert countdown(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (11_100, "3 h 05 min"),
     (273_120, "3 d 03 h")],
)  # fmt: skip
def test_a_duration_is_said_in_its_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(8, "8 s"), (59.9, "59 s"), (71, "1 min 11 s"), (3599, "59 min 59 s"), (11_100, "3 h 05 min")],
)
def test_below_an_hour_a_stretch_is_said_to_the_second(seconds: float, said: str) -> None:
    assert stretch(seconds) == said


def test_a_share_is_100_percent_only_when_nothing_is_missing() -> None:
    assert share(0.99999) == "99.9 %"
    assert share(1) == "100 %"
    assert share(76 / 77) == "98.7 %"
    assert share(0) == "0.0 %"


@given(texts, st.integers(0, 40))
def test_cut_text_fits_and_is_a_beginning(text: str, width: int) -> None:
    short = cut(text, width)
    assert width_of(short) <= width
    assert short in (text, "") or text.startswith(short[:-1])


@given(texts, st.integers(1, 40), st.integers(1, 5))
def test_wrapped_text_fits_its_lines(text: str, width: int, most: int) -> None:
    lines = wrap(text, width, most)
    assert len(lines) <= most
    wide = any(width_of(char) > width for char in text)
    assert wide or all(width_of(line) <= width for line in lines)


def test_wrapping_loses_nothing_where_there_is_room() -> None:
    assert wrap("one guarded attempt in a while", 12, 9) == ["one guarded", "attempt in a", "while"]
    assert wrap("next: reconnects ·\u00a0r\u00a0=\u00a0now", 20, 3) == [
        "next: reconnects",
        "· r = now",
    ]
    assert wrap("abcdefghij", 4, 2) == ["abcd", "efg…"]


@given(texts, texts, st.integers(0, 60))
def test_a_row_is_exactly_as_wide_as_asked(left: str, right: str, width: int) -> None:
    for strip in (
        row([(left, look.PLAIN), (right, look.FAINT)], width, look.PLAIN),
        spread([(left, look.PLAIN)], [(right, look.FAINT)], width, look.PLAIN),
    ):
        assert width_of(strip.text) == strip.cell_length == width


@pytest.mark.parametrize("text", HOSTILE)
def test_inert_text_has_nothing_that_acts_on_a_terminal(text: str) -> None:
    shown = inert(text)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in shown)
    hidden = "\u200b\u200d\u2060\ufeff\u202e\u2066\ufe0f\u20e3\U0001f3fd"
    assert not set(shown) & set(hidden)
    assert width_of(shown) == sum(width_of(char) for char in shown)
