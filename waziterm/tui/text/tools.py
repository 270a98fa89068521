"""What the emergency tools found and did, as lines of text for each thing."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from rich.text import Text

from waziterm.domain.care.findings import Finding, FixReport, Severity
from waziterm.domain.care.grouping import groups, timeless
from waziterm.domain.care.layers import TestReport, Verdict
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.fleet.tools import Comeback, Progress, RestartReport, Step
from waziterm.domain.frozen import dataclass
from waziterm.domain.moving.plan import Carried, Heals, ImportReport, ImportSource
from waziterm.domain.moving.plan import Verdict as ImportVerdict
from waziterm.domain.screen import KeyAction
from waziterm.domain.upkeep.janitor import Act, ActKind
from waziterm.lang import N_, retold, tr, trn
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import inert
from waziterm.tui.text import words
from waziterm.tui.text.format import seconds, timed
from waziterm.tui.text.keynames import key_of, with_keys
from waziterm.tui.text.words import some_of

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
    Step.START: N_("start in steps"),
    Step.VERIFY: N_("back online"),
}
_ACTS = {
    ActKind.END_WAIT: N_("end its wait"),
    ActKind.END_PAIRING: N_("end its pairing"),
    ActKind.REPLACE_WORKER: N_("replace its worker"),
    ActKind.REGROUP: N_("move it to another worker"),
    ActKind.DELETE_TRASH: N_("delete it from the trash"),
    ActKind.REPORT: N_("only tell of it"),
}
_CARRIED = {
    Carried.PRE_KEYS: N_("prekeys"),
    Carried.SESSIONS: N_("sessions with devices"),
    Carried.IDENTITIES: N_("identities"),
    Carried.SENDER_KEYS: N_("keys of groups"),
    Carried.SYNC_KEYS: N_("keys of the app state"),
    Carried.LIDS: N_("hidden ids"),
    Carried.TOKENS: N_("tokens of contacts"),
}
_HEALS = {
    Heals.CHATS: N_("what is archived, muted and pinned"),
    Heals.DEVICE_LISTS: N_("the devices of contacts"),
    Heals.GROUP_KEYS: N_("who has got the keys of groups"),
    Heals.SESSIONS: N_("the dropped sessions, with the next message"),
    Heals.HIDDEN_IDS: N_("the first message of a chat that writes under its hidden id"),
}
_BAR = 20


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool tells of one thing. instance: whom it is about; "" where that is none."""

    lines: tuple[Text, ...]
    instance: str = ""


def line(text: str = "", style: str = "") -> Told:
    """One line that is about no instance."""
    return Told((Text(text, style),))


def imports(report: ImportReport, *, done: bool) -> list[Told]:
    """What was found in the sources of an import, each with what is kept and dropped, or why it is
    refused. done: it was brought in."""
    warning = tr(
        "Two programs that use one session take it from each other. Whether one runs on another"
        " machine cannot be known here."
    )
    head = line(imported(report), look.STRONG) if done else line(warning, look.WARN)
    return [head, line(), *(_import(each, done=done) for each in report.sources)]


def imported(report: ImportReport) -> str:
    """How an import ended, as one sentence."""
    said = trn("{n} session imported", "{n} sessions imported", len(report.imported))
    refused = len(report.sources) - len(report.imported)
    if refused:
        said += "; " + trn("{n} refused", "{n} refused", refused)
    if report.imported:
        said += "; " + tr("{s} starts them", s=key_of(KeyAction.START_STOP))
    return said


