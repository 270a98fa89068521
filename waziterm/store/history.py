"""What happened: transitions, connect attempts, send-tests, and the end of old rows."""

import sqlite3

from waziterm.domain.reasons import Reason
from waziterm.domain.states import State
from waziterm.domain.text import safe_line
from waziterm.store.errors import known
from waziterm.store.records import AttemptCounts, AttemptKind, SendCounts, Transition

INTERRUPTED = "interrupted"
"""The reason of an attempt whose program ended before it did; it counts neither way."""


def read_transitions(
    db: sqlite3.Connection, name: str | None, since: float, limit: int
) -> tuple[Transition, ...]:
    """The newest `limit` transitions from `since` on, of one instance or of all, oldest first."""
    where = "at >= ?" if name is None else "at >= ? AND instance = ?"
    rows = db.execute(
        "SELECT at, instance, from_state, to_state, reason, code, detail, event FROM transitions"
        f" WHERE {where} ORDER BY id DESC LIMIT ?",
        (since, limit) if name is None else (since, name, limit),
    ).fetchall()
    return tuple(
        Transition(
            at=at,
            instance=instance,
            from_state=known(State, left) if left is not None else None,
            to_state=known(State, entered),
            reason=known(Reason.of, reason),
            code=code,
            detail=detail,
            event=event,
        )
        for at, instance, left, entered, reason, code, detail, event in reversed(rows)
    )


def begin_attempt(db: sqlite3.Connection, name: str, at: float, kind: AttemptKind) -> int:
    """Record that a connect attempt starts; returns its id."""
    cursor = db.execute(
        "INSERT INTO attempts (instance, kind, at) VALUES (?, ?, ?)", (name, kind.value, at)
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
    total, ok = db.execute(
        "SELECT count(*), total(ok) FROM attempts WHERE at >= ? AND ok IS NOT NULL", (since,)
    ).fetchone()
    return AttemptCounts(total, int(ok))


def add_send(
    db: sqlite3.Connection, name: str, at: float, *, ok: bool, took_s: float, error: str
) -> None:
    """Record a send-test. error: "" when ok; a number in it is masked."""
    db.execute(
        "INSERT INTO sends (instance, at, ok, took_s, error) VALUES (?, ?, ?, ?, ?)",
        (name, at, int(ok), took_s, safe_line(error)),
    )


def count_sends(db: sqlite3.Connection, since: float, name: str | None) -> SendCounts:
    """Send-tests from `since` on, of one instance or of all."""
    total, ok = db.execute(
        "SELECT count(*), total(ok) FROM sends WHERE at >= ? AND (?2 IS NULL OR instance = ?2)",
        (since, name),
    ).fetchone()
    return SendCounts(total, int(ok))


def prune_history(db: sqlite3.Connection, table: str, before: float, limit: int) -> int:
    """Delete at most `limit` rows of a table of the history that are older than `before`.

    Returns how many.
    """
    moment = "last_at" if table == "incidents" else "at"
    return db.execute(
        f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {moment} < ? LIMIT ?)",
        (before, limit),
    ).rowcount
