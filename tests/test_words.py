"""One word for one thing, in plain English: the glossary holds, everywhere that a person reads."""

import re
from functools import cache

from tests.texts.collect import texts
from tests.texts.glossary import NEVER, README, TERMS, prose, with_table


@cache
def read() -> tuple[tuple[str, str], ...]:
    """All that a person reads, with its place."""
    return tuple(prose())


@cache
def all_of_it() -> str:
    """The same in one text: to look for a word that is nowhere takes a tenth of the time."""
    return "\n\0\n".join(text for _, text in read())


def found(pattern: str) -> list[str]:
    said = re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.IGNORECASE)
    if not said.search(all_of_it()):
        return []
    return [f"{place}: {match[0]}" for place, text in read() if (match := said.search(text))]


def test_the_glossary_of_readme_is_the_one_of_the_screen() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme == with_table(readme), "run `make texts`"


def test_each_term_is_used_and_no_other_word_stands_for_it() -> None:
    shown = [text if isinstance(text, str) else text[1] for text in texts()]
    unused, others = [], []
    for term in TERMS:
        words = "|".join([re.escape(term["en"]), *term.get("forms", [])])
        said = re.compile(rf"(?<![\w-])(?:{words})s?(?![\w-])", re.IGNORECASE)
        unused += [] if any(map(said.search, shown)) else [term["en"]]
        others += [(term["en"], each) for never in term.get("never", []) for each in found(never)]
    assert (unused, others) == ([], []), "nobody needs it explained; another word is said for it"


def test_what_was_hard_to_read_does_not_come_back() -> None:
    assert [each for never in NEVER for each in found(never)] == []
