"""The JSON of the emergency tools, both ways: HTTP API, `--json`, and the attached screen.

Moments are UTC ISO 8601 texts; durations are seconds.

A finding (`check`): `id`, `kind`, `severity` (problem, warning, notice), `subject`, `instance` or
null, `evidence`, `act`, `remedy` (what `fix` does) or null. `check`: `{findings}`.
A step (`fix`): `remedy`, `subject`, `instance`, `act`, `error` ("" when well), `backup` (the id of
the copy in the trash) or null. `fix`: `{dry_run, steps, remaining}`, remaining being findings.
A trash entry (`trash`): `id`, `instance`, `when`, `why`, `restorable`, `paired`, `expires` or
null, `files`: an array of `{name, size, sha256}`.
A removal (`remove`): `entry`, `not_unlinked` (why the device is still linked, or "").
A test (`test`): `instance`, `ok`, `layers`: an array of `{name, verdict, took_s, detail, act}`.
A conflict (`conflicts`): `at`, `instance`, `reason`, `code`, `sentence`, `state`, `who`.
A restart tells lines of `{step, done, total, instance}` and ends with `{ok, took_s, cleaned,
comebacks, fixed}`; a comeback is `{instance, state, reason, expected, took_s}`.
"""

from datetime import datetime
from typing import Any

from waziterm.control.views import moment
from waziterm.domain.care.findings import Finding, FindingKind, FixReport, FixStep, Remedy, Severity
from waziterm.domain.care.layers import Layer, LayerName, TestReport, Verdict
from waziterm.domain.care.trash import Removal, TrashedFile, TrashView, Why
from waziterm.domain.fleet.tools import Comeback, ConflictRecord, Progress, RestartReport, Step
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State

Json = dict[str, Any]


def epoch(text: str) -> float:
    """A moment in UTC seconds. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


def finding_json(finding: Finding) -> Json:
    return {
        "id": finding.id,
        "kind": finding.kind.value,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "instance": finding.instance,
        "evidence": finding.evidence,
        "act": finding.act,
        "remedy": finding.remedy.value if finding.remedy else None,
    }


def finding_of(data: Json) -> Finding:
    return Finding(
        FindingKind(data["kind"]),
        Severity(data["severity"]),
        data["subject"],
        data["instance"],
        data["evidence"],
        data["act"],
        Remedy(data["remedy"]) if data["remedy"] else None,
    )


def fix_json(report: FixReport) -> Json:
    return {
        "dry_run": report.dry_run,
        "steps": [
            {
                "remedy": step.remedy.value,
                "subject": step.subject,
                "instance": step.instance,
                "act": step.act,
                "error": step.error,
                "backup": step.backup,
            }
            for step in report.steps
        ],
        "remaining": [finding_json(finding) for finding in report.remaining],
    }


def fix_of(data: Json) -> FixReport:
    steps = tuple(FixStep(**{**step, "remedy": Remedy(step["remedy"])}) for step in data["steps"])
    return FixReport(data["dry_run"], steps, tuple(map(finding_of, data["remaining"])))


def trash_json(entry: TrashView) -> Json:
    return {
        "id": entry.id,
        "instance": entry.instance,
        "when": moment(entry.at),
        "why": entry.why.value,
        "restorable": entry.restorable,
        "paired": entry.paired,
        "expires": moment(entry.expires_at),
        "files": [
            {"name": file.name, "size": file.size, "sha256": file.sha256} for file in entry.files
        ],
    }


def removal_json(removal: Removal) -> Json:
    return {"entry": removal.entry, "not_unlinked": removal.not_unlinked}


def removal_of(data: Json) -> Removal:
    return Removal(data["entry"], data["not_unlinked"])


def trash_of(data: Json) -> TrashView:
    return TrashView(
        id=data["id"],
        instance=data["instance"],
        at=epoch(data["when"]),
        why=Why(data["why"]),
        restorable=data["restorable"],
        paired=data["paired"],
        files=tuple(TrashedFile(**file) for file in data["files"]),
        expires_at=None if data["expires"] is None else epoch(data["expires"]),
    )


def test_json(report: TestReport) -> Json:
    return {
        "instance": report.instance,
        "ok": report.ok,
        "layers": [
            {
                "name": layer.name.value,
                "verdict": layer.verdict.value,
                "took_s": None if layer.took_s is None else round(layer.took_s, 3),
                "detail": layer.detail,
                "act": layer.act,
            }
            for layer in report.layers
        ],
    }


def test_of(data: Json) -> TestReport:
    layers = tuple(
        Layer(**{**layer, "name": LayerName(layer["name"]), "verdict": Verdict(layer["verdict"])})
        for layer in data["layers"]
    )
    return TestReport(data["instance"], layers)


def conflict_json(record: ConflictRecord) -> Json:
    return {
        "at": moment(record.at),
        "instance": record.instance,
        "reason": record.reason.slug,
        "code": record.reason.code,
        "sentence": record.reason.sentence,
        "state": record.state.value,
        "who": record.who,
    }


def conflict_of(data: Json) -> ConflictRecord:
    return ConflictRecord(
        epoch(data["at"]),
        data["instance"],
        Reason.of(data["reason"]),
        State(data["state"]),
        data["who"],
    )


def restart_json(told: Progress | RestartReport) -> Json:
    if isinstance(told, Progress):
        return {
            "step": told.step.value,
            "done": told.done,
            "total": told.total,
            "instance": told.instance,
        }
    return {
        "ok": told.ok,
        "took_s": round(told.took_s, 3),
        "cleaned": told.cleaned,
        "comebacks": [
            {
                "instance": each.instance,
                "state": each.state.value,
                "reason": each.reason.slug,
                "expected": each.expected,
                "took_s": None if each.took_s is None else round(each.took_s, 3),
            }
            for each in told.comebacks
        ],
        "fixed": fix_json(told.fixed),
    }


def restart_of(data: Json) -> Progress | RestartReport:
    if "step" in data:
        return Progress(Step(data["step"]), data["done"], data["total"], data["instance"])
    comebacks = tuple(
        Comeback(**{**each, "state": State(each["state"]), "reason": Reason.of(each["reason"])})
        for each in data["comebacks"]
    )
    return RestartReport(comebacks, fix_of(data["fixed"]), data["cleaned"], data["took_s"])
