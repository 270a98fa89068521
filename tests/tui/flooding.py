"""Sending a terminal's program what nobody should, and seeing that its screen still listens."""

import random
from collections.abc import Iterable

from tests.terminal import Terminal
from tests.tui.sequences import pieces

ENDS = b"\x18\x1b[201~\x18"
"""What ends whatever is unfinished, without waiting for the reader to give it up."""
ESCAPE = b"\x1b[27u"
"""The key, told in a way that needs no pause after it."""
ANSWER_S = 45.0
"""Hundreds of keys may wait before the one that is answered, on a busy machine, in seconds."""
CLOSES = 6
"""More dialogs than can be open one above the other."""


async def survives(terminal: Terminal, data: Iterable[bytes], seed: int, batch: int = 30) -> None:
    """Send all of it, each part split at random; after every batch a key must be answered."""
    chance = random.Random(seed)
    sent: list[bytes] = []
    for part in data:
        terminal.send_bytes(*pieces(part, chance))
        sent.append(part)
        if len(sent) == batch:
            await _answers(terminal, f"answer to a key after {sent}, seed {seed}")
            sent.clear()
    await _answers(terminal, f"answer to a key after {sent}, seed {seed}")


async def _answers(terminal: Terminal, what: str) -> None:
    terminal.send_bytes(ENDS, ESCAPE * CLOSES, b"?")
    await terminal.until(lambda text: "Everywhere" in text, ANSWER_S, what)
    terminal.send_bytes(ESCAPE)
    await terminal.until(lambda text: "Everywhere" not in text, ANSWER_S, what)
