"""The regular backup: when one is due, when it is overdue, and which of the old ones go. Pure."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Self

from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase

OVERDUE = 2.0
"""So many times the time between two may pass without one."""
AGAIN_S = 600.0
"""Seconds after one that failed until it is tried anew, at most."""
_NAME = re.compile(r"waziterm-\d{8}T\d{6}Z\.age")
_RECIPIENT = re.compile("age1[02-9ac-hj-np-z]{58}")
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
"""Of the checksum of Bech32 (BIP 173), by which age knows a mistyped key."""


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """How it stands, by UTC seconds. since: from when on there ought to be one. made: the last that
    was made, None before the first. failed: when the last try failed, None when it did not. error:
    why, one line."""

    since: float
    made: float | None = None
    failed: float | None = None
    error: str = ""

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """What is remembered; None when nothing is, or nothing that can be read."""
        try:
            told = json.loads(text or "")
            moments = [float(told["since"]), told["made"], told["failed"]]
            made, failed = (None if each is None else float(each) for each in moments[1:])
            return cls(float(told["since"]), made, failed, str(told["error"]))
        except (ValueError, KeyError, TypeError):
            return None

    @property
    def text(self) -> str:
        return json.dumps(asdict(self))

    def is_due(self, now: float, every_s: float) -> bool:
        """Whether one is to be made now. A moment in the future is of a clock that was wrong."""
        if self.failed is not None and 0 <= now - self.failed < min(AGAIN_S, every_s):
            return False
        return self.made is None or not 0 <= now - self.made < every_s

    def age_s(self, now: float) -> float:
        """Seconds since the last one, or since there ought to be one."""
        return max(0.0, now - (self.since if self.made is None else self.made))

    def is_overdue(self, now: float, every_s: float) -> bool:
        """Whether there is none for too long."""
        return self.age_s(now) > OVERDUE * every_s


def backup_name(at: float) -> str:
    """How the backup of a moment (UTC seconds) is called."""
    return f"waziterm-{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}.age"


def surplus(names: Iterable[str], keep: int) -> tuple[str, ...]:
    """Which backups are older than the `keep` newest; what is called otherwise is none of ours."""
    ours = sorted(filter(_NAME.fullmatch, names), reverse=True)
    return tuple(ours[keep:])


def check_recipient(text: str) -> str:
    """The text itself, when it is a public key of age. Raises ValueError, also for a typing
    error."""
    if not _RECIPIENT.fullmatch(text):
        raise ValueError(
            Phrase("must be a public key of age, age1… (`age-keygen` makes one), not a secret one")
        )
    if _checksum(text) != 1:
        raise ValueError(
            Phrase("must be a public key of age without a typing error: its checksum differs")
        )
    return text


def _checksum(text: str) -> int:
    """What Bech32 makes of a key of age and the checksum at its end: 1 where they belong together.

    `age` is spread as its three high and its five low bits, with a zero between."""
    spread = (*(ord(each) >> 5 for each in "age"), 0, *(ord(each) & 31 for each in "age"))
    found = 1
    for value in (*spread, *map(_BECH32.index, text[4:])):
        top = found >> 25
        found = (found & 0x1FFFFFF) << 5 ^ value
        for bit, number in enumerate(_GENERATOR):
            found ^= number if top >> bit & 1 else 0
    return found
