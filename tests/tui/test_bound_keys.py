"""F34: keys that an operator binds are those that a terminal sends; others are refused."""

from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, punctuation

import pytest
from textual import constants, events

from waziterm.config.reading import read as read_settings
from waziterm.config.source import Source
from waziterm.domain.keynames import keys_of_terminal, names_of_keys
from waziterm.domain.screen import OUR_KEYS, KeyAction, clashes
from waziterm.tui.app.keyreader import KeyReader
from waziterm.tui.commands.keys import KEYS

MODIFIED = {2: "shift", 3: "alt", 4: "alt+shift", 5: "ctrl", 6: "ctrl+shift", 7: "alt+ctrl",
    8: "alt+ctrl+shift"}  # fmt: skip
"""By xterm's number for them; Textual's order."""
LETTERED = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F", "f1": "P",
    "f2": "Q", "f4": "S"}  # fmt: skip
NUMBERED = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18,
    "f8": 19, "f9": 20, "f10": 21, "f11": 23, "f12": 24}  # fmt: skip


def sent() -> list[bytes]:
    """What terminals of xterm's kind send for their keys, but for those that are ours for good."""
    controls = [bytes([code]) for code in range(1, 32) if code not in (3, 12, 17)]
    return [
        *controls,
        b"\x00",
        b" ",
        b"\x7f",
        b"\x1b[Z",
        b"\x1bOR",
        *(character.encode() for character in ascii_lowercase + ascii_uppercase + punctuation),
        *("é Ж ß ñ ı § €".encode().split()),
        *(b"\x1b" + letter.encode() for letter in ascii_lowercase),
        *(b"\x1b" + letter.encode() for letter in ascii_uppercase if letter not in "OPX"),
        *(f"\x1b[{letter}".encode() for letter in "ABCDHF"),
        *(f"\x1bO{letter}".encode() for letter in "PQS"),
        *(f"\x1b[{number}~".encode() for number in NUMBERED.values()),
        *(f"\x1b[1;{each}{letter}".encode() for each in MODIFIED for letter in LETTERED.values()),
        *(f"\x1b[{number};{each}~".encode() for each in MODIFIED for number in NUMBERED.values()),
    ]


def read(data: bytes) -> list[str]:
    reader = KeyReader()
    told = reader.feed(data, 0.0) + reader.tick(constants.ESCAPE_DELAY)
    return [message.key for message in told if isinstance(message, events.Key)]


def test_whatever_a_terminal_sends_can_be_bound_by_the_name_that_it_is_read_as() -> None:
    for data in sent():
        (key,) = read(data)
        assert keys_of_terminal(key) == key, data


def test_nothing_can_be_bound_that_is_never_read() -> None:
    read_ones = {key for data in sent() for key in read(data)}
    assert set(names_of_keys()) - read_ones == set()


@pytest.mark.parametrize(
    ("bound", "name"),
    [
        ("/", "slash"),
        ("?", "question_mark"),
        ("-", "minus"),
        ("+", "plus"),
        (" f5 , ctrl+r ", "f5,ctrl+r"),
        ("shift+ctrl+up", "ctrl+shift+up"),
        ("f5,f5", "f5"),
        ("é", "é"),
    ],
)
def test_a_key_is_taken_under_the_name_that_is_compared(bound: str, name: str) -> None:
    assert keys_of_terminal(bound) == name


@pytest.mark.parametrize(
    ("bound", "why"),
    [
        ("shift+r", "terminals send no shift+r, but R"),
        ("shift+é", "terminals send no shift+é, but É"),
        ("ctrl+i", "terminals send no ctrl+i, but tab"),
        ("ctrl+m", "terminals send no ctrl+m, but enter"),
        ("shift+enter", "terminals send no shift+enter, but enter"),
        ("esc", "terminals send no esc, but escape"),
        ("alt+b", "terminals send no alt+b, but ctrl+left"),
        ("ctrl+c", "ctrl+c always leaves the screen"),
        ("ctrl+l", "ctrl+l always paints the screen again"),
        ("f5,ctrl+q", "ctrl+q always leaves the screen"),
        ("ctr+r", "terminals send no key ctr+r; near it: ctrl+r"),
        ("banana", "terminals send no key banana"),
        ("f99", "terminals send no key f99; near it: f9"),
        ("shift+f3", "terminals send no key shift+f3"),
        ("ctrl+ctrl+r", "terminals send no key ctrl+ctrl+r"),
        ("ctrl+", "terminals send no key ctrl+"),
        ("\x07", "terminals send no key"),
        ("", "no key between commas; the key , is called comma"),
        ("r,,t", "no key between commas"),
    ],
)
def test_a_key_that_no_terminal_sends_is_refused_where_it_stands(
    tmp_path: Path, bound: str, why: str
) -> None:
    file = tmp_path / "waziterm.toml"
    file.write_text(f"[screen]\n[screen.keys]\nreconnect = {_toml(bound)}\n")
    (problem,) = read_settings(Source(tmp_path, file=file, environ={})).problems
    assert f"screen.keys.reconnect: {why}" in problem.error
    assert problem.error.endswith("(line 3)")


@pytest.mark.parametrize(
    ("bound", "problems"),
    [
        ({"reconnect": "s"}, ["reconnect: s is the key of start_stop too"]),
        ({"reconnect": "f5", "clean": "f6, f5"}, ["clean: f5 is the key of reconnect too"]),
        ({"clean": "f5", "reconnect": "f5"}, ["reconnect: f5 is the key of clean too"]),
        ({"wrap": "r"}, ["wrap: r is the key of reconnect too"]),
        ({"copy": "q", "leave": "q"}, ["leave: q is the key of copy too"]),
        ({"show_help": "?,up"}, ["show_help: up is the key of move_up too"]),
        ({"leave": "n"}, ["leave: n is the key of an answer to a question"]),
        ({"leave": "f9,y", "copy": "f8"}, ["leave: y is the key of an answer to a question"]),
        ({"reconnect": "s", "start_stop": "r"}, []),
        ({"wrap": "z", "filter": "f"}, []),
        ({"back": "backspace"}, []),
    ],
)
def test_f34_a_key_that_does_something_else_already_is_refused_where_it_stands(
    tmp_path: Path, bound: dict[str, str], problems: list[str]
) -> None:
    file = tmp_path / "waziterm.toml"
    lines = [f"{action} = {_toml(key)}" for action, key in bound.items()]
    file.write_text("\n".join(["[screen.keys]", *lines]))
    reading = read_settings(Source(tmp_path, file=file, environ={}))
    told = [each.error.partition("screen.keys.")[2] for each in reading.problems]
    wrong = [each.partition(":")[0] for each in problems]
    line = {action: number for number, action in enumerate(bound, 2)}
    assert told == [f"{problem} (line {line[wrong[0]]})" for problem in problems]
    assert set(reading.settings.screen.keys) == bound.keys() - set(wrong)


def test_f34_every_action_has_a_key_that_a_terminal_sends_and_none_twice() -> None:
    assert {action for action, _ in OUR_KEYS} == set(KeyAction)
    assert {(key.action, key.place) for key in KEYS} == set(OUR_KEYS)
    assert all(keys_of_terminal(keys) == keys for keys in OUR_KEYS.values())
    assert clashes({}) == {}


def _toml(text: str) -> str:
    return '"' + text.replace("\x07", "\\u0007") + '"'
