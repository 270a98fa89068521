"""What the session files show: each for itself, and one device in two places. Pure."""

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import assert_never

from waziterm.domain.care.evidence import Condition, SessionLook, Survey
from waziterm.domain.care.findings import Finding, FindingKind, Remedy, Severity
from waziterm.domain.jid import Jid, mask_jid
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.text import plain, safe_line

_ID = re.compile("[0-9a-f]{16}")
"""An instance's id, which tells nothing of its name."""


def session_findings(survey: Survey) -> Iterator[Finding]:
    """What is wrong with session files, with those that are missing, and with those of nobody."""
    for identity in sorted({*survey.known, *survey.sessions}):
        yield from _session(survey, identity)
    yield from _files_in_use(survey)
    yield from _doubles(survey)


def _session(survey: Survey, identity: str) -> Iterator[Finding]:
    """One instance's session file, or a file that belongs to none."""
    instance, look = survey.known.get(identity), survey.sessions.get(identity)
    path, holder = survey.paths.get(identity, ""), survey.holders.get(identity)
    if holder and look is not None:
        yield Finding(
            FindingKind.FOREIGN_HOLDER,
            Severity.PROBLEM,
            path,
            instance.name if instance else None,
            f"another program has its session file open: {safe_line(holder, 200)}",
            "end that program: two clients on one session push each other out",
        )
    if instance is None:
        if look is not None:
            yield _orphan(survey, identity, look, path, held=bool(holder))
    elif look is None:
        if instance.is_paired:
            yield Finding(
                FindingKind.SESSION_MISSING,
                Severity.PROBLEM,
                instance.name,
                instance.name,
                f"it is linked as {mask_jid(instance.jid)}, but its session file is gone",
                survey.way_back(instance.name),
            )
    elif look.condition is Condition.SOUND:
        yield from _devices(survey, instance, look, path, held=bool(holder))
    else:
        yield _unsound(survey, instance, look, path, held=bool(holder))


def _files_in_use(survey: Survey) -> Iterator[Finding]:
    """What cannot be written, and what is not the file that its worker writes."""
    ids = {path: identity for identity, path in survey.paths.items()}
    for path in survey.unwritable:
        owner = survey.known.get(ids.get(path, ""))
        yield Finding(
            FindingKind.SESSION_UNWRITABLE,
            Severity.PROBLEM,
            path,
            owner.name if owner is not None else None,
            "it cannot be written: messages that arrive would be acknowledged and lost",
            f"mend its owner, its mode or the disk: `ls -ld {path}`",
        )
    for identity in survey.replaced:
        name = survey.known[identity].name
        yield Finding(
            FindingKind.SESSION_REPLACED,
            Severity.PROBLEM,
            survey.paths.get(identity, name),
            name,
            "its worker has another file open than the one at this path: nothing can be saved",
            f"`waziterm reconnect {name}` opens the file that lies there now",
        )


def _orphan(survey: Survey, stem: str, look: SessionLook, path: str, *, held: bool) -> Finding:
    whose = ", ".join(str(mask_jid(jid)) for jid, _ in look.devices[:3])
    evidence = "a session file of no instance" + (f", linked as {whose}" if whose else "")
    if look.condition is not Condition.SOUND:
        evidence += f"; {look.detail}"
    remedy: Remedy | None = Remedy.TRASH_SESSION
    act = "move it to the trash, from where it can be restored"
    if held or look.condition is Condition.BUSY:
        remedy, act = None, "end the program that uses it, then `waziterm fix`"
    elif look.condition is Condition.UNREADABLE:
        remedy, act = None, f"look at it: `ls -l {path}`"
    elif survey.is_lost and look.devices and _ID.fullmatch(stem):
        # Of a fleet whose database was lost, all sessions are of no instance.
        remedy = None
        act = f"put waziterm.db back from a backup, or `waziterm add NAME --session {stem}`"
    elif any(each.name == stem and each.id not in survey.sessions for each in survey.instances):
        remedy, act = None, f"start waziterm again: {stem} has no session file, and takes it up"
    return Finding(FindingKind.ORPHAN_SESSION, Severity.WARNING, path, None, evidence, act, remedy)


