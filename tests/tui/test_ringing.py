"""Calling an operator who does not look at the screen."""

import pytest

from waziterm.domain.fleet.api import Notice
from waziterm.domain.screen import Screen
from waziterm.tui.app.ringing import calls_for

HELD = Notice(0.0, "shop-a: held; \x1b]0;evil\x07stop it", trouble=True, rings=True)
PLAIN = Notice(0.0, "shop-b: dropped", trouble=True)


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


def test_the_bell_rings_once_for_several() -> None:
    assert calls_for((HELD, HELD), Screen(bell=True)) == "\a"
