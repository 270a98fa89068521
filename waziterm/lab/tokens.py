"""The dictionaries of WhatsApp's binary XML, version 3."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from waziterm.domain.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """Both directions of the dictionaries.

    single: the words that one byte stands for, by that byte (index 0 is unused).
    double: four pages of words that two bytes stand for.
    encoded: from a word to the bytes that stand for it.
    """

    single: tuple[str, ...]
    double: tuple[tuple[str, ...], ...]
    encoded: Mapping[str, bytes]


DOUBLE_PAGE_BASE = 236


@cache
def tokens() -> Tokens:
    """The dictionaries that ship with the package, read once."""
    data = json.loads((files(__package__) / "wa-tokens.json").read_text(encoding="utf-8"))
    single = tuple(data["single"])
    double = tuple(tuple(page) for page in data["double"])
    encoded: dict[str, bytes] = {}
    for page_number, page in enumerate(double):
        for index, word in enumerate(page):
            encoded[word] = bytes((DOUBLE_PAGE_BASE + page_number, index))
    encoded.update({word: bytes((index,)) for index, word in enumerate(single) if word})
    return Tokens(single, double, encoded)
