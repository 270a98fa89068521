"""What ails an instance by its own account and history, and what a person can do. Pure."""

from collections.abc import Iterator

from waziterm.domain.care.evidence import Survey
from waziterm.domain.care.findings import Finding, FindingKind, Severity
from waziterm.domain.jid import mask_number
from waziterm.domain.lifecycle.details import is_queued, other_number_detail
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.memory import cause_of_outage, evidence_for, evidence_of_conflict
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.text import safe_line

MANY_CONFLICTS = 3
"""So many in a day are no accident any more."""
FLAPPING = 6
"""So many reconnects in an hour."""

_OTHER_CLIENT = "find and end the other client, then `waziterm reconnect {name} --takeover`"
_SEE_LOG = "see `waziterm logs {name}`, then `waziterm reconnect {name} --takeover`"
_ONE_TRY = "`waziterm reconnect {name} --takeover` tries once"
_HELD = {
    Reason.RIVAL: _OTHER_CLIENT,
    Reason.CONFLICT_BUDGET: _OTHER_CLIENT,
    Reason.LOCAL_HOLDER: "end that program, then `waziterm reconnect {name} --takeover`",
    Reason.CRASH_LOOP: _SEE_LOG,
    Reason.DEAF_AGAIN: _SEE_LOG,
}
_OF_THE_FILE = (Reason.SESSION_BROKEN, Reason.SESSION_MISSING)


def ailments(survey: Survey, with_bad_file: frozenset[str]) -> Iterator[Finding]:
    """What the instances tell of themselves. with_bad_file: whose session file is a finding."""
    outdated: list[Instance] = []
    for instance in survey.instances:
        if Reason.OUTDATED_CLIENT in (instance.hold, instance.reason):
            outdated.append(instance)
        elif instance.hold is not None:
            if not (instance.hold in _OF_THE_FILE and instance.name in with_bad_file):
                yield _held(survey, instance)
        elif instance.banned_until is not None and instance.banned_until > survey.now:
            yield _banned(instance, instance.banned_until - survey.now)
        elif instance.state is State.LOGGED_OUT:
            yield _logged_out(instance)
        elif _is_missed(survey, instance) and instance.name not in with_bad_file:
            yield _not_connected(survey, instance)
        if instance.other_number:
            yield _other_number(instance)
        yield from _history(survey, instance)
    yield from _unkept(survey)
    if outdated:
        names = [instance.name for instance in outdated]
        shown = ", ".join(names[:3]) + ("" if len(names) <= 3 else ", …")
        details = (each.detail for each in outdated if each.state is State.OUTDATED)
        known = safe_line(next((detail for detail in details if detail), ""), 300)
        yield Finding(
            FindingKind.OUTDATED,
            Severity.PROBLEM,
            "neonize",
            None,
            f"WhatsApp refuses this version of the library (405); stopped: {shown}"
            + (f"; {known}" if known else ""),
            Reason.OUTDATED_CLIENT.next_step,
        )


def _held(survey: Survey, instance: Instance) -> Finding:
    name, reason = instance.name, instance.hold
    assert reason is not None
    act = _HELD.get(reason, _ONE_TRY).format(name=name)
    if reason in _OF_THE_FILE:
        act = f"{act}; else {survey.way_back(name)}"
    kind = FindingKind.CRASH_LOOP if reason is Reason.CRASH_LOOP else FindingKind.HELD
    # Whoever stopped it knows of it.
    severity = Severity.PROBLEM if instance.wanted is Wanted.RUNNING else Severity.NOTICE
    detail = evidence_for(instance, reason)
    return Finding(kind, severity, name, name, f"held: {_said(reason, detail)}", act)


def _banned(instance: Instance, left_s: float) -> Finding:
    minutes = max(1, round(left_s / 60))
    left = f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"
    evidence = (
        f"{_said(Reason.TEMPORARY_BAN, evidence_for(instance, Reason.TEMPORARY_BAN))}, {left} left"
    )
    act = "wait: it connects by itself then, and nothing shortens a ban"
    if instance.wanted is Wanted.STOPPED:
        act = f"wait; then `waziterm start {instance.name}`"
    return Finding(
        FindingKind.BANNED, Severity.PROBLEM, instance.name, instance.name, evidence, act
    )


def _logged_out(instance: Instance) -> Finding:
    name, reason = instance.name, instance.reason
    act = f"`waziterm start {name}`, then `waziterm qr {name}` draws the code to link it anew"
    if reason is not Reason.UNLINKED:
        act = f"{reason.next_step}; then {act}"
    evidence = _said(reason, instance.detail)
    return Finding(FindingKind.LOGGED_OUT, Severity.PROBLEM, name, name, evidence, act)


