"""What was told of the incidents, and who is silenced."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from waziterm.domain.alerts.alert import Alert
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.codec import CodecError, decode, encode
from waziterm.domain.frozen import dataclass
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.text import storable
from waziterm.store.incidents import end_incident, save_incident
from waziterm.store.instances import names_by_id

if TYPE_CHECKING:
    from waziterm.domain.alerts.alert_memory import Open
    from waziterm.domain.alerts.routing import Desk

log = logging.getLogger(__name__)

T = TypeVar("T")
Post = Callable[[sqlite3.Connection, Alert, Sequence[str]], None]
"""Puts an alert into the outbox of each of the sinks with these names, in the same transaction."""


@dataclass(frozen=True, slots=True)
class Tale:
    """What a step of the alerts leads to, once the rows of its incidents have numbers.

    open, desks: what has changed; None for what is no more. sent: for the outbox, in order.
    """

    open: Mapping[int, Open | None]
    desks: Mapping[str, Desk | None]
    sent: Sequence[tuple[Alert, Sequence[str]]] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What the last manager left. open: by key. desks: by the sinks' names."""

    open: Mapping[int, Open]
    desks: Mapping[str, Desk]


def read_kept(db: sqlite3.Connection) -> Kept:
    """What was told of what goes on. What cannot be read is left out, with a line in the log: of
    that it is told anew."""
    from waziterm.domain.alerts.alert_memory import Open  # noqa: PLC0415 - not before the first paint
    from waziterm.domain.alerts.routing import Desk  # noqa: PLC0415 - as above

    found = {int(key): _read(Open, body) for key, body in db.execute("SELECT * FROM alerts_open")}
    desks = {str(name): _read(Desk, body) for name, body in db.execute("SELECT * FROM alert_desks")}
    return Kept(
        {key: each for key, each in found.items() if each is not None},
        {name: each for name, each in desks.items() if each is not None},
    )


def tell(
    db: sqlite3.Connection,
    grown: Mapping[int, Incident],
    ended: Sequence[tuple[int, float]],
    told: Callable[[Mapping[int, int]], Tale],
    post: Post | None,
) -> None:
    """Write a step of the alerts: the incidents that are the alerts' own, those that are over, what
    was told, and the messages.

    grown: by key. ended: numbers and moments (UTC seconds). told: given the number of each of
    `grown`; it must do nothing but compute.
    """
    numbers = {key: save_incident(db, incident) for key, incident in grown.items()}
    for number, at in ended:
        end_incident(db, number, at)
    tale = told(numbers)
    _write(db, "alerts_open", "key", tale.open)
    _write(db, "alert_desks", "sink", tale.desks)
    if post is not None:
        for alert, sinks in tale.sent:
            post(db, alert, sinks)


def save_silence(db: sqlite3.Connection, silence: Silence) -> None:
    """Write a silence, instead of one that the instance had; one without a time only ends that."""
    db.execute("DELETE FROM silences WHERE instance = ? OR until <= ?", (silence.id, silence.at))
    if silence.until <= silence.at:
        return
    db.execute(
        "INSERT INTO silences (instance, at, until, who) VALUES (?, ?, ?, ?)",
        (silence.id, silence.at, silence.until, storable(silence.who)),
    )


def read_silences(db: sqlite3.Connection, now: float) -> tuple[Silence, ...]:
    """The silences that last longer than `now`, the first to end first."""
    rows = db.execute(
        "SELECT instance, at, until, who FROM silences WHERE until > ? ORDER BY until, instance",
        (now,),
    ).fetchall()
    names = names_by_id(db)
    return tuple(
        Silence(names.get(each, each), at, until, who, each) for each, at, until, who in rows
    )


def _read(kind: type[T], body: str) -> T | None:
    try:
        return decode(kind, json.loads(body))  # type: ignore[no-any-return]
    except (ValueError, CodecError, RecursionError) as error:
        log.warning("what was told of an incident cannot be read: %s", error)
        return None


def _write(
    db: sqlite3.Connection, table: str, key: str, changed: Mapping[Any, Open | Desk | None]
) -> None:
    for name, value in changed.items():
        if value is None:
            db.execute(f"DELETE FROM {table} WHERE {key} = ?", (name,))
        else:
            body = json.dumps(encode(type(value), value))
            db.execute(f"INSERT OR REPLACE INTO {table} ({key}, body) VALUES (?, ?)", (name, body))
