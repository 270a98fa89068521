"""What ails an instance by its own account and history, and what a person can do. Pure."""

from collections.abc import Iterator, Sequence

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.alerts.measures import phone_silent_s
from waziterm.domain.care.evidence import Survey
from waziterm.domain.care.findings import Finding, FindingKind, Severity
from waziterm.domain.incidents.outcome import span_of
from waziterm.domain.jid import mask_number
from waziterm.domain.lifecycle.details import (
    as_phrase,
    detail_phrase,
    is_queued,
    measure_detail,
    other_number_detail,
    reason_phrase,
)
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.memory import cause_of_outage, evidence_for, evidence_of_conflict
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.moments import countdown
from waziterm.domain.phrase import Phrase, joined
from waziterm.domain.text import safe_line

MANY_CONFLICTS = 3
"""So many in a day are no accident any more."""
FLAPPING = 6
"""So many reconnects in an hour."""
_DAY_S = 86_400.0

_OTHER_CLIENT = "find and end the other client, then `waziterm reconnect {name} --takeover`"
_SEE_LOG = "see `waziterm logs {name}`, then `waziterm reconnect {name} --takeover`"
_ONE_TRY = "`waziterm reconnect {name} --takeover` tries once"
_HELD = {
    Reason.RIVAL: _OTHER_CLIENT,
    Reason.CONFLICT_BUDGET: _OTHER_CLIENT,
    Reason.LOCAL_HOLDER: "end that program, then `waziterm reconnect {name} --takeover`",
    Reason.CRASH_LOOP: _SEE_LOG,
    Reason.DEAF_AGAIN: _SEE_LOG,
    Reason.EXPORTED: "`waziterm clean {name}` when it runs elsewhere; only if it runs nowhere,"
    " `waziterm reconnect {name} --takeover`",
}
_OF_THE_FILE = (Reason.SESSION_BROKEN, Reason.SESSION_MISSING)


def ailments(survey: Survey, with_bad_file: frozenset[str]) -> Iterator[Finding]:
    """What the instances tell of themselves. with_bad_file: whose session file is a finding."""
    outdated: list[Instance] = []
    for instance in survey.instances:
        if Reason.OUTDATED_CLIENT in (instance.hold, instance.reason):
            outdated.append(instance)
        elif instance.is_held:
            if not (instance.hold in _OF_THE_FILE and instance.name in with_bad_file):
                yield _held(survey, instance)
        elif instance.banned_until is not None and instance.banned_until > survey.now:
            yield _banned(instance, instance.banned_until - survey.now)
        elif instance.state is State.LOGGED_OUT:
            yield _logged_out(instance)
        elif _is_missed(survey, instance) and instance.name not in with_bad_file:
            yield _not_connected(survey, instance)
        yield from _phone_silent(survey, instance)
        yield from _old_name(survey, instance)
        if instance.other_number:
            yield _other_number(instance)
        yield from _history(survey, instance)
        yield from _messages(survey, instance)
    yield from _unkept(survey)
    if outdated:
        names = [instance.name for instance in outdated]
        details = (each.detail for each in outdated if each.state is State.OUTDATED)
        known = safe_line(next((detail for detail in details if detail), ""), 300)
        evidence = Phrase(
            "WhatsApp refuses this version of the library (405); stopped: {names}",
            names=_first(names),
        )
        yield Finding(
            FindingKind.OUTDATED,
            Severity.PROBLEM,
            "neonize",
            None,
            joined("; ", (evidence, as_phrase(known))) if known else evidence,
            Phrase(Reason.OUTDATED_CLIENT.next_step),
        )


def _old_name(survey: Survey, instance: Instance) -> Iterator[Finding]:
    if old := survey.old_tables.get(instance.id):
        yield Finding(
            FindingKind.OLD_NAME,
            Severity.NOTICE,
            f"instances.{old[0]}",
            instance.name,
            Phrase(
                "it was renamed, and the config has settings for it under {names}",
                names=", ".join(old),
            ),
            Phrase(
                "write them under `[instances.{name}]`, then `waziterm reload`", name=instance.name
            ),
        )


def _held(survey: Survey, instance: Instance) -> Finding:
    name, reason = instance.name, instance.hold
    assert reason is not None
    act = Phrase(_HELD.get(reason, _ONE_TRY), name=name)
    if reason in _OF_THE_FILE:
        act = Phrase("{act}; else {way}", act=act, way=survey.way_back(name))
    kind = FindingKind.CRASH_LOOP if reason is Reason.CRASH_LOOP else FindingKind.HELD
    # Whoever stopped it knows of it.
    severity = Severity.PROBLEM if instance.wanted is Wanted.RUNNING else Severity.NOTICE
    why = _said(reason, evidence_for(instance, reason))
    return Finding(kind, severity, name, name, Phrase("held: {why}", why=why), act)


def _banned(instance: Instance, left_s: float) -> Finding:
    why = _said(Reason.TEMPORARY_BAN, evidence_for(instance, Reason.TEMPORARY_BAN))
    evidence = Phrase("{why}, {left} left", why=why, left=countdown(left_s))
    act = Phrase("wait: it connects by itself then, and nothing shortens a ban")
    if instance.wanted is Wanted.STOPPED:
        act = Phrase("wait; then `waziterm start {name}`", name=instance.name)
    return Finding(
        FindingKind.BANNED, Severity.PROBLEM, instance.name, instance.name, evidence, act
    )


