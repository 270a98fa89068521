"""The last step before a line reaches the terminal: the theme's colours, 16 colours, ASCII.

Painting knows one theme and all of Unicode. What the operator chose and what the terminal can
show is put on here, on the rendered lines of every widget, by Textual's line filters; they keep
their results with each line, so that a line that stays costs nothing.
"""

import codecs
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter

from waziterm.domain.frozen import dataclass
from waziterm.domain.screen import Ascii, Screen, Theme
from waziterm.tui.paint.plainglyphs import to_ascii
from waziterm.tui.paint.themes import DARK, INVERTED, PALETTES, Palette, sixteen, textual_theme
from waziterm.tui.textual_private import filters_of

_KEPT_STYLES = 1024
_QR = ("#000000", "#ffffff")


class _Restyled(LineFilter):
    """Gives each style another one; `change` is asked once for each."""

    def __init__(self, change: Callable[[Style], Style]) -> None:
        super().__init__()
        self._change = lru_cache(_KEPT_STYLES)(change)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        change = self._change
        return [
            Segment(text, None if style is None else change(style), control)
            for text, style, control in segments
        ]


class _Ascii(LineFilter):
    """Replaces what ASCII does not have."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.control else Segment(to_ascii(segment.text), segment.style)
            for segment in segments
        ]


def themed(palette: Palette) -> Callable[[Style], Style]:
    """Turns the dark theme's colours into those of another palette; all others stay."""
    pairs = zip(astuple(DARK), astuple(palette), strict=True)
    there = {old: RichColor.parse(new) for old, new in pairs}

    def change(style: Style) -> Style:
        colour, paper = there.get(_hex(style.color)), there.get(_hex(style.bgcolor))
        if paper is not None and (ink := INVERTED.get(paper.name)):
            colour = RichColor.parse(ink)
        return style + Style.from_color(colour, paper) if colour or paper else style

    return change


def reduced(theme: Theme, *, no_color: bool = False) -> Callable[[Style], Style]:
    """Turns a theme's colours into 16, and any other colour as the nearest of the theme's.

    no_color: only black, white and grey are left of the 16.
    """
    palette = PALETTES[theme]
    table = sixteen(theme).without_colour(palette) if no_color else sixteen(theme)

    def change(style: Style) -> Style:
        ink, paper = _hex(style.color) or palette.text, _hex(style.bgcolor) or palette.background
        if (ink, paper) == _QR:
            return style + Style.from_color(RichColor.from_ansi(0), RichColor.from_ansi(15))
        there = table.papers[_nearest(paper, table.papers)]
        number = table.inks[_nearest(ink, table.inks)] if there.ink is None else there.ink
        # `dim` would make a colour that was chosen to be readable unreadable.
        return style + Style(
            color=RichColor.from_ansi(number), bgcolor=RichColor.from_ansi(there.number), dim=False
        )

    return change


def _hex(colour: RichColor | None) -> str:
    """`#rrggbb`, or "" where it is none or the terminal's own."""
    if colour is None or colour.triplet is None:
        return ""
    return colour.triplet.hex


def _nearest(colour: str, known: Iterable[str]) -> str:
    def far(other: str) -> int:
        pairs = zip(bytes.fromhex(colour[1:]), bytes.fromhex(other[1:]), strict=True)
        return sum((a - b) ** 2 for a, b in pairs)

    return min(known, key=far)


@dataclass(frozen=True, slots=True)
class Finish:
    """How lines reach the terminal. few_colours: it has 16. ascii: it shows nothing else."""

    theme: Theme = Theme.DARK
    few_colours: bool = False
    ascii: bool = False

    @classmethod
    def of(cls, screen: Screen, colour_system: str | None) -> "Finish":
        """What the settings and this process's locale ask for.

        colour_system: rich's name of what the terminal can show; "standard" is 16 colours.
        """
        said = {Ascii.ON: True, Ascii.OFF: False}
        plain = said.get(screen.ascii)
        if plain is None:
            plain = not speaks_utf8(first_environment())
        return cls(screen.theme, colour_system == "standard", plain)

    def put_on(self, app: App[Any]) -> None:
        """Show an app this way, in place of the way in which it was shown before.

        The theme's colours come before Textual's own filters, of which NO_COLOR is one.
        """
        theme = textual_theme(self.theme)
        app.register_theme(theme)
        app.theme = theme.name
        filters = filters_of(app)
        filters[:] = [each for each in filters if not isinstance(each, (_Restyled, _Ascii))]
        if isinstance(app, HasFinish):
            app.finish = self
        if self.theme is not Theme.DARK:
            filters.insert(0, _Restyled(themed(PALETTES[self.theme])))
        if self.few_colours:
            filters.append(_Restyled(reduced(self.theme, no_color=app.no_color)))
        if self.ascii:
            filters.append(_Ascii())


@runtime_checkable
class HasFinish(Protocol):
    """An app that knows how it is shown, so that this can be changed."""

    finish: Finish


def only_ascii(app: App[Any]) -> bool:
    """Whether this app's screen is ASCII alone, so that no QR code can be drawn on it."""
    return any(isinstance(each, _Ascii) for each in app.get_line_filters())


def speaks_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale that these variables name is UTF-8. Where none is named, it may be."""
    named = next((environ[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(key)), "")
    if not named:
        return True
    _, _, encoding = named.partition("@")[0].rpartition(".")
    try:
        return codecs.lookup(encoding).name == "utf-8"
    except LookupError:
        return False


def first_environment() -> Mapping[str, str]:
    """The locale's variables as this program was given them.

    Python sets LC_CTYPE to UTF-8 where the locale is C (PEP 538), which hides what the operator
    said; Linux keeps the first environment.
    """
    try:
        block = Path("/proc/self/environ").read_bytes()
    except OSError:
        return os.environ
    pairs = (entry.partition(b"=") for entry in block.split(b"\0") if entry)
    return {os.fsdecode(key): os.fsdecode(value) for key, _, value in pairs}
