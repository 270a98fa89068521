"""Keys from bytes: any bytes, in any split (F1), and no end of what is unfinished (F27)."""

import random
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events, messages
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS, IGNORE_SEQUENCE
from textual._xterm_parser import XTermParser
from textual.message import Message

from tests.tui.sequences import CORPUS, generated, pieces
from waziterm.tui.app.keyreader import PASTE_CHARS, SEQUENCE_S, STRING_S, KeyReader

LATER = 10.0


def told(pieces: Iterable[bytes]) -> list[tuple[object, ...]]:
    """What a reader tells of these pieces, and of a long silence after them."""
    reader = KeyReader()
    found = [_seen(message) for data in pieces for message in reader.feed(data, 0.0)]
    return found + [_seen(message) for message in reader.tick(LATER)]


def keys(*pieces: bytes) -> list[object]:
    return [seen[1] for seen in told(pieces) if seen[0] is events.Key]


def _seen(message: Message) -> tuple[object, ...]:
    match message:
        case events.Key():
            return (events.Key, message.key, message.character)
        case events.Paste():
            return (events.Paste, message.text)
    return (type(message),)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({place % (len(data) + 1) for place in at})
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]


@pytest.mark.parametrize(
    "data",
    [b"caf\xe9 j", b"\x1b[M\x20\xe9\xffj", b"\x1b[M\x20\xc3\xa9!j", b"\xff\xfe\x80\xc3j",
     b"\x1b[99999999999999999999u" + b"j", b"\x1b[1114112uj", b"\x1b[48;0;0;9;9tj",
     b"\x1b[<0;1;1Mj", b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\j", b"\x1bP>|term x r s\x1b\\j",
     b"\x1b[?64;1;2;6;22cj", b"\x1b[>0;276;0cj", b"\x1b[?2048;1$yj", b"\x1b[12;40Rj",
     b"\x1b[" + b"1;" * 20 + b"xj", b"\x1b_Gi=31;OK\x1b\\j", b"\x1b[55296uj"],
)  # fmt: skip
def test_what_means_nothing_is_ignored_and_the_next_key_counts(data: bytes) -> None:
    """F1: no part of it acts on the fleet as a key of its own."""
    acting = [key for key in keys(data) if key not in ("c", "a", "f", "space")]
    assert [key for key in acting if key != "replacement_character"] == ["j"]


def test_no_size_and_no_mouse_comes_from_the_terminal_s_text() -> None:
    """A terminal that tells an absurd size in its text would make the screen huge."""
    for data in (b"\x1b[48;99999;99999;1;1t", b"\x1b[?2048;2$y", b"\x1b[<64;9;9M", b"\x1b[9;9R"):
        assert told([data]) == []
    assert told([b"\x1b[?2026;2$y"]) == [(messages.TerminalSupportsSynchronizedOutput,)]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_any_bytes_in_any_split_are_the_same(data: bytes, at: list[int]) -> None:
    whole = told([data])
    assert told(cut(data, at)) == whole
    for seen in whole:
        str(seen).encode()


@given(
    st.lists(st.sampled_from([*CORPUS, b"\x1b", b"[", b"\x1b[200~", b"\x1b[201~", b"\xff", b"7"])),
    st.lists(st.integers(0, 10_000), max_size=8),
)
def test_sequences_one_after_the_other_in_any_split(parts: list[bytes], at: list[int]) -> None:
    data = b"".join(parts)
    assert told(cut(data, at)) == told([data])


@given(st.binary(max_size=200))
def test_a_key_works_again_after_anything(data: bytes) -> None:
    """At once after ctrl+c, which ends a paste (F27); else after a pause."""
    reader = KeyReader()
    reader.feed(data, 0.0)
    reader.feed(b"\x03", 0.0)
    reader.tick(STRING_S)
    assert [_seen(each) for each in reader.feed(b"j", LATER)][-1:] == [(events.Key, "j", "j")]