def _is_missed(survey: Survey, instance: Instance) -> bool:
    """Whether it is wanted and not connected, and no other finding tells so."""
    wanted = survey.has_manager and instance.wanted is Wanted.RUNNING
    told = instance.name in survey.stuck
    return wanted and instance.state is not State.CONNECTED and not told


def _not_connected(survey: Survey, instance: Instance) -> Finding:
    """One that is wanted and not connected; one that has only begun to connect is no problem."""
    name, since = instance.name, instance.down_since or instance.since
    lasts = _span(survey.now - since)
    trouble, detail = cause_of_outage(instance)
    evidence = f"not connected for {lasts}: {_said(trouble, detail)}"
    act = f"it tries again by itself; `waziterm test {name}` names the layer that fails"
    severity = Severity.PROBLEM
    if not instance.is_paired and instance.state is not State.CONNECTING:
        severity, act = (
            Severity.NOTICE,
            f"`waziterm start {name}`, then `waziterm qr {name}` draws the code to link it",
        )
        if instance.state is State.PAIRING:
            act = instance.next_step
        evidence = f"not linked: {_said(instance.reason, instance.detail)}"
    elif instance.state is State.STOPPED:
        paused = instance.reason is Reason.PAUSED
        severity = Severity.NOTICE if paused else Severity.PROBLEM
        act = instance.next_step if paused else f"`waziterm start {name}`"
    elif _has_just_begun(survey, instance, since, trouble):
        severity, act = Severity.NOTICE, "wait: it is connecting"
    elif trouble.is_of_a_conflict:
        act = _OTHER_CLIENT.format(name=name)
    return Finding(FindingKind.NOT_CONNECTED, severity, name, name, evidence, act)


def _has_just_begun(survey: Survey, instance: Instance, since: float, trouble: Reason) -> bool:
    """Whether it connects, or dials again after a drop, for the first time and not for long. One
    that waits for the end of other pairings has not begun yet, however long that takes."""
    if not instance.is_paired and is_queued(instance.detail):
        return True
    begins = instance.redialling or (
        instance.state is State.CONNECTING and trouble is instance.reason
    )
    return begins and survey.now - since <= survey.connect_limit_s


def _other_number(instance: Instance) -> Finding:
    name, phone = instance.name, mask_number(instance.phone or "")
    return Finding(
        FindingKind.OTHER_NUMBER,
        Severity.WARNING,
        name,
        name,
        other_number_detail(instance.other_number, phone),
        f"`waziterm clean {name} --logout`, then `waziterm start {name}`, if that is not meant",
    )


def _unkept(survey: Survey) -> Iterator[Finding]:
    """Without a manager nobody is connected, whatever the last one has left."""
    missed = [
        instance.name
        for instance in survey.instances
        if instance.wanted is Wanted.RUNNING and instance.is_paired
    ]
    if missed and not survey.has_manager:
        shown = ", ".join(missed[:3]) + ("" if len(missed) <= 3 else ", …")
        yield Finding(
            FindingKind.NO_MANAGER,
            Severity.NOTICE,
            "waziterm",
            None,
            f"no manager runs: {len(missed)} wanted, none connected: {shown}",
            Reason.NO_MANAGER.next_step,
        )


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _history(survey: Survey, instance: Instance) -> Iterator[Finding]:
    name = instance.name
    conflicts = survey.conflicts.get(instance.id, 0)
    retries = survey.retries.get(instance.id, 0)
    if conflicts:
        times = "once" if conflicts == 1 else f"{conflicts} times"
        who = safe_line(evidence_of_conflict(instance), 200)
        yield Finding(
            FindingKind.RECENT_CONFLICTS,
            Severity.WARNING if conflicts >= MANY_CONFLICTS else Severity.NOTICE,
            name,
            name,
            f"another client took its session {times} in the last day"
            + (f": {who}" if who else ""),
            f"{_OTHER_CLIENT.format(name=name)}; `waziterm conflicts` tells when",
        )
    if retries >= FLAPPING:
        yield Finding(
            FindingKind.FLAPPING,
            Severity.WARNING,
            name,
            name,
            f"its connection was lost {retries} times in the last hour",
            f"`waziterm test {name}` names the layer that fails",
        )


def _said(reason: Reason, detail: str) -> str:
    code = f" ({reason.code})" if reason.code else ""
    return f"{reason.sentence}{code}" + (f": {safe_line(detail, 200)}" if detail else "")
