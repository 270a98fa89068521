"""On which line of a TOML file each key stands, which tomllib does not tell.

A file is a row of statements: a header, or a key with its value. Each of them is valid TOML by
itself, and what is cut off inside a text or an array is not; so tomllib itself says where a
statement ends and which keys it holds. tomlkit keeps no positions either; asking tomllib again
takes 1 ms for a file of 100 lines, and knows every form that a key can have.
"""

import tomllib
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]
_ENDS = ("]", "}", '"""', "'''")
_TRIES = 100


def lines_of(text: str) -> dict[Path, int]:
    """The line, counted from 1, on which each table and key of valid TOML stands first.

    Elements of an array of tables are numbered from 0. Keys of an inline table are on the line on
    which its statement begins. No setting is longer than a few lines: after a statement that
    takes over 100 tries to find its end, no further line is told.
    """
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    header: Path = ()
    for number, statement, held in _statements(text):
        if statement.lstrip().startswith("["):
            names = _names(held)
            header = _placed(names[:-1], counts)
            last = (*header, names[-1])
            if statement.lstrip().startswith("[["):
                counts[last] = counts.get(last, 0) + 1
                lines.setdefault(last, number)
            header = _placed(names, counts)
            found: Iterator[Path] = iter([header])
        else:
            found = (header + path for path in _paths(held))
        for path in found:
            for length in range(1, len(path) + 1):
                lines.setdefault(path[:length], number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each statement: the line it begins on, its text, and what it holds by itself."""
    begun, kept, tries = 0, "", 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if kept and not any(end in line for end in _ENDS):
            kept += line + "\n"
            continue
        begun = begun if kept else number
        kept += line + "\n"
        try:
            held = tomllib.loads(kept)
        except tomllib.TOMLDecodeError:
            tries += 1
            if tries > _TRIES:
                return
            continue
        if held:
            yield begun, kept, held
        kept, tries = "", 0


def _names(held: dict[str, Any]) -> tuple[str, ...]:
    """The names of a header that stands alone."""
    names: tuple[str, ...] = ()
    inner: Any = held
    while inner:
        [(name, inner)] = (inner[0] if isinstance(inner, list) else inner).items()
        names += (name,)
        if inner == [{}]:
            break
    return names


def _placed(names: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """The path of a table; where a name is that of an array, its newest element is meant."""
    path: Path = ()
    for name in names:
        path += (name,)
        if path in counts:
            path += (counts[path] - 1,)
    return path


def _paths(held: Any) -> Iterator[Path]:
    """The paths of all keys in a value; arrays count as values."""
    for name, value in held.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *path) for path in _paths(value))
