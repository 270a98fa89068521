"""Rows of `messages.db`: events that webhooks tell, to whom each has to go, and journals."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from waziterm.domain.alerts.delivery import Delivery, Settled
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.inbound import JournalPart
from waziterm.domain.text import storable
from waziterm.domain.webhooks.bodies import data_of, json_text, type_of
from waziterm.domain.webhooks.event import EventType, Json, WebhookEvent
from waziterm.domain.webhooks.telling import Telling
from waziterm.store.errors import StoreError

MOST_PENDING = 100_000
MOST_PENDING_BYTES = 256_000_000
"""So many events, and bytes of them, wait for one target at most; the oldest are given up."""
MOST_UNWANTED = 100_000
"""So many events rest at most that no target wants; the oldest are deleted."""
MOST_FAILED = 10_000
"""So many that were given up are listed of one target at most; the oldest are deleted."""
TOO_MANY = "too many waited for it: the oldest were given up"
GONE = "no webhook of the settings has this name any more"
COPIED = "a backup was restored: it may have arrived"
AFTER_COPY = 1_000_000
"""By so much the numbers of an instance's events go on after a backup was restored."""
TOO_OLD = "it did not arrive within 72 hours"


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that waits, with its event. due: when the next try is, UTC seconds. wait_s: the
    length of the wait that ends then. waited_s: that of all waits so far."""

    number: int
    event: WebhookEvent
    due: float
    wait_s: float
    waited_s: float
    tries: int


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A delivery that was given up, see `domain.webhooks.views.FailedDelivery`."""

    id: str
    target: str
    name: str
    type: str
    seq: int
    at: float
    failed_at: float
    tries: int
    error: str
    rests: bool


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """What is remembered of a target. sent_at: when an event arrived last. error: why the last one
    that was tried did not arrive, or "". oldest_at: when the first one that waits happened."""

    pending: int = 0
    failed: int = 0
    sent_at: float | None = None
    error: str = ""
    oldest_at: float | None = None


# -- writing ------------------------------------------------------------------------------------


def add(
    db: sqlite3.Connection,
    instance: str,
    name: str,
    event: EventType,
    data: Json,
    at: float,
    targets: Sequence[str],
) -> None:
    """Write an event of an instance, which is called so, for some targets; it is due at once."""
    (seq,) = db.execute(
        "INSERT INTO seqs VALUES (?1, ?2, 1, '') ON CONFLICT DO UPDATE SET seq = seq + 1,"
        " name = excluded.name RETURNING seq",
        (instance, name),
    ).fetchone()
    body = json_text(data)
    number = db.execute(
        "INSERT INTO events (id, instance, name, seq, type, at, told_at, body, wanted)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (f"evt_{uuid4().hex}", instance, name, seq, event.value, at, at, body, len(targets)),
    ).lastrowid
    db.executemany(
        "INSERT INTO deliveries (event, target, instance, size, state, due)"
        " VALUES (?, ?, ?, ?, 'pending', ?)",
        [(number, target, instance, len(body), at) for target in targets],
    )


def read_to(db: sqlite3.Connection, journal: str) -> int:
    """Up to which byte a journal was taken."""
    row = db.execute("SELECT taken FROM journals WHERE journal = ?", (journal,)).fetchone()
    return 0 if row is None else int(row[0])


def take(
    db: sqlite3.Connection, instance: str, name: str, part: JournalPart, at: float, telling: Telling
) -> int:
    """Write what a part of a journal tells, with how far that was taken; how many events those are.
    A part that was taken before changes nothing. name: of the instance, "" for that which it had
    last. Raises StoreError for a part that does not begin where the last one ended."""
    taken = read_to(db, part.journal)
    if part.end <= taken:
        return 0
    if part.start != taken:
        raise StoreError(f"the journal was taken to byte {taken}, and {part.start} was to be next")
    if not name:
        row = db.execute("SELECT name FROM seqs WHERE instance = ?", (instance,)).fetchone()
        name = instance if row is None else row[0]
    for each in part.messages:
        event = type_of(each)
        add(db, instance, name, event, data_of(each), at, telling.wanting(event, name))
    db.execute("INSERT OR REPLACE INTO journals VALUES (?, ?)", (part.journal, part.end))
    return len(part.messages)


