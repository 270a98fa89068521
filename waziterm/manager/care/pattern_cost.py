"""What it costs to look for a pattern: measured, since an expression does not show it.

RE2 takes no more than so many steps for a character, but an expression with large repeats takes
hundreds of them.
"""

import time
from collections.abc import Iterable, Iterator
from random import Random

from waziterm.domain.alerts.alert_settings import Pattern
from waziterm.domain.alerts.patterns import BUILT_IN
from waziterm.manager.care.patterns import matcher

COSTLY_S = 50e-6
"""Seconds for a line. Usual patterns take 2 to 20 millionths of a second; what takes more than this
needs a tenth of a core at 2,000 lines a second."""
_LINES = 300
_WORDS = (
    *("warning:", "error:", "node handling took", "failed to decrypt message", "no session for"),
    *("the sender", "connected:", "probe ok after", "timeout", "websocket", "frame header: EOF"),
    *("uploading", "prekeys", "shop", "aaaa", "xxxx"),
)


def costly(patterns: Iterable[Pattern]) -> Iterator[tuple[Pattern, float]]:
    """The patterns that cost much, each with its seconds for a line of the log."""
    lines = tuple(_lines())
    for pattern in patterns:
        took_s = _cost_s(pattern, lines)
        if took_s >= COSTLY_S:
            yield pattern, took_s


def _cost_s(pattern: Pattern, lines: tuple[bytes, ...]) -> float:
    """The seconds for a line, beside the patterns that are always looked for; the better of two."""
    took = []
    for _ in range(2):
        # What RE2 has learned of these lines would not be known of the next ones.
        found = matcher((*BUILT_IN, pattern))
        began = time.thread_time()
        for line in lines:
            found(line)
        took.append(time.thread_time() - began)
    return min(took) / len(lines)


def _lines() -> Iterator[bytes]:
    """Lines as the library writes them, of 30 to 400 characters; always the same ones."""
    chance = Random(14)
    for _ in range(_LINES):
        words = (
            chance.choice(_WORDS) if chance.random() < 0.7 else f"{chance.getrandbits(64):016x}"
            for _ in range(chance.randrange(5, 60))
        )
        yield " ".join(words).encode()
