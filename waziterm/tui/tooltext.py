"""What the emergency tools found and did, as lines of text."""

from collections.abc import Iterable, Mapping

from rich.text import Text

from waziterm.domain.checkup import Finding, FixReport, Severity
from waziterm.domain.layers import TestReport, Verdict
from waziterm.domain.tools import Comeback, Progress, RestartReport, Step
from waziterm.tui import look
from waziterm.tui.paint import inert

_SEVERITIES = {
    Severity.PROBLEM: ("✖", look.BAD),
    Severity.WARNING: ("▲", look.WARN),
    Severity.NOTICE: ("·", look.DIM),
}
_VERDICTS = {
    Verdict.OK: ("✓", look.GOOD),
    Verdict.FAILED: ("✖", look.BAD),
    Verdict.SKIPPED: ("·", look.DIM),
}
_STEPS = {
    Step.STOP: "stop the workers",
    Step.CLEAN: "sessions to the trash",
    Step.CHECK: "check",
    Step.FIX: "fix",
    Step.ROTATE: "rotate the log",
    Step.START: "start, staggered",
    Step.VERIFY: "back online",
}
_BAR = 20


def findings(found: Iterable[Finding]) -> list[Text]:
    """What a check found, the worst first, each with what to do."""
    lines = []
    for finding in found:
        glyph, colour = _SEVERITIES[finding.severity]
        whose = finding.instance or finding.subject
        by = f"{finding.act} (F)" if finding.remedy else finding.act
        lines.append(
            Text.assemble(
                (f"{glyph} {finding.severity.value} ", colour),
                (inert(whose), f"bold {look.STRONG}"),
                f": {inert(finding.evidence)}",
            )
        )
        lines.append(Text(f"  {inert(by).replace('`', '')}", look.DIM))
    return lines or [Text("✓ nothing is wrong", look.GOOD)]


def fix(report: FixReport) -> list[Text]:
    """What a fix did or would do, and what is left for a person."""
    lines = []
    for step in report.steps:
        act = f"{inert(step.instance or step.subject)}: {inert(step.act)}"
        if step.error:
            lines.append(Text(f"✖ {act}: {inert(step.error)}", look.BAD))
        else:
            glyph, colour = ("→", look.ACCENT) if report.dry_run else ("✓", look.GOOD)
            copy = f"; copy in the trash: {step.backup}" if step.backup else ""
            lines.append(Text(f"{glyph} {act}{inert(copy)}", colour))
    if not report.steps:
        lines.append(Text("✓ there is nothing to fix by itself", look.GOOD))
    if report.remaining:
        lines += [Text(), Text("What a person has to decide:", f"bold {look.STRONG}")]
        lines += findings(report.remaining)
    return lines


def test(report: TestReport, *, brief: bool) -> list[Text]:
    """One instance's layers, and the first failure explained. brief: a line if all is well."""
    whole = _VERDICTS[Verdict.OK if report.ok else Verdict.FAILED]
    if brief and report.ok:
        took_s = sum(layer.took_s or 0.0 for layer in report.layers)
        said = f"{whole[0]} {inert(report.instance)}: all layers answer, {took_s:.2f} s"
        return [Text(said, whole[1])]
    lines = [Text(f"{whole[0]} {inert(report.instance)}", f"bold {whole[1]}")]
    for layer in report.layers:
        glyph, colour = _VERDICTS[layer.verdict]
        took = "" if layer.took_s is None else f"{layer.took_s:.2f} s"
        lines.append(
            Text.assemble(
                (f"  {glyph} {layer.name.value:<6} ", colour),
                (f"{took:>8}  ", look.DIM),
                inert(layer.detail),
            )
        )
        if layer.act:
            lines.append(Text(f"    {inert(layer.act)}", look.WARN))
    return lines


def restart(steps: Mapping[Step, Progress], report: RestartReport | None) -> list[Text]:
    """How far a restart has come, and at its end what is back."""
    lines = []
    for step, told in steps.items():
        share = told.done / told.total if told.total else 1.0
        full = round(share * _BAR)
        bar = "━" * full + "·" * (_BAR - full)
        lines.append(
            Text.assemble(
                f"{_STEPS[step]:<22} ", (bar, look.ACCENT), f" {told.done} of {told.total}"
            )
        )
    if report is not None:
        lines.append(Text())
        lines += [_comeback(each) for each in report.comebacks]
        glyph, colour = _VERDICTS[Verdict.OK if report.ok else Verdict.FAILED]
        lines.append(Text(f"{glyph} done in {report.took_s:.1f} s", f"bold {colour}"))
    return lines


def _comeback(each: Comeback) -> Text:
    name = inert(each.instance)
    if each.took_s is not None:
        return Text(f"✓ {name}: back after {each.took_s:.1f} s", look.GOOD)
    said = f"{name}: {each.state.label}, {each.reason.sentence}"
    return Text(f"✖ not back: {said}", look.BAD) if each.expected else Text(f"· {said}", look.DIM)
