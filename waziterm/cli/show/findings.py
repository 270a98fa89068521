"""What a check found, as verbs print it."""

from typing import Any

from waziterm.cli.show.verbs import with_verbs
from waziterm.domain.care.findings import Severity
from waziterm.domain.care.grouping import Group, groups, timeless
from waziterm.domain.text import plain

Json = dict[str, Any]

_SERIOUS = (Severity.PROBLEM, Severity.WARNING)


def serious(findings: list[Json]) -> list[Json]:
    """Those about which something should be done."""
    return [finding for finding in findings if finding["severity"] in _SERIOUS]


def finding_lines(findings: list[Json]) -> list[str]:
    """What was found with whom, and what to do about it, two lines each; what meets many instances
    alike is told once, with their number and the first names."""
    met = (
        (each["kind"], each["severity"], each["instance"], each["evidence"], each["act"])
        for each in findings
    )
    return [line for group in groups(met) for line in _lines(findings[group.first], group)]


def _lines(finding: Json, group: Group) -> tuple[str, str]:
    about = finding["instance"] or finding["subject"]
    evidence, act = finding["evidence"], finding["act"]
    if not group.is_one:
        about = f"{len(group.names)} instances ({group.listed})"
        evidence = timeless(finding["kind"], evidence)
    said = plain(f"{finding['severity']}: {about}: {evidence}", 400)
    if finding["remedy"] is not None:
        act = f"{act} (`waziterm fix` does it)"
    act = with_verbs(act, finding["instance"] or "NAME")
    if not group.is_one and group.by_name:
        act = f"for each; for {finding['instance']}: {act}"
    return said, f"  {plain(act, 400)}"
