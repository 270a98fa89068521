"""Printing: data on stdout, words about it on stderr; with `--json` one document on stdout."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from waziterm.cli.show.verbs import document_with_verbs, with_verbs
from waziterm.domain.errors import FleetError
from waziterm.domain.text import plain

Json = dict[str, Any]


def document(data: Any) -> None:
    """Print the one JSON document of a verb; whoever reads it has no keys."""
    sys.stdout.write(json.dumps(document_with_verbs(data), indent=2) + "\n")


def line(text: str) -> None:
    """Print a line of a verb's answer."""
    sys.stdout.write(text + "\n")


def array(found: Sequence[Json], as_json: bool, words: Callable[[Json], str], nothing: str) -> None:
    """Print an array of a verb's answer. words: one of them for people, in a line or more.
    nothing: the remark where there is none."""
    if as_json:
        document(found)
        return
    if not found:
        remark(nothing)
    for each in found:
        line(words(each))


def tried(found: Sequence[Json], as_json: bool, who: str) -> int:
    """Print how tests of those who are told of something went, and the exit code: 1 where one did
    not arrive. who: the member that names each."""
    if as_json:
        document(found)
    for each in () if as_json else found:
        how = f"arrived after {each['took_s']:.2f} s" if each["ok"] else each["error"]
        line(plain(f"{'✔' if each['ok'] else '✖'} {each[who]}: {how}", 400))
    return 0 if all(each["ok"] for each in found) else 1


def remark(text: str) -> None:
    """Print a line that is no part of the answer."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def fail(error: FleetError, as_json: bool) -> int:
    """Print an error and return its exit code."""
    if as_json:
        document(error.document)
    else:
        hint = f" ({error.hint})" if error.hint else ""
        remark(f"waziterm: {plain(with_verbs(str(error) + hint), 1000)}")
    return error.code


def counted(count: int, noun: str) -> str:
    """A number of things, with the word for them: `1 finding`, `2 findings`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
