"""What a number or a text is: the types that say how it is checked and how a document shows it.

They are plain `float`, `int` and `str` to the type checker; `domain.codec` and whoever takes a
request read what stands beside them.
"""

import math
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Annotated, NamedTuple

from waziterm.domain.phrase import Phrase


class Unit(Enum):
    """What a value is beyond its Python type."""

    MOMENT = auto()
    SECONDS = auto()
    NAME = auto()
    NUMBER = auto()
    PROXY = auto()
    TABLE = auto()
    PATHS = auto()
    PHRASE = auto()
    ACT = auto()
    SECRET = auto()
    RECIPIENT = auto()
    TEXT = auto()


class Between(NamedTuple):
    """A whole number with bounds. said: what a wrong one is told."""

    least: int
    most: int
    said: str


Moment = Annotated[float, Unit.MOMENT]
"""UTC seconds; ISO 8601 with milliseconds in documents and queries."""
Seconds = Annotated[float, Unit.SECONDS]
"""A duration; rounded to milliseconds in documents."""
Name = Annotated[str, Unit.NAME]
"""An instance's name."""
PhoneNumber = Annotated[str, Unit.NUMBER]
"""A phone number, as an operator writes it or as E.164."""
ProxyUrl = Annotated[str, Unit.PROXY]
"""A proxy's URL; it may hold credentials."""
ActId = Annotated[str, Unit.ACT]
"""By which what one act of a person took belongs together: up to 32 hexadecimal digits, or ""."""
Table = Annotated[str, Unit.TABLE]
"""The text of a CSV file, with secrets in it."""
SecretText = Annotated[str, Unit.SECRET]
"""A passphrase or a key, which nothing keeps."""
Recipient = Annotated[str, Unit.RECIPIENT]
"""To whom a message goes: a phone number as an operator writes it, or the JID of a person or a
group."""
TextToSend = Annotated[str, Unit.TEXT]
"""What a message says, which only `messages.db` keeps."""
Paths = Annotated[str, Unit.PATHS]
"""Absolute paths on the manager's machine, each in a line of its own."""
Told = Annotated[str, Unit.PHRASE]
"""A text that may be a `Phrase`, which is kept where a screen of another language reads it."""
Sentence = Annotated[Phrase, Unit.PHRASE]
"""What is always a `Phrase`; the plain English text of it in documents."""


_FIRST, _LAST = -62_135_596_800.0, 253_402_300_799.0


def moment_text(at: float) -> str:
    """A moment as UTC ISO 8601, for example `2026-03-01T12:00:00.000Z`; the nearest that can be
    written for one before the year 1 or after 9999, and for what is no moment at all."""
    at = min(max(at, _FIRST), _LAST) if not math.isnan(at) else _FIRST
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def moment_of(text: str) -> float:
    """UTC seconds of an ISO 8601 text. Raises ValueError and OverflowError."""
    return datetime.fromisoformat(text).timestamp()
