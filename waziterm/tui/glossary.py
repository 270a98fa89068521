"""The words of the field, each with what it means, from the one file that holds them."""

import tomllib
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from waziterm.domain.screen import Lang
from waziterm.tui import look
from waziterm.tui.lang import LOCALES, spoken, tr
from waziterm.tui.scrolling import ScrollDialog


@dataclass(frozen=True, slots=True)
class Term:
    """A word, and what it means, in one sentence. english: the word in the source."""

    word: str
    means: str
    english: str


def terms(lang: Lang) -> list[Term]:
    """All words in a language, in its alphabet's order."""
    read = tomllib.loads((LOCALES / "glossary.toml").read_text(encoding="utf-8"))
    meaning = "artinya" if lang is Lang.ID else "means"
    found = [Term(each[lang.value], each[meaning], each["en"]) for each in read["term"]]
    return sorted(found, key=lambda term: term.word.casefold())


class GlossaryDialog(ScrollDialog[None]):
    """Every word with its meaning; beside a translated one stands the English."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "close", show=False)]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog help", can_focus=False) as box:
            box.border_title = tr("Glossary")
            box.border_subtitle = f"↑ ↓ {tr('scroll')} · esc {tr('close')}"
            yield Static(Text("\n").join(map(_line, terms(spoken()))))

    def action_close(self) -> None:
        self.dismiss(None)


def _line(term: Term) -> Text:
    english = "" if term.english == term.word else f" ({term.english})"
    return Text.assemble(
        (term.word, f"bold {look.ACCENT}"), (english, look.DIM), (f"  {term.means}", look.TEXT)
    )
