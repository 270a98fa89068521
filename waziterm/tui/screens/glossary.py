"""The words of the field, each with what it means, from the one file that holds them."""

import tomllib

from rich.text import Text
from textual.visual import VisualType

from waziterm.domain.frozen import dataclass
from waziterm.domain.screen import Lang
from waziterm.lang import LOCALES, spoken, tr
from waziterm.tui.paint import look
from waziterm.tui.screens.scrolling import Page

# Read with this module, not when the words are asked for: the file may be another one by then.
_TERMS = tomllib.loads((LOCALES / "glossary.toml").read_text(encoding="utf-8"))["term"]


@dataclass(frozen=True, slots=True)
class Term:
    """A word, and what it means, in one sentence. english: the word in the source."""

    word: str
    means: str
    english: str


def terms(lang: Lang) -> list[Term]:
    """All words in a language, in its alphabet's order."""
    meaning = "artinya" if lang is Lang.ID else "means"
    found = [Term(each[lang.value], each[meaning], each["en"]) for each in _TERMS]
    return sorted(found, key=lambda term: term.word.casefold())


class GlossaryDialog(Page):
    """Every word with its meaning; beside a translated one stands the English."""

    def heading(self) -> str:
        return tr("Glossary")

    def content(self) -> VisualType:
        return Text("\n").join(map(_line, terms(spoken())))


def _line(term: Term) -> Text:
    english = "" if term.english == term.word else f" ({term.english})"
    return Text.assemble(
        (term.word, f"bold {look.ACCENT}"), (english, look.DIM), (f"  {term.means}", look.TEXT)
    )