def _import(source: ImportSource, *, done: bool) -> Told:
    where = inert(source.source)
    if source.verdict is ImportVerdict.REFUSED:
        head = f"{inert(source.name)}  {where}" if source.name else where
        return Told((Text(f"✖ {head}", look.BAD), Text(f"  {inert(retold(source.why))}")))
    lines = [Text(f"✓ {inert(source.name)}  {source.jid}", look.GOOD), Text(f"  {where}")]
    lines.append(Text("  " + tr("keeps {what}", what=_counts(source.kept))))
    if any(source.dropped.values()):
        dropped = tr("drops what is in doubt: {what}", what=_counts(source.dropped))
        lines.append(Text(f"  {dropped}", look.WARN))
    if source.heals:
        healing = ", ".join(tr(_HEALS[each]) for each in source.heals)
        lines.append(Text("  " + tr("comes back by itself: {what}", what=healing), look.DIM))
    return Told(tuple(lines), source.name if done else "")


def _counts(counts: Mapping[Carried, int]) -> str:
    told = [f"{count} {tr(_CARRIED[kind])}" for kind, count in counts.items() if count]
    return ", ".join(told) or tr("nothing but the device")


def findings(found: Iterable[Finding]) -> list[Told]:
    """What a check found, the worst first, each with what to do; what meets many instances alike is
    told once, about the first of them."""
    told, known = [], tuple(found)
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
                act = tr("for each; for {name}: {act}", name=name, act=act)
        by = f"{act} ({key_of(KeyAction.FIX)})" if finding.remedy else act
        what = Text.assemble(
            (f"{glyph} {tr(finding.severity.value)} ", colour),
            (inert(whose), f"bold {look.STRONG}"),
            f": {inert(retold(evidence))}",
        )
        todo = Text(f"  {inert(by).replace('`', '')}", look.DIM)
        told.append(Told((what, todo), finding.instance or ""))
    return told or [line(f"✓ {tr('nothing is wrong')}", look.GOOD)]


def fix(report: FixReport) -> list[Told]:
    """What a fix did or would do, and what is left for a person."""
    told = []
    for step in report.steps:
        act = f"{inert(step.instance or step.subject)}: {inert(retold(step.act))}"
        if step.error:
            text = Text(f"✖ {act}: {inert(retold(step.error))}", look.BAD)
        else:
            glyph, colour = ("→", look.ACCENT) if report.dry_run else ("✓", look.GOOD)
            copy = tr("; copy in the trash: {entry}", entry=step.backup) if step.backup else ""
            text = Text(f"{glyph} {act}{inert(copy)}", colour)
        told.append(Told((text,), step.instance or ""))
    if not report.steps:
        told.append(line(f"✓ {tr('there is nothing to fix by itself')}", look.GOOD))
    if report.remaining:
        told += [line(), line(tr("What you have to decide:"), f"bold {look.STRONG}")]
        told += findings(report.remaining)
    return told


def janitor(acts: Sequence[Act], instances: Collection[str], *, dry_run: bool) -> list[Told]:
    """What the janitor did or would do, each with why. instances: which of the subjects are."""
    told = []
    for act in acts:
        glyph, colour = ("→", look.ACCENT) if dry_run else ("✓", look.GOOD)
        what = Text(f"{glyph} {inert(act.subject)}: {tr(_ACTS[act.kind])}", colour)
        why = Text(f"  {inert(retold(act.why))}", look.DIM)
        told.append(Told((what, why), act.subject if act.subject in instances else ""))
    return told or [line(f"✓ {tr('everything is in order')}", look.GOOD)]


def fixed(report: FixReport) -> str:
    """What a fix did, as one sentence."""
    failed = sum(bool(step.error) for step in report.steps)
    done = len(report.steps) - failed
    said = trn("fix: {n} problem is fixed", "fix: {n} problems are fixed", done)
    return tr("{said}, {count} failed", said=said, count=failed) if failed else said


