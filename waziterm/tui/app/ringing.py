"""Calling an operator who does not look at the screen: title, bell, notification."""

from collections.abc import Iterable, Sequence

from waziterm.domain.fleet.api import Notice
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Screen
from waziterm.lang import retold
from waziterm.tui.paint.cells import inert
from waziterm.tui.paint.plainglyphs import to_ascii

_WAIT = (State.HELD, State.LOGGED_OUT, State.BANNED, State.OUTDATED)
KEEP_TITLE, TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"
"""The terminal keeps its title, and has it again (xterm's XTWINOPS); one that keeps none has ours
until its next prompt."""


def title_of(states: Iterable[State], *, ascii_only: bool = False) -> str:
    """What sets the terminal's title: how many wait for an operator, and the program's name."""
    waiting = sum(state in _WAIT for state in states)
    sign = f"{'X' if ascii_only else '✖'}{waiting} " if waiting else ""
    return f"\x1b]2;{sign}waziterm\x1b\\"


def calls_for(notices: Sequence[Notice], look: Screen, *, ascii_only: bool = False) -> str:
    """What the terminal is sent for some notices: the bell once, and a notification for each new
    critical alert, as far as the settings want them; "" for nothing.

    OSC 9 is understood by iTerm2, kitty, WezTerm and Windows Terminal, OSC 777 by urxvt, foot and
    Ghostty. A terminal that knows neither shows nothing.
    """
    ringing = [each for each in notices if each.rings]
    called = "\a" if ringing and look.bell else ""
    for each in ringing if look.notify else ():
        # A semicolon would begin another field of the second one.
        text = inert(retold(each.text)).replace(";", ",")
        text = to_ascii(text) if ascii_only else text
        called += f"\x1b]9;{text}\x1b\\\x1b]777;notify;waziterm;{text}\x1b\\"
    return called
