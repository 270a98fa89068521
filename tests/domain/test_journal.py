"""The journal of messages in: what is written is read, whatever has become of the rest."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.messages import journal
from waziterm.domain.messages.inbound import (
    Inbound,
    InboundKind,
    InboundMedia,
    JournalPart,
    LostWhy,
    MessageLost,
    Received,
)

ID = "0123456789abcdef"
TEXTS = st.text(max_size=40)
MOMENTS = st.floats(0, 4e9)
MEDIA = st.builds(InboundMedia, TEXTS, st.integers(0, 2**63), TEXTS, TEXTS, TEXTS)
RECEIVED = st.builds(
    Received,
    *(TEXTS, TEXTS, TEXTS, MOMENTS, st.sampled_from(InboundKind), TEXTS, TEXTS, TEXTS),
    *(st.booleans(), st.booleans(), st.booleans(), TEXTS, TEXTS, st.none() | MEDIA),
)
LOST = st.builds(MessageLost, TEXTS, TEXTS, MOMENTS, st.sampled_from(LostWhy))
MESSAGES: st.SearchStrategy[list[Inbound]] = st.lists(RECEIVED | LOST, max_size=6)


def written(messages: list[Inbound]) -> bytes:
    lines = (journal.line_of(each) for each in messages)
    return journal.first_line(ID) + b"".join(lines)


def read(data: bytes, start: int = 0) -> JournalPart:
    return journal.part_of(ID, start, data[start:], is_whole=True)


def text(number: int) -> Received:
    return Received(f"3EB0{number}", "1@lid", "1@lid", 1.0, InboundKind.TEXT, f"text {number}")


@given(MESSAGES)
def test_what_is_written_is_read(messages: list[Inbound]) -> None:
    data = written(messages)
    assert data.isascii() and data.count(b"\n") == len(messages) + 1
    assert journal.journal_in(data.partition(b"\n")[0]) == ID
    assert read(data) == JournalPart(ID, 0, len(data), tuple(messages))


@given(MESSAGES, st.data())
def test_cut_anywhere_it_holds_all_that_stands_before(
    messages: list[Inbound], data: st.DataObject
) -> None:
    whole = written(messages)
    cut = data.draw(st.integers(0, len(whole)))
    kept = whole[:cut]
    # One that lacks its newline alone is whole.
    ended = kept if kept.endswith(b"\n") or not kept else kept + b"\n"
    is_torn = not whole.startswith(ended)
    there = tuple(messages)[: max(0, ended.count(b"\n") - 1 - is_torn)]
    found = read(kept)
    assert found.messages == there
    assert found.damaged == is_torn
    # While somebody may still write, the rest is left for later.
    early = journal.part_of(ID, 0, kept, is_whole=False)
    assert early.end == kept.rfind(b"\n") + 1 and not early.damaged
    # Whoever goes on after it begins a new line.
    more = ended + journal.line_of(text(1))
    again = journal.part_of(ID, early.end, more[early.end :], is_whole=False)
    assert (*early.messages, *again.messages) == (*there, text(1))
    assert again.end == len(more)


@given(MESSAGES, st.binary(max_size=60), st.data())
def test_any_bytes_between_cost_nothing_else(
    messages: list[Inbound], odd: bytes, data: st.DataObject
) -> None:
    whole = written(messages)
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
    at = data.draw(st.sampled_from(ends))
    found = read(whole[:at] + odd + b"\n" + whole[at:])
    assert found.messages == tuple(messages)
    assert found.damaged == sum(bool(each) for each in odd.split(b"\n"))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    part = read(data)
    assert part.end == len(data)
    assert not part.messages


@given(MESSAGES, st.data())
def test_a_byte_that_changed_costs_one_line(messages: list[Inbound], data: st.DataObject) -> None:
    whole = bytearray(written(messages))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    found = read(bytes(whole))
    lost = [each for each in messages if each not in found.messages]
    # A newline that is none any more, or a new one, costs its neighbour or nothing more.
    assert len(lost) <= 2
    assert found.damaged >= 1


def test_parts_are_bounded_and_follow_each_other() -> None:
    messages = [text(number) for number in range(journal.MOST_MESSAGES * 2 + 7)]
    data = written(list(messages))
    at, sizes = 0, list[int]()
    found: list[Inbound] = []
    while at < len(data):
        part = read(data, at)
        assert part.start == at
        at = part.end
        found += part.messages
        sizes.append(len(part.messages))
    assert found == messages
    assert sizes == [500, 500, 7]


def test_a_line_without_an_end_is_passed_over() -> None:
    start = journal.first_line(ID)
    data = start + b"x" * (journal.MOST_BYTES + 9) + b"\n" + journal.line_of(text(1))
    at, damaged = 0, 0
    found: list[Inbound] = []
    for _ in range(4):
        window = data[at : at + journal.MOST_BYTES]
        part = journal.part_of(ID, at, window, is_whole=False)
        at, found, damaged = part.end, [*found, *part.messages], damaged + part.damaged
    assert (at, found, damaged) == (len(data), [text(1)], 1)


def test_the_longest_line_is_read_at_once() -> None:
    media = InboundMedia("\x01" * 200, 2**63, "\x01" * 200, "a" * 64, "A" * 24_000)
    odd = "\x01" * 300
    message = Received(
        *(odd, odd, odd, 1e10, InboundKind.OTHER, "\x01" * 65_536, odd, odd),
        *(True, True, True, odd, odd, media),
    )
    assert len(journal.line_of(message)) < journal.MOST_BYTES / 2


def test_the_first_line() -> None:
    line = journal.first_line(ID)
    assert len(line) < journal.HEADER_BYTES <= len(journal.line_of(text(1)))
    assert journal.journal_id("shop", line[:-1]) == ID
    for odd in (b"", b"x", line[:-2], b"00000000" + line[8:-1]):
        assert journal.journal_in(odd) is None
        assert journal.journal_id("shop", odd) == journal.journal_id("shop", odd)
        assert journal.journal_id("shop", odd) != journal.journal_id("cafe", odd)


def test_a_journal_of_a_later_version_is_left_alone() -> None:
    data = json.dumps({"waziterm_inbox": 2, "other": True}).encode()
    with pytest.raises(journal.NewerJournalError):
        journal.journal_id("shop", b"%08x %b" % (zlib.crc32(data), data))


def test_what_a_later_version_tells_besides_is_no_matter() -> None:
    told = {"received": {"whatsapp_id": "3EB0", "chat": "1@lid", "sender": "1@lid", "at": 1}}
    told["received"] |= {"kind": "text", "mood": "good"}
    for more, damaged in (
        ({}, 0),
        ({"kind": "hologram"}, 1),
        ({"at": "now"}, 1),
        ({"at": 1e999}, 1),
    ):
        data = json.dumps({"received": told["received"] | more}).encode()
        found = read(b"%08x %b\n" % (zlib.crc32(data), data))
        assert (len(found.messages), found.damaged) == (1 - damaged, damaged)


def test_nothing_of_a_text_is_in_what_python_shows_of_it() -> None:
    media = InboundMedia("image/png", 1, reference="c2VjcmV0")
    message = Received("1", "2@lid", "2@lid", 1.0, InboundKind.IMAGE, "private", media=media)
    assert "private" not in repr(message) and "c2VjcmV0" not in repr(message)
