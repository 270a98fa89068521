"""The audit: who asked for what, and what came of it; and the notes that people leave."""

import json
import sqlite3

from waziterm.domain.fleet.audit import AuditEntry, AuditResult, Person, Via
from waziterm.domain.fleet.history import ShiftNote
from waziterm.domain.text import storable
from waziterm.store.sound import SOUND


def save_entry(db: sqlite3.Connection, entry: AuditEntry) -> int:
    """Write down an act; its number."""
    person = entry.person
    row = db.execute(
        "INSERT INTO audit (at, who, uid, login_uid, tty, origin, pid, via, act, instances, args,"
        " result, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            *(entry.at, storable(person.who), person.uid, person.login_uid, person.tty),
            *(person.origin, person.pid, person.via.value, entry.act),
            *(json.dumps(entry.instances), json.dumps(dict(entry.args or {}))),
            *(entry.result, storable(entry.error)),
        ),
    ).fetchone()
    return int(row[0])


def end_entry(db: sqlite3.Connection, number: int, entry: AuditEntry) -> None:
    """Write down what came of the act with this number."""
    db.execute(
        "UPDATE audit SET instances = ?, result = ?, error = ? WHERE id = ?",
        (json.dumps(entry.instances), entry.result, storable(entry.error), number),
    )


def read_entries(
    db: sqlite3.Connection, since: float, by: str, limit: int
) -> tuple[AuditEntry, ...]:
    """The newest `limit` acts from `since` on, oldest first. by: of one user alone, by name or
    number; "" for all."""
    rows = db.execute(
        "SELECT at, who, uid, pid, via, login_uid, tty, origin, act, instances, args, result, error"
        " FROM audit WHERE at >= ?1 AND (?2 = '' OR who = ?2 OR cast(uid AS TEXT) = ?2"
        f" OR cast(login_uid AS TEXT) = ?2) AND {SOUND['audit']} ORDER BY id DESC LIMIT ?3",
        (since, by, limit),
    ).fetchall()
    found = []
    for at, who, uid, pid, via, login_uid, tty, origin, act, names, args, result, error in rows:
        person = Person(who, uid, pid, Via(via), login_uid, tty, origin)
        ended = None if result is None else AuditResult(result)
        instances = tuple(json.loads(names))
        found.append(AuditEntry(at, person, act, instances, json.loads(args), ended, error))
    return tuple(reversed(found))


def save_note(db: sqlite3.Connection, at: float, who: str, text: str) -> ShiftNote:
    """Keep a note until somebody dismisses it."""
    row = db.execute(
        "INSERT INTO notes (at, who, text) VALUES (?, ?, ?) RETURNING id",
        (at, storable(who), storable(text)),
    ).fetchone()
    return ShiftNote(int(row[0]), at, who, text)


def dismiss_notes(db: sqlite3.Connection, newest: int, at: float) -> bool:
    """Note that the notes up to this number are dealt with; whether there is one with it."""
    db.execute(
        "UPDATE notes SET dismissed_at = ? WHERE id <= ? AND dismissed_at IS NULL", (at, newest)
    )
    return db.execute("SELECT 1 FROM notes WHERE id = ?", (newest,)).fetchone() is not None


def read_notes(db: sqlite3.Connection, limit: int) -> tuple[ShiftNote, ...]:
    """The newest `limit` notes that nobody has dismissed, oldest first."""
    rows = db.execute(
        f"SELECT id, at, who, text FROM notes WHERE dismissed_at IS NULL AND {SOUND['notes']}"
        " ORDER BY id DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return tuple(ShiftNote(*row) for row in reversed(rows))
