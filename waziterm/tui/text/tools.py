"""What the emergency tools found and did, as lines of text."""

from collections.abc import Iterable, Mapping

from rich.text import Text

from waziterm.domain.care.findings import Finding, FixReport, Severity
from waziterm.domain.care.grouping import groups, timeless
from waziterm.domain.care.layers import TestReport, Verdict
from waziterm.domain.fleet.tools import Comeback, Progress, RestartReport, Step
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, retold, tr
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import inert
from waziterm.tui.text.format import seconds
from waziterm.tui.text.keynames import key_of, with_keys

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
    Step.STOP: N_("stop the workers"),
    Step.CLEAN: N_("sessions to the trash"),
    Step.CHECK: N_("check"),
    Step.FIX: N_("fix"),
    Step.ROTATE: N_("rotate the log"),
    Step.START: N_("start, staggered"),
    Step.VERIFY: N_("back online"),
}
_BAR = 20


def findings(found: Iterable[Finding]) -> list[Text]:
    """What a check found, the worst first, each with what to do; what meets many instances alike is
    told once."""
    lines, known = [], tuple(found)
    met = ((each.kind, each.severity, each.instance, each.evidence, each.act) for each in known)
    for group in groups(met):
        finding = known[group.first]
        glyph, colour = _SEVERITIES[finding.severity]
        whose = finding.instance or tr(finding.subject)
        evidence: str = finding.evidence
        act = with_keys(retold(finding.act))
        if not group.is_one:
            count, name = len(group.names), finding.instance
            whose = tr("{count} instances ({names})", count=count, names=group.listed)
            evidence = timeless(finding.kind, evidence)
            if group.by_name:
                act = tr("of each, here of {name}: {act}", name=name, act=act)
        by = f"{act} ({key_of(KeyAction.FIX)})" if finding.remedy else act
        lines.append(
            Text.assemble(
                (f"{glyph} {tr(finding.severity.value)} ", colour),
                (inert(whose), f"bold {look.STRONG}"),
                f": {inert(retold(evidence))}",
            )
        )
        lines.append(Text(f"  {inert(by).replace('`', '')}", look.DIM))
    return lines or [Text(f"✓ {tr('nothing is wrong')}", look.GOOD)]


def fix(report: FixReport) -> list[Text]:
    """What a fix did or would do, and what is left for a person."""
    lines = []
    for step in report.steps:
        act = f"{inert(step.instance or step.subject)}: {inert(retold(step.act))}"
        if step.error:
            lines.append(Text(f"✖ {act}: {inert(retold(step.error))}", look.BAD))
        else:
            glyph, colour = ("→", look.ACCENT) if report.dry_run else ("✓", look.GOOD)
            copy = tr("; copy in the trash: {entry}", entry=step.backup) if step.backup else ""
            lines.append(Text(f"{glyph} {act}{inert(copy)}", colour))
    if not report.steps:
        lines.append(Text(f"✓ {tr('there is nothing to fix by itself')}", look.GOOD))
    if report.remaining:
        lines += [Text(), Text(tr("What a person has to decide:"), f"bold {look.STRONG}")]
        lines += findings(report.remaining)
    return lines


def test(report: TestReport, *, brief: bool) -> list[Text]:
    """One instance's layers, and the first failure explained. brief: a line if all is well."""
    whole = _VERDICTS[Verdict.OK if report.ok else Verdict.FAILED]
    if brief and report.ok:
        took_s = sum(layer.took_s or 0.0 for layer in report.layers)
        name = inert(report.instance)
        said = tr("{name}: all layers answer, {took}", name=name, took=seconds(took_s))
        return [Text(f"{whole[0]} {said}", whole[1])]
    lines = [Text(f"{whole[0]} {inert(report.instance)}", f"bold {whole[1]}")]
    for layer in report.layers:
        glyph, colour = _VERDICTS[layer.verdict]
        took = "" if layer.took_s is None else seconds(layer.took_s)
        lines.append(
            Text.assemble(
                (f"  {glyph} {tr(layer.name.value):<6} ", colour),
                (f"{took:>8}  ", look.DIM),
                inert(retold(layer.detail)),
            )
        )
        if layer.act:
            lines.append(Text(f"    {inert(with_keys(retold(layer.act)))}", look.WARN))
    return lines


def tested(done: int, total: int, failed: int, *, send: bool) -> Text:
    """How far a test of several is. send: messages are part of it."""
    head = Text(tr("{done} of {total} tested", done=done, total=total), f"bold {look.STRONG}")
    if failed:
        head.append(f", {tr('{count} failed', count=failed)}", f"bold {look.BAD}")
    if not send:
        head.append(f" · {tr('no message is sent')}", look.DIM)
    return head


def restart(steps: Mapping[Step, Progress], report: RestartReport | None) -> list[Text]:
    """How far a restart has come, and at its end what is back."""
    lines = []
    for step, told in steps.items():
        share = told.done / told.total if told.total else 1.0
        full = round(share * _BAR)
        bar = "━" * full + "·" * (_BAR - full)
        count = tr("{done} of {total}", done=told.done, total=told.total)
        lines.append(Text.assemble(f"{tr(_STEPS[step]):<22} ", (bar, look.ACCENT), f" {count}"))
    if report is not None:
        lines.append(Text())
        missing = [each for each in report.comebacks if each.took_s is None and each.expected]
        if missing:
            said = tr(
                "{count} of {total} not back", count=len(missing), total=len(report.comebacks)
            )
            lines.append(Text(f"✖ {said}", f"bold {look.BAD}"))
        lines += [_comeback(each) for each in missing]
        lines += [_comeback(each) for each in report.comebacks if each not in missing]
        glyph, colour = _VERDICTS[Verdict.OK if report.ok else Verdict.FAILED]
        said = tr("done in {took}", took=seconds(report.took_s, 1))
        lines.append(Text(f"{glyph} {said}", f"bold {colour}"))
    return lines


def _comeback(each: Comeback) -> Text:
    name = inert(each.instance)
    if each.took_s is not None:
        took = seconds(each.took_s, 1)
        return Text(f"✓ {tr('{name}: back after {took}', name=name, took=took)}", look.GOOD)
    said = f"{name}: {tr(each.state.label)}, {tr(each.reason.sentence)}"
    if each.expected:
        return Text(f"✖ {tr('not back: {said}', said=said)}", look.BAD)
    return Text(f"· {said}", look.DIM)
