"""What a check found, as verbs print it."""

from typing import Any

from waziterm.cli.show.verbs import with_verbs
from waziterm.domain.care.findings import Severity
from waziterm.domain.text import plain

Json = dict[str, Any]

_SERIOUS = (Severity.PROBLEM, Severity.WARNING)


def serious(findings: list[Json]) -> list[Json]:
    """Those about which something should be done."""
    return [finding for finding in findings if finding["severity"] in _SERIOUS]


def finding_lines(finding: Json) -> tuple[str, str]:
    """What was found with whom, and what to do about it."""
    about = finding["instance"] or finding["subject"]
    said = plain(f"{finding['severity']}: {about}: {finding['evidence']}", 400)
    act = finding["act"]
    if finding["remedy"] is not None:
        act = f"{act} (`waziterm fix` does it)"
    act = with_verbs(act, finding["instance"] or "NAME")
    return said, f"  {plain(act, 400)}"