def forget(db: sqlite3.Connection, journal: str) -> None:
    """A journal is there no more."""
    db.execute("DELETE FROM journals WHERE journal = ?", (journal,))


def tell_state(
    db: sqlite3.Connection, instance: str, name: str, data: Json, at: float, telling: Telling
) -> bool:
    """Write that an instance is in another state, unless that was told last; whether it was not."""
    told = json_text({key: data[key] for key in ("state", "reason", "code")})
    row = db.execute("SELECT told FROM seqs WHERE instance = ?", (instance,)).fetchone()
    if row is not None and row[0] == told:
        return False
    if targets := telling.wanting(EventType.INSTANCE_STATE, name):
        add(db, instance, name, EventType.INSTANCE_STATE, data, at, targets)
    db.execute(
        "INSERT INTO seqs VALUES (?1, ?2, 0, ?3) ON CONFLICT DO UPDATE SET told = ?3, name = ?2",
        (instance, name, told),
    )
    return True


def settle(db: sqlite3.Connection, number: int, told: Settled, target: str, at: float) -> None:
    """Store how it stands with a delivery after a try. What has arrived is gone, with its event
    when that has arrived everywhere."""
    sent_at = at if told.state is Delivery.SENT else None
    db.execute(
        "INSERT INTO targets VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET error = ?3,"
        " sent_at = coalesce(?2, sent_at)",
        (target, sent_at, storable(told.error)),
    )
    if told.state is Delivery.SENT:
        row = db.execute(
            "DELETE FROM deliveries WHERE number = ? RETURNING event", (number,)
        ).fetchone()
        if row is not None:
            _drop_arrived(db, row[0])
        return
    is_pending = told.state is Delivery.PENDING
    db.execute(
        "UPDATE deliveries SET state = ?1, due = ?2, wait_s = ?3, waited_s = ?4, tries = ?5,"
        " error = ?6, ended_at = ?7 WHERE number = ?8",
        (
            *(told.state.value, at + told.wait_s, told.wait_s, told.waited_s, told.tries),
            *(storable(told.error), None if is_pending else at, number),
        ),
    )


def _drop_arrived(db: sqlite3.Connection, event: int) -> None:
    db.execute(
        "DELETE FROM events WHERE number = ?1"
        " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = ?1)",
        (event,),
    )


def retry(
    db: sqlite3.Connection, event_id: str | None, targets: Sequence[str], at: float
) -> tuple[FailedRow, ...]:
    """Let what was given up be tried anew, at once: the event with this id, or all; for the targets
    with these names, and only while its body rests. Returns them, the oldest first."""
    chosen = (
        "(?1 IS NULL OR id = ?1) AND body <> '' AND target IN (SELECT value FROM json_each(?2))"
    )
    values = (event_id, json.dumps(list(targets)))
    found = tuple(
        _failed_row(row)
        for row in db.execute(f"{_FAILED} AND {chosen} ORDER BY deliveries.number", values)
    )
    db.execute(
        "UPDATE deliveries SET state = 'pending', due = ?3, wait_s = 0, waited_s = 0, tries = 0,"
        " ended_at = NULL WHERE state = 'failed' AND number IN (SELECT deliveries.number FROM"
        f" deliveries JOIN events ON events.number = event WHERE state = 'failed' AND {chosen})",
        (*values, at),
    )
    return found


def give_up_copied(db: sqlite3.Connection, at: float) -> None:
    """Give up what waits in a copy that is brought back, and go on with numbers that were not told
    since it was made."""
    db.execute(
        "UPDATE deliveries SET state = 'failed', error = ?, ended_at = ? WHERE state = 'pending'",
        (COPIED, at),
    )
    db.execute("UPDATE seqs SET seq = seq + ?, told = ''", (AFTER_COPY,))


def give_up_strays(db: sqlite3.Connection, targets: Sequence[str], at: float) -> int:
    """Give up what waits for targets that there are no more; how many those were."""
    return db.execute(
        "UPDATE deliveries SET state = 'failed', error = ?, ended_at = ? WHERE state = 'pending'"
        " AND target NOT IN (SELECT value FROM json_each(?))",
        (GONE, at, json.dumps(list(targets))),
    ).rowcount


# -- bounds -------------------------------------------------------------------------------------


