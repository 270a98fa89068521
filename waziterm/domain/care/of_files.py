"""What the session files show: each for itself, and one device in two places. Pure."""

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import assert_never

from waziterm.domain.care.evidence import Condition, SessionLook, Survey
from waziterm.domain.care.findings import Finding, FindingKind, Remedy, Severity
from waziterm.domain.jid import Jid, mask_jid
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.phrase import Phrase, joined
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
            Phrase(
                "another program has its session file open: {holder}",
                holder=safe_line(holder, 200),
            ),
            Phrase("end that program: two clients on one session disconnect each other"),
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
                Phrase(
                    "it is linked as {jid}, but its session file is gone",
                    jid=str(mask_jid(instance.jid)),
                ),
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
            Phrase("it cannot be written: messages that arrive would be acknowledged and lost"),
            Phrase("fix its owner, its mode or the disk: `ls -ld {path}`", path=path),
        )
    for identity in survey.replaced:
        name = survey.known[identity].name
        yield Finding(
            FindingKind.SESSION_REPLACED,
            Severity.PROBLEM,
            survey.paths.get(identity, name),
            name,
            Phrase(
                "its worker has another file open than the one at this path: nothing can be saved"
            ),
            Phrase("`waziterm reconnect {name}` opens the file that lies there now", name=name),
        )


def _orphan(survey: Survey, stem: str, look: SessionLook, path: str, *, held: bool) -> Finding:
    whose = ", ".join(str(mask_jid(jid)) for jid, _ in look.devices[:3])
    evidence = Phrase("a session file of no instance")
    if whose:
        evidence = Phrase("a session file of no instance, linked as {jids}", jids=whose)
    if look.condition is not Condition.SOUND:
        evidence = joined("; ", (evidence, look.detail))
    remedy: Remedy | None = Remedy.TRASH_SESSION
    act = Phrase("move it to the trash, from where it can be restored")
    if held or look.condition is Condition.BUSY:
        remedy, act = None, Phrase("end the program that uses it, then `waziterm fix`")
    elif look.condition is Condition.UNREADABLE:
        remedy, act = None, Phrase("look at it: `ls -l {path}`", path=path)
    elif survey.is_lost and look.devices and _ID.fullmatch(stem):
        # Of a fleet whose database was lost, all sessions are of no instance.
        remedy = None
        act = Phrase(
            "put waziterm.db back from a backup, or `waziterm add NAME --session {file}`",
            file=stem,
        )
    elif any(each.name == stem and each.id not in survey.sessions for each in survey.instances):
        remedy = None
        act = Phrase("start waziterm again: {name} has no session file, and takes it up", name=stem)
    return Finding(FindingKind.ORPHAN_SESSION, Severity.WARNING, path, None, evidence, act, remedy)


def _unsound(
    survey: Survey, instance: Instance, look: SessionLook, path: str, *, held: bool
) -> Finding:
    """What is wrong with a file that is not sound."""
    name, remedy = instance.name, None
    match look.condition:
        case Condition.BUSY:
            kind, severity = FindingKind.SESSION_BUSY, Severity.NOTICE
            act = Phrase("run the check again; a start repairs a file that was not closed cleanly")
        case Condition.UNREADABLE:
            kind, severity = FindingKind.SESSION_UNREADABLE, Severity.PROBLEM
            act = Phrase("see its owner, its mode and the disk: `ls -l {path}`", path=path)
        case Condition.DAMAGED | Condition.SOUND:
            kind, severity = FindingKind.SESSION_DAMAGED, Severity.PROBLEM
            act = survey.way_back(name)
            if look.is_rebuildable and held:
                act = Phrase("end the program that has it open, then `waziterm fix`")
            elif look.is_rebuildable:
                act = Phrase(
                    "copy it to the trash, then rebuild it from what can be read: all of it can"
                )
                remedy = Remedy.REBUILD_SESSION
        case _:
            assert_never(look.condition)
    evidence = Phrase("its session file: {what}", what=look.detail)
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
            Phrase(
                "it is linked as {jid}, but its session file holds no device",
                jid=str(mask_jid(instance.jid)),
            ),
            survey.way_back(name),
        )
    elif count == 0 and not live:
        yield Finding(
            FindingKind.NO_DEVICE,
            Severity.NOTICE,
            path,
            name,
            Phrase("its session file holds no device: nothing in it can be used"),
            Phrase("end the program that has it open" if held else "move it to the trash"),
            None if held else Remedy.TRASH_SESSION,
        )
    elif count > 1:
        yield Finding(
            FindingKind.SEVERAL_DEVICES,
            Severity.WARNING if known else Severity.PROBLEM,
            path,
            name,
            Phrase(
                "its session file holds {count} devices"
                if known or not instance.is_paired
                else "its session file holds {count} devices, none of them its own",
                count=count,
            ),
            Phrase("it needs a file with one: {way}", way=survey.way_back(name)),
        )
    elif count == 1 and instance.is_paired and not known:
        yield Finding(
            FindingKind.OTHER_DEVICE,
            Severity.PROBLEM,
            path,
            name,
            Phrase(
                "it is linked as {jid}, but its session file holds {other}",
                jid=str(mask_jid(instance.jid)),
                other=str(mask_jid(look.devices[0][0])),
            ),
            survey.way_back(name),
        )
    elif count == 1 and not instance.is_paired and survey.has_manager and not live:
        yield Finding(
            FindingKind.OTHER_DEVICE,
            Severity.WARNING,
            path,
            name,
            Phrase(
                "its session file holds {jid}, but it is not linked",
                jid=str(mask_jid(look.devices[0][0])),
            ),
            Phrase("start waziterm again: it then takes the device up"),
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
        named = (Phrase("the file {file}", file=plain(file, 60)) for file in files)
        act = Phrase("`waziterm fix` moves the file of no instance to the trash")
        if len(ours) > 1:
            act = Phrase(
                "keep one of them; for each other: `waziterm remove {name}`", name=ours[-1]
            )
        yield Finding(
            FindingKind.JID_TWICE,
            Severity.PROBLEM if len(ours) > 1 else Severity.WARNING,
            str(mask_jid(jid)),
            ours[-1] if ours else None,
            Phrase(
                "the device {jid} is in several places: {where}",
                jid=str(mask_jid(jid)),
                where=joined(", ", (*ours, *named)),
            ),
            act,
        )


def _key(jid: str) -> str:
    """A JID in the one form in which two of them can be compared."""
    try:
        return str(Jid.parse(jid))
    except ValueError:
        return jid
