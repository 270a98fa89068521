"""How things look: colours, the styles made of them, and a glyph for every state.

A colour never says anything alone: every state has a glyph and a word as well. Everything is
painted in the colours named here, those of the dark theme; `finish` turns them into the chosen
theme's, or into those that the terminal has, when lines go to the screen.
"""

from functools import lru_cache

from rich.style import Style

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State

BACKGROUND = "#0d1117"
RAISED = "#1a1d23"
SELECTED = "#2c323b"
"""Behind the selected row, on which nothing is faint."""
LINE = "#3a4452"
TEXT = "#c5ced9"
DIM = "#8792a0"
SUBDUED = "#7f8b99"
STRONG = "#f2f5f9"
ACCENT = "#6cb6ff"
GOOD = "#63bf6b"
WAIT = "#d8b04a"
WARN = "#ee9a4d"
BAD = "#f4716a"
INK = "#05070a"
"""Text on a coloured badge."""


def _on(colour: str, background: str = BACKGROUND, *, bold: bool = False) -> Style:
    return Style(color=colour, bgcolor=background, bold=bold)


PLAIN = _on(TEXT)
FAINT = _on(DIM)
QUIET = _on(SUBDUED)
BRIGHT = _on(STRONG, bold=True)
BORDER = _on(LINE)
KEY = _on(ACCENT, bold=True)
MARKED = _on(ACCENT)
OK = _on(GOOD)
TROUBLE = _on(BAD, bold=True)
CHOSEN = _on(TEXT, SELECTED)
WARNING = _on(WAIT)
ERROR = _on(BAD)
FOUND = _on(INK, WAIT, bold=True)
LAB = _on(INK, WAIT, bold=True)
ALARM = _on(INK, BAD, bold=True)
BAR = _on(TEXT, RAISED)
BAR_FAINT = _on(DIM, RAISED)
BAR_BRIGHT = _on(STRONG, RAISED, bold=True)
BAR_KEY = _on(ACCENT, RAISED, bold=True)
_FAINT = {DIM, SUBDUED}


@lru_cache(256)
def on_selected(style: Style) -> Style:
    """A style on the selected row."""
    faint = style.color is not None and style.color.name in _FAINT
    return style + Style(color=TEXT if faint else None, bgcolor=SELECTED)


QR = Style(color="#000000", bgcolor="#ffffff")
"""Black on white in every theme: no theme changes these two."""


@dataclass(frozen=True, slots=True)
class Sign:
    """How a state is shown. glyph: one cell wide."""

    glyph: str
    colour: str

    @property
    def style(self) -> Style:
        return _on(self.colour)

    @property
    def bold(self) -> Style:
        return _on(self.colour, bold=True)

    @property
    def bar(self) -> Style:
        return _on(self.colour, RAISED)


SIGNS = {
    State.CONNECTED: Sign("●", GOOD),
    State.PAIRING: Sign("◐", ACCENT),
    State.CONNECTING: Sign("◌", ACCENT),
    State.DEGRADED: Sign("▽", WAIT),
    State.RETRYING: Sign("↻", WAIT),
    State.COOLDOWN: Sign("▲", WARN),
    State.HELD: Sign("✖", BAD),
    State.LOGGED_OUT: Sign("⊘", BAD),
    State.BANNED: Sign("■", BAD),
    State.OUTDATED: Sign("◆", BAD),
    State.STOPPED: Sign("○", DIM),
}
"""In the order in which the header counts them."""
