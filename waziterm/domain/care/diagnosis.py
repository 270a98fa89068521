"""From what was seen to what is wrong, and to what can be done about it. Pure.

A dry run and a real fix take the same steps from here, so the one tells what the other does.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from waziterm.domain.care.evidence import Condition, SessionLook, Survey
from waziterm.domain.care.findings import Finding, FindingKind, FixStep, Remedy, Severity
from waziterm.domain.care.host import FULL_DISK_BYTES, LOW_DISK_BYTES, instances_within
from waziterm.domain.care.of_files import session_findings
from waziterm.domain.care.of_instances import ailments
from waziterm.domain.care.trash import EXPIRES_SOON_S, TrashView, Why
from waziterm.domain.phrase import Phrase, joined
from waziterm.domain.text import plain, safe_line
from waziterm.domain.version import Origin, day_text

_BAD_FILE = frozenset(
    {
        FindingKind.SESSION_MISSING,
        FindingKind.SESSION_UNREADABLE,
        FindingKind.SESSION_DAMAGED,
        FindingKind.NO_DEVICE,
        FindingKind.OTHER_DEVICE,
    }
)


def diagnose(survey: Survey) -> tuple[Finding, ...]:
    """All that is wrong or will be, the worst first, always in the same order."""
    files = tuple(session_findings(survey))
    bad = frozenset(each.instance for each in files if each.instance and each.kind in _BAD_FILE)
    findings = [
        *files,
        *_openness(survey),
        *_leftovers(survey),
        *ailments(survey, bad),
        *_damaged(survey),
        *_stuck(survey),
        *_machine(survey),
        *_version(survey),
        *_expiring(survey),
    ]
    severities, kinds = list(Severity), list(FindingKind)
    return tuple(
        sorted(
            findings,
            key=lambda each: (
                severities.index(each.severity),
                kinds.index(each.kind),
                each.instance or "",
                each.subject,
            ),
        )
    )


def steps_of(findings: Sequence[Finding]) -> tuple[FixStep, ...]:
    """What a fix does about findings, in the order in which it does it."""
    return tuple(
        FixStep(remedy, finding.subject, finding.instance, finding.act)
        for remedy in Remedy
        for finding in findings
        if finding.remedy is remedy
    )


def mended(survey: Survey, steps: Sequence[FixStep]) -> Survey:
    """What a survey would show after these steps, if all of them are done."""
    done = {(step.remedy, step.subject) for step in steps}
    return replace(
        survey,
        sessions={
            name: SessionLook(Condition.SOUND, devices=look.devices)
            if (Remedy.REBUILD_SESSION, survey.paths[name]) in done
            else look
            for name, look in survey.sessions.items()
            if (Remedy.TRASH_SESSION, survey.paths[name]) not in done
        },
        open_paths=tuple(
            each for each in survey.open_paths if (Remedy.CLOSE_TO_OTHERS, each.path) not in done
        ),
        stale_socket=None
        if (Remedy.REMOVE_STALE, survey.stale_socket) in done
        else survey.stale_socket,
    )


def _openness(survey: Survey) -> Iterator[Finding]:
    for each in survey.open_paths:
        yield Finding(
            FindingKind.OPEN_TO_OTHERS,
            Severity.WARNING,
            each.path,
            None,
            Phrase(
                "others can open it (mode {mode}), and it has keys or leads to them",
                mode=f"{each.mode:o}",
            ),
            Phrase("set its mode to {mode}", mode="700" if each.is_folder else "600"),
            Remedy.CLOSE_TO_OTHERS,
        )
    for each in survey.open_secrets:
        # They are not ours to change: whoever wrote them may have given them to a group on purpose.
        yield Finding(
            FindingKind.SECRETS_OPEN,
            Severity.WARNING,
            each.path,
            None,
            Phrase(
                "others can read it (mode {mode}), and it has secrets of the settings",
                mode=f"{each.mode:o}",
            ),
            Phrase("set its mode to 600, as with `chmod 600 {path}`", path=shlex.quote(each.path)),
        )


def _leftovers(survey: Survey) -> Iterator[Finding]:
    if survey.stale_socket is not None:
        yield Finding(
            FindingKind.STALE_SOCKET,
            Severity.NOTICE,
            survey.stale_socket,
            None,
            Phrase("the control socket of a manager that has ended: nobody answers"),
            Phrase("remove it"),
            Remedy.REMOVE_STALE,
        )


def _webhooks(survey: Survey) -> Iterator[Finding]:
    for look in survey.webhooks:
        why = safe_line(look.error, 200) or Phrase("nothing was tried yet")
        if look.late:
            yield Finding(
                FindingKind.WEBHOOK_LATE,
                Severity.WARNING,
                look.name,
                None,
                Phrase(
                    "the webhook {name} is behind: {count} of its events wait ({why})",
                    count=look.late,
                    name=look.name,
                    why=why,
                ),
                Phrase(
                    "they are tried for 72 hours; see `waziterm webhooks test {name}`",
                    name=look.name,
                ),
            )
        if look.failed:
            yield Finding(
                FindingKind.WEBHOOK_FAILED,
                Severity.WARNING,
                look.name,
                None,
                Phrase(
                    "given up for the webhook {name}: {count} of its events",
                    count=look.failed,
                    name=look.name,
                ),
                Phrase("`waziterm webhooks failed` lists them, `webhooks retry` tries them again"),
            )


def _backup(survey: Survey) -> Iterator[Finding]:
    if survey.backup is None:
        return
    record, every_s = survey.backup
    overdue = record.is_overdue(survey.now, every_s)
    if not (overdue or record.error):
        return
    hours = round(record.age_s(survey.now) / 3600)
    if record.made is None:
        evidence = Phrase("no backup was made yet")
    else:
        evidence = Phrase("the last backup was made {count} h ago", count=hours)
    if record.error:
        said = Phrase("the newest try failed: {why}", why=safe_line(record.error, 300))
        evidence = joined("; ", (evidence, said))
    yield Finding(
        FindingKind.BACKUP,
        Severity.PROBLEM if overdue else Severity.WARNING,
        "backup",
        None,
        evidence,
        Phrase("see [backup] in the config, and its directory; `waziterm backup FILE` makes one"),
    )


def _machine(survey: Survey) -> Iterator[Finding]:
    free, fleet = survey.disk_free, len(survey.instances)
    if free is not None and free < LOW_DISK_BYTES:
        yield Finding(
            FindingKind.DISK_LOW,
            Severity.PROBLEM if free < FULL_DISK_BYTES else Severity.WARNING,
            "disk",
            None,
            Phrase("{count} MB free where the data directory is", count=round(free / 1e6)),
            Phrase("free some space: a session that cannot be written is lost"),
        )
    if survey.descriptors is not None and instances_within(survey.descriptors) < fleet:
        yield Finding(
            FindingKind.FEW_DESCRIPTORS,
            Severity.WARNING,
            "open files",
            None,
            Phrase(
                "the limit of open files ({limit}) is enough for about {allowed} instances;"
                " there are {fleet}",
                limit=survey.descriptors,
                allowed=instances_within(survey.descriptors),
                fleet=fleet,
            ),
            Phrase("raise the hard limit (`ulimit -Hn`), or LimitNOFILE= in a systemd unit"),
        )
    for which, why, act in survey.silent:
        yield Finding(FindingKind.LISTENER_SILENT, Severity.PROBLEM, which.value, None, why, act)
    if survey.queue is not None:
        said, hint = survey.queue
        yield Finding(
            FindingKind.MESSAGES_REFUSED, Severity.PROBLEM, "messages.db", None, said, hint
        )
    for name, cause in sorted(survey.inbox.items()):
        yield Finding(
            FindingKind.INBOX_WAITS,
            Severity.PROBLEM,
            f"inbox-{name}",
            name,
            Phrase("messages that came in wait in its journal: {why}", why=cause),
            Phrase("repair that; they are taken by themselves then, and none is lost until then"),
        )
    yield from _webhooks(survey)
    yield from _backup(survey)
    if survey.is_upgraded:
        yield Finding(
            FindingKind.UPGRADED,
            Severity.NOTICE,
            "waziterm",
            None,
            Phrase("upgraded on disk: restart"),
            Phrase("end this manager and start it again; what runs now is resumed then"),
        )


def _damaged(survey: Survey) -> Iterator[Finding]:
    """What cannot be read or written of the database and of the trash."""
    if survey.locked_database:
        yield Finding(
            FindingKind.DATABASE_LOCKED,
            Severity.PROBLEM,
            survey.locked_database,
            None,
            Phrase("another program keeps it locked: nothing that changes is stored"),
            Phrase(
                "close the program that has it open (`fuser {path}` names it)",
                path=survey.locked_database,
            ),
        )
    for name, columns in survey.damaged_rows.items():
        yield Finding(
            FindingKind.ROW_DAMAGED,
            Severity.PROBLEM,
            name,
            name,
            Phrase("its row in waziterm.db is damaged: {columns}", columns=columns),
            Phrase(
                "`waziterm status {name}` shows what is left of it; its next change stores it"
                " again",
                name=name,
            ),
        )
    for table, count in survey.damaged_history.items():
        yield Finding(
            FindingKind.ROW_DAMAGED,
            Severity.WARNING,
            table,
            None,
            Phrase(
                "rows of the table {table} in waziterm.db that cannot be read: {count}",
                table=table,
                count=count,
            ),
            Phrase("the history leaves them out, and deletes them with others of the same age"),
        )
    for entry in survey.trash:
        if entry.why is Why.DAMAGED:
            yield Finding(
                FindingKind.TRASH_DAMAGED,
                Severity.WARNING,
                plain(entry.id, 80),
                None,
                Phrase(
                    "its manifest in the trash cannot be read; beside it: {count} files",
                    count=len(entry.files),
                ),
                Phrase("its files are kept for ever: move what is needed of them away by hand"),
            )


def _stuck(survey: Survey) -> Iterator[Finding]:
    for name, why in survey.stuck.items():
        yield Finding(
            FindingKind.STUCK,
            Severity.PROBLEM,
            name,
            name,
            Phrase("longer in its state than it can be: {why}", why=why),
            Phrase(
                "the janitor goes on with it; `waziterm reconnect {name}` does so now", name=name
            ),
        )


def _version(survey: Survey) -> Iterator[Finding]:
    """A version that will be refused; one that is refused is a finding of its own."""
    version = survey.version
    if version is None or not survey.instances:
        return
    if survey.now < version.warned_from:
        if version.origin is Origin.READ:
            yield Finding(
                FindingKind.VERSION_READ,
                Severity.NOTICE,
                "neonize",
                None,
                Phrase(
                    "it tells WhatsApp {version}, newer than its own, which WhatsApp refuses",
                    version=version.text,
                ),
                Phrase(
                    "upgrade neonize, then start waziterm again: this lasts for some weeks only"
                ),
            )
        return
    yield Finding(
        FindingKind.VERSION_OLD,
        Severity.WARNING,
        "neonize",
        None,
        Phrase(
            "it tells WhatsApp {version}, about {count} days old; WhatsApp may refuse it from"
            " about {day}",
            version=version.text,
            count=version.age_days(survey.now),
            day=day_text(version.refusals_from),
        ),
        Phrase("upgrade neonize, then start waziterm again"),
    )


def _expiring(survey: Survey) -> Iterator[Finding]:
    for entry in survey.trash:
        if entry.expires_at is not None and entry.expires_at - survey.now <= EXPIRES_SOON_S:
            yield _expiry(entry, max(0.0, entry.expires_at - survey.now))


def _expiry(entry: TrashView, left_s: float) -> Finding:
    days, identity = int(left_s // 86_400), plain(entry.id, 80)
    when = Phrase("within a day")
    if days:
        when = Phrase("in 1 day" if days == 1 else "in {count} days", count=days)
    act = Phrase("nothing: its keys are gone")
    if entry.restorable:
        act = Phrase("`waziterm restore {entry}` brings it back; else nothing", entry=identity)
    return Finding(
        FindingKind.TRASH_EXPIRES,
        Severity.NOTICE,
        identity,
        None,
        Phrase(
            "a session of {name} in the trash will be deleted permanently {when}",
            name=plain(entry.instance, 60),
            when=when,
        ),
        act,
    )