def _unsound(
    survey: Survey, instance: Instance, look: SessionLook, path: str, *, held: bool
) -> Finding:
    """What is wrong with a file that is not sound."""
    name, remedy = instance.name, None
    match look.condition:
        case Condition.BUSY:
            kind, severity = FindingKind.SESSION_BUSY, Severity.NOTICE
            act = "run the check again; a file that was not closed cleanly is mended by its start"
        case Condition.UNREADABLE:
            kind, severity = FindingKind.SESSION_UNREADABLE, Severity.PROBLEM
            act = f"see its owner, its mode and the disk: `ls -l {path}`"
        case Condition.DAMAGED | Condition.SOUND:
            kind, severity = FindingKind.SESSION_DAMAGED, Severity.PROBLEM
            act = survey.way_back(name)
            if look.is_rebuildable and held:
                act = "end the program that has it open, then `waziterm fix`"
            elif look.is_rebuildable:
                act = "copy it to the trash, then rebuild it from what can be read: all of it can"
                remedy = Remedy.REBUILD_SESSION
        case _:
            assert_never(look.condition)
    evidence = f"its session file: {look.detail}"
    return Finding(kind, severity, path, name, evidence, act, remedy)


def _devices(
    survey: Survey, instance: Instance, look: SessionLook, path: str, *, held: bool
) -> Iterator[Finding]:
    """Whether a sound file holds the instance's device, and no other."""
    name, count, live = instance.name, len(look.devices), survey.is_live(instance)
    known = instance.jid is not None and _key(instance.jid) in {
        _key(jid) for jid, _ in look.devices
    }
    if count == 0 and instance.is_paired:
        yield Finding(
            FindingKind.NO_DEVICE,
            Severity.PROBLEM,
            path,
            name,
            f"it is linked as {mask_jid(instance.jid)}, but its session file holds no device",
            survey.way_back(name),
        )
    elif count == 0 and not live:
        yield Finding(
            FindingKind.NO_DEVICE,
            Severity.NOTICE,
            path,
            name,
            "its session file holds no device: nothing in it can be used",
            "end the program that has it open" if held else "move it to the trash",
            None if held else Remedy.TRASH_SESSION,
        )
    elif count > 1:
        yield Finding(
            FindingKind.SEVERAL_DEVICES,
            Severity.WARNING if known else Severity.PROBLEM,
            path,
            name,
            f"its session file holds {count} devices"
            + ("" if known else ", none of them its own" if instance.is_paired else ""),
            f"it needs a file with one: {survey.way_back(name)}",
        )
    elif count == 1 and instance.is_paired and not known:
        yield Finding(
            FindingKind.OTHER_DEVICE,
            Severity.PROBLEM,
            path,
            name,
            f"it is linked as {mask_jid(instance.jid)},"
            f" but its session file holds {mask_jid(look.devices[0][0])}",
            survey.way_back(name),
        )
    elif count == 1 and not instance.is_paired and survey.has_manager and not live:
        yield Finding(
            FindingKind.OTHER_DEVICE,
            Severity.WARNING,
            path,
            name,
            f"its session file holds {mask_jid(look.devices[0][0])}, but it is not linked",
            "start waziterm again: it then takes the device up",
        )


def _doubles(survey: Survey) -> Iterator[Finding]:
    """One device in two places; where it connects twice, the two push each other out."""
    places: dict[str, set[str]] = {}
    for instance in survey.instances:
        if instance.jid is not None:
            places.setdefault(_key(instance.jid), set()).add(instance.id)
    for identity, look in survey.sessions.items():
        for jid, _ in look.devices:
            places.setdefault(_key(jid), set()).add(identity)
    known = survey.known
    for jid, holding in places.items():
        if len(holding) < 2:
            continue
        ours = sorted(known[each].name for each in holding if each in known)
        files = sorted(PurePath(survey.paths[each]).name for each in holding if each not in known)
        evidence = ", ".join((*ours, *(f"the file {plain(file, 60)}" for file in files)))
        act = "`waziterm fix` moves the file of no instance to the trash"
        if len(ours) > 1:
            act = f"keep one of them; for each other: `waziterm remove {ours[-1]}`"
        yield Finding(
            FindingKind.JID_TWICE,
            Severity.PROBLEM if len(ours) > 1 else Severity.WARNING,
            str(mask_jid(jid)),
            ours[-1] if ours else None,
            f"the device {mask_jid(jid)} is in several places: {evidence}",
            act,
        )


def _key(jid: str) -> str:
    """A JID in the one form in which two of them can be compared."""
    try:
        return str(Jid.parse(jid))
    except ValueError:
        return jid