def _logged_out(instance: Instance) -> Finding:
    name, reason = instance.name, instance.reason
    act = Phrase(
        "`waziterm start {name}`, then `waziterm qr {name}` draws the code to link it again",
        name=name,
    )
    if reason is not Reason.UNLINKED:
        act = Phrase("{first}; then {act}", first=Phrase(reason.next_step), act=act)
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
    lasts = span_of(max(0.0, survey.now - since))
    trouble, detail = cause_of_outage(instance)
    evidence = Phrase("not connected for {lasts}: {why}", lasts=lasts, why=_said(trouble, detail))
    act = Phrase(
        "it tries again by itself; `waziterm test {name}` names the layer that fails", name=name
    )
    severity = Severity.PROBLEM
    if not instance.is_paired and instance.state is not State.CONNECTING:
        severity = Severity.NOTICE
        act = Phrase(
            "`waziterm start {name}`, then `waziterm qr {name}` draws the code to link it",
            name=name,
        )
        if instance.state is State.PAIRING:
            act = Phrase(instance.next_step)
        evidence = Phrase("not linked: {why}", why=_said(instance.reason, instance.detail))
    elif instance.state is State.STOPPED:
        paused = instance.reason is Reason.PAUSED
        severity = Severity.NOTICE if paused else Severity.PROBLEM
        act = Phrase("`waziterm start {name}`", name=name)
        if paused:
            act = Phrase(instance.next_step)
    elif _has_just_begun(survey, instance, since, trouble):
        severity, act = Severity.NOTICE, Phrase("wait: it is connecting")
    elif trouble.is_of_a_conflict:
        act = Phrase(_OTHER_CLIENT, name=name)
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
        detail_phrase(other_number_detail(instance.other_number, phone)),
        Phrase(
            "`waziterm clean {name} --logout`, then `waziterm start {name}`, if that is not meant",
            name=name,
        ),
    )


def _phone_silent(survey: Survey, instance: Instance) -> Iterator[Finding]:
    """Without a manager nobody hears of a phone."""
    silent_s = phone_silent_s(instance, survey.now) if survey.has_manager else None
    if silent_s is None or silent_s <= survey.phone_limit_s:
        return
    days = measure_detail(AlertRule.PHONE, silent_s / _DAY_S, survey.phone_limit_s / _DAY_S)
    yield Finding(
        FindingKind.PHONE_SILENT,
        Severity.NOTICE,
        instance.name,
        instance.name,
        _said(Reason.PHONE_SILENT, days),
        Phrase(Reason.PHONE_SILENT.next_step),
    )


def _unkept(survey: Survey) -> Iterator[Finding]:
    """Without a manager nobody is connected, whatever the last one has left."""
    missed = [
        instance.name
        for instance in survey.instances
        if instance.wanted is Wanted.RUNNING and instance.is_paired
    ]
    if missed and not survey.has_manager:
        yield Finding(
            FindingKind.NO_MANAGER,
            Severity.NOTICE,
            "waziterm",
            None,
            Phrase(
                "no manager runs: {count} wanted, none connected: {names}",
                count=len(missed),
                names=_first(missed),
            ),
            Phrase(Reason.NO_MANAGER.next_step),
        )


def _first(names: Sequence[str]) -> str:
    """The first few of them."""
    return ", ".join(names[:3]) + ("" if len(names) <= 3 else ", …")


def _history(survey: Survey, instance: Instance) -> Iterator[Finding]:
    name = instance.name
    conflicts = survey.conflicts.get(instance.id, 0)
    retries = survey.retries.get(instance.id, 0)
    if conflicts:
        evidence = Phrase(
            "another client took its session once in the last day"
            if conflicts == 1
            else "another client took its session {count} times in the last day",
            count=conflicts,
        )
        who = safe_line(evidence_of_conflict(instance), 200)
        waits = instance.state in (State.COOLDOWN, State.HELD)
        act = Phrase(_OTHER_CLIENT, name=name) if waits else Phrase("find and end the other client")
        yield Finding(
            FindingKind.RECENT_CONFLICTS,
            Severity.WARNING if conflicts >= MANY_CONFLICTS else Severity.NOTICE,
            name,
            name,
            joined(": ", (evidence, as_phrase(who))) if who else evidence,
            Phrase("{act}; `waziterm conflicts` tells when", act=act),
        )
    if retries >= FLAPPING:
        yield Finding(
            FindingKind.FLAPPING,
            Severity.WARNING,
            name,
            name,
            Phrase("its connection was lost {count} times in the last hour", count=retries),
            Phrase("`waziterm test {name}` names the layer that fails", name=name),
        )


def _messages(survey: Survey, instance: Instance) -> Iterator[Finding]:
    name, look = instance.name, survey.messages.get(instance.id)
    if look is None:
        return
    if look.unknown:
        evidence = Phrase(
            "for over an hour nobody knows whether 1 message arrived"
            if look.unknown == 1
            else "for over an hour nobody knows whether {count} messages arrived",
            count=look.unknown,
        )
        act = Phrase(
            "`waziterm messages {name} --state unknown` lists them; `waziterm messages resend ID`"
            " or `close ID` decides",
            name=name,
        )
        yield Finding(FindingKind.MESSAGES_UNKNOWN, Severity.WARNING, name, name, evidence, act)
    if look.late:
        evidence = Phrase(
            "1 message waits for over half of its time, and is given up after it"
            if look.late == 1
            else "{count} messages wait for over half of their time, and are given up after it",
            count=look.late,
        )
        act = Phrase("`waziterm messages {name} --state queued` says for what", name=name)
        yield Finding(FindingKind.MESSAGES_LATE, Severity.WARNING, name, name, evidence, act)


def _said(reason: Reason, detail: str) -> Phrase:
    return reason_phrase(reason, safe_line(detail, 200))