def bound(db: sqlite3.Connection, at: float) -> int:
    """Give up the oldest of what waits for a target where that is too much, and delete what nobody
    wants where that is; how many events those were."""
    total = 0
    counts = db.execute(
        "SELECT target, count(*), sum(size) FROM deliveries INDEXED BY deliveries_sizes"
        " WHERE state = 'pending' GROUP BY target"
    ).fetchall()
    for target, count, size in counts:
        if count > MOST_PENDING or size > MOST_PENDING_BYTES:
            total += _give_up_oldest(db, target, count, size, at)
    total += db.execute(
        "DELETE FROM events WHERE wanted = 0 AND number <= (SELECT number FROM events"
        " WHERE wanted = 0 ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (MOST_UNWANTED,),
    ).rowcount
    return total


def _give_up_oldest(db: sqlite3.Connection, target: str, count: int, size: int, at: float) -> int:
    given_up, last = 0, 0
    for number, each in db.execute(
        "SELECT number, size FROM deliveries WHERE target = ? AND state = 'pending'"
        " ORDER BY number",
        (target,),
    ):
        if count <= MOST_PENDING and size <= MOST_PENDING_BYTES:
            break
        count, size, last, given_up = count - 1, size - each, number, given_up + 1
    db.execute(
        "UPDATE deliveries SET state = 'failed', error = ?1, ended_at = ?2"
        " WHERE target = ?3 AND state = 'pending' AND number <= ?4",
        (TOO_MANY, at, target, last),
    )
    # What is given up for want of room must not take it.
    db.execute(
        "UPDATE events SET body = '' WHERE number IN (SELECT event FROM deliveries WHERE"
        " target = ?1 AND state = 'failed' AND number <= ?2) AND NOT EXISTS (SELECT 1 FROM"
        " deliveries WHERE event = events.number AND state = 'pending')",
        (target, last),
    )
    return given_up


def drop_old_bodies(
    db: sqlite3.Connection, before: float, unwanted_before: float, at: float, limit: int
) -> int:
    """Delete what at most `limit` events say that are from before a moment, or from before another
    one and wanted by nobody; how many. What of it was still tried is given up."""
    old = [
        number
        for (number,) in db.execute(
            "SELECT number FROM events WHERE body <> '' AND at < ?2"
            " AND (at < ?1 OR wanted = 0) ORDER BY at LIMIT ?3",
            (before, unwanted_before, limit),
        )
    ]
    numbers = json.dumps(old)
    db.execute(
        "UPDATE deliveries SET state = 'failed', ended_at = ?2,"
        " error = iif(error = '', ?3, error) WHERE state = 'pending' AND event IN (SELECT value"
        " FROM json_each(?1))",
        (numbers, at, TOO_OLD),
    )
    db.execute(
        "UPDATE events SET body = '' WHERE number IN (SELECT value FROM json_each(?))", (numbers,)
    )
    db.execute(
        "DELETE FROM events WHERE number IN (SELECT value FROM json_each(?)) AND NOT EXISTS"
        " (SELECT 1 FROM deliveries WHERE event = events.number)",
        (numbers,),
    )
    return len(old)


def prune_failed(db: sqlite3.Connection, before: float | None, limit: int) -> int:
    """Delete at most `limit` deliveries that were given up before a moment, None for no moment, or
    that are more than are listed; how many."""
    gone = db.execute(
        "DELETE FROM deliveries WHERE number IN (SELECT number FROM (SELECT number, ended_at,"
        " row_number() OVER (PARTITION BY target ORDER BY number DESC) AS place FROM deliveries"
        " WHERE state = 'failed') WHERE place > ? OR ended_at < ? LIMIT ?) RETURNING event",
        (MOST_FAILED, before, limit),
    ).fetchall()
    for (event,) in gone:
        _drop_arrived(db, event)
    return len(gone)


def shift(db: sqlite3.Connection, by: float) -> None:
    """Move all moments with a clock that was set by so many seconds."""
    db.execute("UPDATE events SET at = at + ?", (by,))
    db.execute("UPDATE deliveries SET due = due + ?1, ended_at = ended_at + ?1", (by,))
    db.execute("UPDATE targets SET sent_at = sent_at + ?", (by,))


