"""Calling an operator who does not look at the screen."""

from collections.abc import Sequence

from waziterm.domain.fleet.api import Notice
from waziterm.domain.screen import Screen
from waziterm.tui.paint.cells import inert


def calls_for(notices: Sequence[Notice], look: Screen) -> str:
    """What the terminal is sent for some notices: the bell once, and a notification for each new
    critical alert, as far as the settings want them; "" for nothing.

    OSC 9 is understood by iTerm2, kitty, WezTerm and Windows Terminal, OSC 777 by urxvt, foot and
    Ghostty. A terminal that knows neither shows nothing.
    """
    ringing = [each for each in notices if each.rings]
    called = "\a" if ringing and look.bell else ""
    for each in ringing if look.notify else ():
        # A semicolon would begin another field of the second one.
        text = inert(each.text).replace(";", ",")
        called += f"\x1b]9;{text}\x1b\\\x1b]777;notify;waziterm;{text}\x1b\\"
    return called