def test_every_key_that_textual_knows_is_told_as_it_tells_it() -> None:
    for sequence, meaning in ANSI_SEQUENCES_KEYS.items():
        if meaning is IGNORE_SEQUENCE or sequence == "\x1b\x1b":
            continue
        parser = XTermParser()
        known = [_seen(each) for each in (*parser.feed(sequence), *parser.feed(""))]
        if known == [(events.CursorPosition,)]:
            continue
        data = sequence.encode()
        assert told([data]) == known, repr(sequence)
        assert told([bytes([byte]) for byte in data]) == known, repr(sequence)


def test_escape_alone_is_a_key_and_alt_goes_with_what_follows() -> None:
    assert keys(b"\x1b") == ["escape"]
    assert keys(b"\x1b", b"\x1b") == ["escape", "escape"]
    assert keys(b"\x1bq", b"j") == ["alt+q", "j"]
    reader = KeyReader()
    assert not reader.feed(b"\x1b", 0.0) and not reader.tick(0.01)
    assert [_seen(each)[1] for each in reader.feed(b"[A", 0.05)] == ["up"]


def test_what_stays_unfinished_is_given_up() -> None:
    for begun, patience in (
        (b"\x1b[", SEQUENCE_S),
        (b"\x1b[M!", SEQUENCE_S),
        (b"\x1b]0;", STRING_S),
    ):
        reader = KeyReader()
        reader.feed(begun, 0.0)
        assert not reader.tick(patience)
        assert [_seen(each)[1] for each in reader.feed(b"2", patience)] == ["2"]


def test_a_paste_is_one_text_however_long() -> None:
    assert told([b"\x1b[200~caf\xe9 \x1b[A\x00\xc3\xa9", b"\x1b[20", b"1~j"]) == [
        (events.Paste, "caf� é"),
        (events.Key, "j", "j"),
    ]
    long = b"\x1b[200~" + b"x" * (PASTE_CHARS + 100) + b"\x1b[201~q"
    assert told([long]) == [(events.Paste, "x" * PASTE_CHARS), (events.Key, "q", "q")]


@pytest.mark.parametrize(
    "bad",
    ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x90\x9c", "\x07", "\x08", "\x0e", "\x05", "\x7f",
     "\u202e", "\u200b"],
)  # fmt: skip
def test_a_paste_has_nothing_that_a_terminal_would_obey(bad: str) -> None:
    """A field shows what was pasted, and with it a page of the web would write on the terminal."""
    pasted = f"\x1b[200~one {bad}two\r\nthree\x1b[201~".encode()
    assert told([pasted]) == [(events.Paste, "one two\nthree")]


@pytest.mark.parametrize("ctrl_c", [b"\x03", b"\x1b[99;5u", b"\x1b[99;5;99u"])
def test_ctrl_c_ends_a_paste_that_has_no_end(ctrl_c: bytes) -> None:
    """F27: today no key works any more, not even ctrl+c."""
    assert keys(b"\x1b[200~abc", b"def\x1b", ctrl_c[:1], ctrl_c[1:], b"j") == ["j"]


@pytest.mark.parametrize(
    ("begun", "goes_on"),
    [(b"\x1b[200~", b"\xe9x"), (b"\x1b[200~", b"\x1b[20"), (b"\x1b]0;", b"x"), (b"\x1bP", b"\xff"),
     (b"\x1b[", b";1"), (b"\x1b[?", b"9:"), (b"\x1bO", b"1")],
)  # fmt: skip
def test_what_has_no_end_costs_no_memory(begun: bytes, goes_on: bytes) -> None:
    reader = KeyReader()
    reader.feed(begun, 0.0)
    piece = goes_on * 1000
    for _ in range(PASTE_CHARS // 1000):
        reader.feed(piece, 0.0)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            reader.feed(piece, 0.0)
        assert tracemalloc.get_traced_memory()[0] - before < 5_000
    finally:
        tracemalloc.stop()


@pytest.mark.soak
def test_a_million_generated_bytes() -> None:
    """A generator of the same kinds as the corpus, seeds printed by the failing assertion."""
    for seed in range(3_000):
        chance = random.Random(seed)
        data = b"".join(generated(chance) for _ in range(20))
        assert told(pieces(data, chance)) == told([data]), f"seed {seed}"
