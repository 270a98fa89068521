"""What is asked of every sentence that a manager tells: each language has all of it."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from babel.messages.pofile import read_po

from tests.texts.collect import LOCALES, has_words
from waziterm.domain.phrase import Phrase
from waziterm.domain.screen import Lang
from waziterm.lang import retold, speaking, translations

INDONESIAN = translations(Lang.ID, {})


@cache
def catalogs() -> Mapping[str, Mapping[str, str]]:
    """By language, what its catalog has for a text."""
    return {
        path.parts[-3]: {
            message.id: message.string
            for message in read_po(path.open("rb"), locale=path.parts[-3])
            if isinstance(message.id, str) and isinstance(message.string, str) and message.string
        }
        for path in LOCALES.glob("*/LC_MESSAGES/*.po")
    }


def templates(phrase: Phrase) -> Iterator[str]:
    """What has to be in a catalog for a phrase, and for those in it."""
    if has_words(phrase.template):
        yield phrase.template
    for value in phrase.values.values():
        if isinstance(value, Phrase):
            yield from templates(value)


def check_told(phrase: Phrase) -> None:
    """A sentence is the same in English as it is stored, and each part of it is in each catalog."""
    assert isinstance(phrase, Phrase)
    assert retold(phrase) == phrase and not re.search(r"\{\w*\}", phrase)
    for lang, catalog in catalogs().items():
        missing = [each for each in templates(phrase) if each not in catalog]
        assert not missing, f"{lang} lacks {missing}"
    if list(templates(phrase)):
        with speaking(INDONESIAN):
            assert retold(phrase) != phrase
