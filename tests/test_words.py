"""One word for one thing, in plain English: the glossary holds, everywhere that a person reads."""

import re
from typing import Any

import pytest

from tests.texts.collect import texts
from tests.texts.glossary import NEVER, README, TERMS, prose, with_table

PROSE = list(prose())


def found(pattern: str) -> list[str]:
    said = re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.IGNORECASE)
    return [f"{place}: {match[0]}" for place, text in PROSE if (match := said.search(text))]


def test_the_glossary_of_readme_is_the_one_of_the_screen() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme == with_table(readme), "run `make texts`"


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term["en"])
def test_a_term_is_used_and_no_other_word_stands_for_it(term: dict[str, Any]) -> None:
    words = "|".join([re.escape(term["en"]), *term.get("forms", [])])
    said = re.compile(rf"(?<![\w-])(?:{words})s?(?![\w-])", re.IGNORECASE)
    shown = [text if isinstance(text, str) else text[1] for text in texts()]
    assert any(map(said.search, shown)), "nobody needs it explained"
    assert [each for never in term.get("never", []) for each in found(never)] == []


@pytest.mark.parametrize("never", NEVER)
def test_what_was_hard_to_read_does_not_come_back(never: str) -> None:
    assert found(never) == []
