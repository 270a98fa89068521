"""What happened: transitions, connect attempts, send-tests, and the end of old rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from waziterm.domain.fleet.history import Attempt, AttemptKind, Moved
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.incidents.outcome import is_over
from waziterm.domain.lifecycle.event_names import OF_CONFLICTS
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.strips import Stood
from waziterm.domain.text import safe_line
from waziterm.store.instances import names_by_id
from waziterm.store.sound import SOUND, YEAR_10000

if TYPE_CHECKING:
    from waziterm.store.remembered import AttemptCounts, OfConflict, SendCounts, Transition

TABLES = ("transitions", "attempts", "sends", "acts", "incidents", "audit", "notes", "outbox")
_STATES: Mapping[str, State] = {state.value: state for state in State}
_CONFLICTS = ", ".join(f"'{each}'" for each in sorted(OF_CONFLICTS))
"""As in the index `transitions_of_conflicts`, word for word."""
_IN_CONFLICT = ", ".join(f"'{each.value}'" for each in (State.COOLDOWN, State.HELD))
_NO_ROW = 2**63 - 1
"""A number that no row has."""
INTERRUPTED = "interrupted"
"""The reason of an attempt whose program ended before it did; it counts neither way."""


def read_transitions(
    db: sqlite3.Connection, identity: str | None, since: float, before: int | None, limit: int
) -> list[tuple[int, Transition]]:
    """The newest `limit` transitions from `since` on, of one instance or of all, newest first, each
    with its id.

    before: only those with a smaller id than this one.
    """
    from waziterm.store.remembered import Transition  # noqa: PLC0415 - not before the first paint

    rows = db.execute(
        "SELECT id, at, instance, from_state, to_state, reason, code, detail, event"
        " FROM transitions WHERE at >= ?1 AND (?2 IS NULL OR id < ?2)"
        f" AND (?3 IS NULL OR instance = ?3) AND {SOUND['transitions']} ORDER BY id DESC LIMIT ?4",
        (since, before, identity, limit),
    ).fetchall()
    names = names_by_id(db)
    return [
        (
            number,
            Transition(
                at=at,
                instance=names.get(instance, instance),
                from_state=State(left) if left is not None else None,
                to_state=State(entered),
                reason=Reason.of(reason),
                code=code,
                detail=detail,
                event=event,
                instance_id=instance,
            ),
        )
        for number, at, instance, left, entered, reason, code, detail, event in rows
    ]


def read_conflicts(
    db: sqlite3.Connection, since: float, before: int | None, limit: int
) -> list[tuple[int, OfConflict]]:
    """The newest `limit` changes from `since` on that are a conflict or may tell more of one,
    newest first, each with its id. before: as of `read_transitions`."""
    from waziterm.store.remembered import OfConflict  # noqa: PLC0415 - as above

    rows = db.execute(
        "SELECT id, at, instance, to_state, reason, detail, event, (SELECT id FROM transitions"
        f" WHERE instance = mine.instance AND id > mine.id AND event NOT IN ({_CONFLICTS})"
        f" AND to_state NOT IN ({_IN_CONFLICT}) AND at >= ?1 AND {SOUND['transitions']}"
        " ORDER BY id LIMIT 1)"
        f" FROM transitions AS mine WHERE event IN ({_CONFLICTS}) AND at >= ?1"
        f" AND (?2 IS NULL OR id < ?2) AND {SOUND['transitions']} ORDER BY id DESC LIMIT ?3",
        (since, before, limit),
    ).fetchall()
    names = names_by_id(db)
    return [
        (
            number,
            OfConflict(
                id=number,
                at=at,
                instance=names.get(instance, instance),
                instance_id=instance,
                to_state=_STATES[state],
                reason=Reason.of(reason),
                detail=detail,
                event=event,
                ended=ended,
            ),
        )
        for number, at, instance, state, reason, detail, event, ended in rows
    ]


def read_timeline(
    db: sqlite3.Connection, identity: str, since: float, limit: int
) -> tuple[Moved, ...]:
    """The newest `limit` moves of an instance from the last one before `since` on, oldest first;
    each with the latest evidence that was found for it."""
    # All rows of the instance are looked at: the first one of a part of them would always seem to
    # differ from the one before it.
    rows = db.execute(
        "WITH told AS (SELECT *, lag(to_state) OVER course IS NOT to_state"
        " OR lag(reason) OVER course IS NOT reason AS moved FROM transitions"
        f" WHERE instance = :id AND {SOUND['transitions']} WINDOW course AS (ORDER BY id)),"
        " numbered AS (SELECT *, sum(moved) OVER (ORDER BY id) AS move FROM told),"
        # What was found out only later, who took a session for example, is a row of the same move.
        " latest AS (SELECT *, max(CASE WHEN detail != '' THEN printf('%019d', id) || detail END)"
        "  OVER (PARTITION BY move) AS evidence FROM numbered),"
        " moves AS (SELECT * FROM latest WHERE moved)"
        " SELECT at, to_state, reason, coalesce(substr(evidence, 20), '') FROM moves WHERE id >="
        " coalesce((SELECT max(id) FROM moves WHERE at < :since), 0)"
        " ORDER BY id DESC LIMIT :limit",
        {"id": identity, "since": since, "limit": limit},
    ).fetchall()
    return tuple(_moved(*row) for row in reversed(rows))


def read_courses(
    db: sqlite3.Connection, incidents: Sequence[Incident], most: int
) -> tuple[dict[int, dict[str, tuple[Moved, ...]]], int]:
    """What the instances of incidents went through: by the incident's number and the instance's id,
    as of `read_timeline`, from the last move before it on until it is over for the instance; their
    evidence is left out. After `most` moves none is told any more. Returns how many there were
    too."""
    found: dict[int, dict[str, tuple[Moved, ...]]] = {}
    count = 0
    for incident in incidents:
        courses = {each: _course(db, incident, each, most - count + 1) for each in incident.met}
        count += sum(map(len, courses.values()))
        if count > most:
            break
        found[incident.id] = courses
    return found, count


def _course(
    db: sqlite3.Connection, incident: Incident, identity: str, most: int
) -> tuple[Moved, ...]:
    course: list[Moved] = []
    at_last = None
    # What cannot be read is left out here, where it may be the last move before the incident too:
    # the condition takes longer than all the rest.
    for at, *stood in db.execute(
        "SELECT at, to_state, reason FROM transitions WHERE instance = :id AND id >= coalesce("
        "(SELECT id FROM transitions WHERE instance = :id AND id < (SELECT id FROM transitions"
        " WHERE at >= :began ORDER BY at LIMIT 1) ORDER BY id DESC LIMIT 1 OFFSET 3), 0)"
        " ORDER BY id",
        {"id": identity, "began": incident.began_at},
    ):
        if stood != at_last and (moved := _moved_or_none(at, *stood)) is not None:
            at_last = stood
            course.append(moved)
            if is_over(incident, moved) or len(course) >= most:
                break
    return tuple(course)


def _moved_or_none(at: float, state: str, reason: str) -> Moved | None:
    try:
        return _moved(at, state, reason, "") if 0 <= at < YEAR_10000 else None
    except (KeyError, TypeError, ValueError):
        return None


def oldest_move(db: sqlite3.Connection) -> float:
    """When the oldest change that is known was, UTC seconds; infinite where none is."""
    rows = db.execute(
        f"SELECT at FROM transitions WHERE {SOUND['transitions']} ORDER BY at LIMIT 1"
    )
    return next((float(at) for (at,) in rows), float("inf"))


def _moved(at: float, state: str, reason: str, detail: str) -> Moved:
    return Moved(at, _STATES[state], Reason.of(reason), detail)


def read_stood(
    db: sqlite3.Connection, identities: Sequence[str], since: float, most: int
) -> dict[str, list[Stood]]:
    """How instances stood from a moment (UTC seconds) on, by id: each from the last move before it
    on, oldest first. Those at the end of the row are left out once `most` moves are read. What is
    to be connected stands in no state while no manager runs: nobody sees it."""
    row = db.execute("SELECT id FROM transitions WHERE at >= ? ORDER BY at LIMIT 1", (since,))
    # Without any row from then on, the last one of each is all there is.
    first = next((number for (number,) in row), _NO_ROW)
    found: dict[str, list[Stood]] = {}
    count = 0
    for identity in identities:
        found[identity] = [
            Stood(at, None if state is None else _STATES[state])
            for at, state in db.execute(
                "SELECT at, iif(reason = :unseen, NULL, to_state) FROM transitions"
                f" WHERE instance = :id AND {SOUND['transitions']} AND id >= coalesce((SELECT id"
                " FROM transitions WHERE instance = :id AND id < :first"
                f" AND {SOUND['transitions']} ORDER BY id DESC LIMIT 1), 0) ORDER BY id",
                {"id": identity, "first": first, "unseen": Reason.NO_MANAGER.slug},
            )
        ]
        count += len(found[identity])
        if count >= most:
            break
    return found


def begin_attempt(db: sqlite3.Connection, identity: str, at: float, kind: AttemptKind) -> int:
    """Record that a connect attempt of an instance starts; returns the attempt's id."""
    cursor = db.execute(
        "INSERT INTO attempts (instance, kind, at) VALUES (?, ?, ?)", (identity, kind.value, at)
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def end_attempt(
    db: sqlite3.Connection, attempt: int, at: float, ok: bool | None, reason: str
) -> None:
    """Record how the attempt with this id ended. reason: a slug."""
    db.execute(
        "UPDATE attempts SET ended_at = ?, ok = ?, reason = ? WHERE id = ?",
        (at, ok, reason, attempt),
    )


def interrupt_attempts(db: sqlite3.Connection) -> None:
    """Close the attempts that a killed program left under way; when they ended is not known."""
    db.execute("UPDATE attempts SET reason = ? WHERE reason IS NULL", (INTERRUPTED,))


def count_attempts(db: sqlite3.Connection, since: float) -> AttemptCounts:
    """Attempts that began at `since` or later and have ended by themselves."""
    from waziterm.store.remembered import AttemptCounts  # noqa: PLC0415 - as above

    total, ok = db.execute(
        "SELECT count(*), total(ok) FROM attempts WHERE at >= ? AND ok IS NOT NULL"
        f" AND {SOUND['attempts']}",
        (since,),
    ).fetchone()
    return AttemptCounts(total, int(ok))


def read_attempts(
    db: sqlite3.Connection, identity: str | None, since: float, before: int | None, limit: int
) -> list[tuple[int, Attempt]]:
    """The newest `limit` attempts that began at `since` or later, newest first, each with its id.

    before: as of `read_transitions`.
    """
    rows = db.execute(
        "SELECT id, at, instance, kind, ended_at - at, ok FROM attempts"
        " WHERE at >= ?1 AND (?2 IS NULL OR id < ?2) AND (?3 IS NULL OR instance = ?3)"
        f" AND {SOUND['attempts']} ORDER BY id DESC LIMIT ?4",
        (since, before, identity, limit),
    ).fetchall()
    names = names_by_id(db)
    return [
        (
            number,
            Attempt(
                *(at, names.get(instance, instance), AttemptKind(kind), took_s),
                ok=None if ok is None else bool(ok),
            ),
        )
        for number, at, instance, kind, took_s, ok in rows
    ]


def add_send(
    db: sqlite3.Connection, identity: str, at: float, *, ok: bool, took_s: float, error: str
) -> None:
    """Record a send-test. error: "" when ok; a number in it is masked."""
    db.execute(
        "INSERT INTO sends (instance, at, ok, took_s, error) VALUES (?, ?, ?, ?, ?)",
        (identity, at, int(ok), took_s, safe_line(error)),
    )


def count_sends(db: sqlite3.Connection, since: float, identity: str | None) -> SendCounts:
    """Send-tests from `since` on, of one instance or of all."""
    from waziterm.store.remembered import SendCounts  # noqa: PLC0415 - as above

    total, ok = db.execute(
        "SELECT count(*), total(ok) FROM sends WHERE at >= ? AND (?2 IS NULL OR instance = ?2)"
        f" AND {SOUND['sends']}",
        (since, identity),
    ).fetchone()
    return SendCounts(total, int(ok))


def newest_rows(db: sqlite3.Connection) -> Mapping[str, int]:
    """The number of the newest row of each table, 0 where there is none."""
    found = {}
    for table in TABLES:
        row = db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()
        found[table] = int(row[0])
    return found


def prune_history(
    db: sqlite3.Connection, table: str, before: float, newest: int, limit: int
) -> int:
    """Delete at most `limit` rows of a table of the history that are older than `before`, and have
    no greater number than `newest`. One that cannot be read goes with an older one behind it.

    Returns how many.
    """
    moment, sound = "last_at" if table == "incidents" else "at", SOUND[table]
    # What has not arrived is tried for days, and then given up; it is no history before.
    over = " AND state != 'pending'" if table == "outbox" else ""
    return db.execute(
        f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id <= ?2{over} AND"
        f" ({moment} < ?1 AND {sound} OR NOT {sound} AND id <="
        f" (SELECT max(id) FROM {table} WHERE {moment} < ?1 AND {sound})) LIMIT ?3)",
        (before, newest, limit),
    ).rowcount
