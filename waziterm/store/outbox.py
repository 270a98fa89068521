"""The outbox: one row for each message and sink, kept until it has arrived or was given up."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from waziterm.domain.alerts.told import ToldTo
from waziterm.domain.frozen import dataclass
from waziterm.domain.text import storable
from waziterm.store.sound import SOUND

if TYPE_CHECKING:
    from waziterm.domain.alerts.alert import Alert
    from waziterm.domain.alerts.delivery import FailedAlert, Settled, Waiting

_DAMAGED = "its row in the database is damaged"
_GONE = "no sink of the settings has this name any more"


@dataclass(frozen=True, slots=True)
class SinkRecord:
    """What is remembered of a sink: see `domain.alerts.delivery.SinkView`."""

    last_sent_at: float | None
    pending: int
    failed: int
    last_error: str


def add_alert(db: sqlite3.Connection, alert: Alert, sinks: Iterable[str]) -> None:
    """Write a message about an incident for each of some sinks; it is due at once."""
    from waziterm.domain.alerts.delivery import (  # noqa: PLC0415 - not before the first paint
        Delivery,
        body_of,
        keys_of,
    )

    body = storable(json.dumps(body_of(alert), ensure_ascii=False))
    keys = json.dumps(sorted(keys_of(alert)))
    for sink in sinks:
        db.execute(
            "INSERT INTO outbox (message, sink, incident, keys, body, at, state, due)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(f"msg_{uuid4().hex}", sink, alert.id, keys, body, alert.at),
                *(Delivery.PENDING.value, alert.at),
            ),
        )


def read_waiting(db: sqlite3.Connection, sink: str, after: int) -> tuple[Waiting, ...]:
    """The messages of a sink that wait, with a greater number than `after`, in order."""
    from waziterm.domain.alerts.delivery import Waiting  # noqa: PLC0415 - as above

    rows = db.execute(
        "SELECT id, message, keys, due, wait_s, waited_s, tries FROM outbox"
        f" WHERE state = 'pending' AND sink = ? AND id > ? AND {SOUND['outbox']} ORDER BY id",
        (sink, after),
    ).fetchall()
    return tuple(
        Waiting(number, message, frozenset(json.loads(keys)), *rest)
        for number, message, keys, *rest in rows
    )


def read_body(db: sqlite3.Connection, number: int) -> str | None:
    """The body of a message that waits, as JSON; None when it does no more."""
    row = db.execute(
        "SELECT body FROM outbox WHERE id = ? AND state = 'pending'", (number,)
    ).fetchone()
    return None if row is None else str(row[0])


def settle(db: sqlite3.Connection, number: int, told: Settled, at: float) -> None:
    """Store how it stands with a message after a try. What has arrived keeps no body."""
    db.execute(
        "UPDATE outbox SET state = ?1, due = ?2, wait_s = ?3, waited_s = ?4, tries = ?5,"
        " error = ?6, ended_at = iif(?1 = 'pending', NULL, ?7), body = iif(?1 = 'sent', '', body)"
        " WHERE id = ?8",
        (
            *(told.state.value, at + told.wait_s, told.wait_s, told.waited_s, told.tries),
            *(storable(told.error), at, number),
        ),
    )


def give_up_strays(db: sqlite3.Connection, sinks: Sequence[str], at: float) -> int:
    """Give up what waits for sinks that the settings do not have; how many those were."""
    return db.execute(
        "UPDATE outbox SET state = 'failed', error = ?, ended_at = ? WHERE state = 'pending'"
        " AND sink NOT IN (SELECT value FROM json_each(?))",
        (_GONE, at, json.dumps(list(sinks))),
    ).rowcount


def give_up_damaged(db: sqlite3.Connection, at: float) -> int:
    """Give up what waits and cannot be read: nobody can send it. Returns how many those were."""
    return db.execute(
        "UPDATE outbox SET state = 'failed', error = ?, ended_at = ? WHERE state = 'pending'"
        f" AND NOT {SOUND['outbox']}",
        (_DAMAGED, at),
    ).rowcount


_FAILED = (
    "SELECT message, sink, incident, at, ended_at, tries, error, body ->> 'text' FROM outbox"
    f" WHERE state = 'failed' AND {SOUND['outbox']}"
)


def read_failed(db: sqlite3.Connection, limit: int) -> tuple[FailedAlert, ...]:
    """The newest `limit` messages that were given up, oldest first."""
    from waziterm.domain.alerts.delivery import FailedAlert  # noqa: PLC0415 - as above

    rows = db.execute(f"{_FAILED} ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
    return tuple(FailedAlert(*row) for row in reversed(rows))


def retry(
    db: sqlite3.Connection, message: str | None, sinks: Sequence[str], at: float
) -> tuple[FailedAlert, ...]:
    """Let messages that were given up be tried anew, at once: the one with this id, or all; those
    of the sinks with these names. Returns them, oldest first."""
    from waziterm.domain.alerts.delivery import FailedAlert  # noqa: PLC0415 - as above

    chosen = f"{_FAILED} AND (?1 IS NULL OR message = ?1) AND sink IN ({_NAMES})"
    values = (message, json.dumps(list(sinks)))
    found = tuple(FailedAlert(*row) for row in db.execute(f"{chosen} ORDER BY id", values))
    db.execute(
        "UPDATE outbox SET state = 'pending', due = ?3, wait_s = 0, waited_s = 0, tries = 0,"
        " ended_at = NULL WHERE state = 'failed' AND (?1 IS NULL OR message = ?1)"
        f" AND sink IN ({_NAMES}) AND {SOUND['outbox']}",
        (*values, at),
    )
    return found


_NAMES = "SELECT value FROM json_each(?2)"


def read_sinks(db: sqlite3.Connection) -> Mapping[str, SinkRecord]:
    """What is remembered of each sink, by name."""
    rows = db.execute(
        "SELECT sink, max(iif(state = 'sent', ended_at, NULL)), count(*) FILTER ("
        "WHERE state = 'pending'), count(*) FILTER (WHERE state = 'failed') FROM outbox"
        f" WHERE {SOUND['outbox']} GROUP BY sink"
    ).fetchall()
    return {
        sink: SinkRecord(sent_at, pending, failed, _last_error(db, sink))
        for sink, sent_at, pending, failed in rows
    }


def _last_error(db: sqlite3.Connection, sink: str) -> str:
    """Why the last message that was tried has not arrived, "" when it has."""
    row = db.execute(
        f"SELECT error FROM outbox WHERE sink = ? AND tries > 0 AND {SOUND['outbox']}"
        " ORDER BY coalesce(ended_at, due - wait_s) DESC, id DESC LIMIT 1",
        (sink,),
    ).fetchone()
    return "" if row is None else str(row[0])


def read_told(db: sqlite3.Connection, incidents: Sequence[int]) -> Mapping[int, tuple[ToldTo, ...]]:
    """Who was told of each of some incidents, by its number."""
    rows = db.execute(
        "SELECT incident, sink, min(iif(state = 'sent', ended_at, NULL)),"
        " max(iif(state = 'failed', ended_at, NULL)), min(at),"
        " count(*) FILTER (WHERE state = 'pending') FROM outbox"
        f" WHERE {SOUND['outbox']}"
        " AND incident IN (SELECT CAST(value AS TEXT) FROM json_each(?))"
        " GROUP BY incident, sink ORDER BY min(id)",
        (json.dumps(list(incidents)),),
    ).fetchall()
    told: dict[int, list[ToldTo]] = {}
    for incident, sink, sent_at, failed_at, at, pending in rows:
        ok = True if sent_at is not None else None if pending else False
        moment = sent_at if ok else at if ok is None else failed_at
        told.setdefault(int(incident), []).append(ToldTo(sink, moment, ok))
    return {number: tuple(each) for number, each in told.items()}
