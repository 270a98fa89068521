"""The report of `full` as Markdown for a ticket: every text inert, without secrets."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from waziterm import __version__
from waziterm.cli.show.times import shown
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.verbs.tester import failed_first, first_failure
from waziterm.domain.text import safe_line
from waziterm.domain.units import moment_text

if TYPE_CHECKING:
    from waziterm.cli.show.documents import Full

Json = dict[str, Any]

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def markdown(found: "Full", at: float) -> str:
    """The report. found: what `cli.verbs.full` tells. at: UTC seconds, when it was made."""
    test, conflicts = found["test"], found["conflicts"]
    api = test["api"]
    parts = [
        f"# waziterm report: {_text(found['verdict'])}",
        f"Made {shown(moment_text(at))} by waziterm {__version__}. Times are UTC; numbers and keys"
        " are masked.",
        f"API: {api['answered']} of {api['asked']} requests were answered.",
        "## Test",
        _table(
            ("instance", "verdict", "why", "what to do"),
            map(_tested, failed_first(test["instances"])),
        ),
        *(f"- {_text(name)}: skipped, stopped by an operator" for name in test["skipped"]),
        "## Check",
        _table(
            ("severity", "about", "evidence", "what to do"),
            (
                (each["severity"], each["instance"] or each["subject"], each["evidence"],
                 with_verbs(each["act"], each["instance"] or "NAME"))
                for each in found["check"]["findings"]
            ),
        ),
        f"## Conflicts since {shown(conflicts['since'])}: {conflicts['total']}",
        _table(
            ("when", "instance", "what", "code", "led to", "who"),
            (
                (shown(each["at"]), each["instance"], each["sentence"], each["code"],
                 each["state"], each["who"])
                for each in conflicts["conflicts"]
            ),
        ),
    ]  # fmt: skip
    for name, lines in found["logs"].items():
        parts += [f"## Last lines of {_text(name)}", "\n".join(map(_quoted, lines))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tested(report: Json) -> Sequence[str]:
    failed = first_failure(report)
    if failed is None:
        took = sum(layer["took_s"] or 0.0 for layer in report["layers"])
        return (report["instance"], "ok", f"all layers, {took:.2f} s in all", "")
    said = f"{failed['name']}: {failed['detail']}"
    return (report["instance"], "failed", said, with_verbs(failed["act"], report["instance"]))


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a sentence when there is no row."""
    lines = ["| " + " | ".join(map(_text, row)) + " |" for row in rows]
    if not lines:
        return "Nothing."
    return "\n".join(["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles), *lines])


def _quoted(line: Json) -> str:
    """A log line as code, which four spaces make of it."""
    return f"    {shown(line['at'])} {line['source']:<8} {safe_line(line['text'])}"


def _text(text: str) -> str:
    """One safe line in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", safe_line(text))
