"""The themes: one colour for each role, and the sixteen colours that stand for them."""

from collections.abc import Mapping
from typing import assert_never

from textual.theme import Theme as TextualTheme

from waziterm.domain.frozen import dataclass
from waziterm.domain.screen import Theme
from waziterm.tui.paint import look

BLACK, RED, YELLOW, BLUE, MAGENTA, CYAN, WHITE = 0, 1, 3, 4, 5, 6, 7
GREY, BRIGHT_RED, BRIGHT_GREEN, BRIGHT_YELLOW, BRIGHT_CYAN, BRIGHT_WHITE = 8, 9, 10, 11, 14, 15


@dataclass(frozen=True, slots=True)
class Palette:
    """A theme's colour for each role of `look`, as `#rrggbb`."""

    background: str
    raised: str
    selected: str
    line: str
    text: str
    dim: str
    subdued: str
    strong: str
    accent: str
    good: str
    wait: str
    warn: str
    bad: str
    ink: str

    @property
    def texts(self) -> tuple[str, ...]:
        """The colours in which words are written on the background and on what is raised."""
        return (
            self.text, self.dim, self.subdued, self.strong, self.accent,
            self.good, self.wait, self.warn, self.bad,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paper:
    """A background of a terminal with 16 colours. ink: of all text on it; None keeps its own."""

    number: int
    ink: int | None = None


@dataclass(frozen=True, slots=True)
class Sixteen:
    """What stands for a palette's colours in a terminal with 16 of them, as ANSI numbers.

    inks: text. papers: backgrounds. Both are painted, so that it is readable on a dark and on a
    light terminal.
    """

    inks: Mapping[str, int]
    papers: Mapping[str, Paper]

    def without_colour(self, palette: Palette) -> "Sixteen":
        """Black, white and, for lines, grey: where NO_COLOR is set."""
        far = self.papers[palette.background].number
        near = BLACK if far == BRIGHT_WHITE else BRIGHT_WHITE
        inks = {colour: near for colour in self.inks if colour != palette.line}
        papers = {colour: Paper(near, far) for colour in self.papers}
        return Sixteen(
            {**inks, palette.line: GREY},
            {**papers, palette.background: Paper(far), palette.line: Paper(GREY, BLACK)},
        )


DARK = Palette(
    background=look.BACKGROUND,
    raised=look.RAISED,
    selected=look.SELECTED,
    line=look.LINE,
    text=look.TEXT,
    dim=look.DIM,
    subdued=look.SUBDUED,
    strong=look.STRONG,
    accent=look.ACCENT,
    good=look.GOOD,
    wait=look.WAIT,
    warn=look.WARN,
    bad=look.BAD,
    ink=look.INK,
)
LIGHT = Palette(
    background="#fafbfc",
    raised="#e9ebee",
    selected="#d0dcee",
    line="#9aa4af",
    text="#24292f",
    dim="#4a545e",
    subdued="#57626d",
    strong="#0a0e13",
    accent="#0550ae",
    good="#116329",
    wait="#755000",
    warn="#953800",
    bad="#b3141d",
    ink="#fefefe",
)
HIGH_CONTRAST = Palette(
    background="#000000",
    raised="#1c1c1c",
    selected="#f2f2f2",
    line="#d0d0d0",
    text="#fdfdfd",
    dim="#e4e4e4",
    subdued="#d4d4d4",
    strong="#ffffff",
    accent="#7fd4ff",
    good="#5dff7f",
    wait="#ffe04d",
    warn="#ffb04d",
    bad="#ff9a92",
    ink="#000000",
)
DARK_BLUE = Palette(
    background="#1b2030",
    raised="#2b2f38",
    selected="#3a404a",
    line="#566080",
    text="#d8dee9",
    dim="#b4bdd0",
    subdued="#aeb7cb",
    strong="#f6f8fc",
    accent="#8fc7ff",
    good="#a3d68c",
    wait="#ebcb8b",
    warn="#f3ae80",
    bad="#ffa0a5",
    ink="#10131c",
)
DARK_WARM = Palette(
    background="#221f1c",
    raised="#322e2a",
    selected="#47413a",
    line="#6b6055",
    text="#e6dac4",
    dim="#c6b79f",
    subdued="#c0b199",
    strong="#fbf3df",
    accent="#9fcbb5",
    good="#b8bb46",
    wait="#e8b84b",
    warn="#f7a35f",
    bad="#ff9884",
    ink="#141210",
)
INVERTED: Mapping[str, str] = {HIGH_CONTRAST.selected: HIGH_CONTRAST.ink}
"""Backgrounds on which all text has one colour, because they are the other way round."""
PALETTES: Mapping[Theme, Palette] = {
    Theme.DARK: DARK,
    Theme.DARK_BLUE: DARK_BLUE,
    Theme.DARK_WARM: DARK_WARM,
    Theme.LIGHT: LIGHT,
    Theme.HIGH_CONTRAST: HIGH_CONTRAST,
}


def textual_theme(theme: Theme) -> TextualTheme:
    """The theme as Textual's style sheets know it."""
    palette = PALETTES[theme]
    return TextualTheme(
        name=f"waziterm-{theme.value}",
        primary=palette.accent,
        secondary=palette.dim,
        accent=palette.accent,
        success=palette.good,
        warning=palette.wait,
        error=palette.bad,
        foreground=palette.text,
        background=palette.background,
        surface=palette.raised,
        panel=palette.raised,
        dark=theme is not Theme.LIGHT,
    )


def sixteen(theme: Theme) -> Sixteen:
    """The sixteen colours of a theme. What is raised has one ink, because it is the other way."""
    palette = PALETTES[theme]
    own = (
        (palette.text, palette.dim, palette.subdued, palette.strong, palette.accent, palette.good,
         palette.wait, palette.warn, palette.bad, palette.line)
    )  # fmt: skip
    match theme:
        case Theme.DARK | Theme.DARK_BLUE | Theme.DARK_WARM:
            inks = (WHITE, WHITE, WHITE, BRIGHT_WHITE, BRIGHT_CYAN, BRIGHT_GREEN,
                    BRIGHT_YELLOW, BRIGHT_YELLOW, BRIGHT_RED, GREY)  # fmt: skip
            base, raised = Paper(BLACK), Paper(WHITE, BLACK)
        case Theme.LIGHT:
            inks = (BLACK, BLACK, BLACK, BLACK, BLUE, BLACK, MAGENTA, MAGENTA, RED, GREY)
            base, raised = Paper(BRIGHT_WHITE), Paper(BLACK, BRIGHT_WHITE)
        case Theme.HIGH_CONTRAST:
            inks = (BRIGHT_WHITE, BRIGHT_WHITE, BRIGHT_WHITE, BRIGHT_WHITE, BRIGHT_CYAN,
                    BRIGHT_GREEN, BRIGHT_YELLOW, BRIGHT_YELLOW, BRIGHT_RED,
                    BRIGHT_WHITE)  # fmt: skip
            base, raised = Paper(BLACK), Paper(BRIGHT_WHITE, BLACK)
        case _:
            assert_never(theme)
    far = base.number
    near = BLACK if far == BRIGHT_WHITE else BRIGHT_WHITE
    papers = {
        palette.background: base,
        palette.raised: raised,
        palette.selected: raised,
        palette.line: Paper(GREY, BLACK),
        palette.text: Paper(near, far),
        palette.strong: Paper(near, far),
        palette.accent: Paper(CYAN, BLACK),
        palette.wait: Paper(BRIGHT_YELLOW, BLACK),
        palette.bad: Paper(BRIGHT_RED, BLACK),
    }
    return Sixteen(dict(zip(own, inks, strict=True)), papers)
