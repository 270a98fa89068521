"""Which lines are counted, and when there are too many."""

import pytest
import re2

from waziterm.domain.alerts.alert_settings import Pattern
from waziterm.domain.alerts.patterns import BUILT_IN, Window, counted
from waziterm.domain.settings import Regex

ERRORS = Pattern("errors", Regex("error"), count=3, window_s=600.0)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("connected: online", "opened"),
        ("Connection opened", "opened"),
        ("cool-down: replaced by another client (440)", "conflict"),
        ("Stream Errored (conflict)", "conflict"),
        ("retrying: the connection was lost (428)", "closed"),
        ("Connection closed, reason: 428", "closed"),
        ("Timed Out", "timed_out"),
        ("warning: keepalive timed out", "timed_out"),
        ("error: context deadline exceeded", "timed_out"),
        ("not connected: nothing", None),
        ("Successfully authenticated", None),
    ],
)
def test_a_line_is_of_one_of_the_patterns_that_are_built_in(line: str, name: str | None) -> None:
    assert [each.name for each in BUILT_IN if re2.search(each.regex, line)] == [name] * bool(name)


def test_a_pattern_of_the_settings_takes_the_place_of_one_of_its_name() -> None:
    mine = Pattern("closed", Regex("mine"))
    assert counted((ERRORS, mine)) == {each.name: each for each in BUILT_IN} | {
        "errors": ERRORS,
        "closed": mine,
    }


def test_so_many_in_the_window_are_told_and_told_again_while_it_goes_on() -> None:
    window = Window(ERRORS)
    assert [window.saw(at) for at in (0.0, 100.0, 601.0, 650.0)] == [False, False, False, True]
    assert [window.saw(at) for at in (651.0, 700.0, 711.0)] == [False, False, True]
    assert [window.saw(at) for at in (2000.0, 2001.0, 2002.0)] == [False, False, True]


def test_one_line_may_be_enough() -> None:
    window = Window(Pattern("fatal", Regex("fatal"), count=1, window_s=60.0))
    assert window.saw(5.0) and not window.saw(6.0) and window.saw(100.0)
