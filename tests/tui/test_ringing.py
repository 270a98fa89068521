"""Calling an operator who does not look at the screen."""

import pytest

from waziterm.domain.fleet.api import Notice
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase
from waziterm.domain.screen import Screen
from waziterm.tui.app.ringing import calls_for, title_of

HELD = Notice(0.0, Phrase("shop-a: held; \x1b]0;evil\x07stop it"), trouble=True, rings=True)
PLAIN = Notice(0.0, Phrase("shop-b: dropped"), trouble=True)


@pytest.mark.parametrize(
    ("look", "called"),
    [
        (Screen(), ""),
        (Screen(bell=True), "\a"),
        (
            Screen(notify=True),
            "\x1b]9;shop-a: held, stop it\x1b\\"
            "\x1b]777;notify;waziterm;shop-a: held, stop it\x1b\\",
        ),
    ],
    ids=["off", "bell", "notify"],
)
def test_a_critical_alert_calls_as_the_settings_say(look: Screen, called: str) -> None:
    assert calls_for((PLAIN, HELD), look) == called
    assert calls_for((PLAIN,), look) == ""


def test_the_title_counts_those_who_wait_for_an_operator() -> None:
    states = [State.HELD, State.CONNECTED, State.LOGGED_OUT, State.RETRYING]
    assert title_of(states) == "\x1b]2;✖2 waziterm\x1b\\"
    assert title_of(states, ascii_only=True) == "\x1b]2;X2 waziterm\x1b\\"
    assert title_of([State.CONNECTED]) == "\x1b]2;waziterm\x1b\\"


def test_a_terminal_of_ascii_is_called_in_ascii() -> None:
    told = Notice(0.0, Phrase("shop-a (+62812••••4411): held"), rings=True)
    assert calls_for((told,), Screen(notify=True), ascii_only=True).isascii()


def test_the_bell_rings_once_for_several() -> None:
    assert calls_for((HELD, HELD), Screen(bell=True)) == "\a"
