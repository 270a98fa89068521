"""What a terminal was sent, with its moments: asciicast, version 2.

Source: https://docs.asciinema.org/manual/asciicast/v2/. The first line is an object with the size,
each further one an array of a moment (seconds since the begin), a kind and a text: `o` is what the
program wrote, `i` which key was pressed, `m` a marker.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import pyte

from tests.terminal import UNKNOWN_TO_PYTE, Screen


class Kind(StrEnum):
    """What an event is."""

    OUTPUT = "o"
    INPUT = "i"
    MARKER = "m"


@dataclass(frozen=True, slots=True)
class Event:
    """at: seconds since the begin."""

    at: float
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Cast:
    """A recording. lasts_s: how long it is."""

    columns: int
    rows: int
    title: str
    lasts_s: float
    events: tuple[Event, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises ValueError for what is no asciicast of version 2."""
        first, *lines = path.read_text(encoding="utf-8").splitlines()
        header = json.loads(first)
        wanted = {"version", "width", "height", "duration", "title"}
        if not isinstance(header, dict) or not wanted <= header.keys() or header["version"] != 2:
            raise ValueError("this is no asciicast of version 2")
        events = []
        for line in lines:
            at, kind, text = json.loads(line)
            if not isinstance(at, int | float) or not isinstance(text, str):
                raise ValueError(f"this is no event: {line[:60]}")
            events.append(Event(float(at), Kind(kind), text))
        if [each.at for each in events] != sorted(each.at for each in events):
            raise ValueError("its events are in no order")
        columns, rows = int(header["width"]), int(header["height"])
        return cls(columns, rows, header["title"], header["duration"], tuple(events))

    def write(self, path: Path) -> None:
        header = {
            "version": 2,
            "width": self.columns,
            "height": self.rows,
            "duration": self.lasts_s,
            "title": self.title,
            "env": {"TERM": "xterm-256color"},
        }
        lines = [header, *([round(each.at, 3), each.kind, each.text] for each in self.events)]
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        path.write_text(text, encoding="utf-8")

    def screens(self) -> Iterator[tuple[Event, Screen]]:
        """Each event, and the screen as it is after it: the same one, which changes."""
        screen = Screen(self.columns, self.rows)
        stream = pyte.Stream(screen)
        for event in self.events:
            if event.kind is Kind.OUTPUT:
                stream.feed(UNKNOWN_TO_PYTE.sub("", event.text))
            yield event, screen
