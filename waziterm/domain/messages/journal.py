"""The journal of an instance's messages in: a file that its worker only ever appends to.

Each line is the CRC-32 of what follows, eight hex digits, a space and JSON in ASCII. The first one
names the version of the format and the journal. A process or a machine that ends while it writes
leaves a line that is torn, so each line stands for itself: one that cannot be read is counted.
"""

import hashlib
import json
import zlib
from typing import Any

from waziterm.domain import codec
from waziterm.domain.codec import CodecError
from waziterm.domain.messages.inbound import Inbound, JournalPart, MessageLost, Received

VERSION = 1
ROLLED = ".rolled"
"""The end of the name of a file that nobody writes to any more."""
MOST_MESSAGES = 500
"""So many are read at once, and taken with one commit."""
MOST_BYTES = 1_048_576
"""So much is read at once. No line is longer."""
HEADER_BYTES = 64
"""A file of fewer bytes holds no message, for its first line alone is longer."""
_ID_DIGITS = 16


class NewerJournalError(ValueError):
    """A later version of this program has written the journal."""


def first_line(journal: str) -> bytes:
    """What a new journal begins with. journal: its id, 16 hex digits."""
    return _framed({"waziterm_inbox": VERSION, "journal": journal})


def line_of(message: Inbound) -> bytes:
    """A message as the line that is appended, its newline included."""
    cls = type(message)
    return _framed({codec.kind_of(cls): codec.encode(cls, message)})


def journal_in(line: bytes) -> str | None:
    """The id of the journal whose first line this is, without its newline; None when that cannot be
    read. Raises NewerJournalError."""
    told = _told(line)
    if told is None or "waziterm_inbox" not in told:
        return None
    if told["waziterm_inbox"] != VERSION:
        raise NewerJournalError
    journal = told.get("journal")
    return journal if isinstance(journal, str) and len(journal) == _ID_DIGITS else None


def journal_id(identity: str, line: bytes) -> str:
    """The same, or one that its first line gives by itself when that is damaged. identity: the
    instance's id, for two may be damaged alike."""
    found = journal_in(line)
    if found is not None:
        return found
    return hashlib.sha256(identity.encode() + b"\0" + line).hexdigest()[:_ID_DIGITS]


def part_of(journal: str, start: int, data: bytes, *, is_whole: bool) -> JournalPart:
    """What stands in some bytes of a journal, up to `MOST_MESSAGES`. start: where they begin in the
    file. is_whole: nothing will be written behind them, so that a last line without a newline is
    one too; otherwise it is left for later, unless it is longer than any line may be."""
    messages: list[Inbound] = []
    damaged, at = 0, 0
    while at < len(data) and len(messages) < MOST_MESSAGES:
        end = data.find(b"\n", at)
        if end < 0 and not is_whole:
            if at == 0 and len(data) >= MOST_BYTES:
                # Its end is damaged all the same, and is counted then.
                at = len(data)
            break
        end = len(data) if end < 0 else end
        line, at = data[at:end], min(end + 1, len(data))
        told = _told(line)
        if told is None:
            damaged += bool(line)
        elif (message := _message(told)) is not None:
            messages.append(message)
        else:
            damaged += "waziterm_inbox" not in told
    return JournalPart(journal, start, start + at, tuple(messages), damaged)


def _message(told: dict[str, Any]) -> Inbound | None:
    """The message of a line, None when it tells none that is known. Its kind is a key of its own,
    for a message has a field of that name."""
    for cls in (Received, MessageLost):
        if (said := told.get(codec.kind_of(cls))) is not None:
            try:
                message: Inbound = codec.decode(cls, said)
            except CodecError:
                return None
            return message
    return None


def _framed(told: dict[str, Any]) -> bytes:
    data = json.dumps(told, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(data), data)


def _told(line: bytes) -> dict[str, Any] | None:
    """What a line tells, None when it is damaged."""
    data = line[9:]
    if line[:9] != b"%08x " % zlib.crc32(data):
        return None
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
