"""A table of new instances, as CSV: what is in it, and all that is wrong with it."""

import asyncio
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.naming import refuse_alias
from waziterm.domain.fleet.tools import AddedAll, RowProblem
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance, OwnKey
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.inputs import instance_name, own_values, phone_number, proxy_url

MOST_ROWS = 10_000
_NAME = "name"
_COLUMNS: Mapping[str, Callable[[str], object]] = {
    _NAME: instance_name,
    "phone": phone_number,
    "proxy": proxy_url,
    "tags": lambda text: own_values(tags=text)[OwnKey.TAGS],
    "note": lambda text: own_values(note=text)[OwnKey.NOTE],
}
"""The columns, each named as its field of `Instance`, and what checks a value that is not empty."""
_DELIMITERS = ",;\t"
"""Programs for tables write another one where the comma is the decimal point."""


@dataclass(frozen=True, slots=True)
class NewInstances:
    """What a table holds. instances: of the rows in which nothing is wrong. names: those of all
    rows, each with the line where that begins. problems: all that is wrong."""

    instances: tuple[Instance, ...]
    names: tuple[tuple[int, str], ...]
    problems: tuple[RowProblem, ...]

    def told(self, *, dry_run: bool) -> AddedAll:
        """What became of it, or would."""
        problems = tuple(sorted(self.problems, key=lambda each: each.line))
        added = () if problems else tuple(each.name for each in self.instances)
        return AddedAll(dry_run, added, problems)


async def new_instances(
    table: str,
    now: float,
    known: Sequence[Instance],
    aliases: Mapping[str, str],
    sessions: SessionFiles,
) -> NewInstances:
    """The instances of a table, with all that is wrong with it, also with what there is already:
    the instances, their former names, the session files. now: UTC seconds."""
    found = await asyncio.to_thread(_parsed, table, now)
    problems = list(found.problems)
    names = {each.name for each in known}
    strays = sessions.identities() - {each.id for each in known}
    for line, name in found.names:
        try:
            if name in names:
                raise FleetError(Phrase("{name} exists already", name=name))
            if name in aliases:
                refuse_alias(name, known, aliases)
            if strays and await sessions.stray(name, None, known) is not None:
                raise FleetError(
                    Phrase(
                        "a session file {name}.db lies there; `waziterm add {name}` takes it up",
                        name=name,
                    )
                )
        except FleetError as error:
            problems.append(RowProblem(line, _NAME, f"{error}"))
    return replace(found, problems=tuple(problems))


def _parsed(table: str, now: float) -> NewInstances:
    reading = _Reading(now)
    try:
        reading.read(table)
    except csv.Error as error:
        reading.wrong("", f"it is no CSV: {plain(str(error), 100)}")
    return NewInstances(tuple(reading.instances), tuple(reading.names), tuple(reading.problems))


class _Reading:
    """One table, row by row."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._line = 1
        self._first: dict[str, int] = {}
        self.instances: list[Instance] = []
        self.names: list[tuple[int, str]] = []
        self.problems: list[RowProblem] = []

    def wrong(self, column: str, said: str) -> None:
        self.problems.append(RowProblem(self._line, column, said))

    def read(self, table: str) -> None:
        rows = self._rows(table.removeprefix("\ufeff"))
        columns = next(rows, None)
        if columns is None:
            self.wrong("", f"it is empty; its first row names the columns {', '.join(_COLUMNS)}")
            return
        columns = [each.lower() for each in columns]
        if not self._knows(columns):
            return
        for number, row in enumerate(rows):
            if number == MOST_ROWS:
                self.wrong("", f"a table has at most {MOST_ROWS} rows")
                return
            self._take(columns, row)

    def _rows(self, table: str) -> Iterator[list[str]]:
        """The rows that hold something, their values without the blanks around them."""
        header = table.partition("\n")[0]
        delimiter = next((each for each in _DELIMITERS if each in header), ",")
        reader = csv.reader(io.StringIO(table, newline=""), delimiter=delimiter, strict=True)
        self._line = 1
        for row in reader:
            if any(values := [each.strip() for each in row]):
                yield values
            self._line = reader.line_num + 1

    def _knows(self, columns: Sequence[str]) -> bool:
        """Whether the first row names columns that there are."""
        allowed = ", ".join(_COLUMNS)
        for number, each in enumerate(columns):
            if each not in _COLUMNS:
                said = (
                    f"no column is called {plain(each, 40)!r}" if each else "a column has no name"
                )
                self.wrong("", f"{said}; there are {allowed}")
            elif each in columns[:number]:
                self.wrong(each, f"two columns are called {each}")
        if _NAME not in columns:
            self.wrong(_NAME, f"the first row names no column {_NAME}; there are {allowed}")
        return not self.problems

    def _take(self, columns: Sequence[str], row: Sequence[str]) -> None:
        before = len(self.problems)
        if any(row[len(columns) :]):
            self.wrong("", f"{len(row)} values for {len(columns)} columns")
        values: dict[str, object] = {}
        for column, text in zip(columns, row, strict=False):
            try:
                if text or column == _NAME:
                    values[column] = _COLUMNS[column](text)
            except FleetError as error:
                self.wrong(column, f"{error}")
        name = values.get(_NAME)
        if isinstance(name, str):
            self.names.append((self._line, name))
            if (first := self._first.setdefault(name, self._line)) != self._line:
                self.wrong(_NAME, f"{name} stands in line {first} too")
            if len(self.problems) == before:
                made: dict[str, object] = {"created_at": self._now, "since": self._now, **values}
                self.instances.append(Instance(**made))  # type: ignore[arg-type]
