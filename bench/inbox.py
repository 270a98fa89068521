"""Messages in: what a worker does with each before it does anything else.

It is in the library's callback, which the next message waits for: until it is over, a worker that
is killed loses the message, though its sender has a receipt. Measured is from the library's bytes
to the line in the journal, in a process that does nothing else; nothing waits for the disk.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.figures import Figure, percentile
from bench.rig import Rig
from waziterm.domain.messages.inbound import MOST_TEXT
from waziterm.worker.instance.journal import Journal
from waziterm.worker.neonize.library import e2e, messages
from waziterm.worker.neonize.received import received

TITLE = "messages in, to the journal"
COUNT, QUICK_COUNT = 20_000, 5_000
TEXT_P95_MS = 1.0
LONGEST_P95_MS = 5.0


async def run(rig: Rig) -> list[Figure]:
    """A text as people write it, and the longest one."""
    count = QUICK_COUNT if rig.quick else COUNT
    usual, longest = "do you deliver to Bandung today? ✓", "é" * (MOST_TEXT // 2)
    text = await asyncio.to_thread(_written, usual, count)
    long = await asyncio.to_thread(_written, longest, count // 10)
    return [
        Figure(
            "a text, to the journal, p95",
            percentile(text, 0.95),
            "ms",
            TEXT_P95_MS,
            note=f"{count:,} texts; p50 {percentile(text, 0.5):.3f}, p99"
            f" {percentile(text, 0.99):.2f}, most {max(text):.1f}",
        ),
        Figure(
            "the longest text, p95",
            percentile(long, 0.95),
            "ms",
            LONGEST_P95_MS,
            note=f"{MOST_TEXT:,} bytes; p50 {percentile(long, 0.5):.2f}, most {max(long):.1f}",
        ),
    ]


def _written(text: str, count: int) -> list[float]:
    """Milliseconds that each of so many messages takes."""
    data, took = _as_the_library_tells(text), []
    with tempfile.TemporaryDirectory(prefix="wt-") as folder:
        journal = Journal(Path(folder) / "inbox" / "bench.journal")
        for number in range(count):
            if number % 1000 == 0:
                # As a manager has it done.
                journal.roll()
                for each in Path(folder, "inbox").glob("*.rolled"):
                    each.unlink()
            began = time.perf_counter()
            kept = received(messages.Message.FromString(data))
            assert kept is not None
            journal.write(kept)
            took.append(1000.0 * (time.perf_counter() - began))
        journal.close()
    return took


def _as_the_library_tells(text: str) -> bytes:
    message: Any = messages.Message(Message=e2e.Message(conversation=text))
    info = message.Info
    info.ID, info.Pushname, info.Timestamp = "3A" + "0" * 18, "Ani", 1_700_000_000_000
    for name, user, server in (
        ("Chat", "137051000000000", "lid"),
        ("Sender", "137051000000000", "lid"),
        ("SenderAlt", "628999000111", "s.whatsapp.net"),
    ):
        jid = getattr(info.MessageSource, name)
        jid.User, jid.Server = user, server
    data: bytes = message.SerializePartialToString()
    return data