def test(report: TestReport, *, brief: bool) -> Told:
    """One instance's layers, and the first failure explained. brief: a line if all is well."""
    whole = _VERDICTS[Verdict.OK if report.ok else Verdict.FAILED]
    if brief and report.ok:
        took_s = sum(layer.took_s or 0.0 for layer in report.layers)
        name = inert(report.instance)
        said = tr("{name}: all layers answer, {took}", name=name, took=timed(took_s))
        return Told((Text(f"{whole[0]} {said}", whole[1]),), report.instance)
    lines = [Text(f"{whole[0]} {inert(report.instance)}", f"bold {whole[1]}")]
    for layer in report.layers:
        glyph, colour = _VERDICTS[layer.verdict]
        took = "" if layer.took_s is None else timed(layer.took_s)
        lines.append(
            Text.assemble(
                (f"  {glyph} {tr(layer.name.value):<6} ", colour),
                (f"{took:>8}  ", look.DIM),
                inert(retold(layer.detail)),
            )
        )
        if layer.act:
            act = inert(with_keys(retold(layer.act))).replace("`", "")
            lines.append(Text(f"    {act}", look.WARN))
    return Told(tuple(lines), report.instance)


def tested(done: int, total: int, failed: int, *, send: bool) -> Told:
    """How far a test of several is. send: messages are part of it."""
    head = Text(tr("{done} of {total} tested", done=done, total=total), f"bold {look.STRONG}")
    if failed:
        head.append(f", {tr('{count} failed', count=failed)}", f"bold {look.BAD}")
    if not send:
        head.append(f" · {tr('no message is sent')}", look.DIM)
    return Told((head,))


def restart(
    steps: Mapping[Step, Progress],
    report: RestartReport | None,
    waiting: Iterable[InstanceView] = (),
) -> list[Told]:
    """How far a restart has come, and at its end what is back. waiting: who is not back yet."""
    told = []
    for step, progress in steps.items():
        share = progress.done / progress.total if progress.total else 1.0
        full = round(share * _BAR)
        bar = "━" * full + "·" * (_BAR - full)
        count = tr("{done} of {total}", done=progress.done, total=progress.total)
        text = Text.assemble(f"{tr(_STEPS[step]):<22} ", (bar, look.ACCENT), f" {count}")
        told.append(Told((text,)))
    if report is None:
        return told + [_awaited(each) for each in waiting]
    told.append(line())
    expected = [each for each in report.comebacks if each.expected]
    missing = [each for each in expected if each.took_s is None]
    if missing:
        said = tr("{count} of {total} not back", count=len(missing), total=len(expected))
        told.append(line(f"✖ {said}", f"bold {look.BAD}"))
    told += [_comeback(each) for each in missing]
    told += [_comeback(each) for each in report.comebacks if each not in missing]
    glyph, colour = _VERDICTS[Verdict.OK if report.ok else Verdict.FAILED]
    said = tr("done in {took}", took=seconds(report.took_s, 1))
    return [*told, line(f"{glyph} {said}", f"bold {colour}")]


def restarted(report: RestartReport) -> str:
    """How a restart went, as one sentence."""
    missing = [each.instance for each in report.comebacks if each.took_s is None and each.expected]
    back = sum(each.took_s is not None for each in report.comebacks)
    said = tr("restart: {count} are back", count=back)
    if not missing:
        return said
    return tr("{said}; not back: {names}", said=said, names=some_of(missing))


def _awaited(view: InstanceView) -> Told:
    said = f"{tr(view.state.label)}, {words.why(view)}"
    text = Text(f"◌ {tr('{name} is not back yet', name=inert(view.name))}: {said}", look.WAIT)
    return Told((text,), view.name)


def _comeback(each: Comeback) -> Told:
    name = inert(each.instance)
    if each.took_s is not None:
        took = seconds(each.took_s, 1)
        text = Text(f"✓ {tr('{name}: back after {took}', name=name, took=took)}", look.GOOD)
        return Told((text,), each.instance)
    said = f"{name}: {tr(each.state.label)}, {tr(each.reason.sentence)}"
    if each.expected:
        text = Text(f"✖ {tr('not back: {said}', said=said)}", look.BAD)
        return Told((text,), each.instance)
    return Told((Text(f"· {said}", look.DIM),), each.instance)