# -- looking ------------------------------------------------------------------------------------

_DUE = (
    "deliveries.number, due, wait_s, waited_s, tries, id, events.instance, name, seq, type,"
    " told_at, body"
)


def next_of(db: sqlite3.Connection, target: str, instance: str, limit: int) -> tuple[Due, ...]:
    """The first deliveries that wait of one instance, of a target, in order."""
    rows = db.execute(
        f"SELECT {_DUE} FROM deliveries JOIN events ON events.number = event WHERE target = ?"
        " AND deliveries.instance = ? AND state = 'pending' ORDER BY deliveries.number LIMIT ?",
        (target, instance, limit),
    )
    return tuple(map(_due_row, rows))


def waiting_since(db: sqlite3.Connection, target: str, after: int) -> dict[str, int]:
    """By the ids of the instances of which deliveries wait with a greater number than `after`, of a
    target, the greatest."""
    rows = db.execute(
        "SELECT instance, max(number) FROM deliveries WHERE target = ? AND state = 'pending'"
        " AND number > ? GROUP BY instance",
        (target, after),
    )
    return dict(rows.fetchall())


def events_after(
    db: sqlite3.Connection, instance: str, seq: int, limit: int
) -> tuple[WebhookEvent, ...]:
    """The events of an instance that rest, with a greater number than `seq`, in order."""
    rows = db.execute(
        "SELECT id, instance, name, seq, type, told_at, body FROM events"
        " WHERE instance = ? AND seq > ? AND body <> '' ORDER BY seq LIMIT ?",
        (instance, seq, limit),
    )
    return tuple(_event(*row) for row in rows)


_FAILED = (
    "SELECT id, target, name, type, seq, told_at, ended_at, tries, error, body <> ''"
    " FROM deliveries JOIN events ON events.number = event WHERE state = 'failed'"
)


def read_failed(db: sqlite3.Connection, limit: int) -> tuple[FailedRow, ...]:
    """The newest `limit` deliveries that were given up, the oldest first."""
    rows = db.execute(f"{_FAILED} ORDER BY deliveries.number DESC LIMIT ?", (limit,)).fetchall()
    return tuple(_failed_row(row) for row in reversed(rows))


def records(db: sqlite3.Connection) -> dict[str, TargetRecord]:
    """What is remembered of each target, by its name."""
    counts: dict[str, dict[str, int]] = {}
    for target, state, count in db.execute(
        "SELECT target, state, count(*) FROM deliveries WHERE state = 'pending' GROUP BY target"
        " UNION ALL"
        " SELECT target, state, count(*) FROM deliveries WHERE state = 'failed' GROUP BY target"
    ):
        counts.setdefault(target, {})[state] = count
    known = {
        name: (sent_at, error)
        for name, sent_at, error in db.execute("SELECT name, sent_at, error FROM targets")
    }
    return {
        name: TargetRecord(
            counts.get(name, {}).get("pending", 0),
            counts.get(name, {}).get("failed", 0),
            *known.get(name, (None, "")),
            _oldest(db, name),
        )
        for name in {*counts, *known}
    }


def _oldest(db: sqlite3.Connection, target: str) -> float | None:
    row = db.execute(
        "SELECT at FROM events WHERE number = (SELECT event FROM deliveries INDEXED BY"
        " deliveries_sizes WHERE target = ? AND state = 'pending' ORDER BY number LIMIT 1)",
        (target,),
    ).fetchone()
    return None if row is None else float(row[0])


# -- rows ---------------------------------------------------------------------------------------


def _due_row(row: Sequence[Any]) -> Due:
    number, due, wait_s, waited_s, tries, *rest = row
    return Due(number, _event(*rest), due, wait_s, waited_s, tries)


def _event(
    event_id: str, instance: str, name: str, seq: int, kind: str, at: float, body: str
) -> WebhookEvent:
    data = json.loads(body) if body else {}
    return WebhookEvent(event_id, instance, name, seq, EventType(kind), at, data)


def _failed_row(row: Sequence[Any]) -> FailedRow:
    *rest, rests = row
    event_id, target, name, kind, seq, at, failed_at, tries, error = rest
    return FailedRow(
        event_id, target, name, kind, seq, at, failed_at, tries, error, rests=bool(rests)
    )
