"""The incidents: one row for one cause, however many instances it met."""

import json
import sqlite3

from waziterm.domain.fleet.history import IncidentView
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.text import storable
from waziterm.store.instances import names_by_id
from waziterm.store.sound import SOUND


def save_incident(db: sqlite3.Connection, incident: Incident) -> int:
    """Write an incident, new or grown; returns its id.

    One that was acknowledged and has met another instance since is to be acknowledged anew; what
    goes on with the same ones is not, or an outage could never be.
    """
    values = (
        incident.reason.slug,
        incident.began_at,
        incident.last_at,
        json.dumps(incident.met),
        incident.fleet,
        storable(incident.detail),
        incident.is_serious,
    )
    if incident.id:
        db.execute(
            "UPDATE incidents SET reason = ?, began_at = ?, last_at = ?, instances = ?, fleet = ?,"
            " detail = ?, is_serious = ?, ended_at = NULL,"
            " acknowledged_at = iif(instances = ?, acknowledged_at, NULL) WHERE id = ?",
            (*values, json.dumps(incident.met), incident.id),
        )
        return incident.id
    row = db.execute(
        "INSERT INTO incidents (reason, began_at, last_at, instances, fleet, detail, is_serious)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        values,
    ).fetchone()
    return int(row[0])


def end_incident(db: sqlite3.Connection, number: int, at: float) -> None:
    """Note when an incident was over, UTC seconds."""
    db.execute("UPDATE incidents SET ended_at = ? WHERE id = ?", (at, number))


def acknowledge(db: sqlite3.Connection, number: int, at: float, who: str, note: str) -> bool:
    """Note that an incident was seen, unless that was noted before and there is no note; whether
    there is such an incident. The note that it has stays where there is no other.

    who: "" for nobody that is known.
    """
    db.execute(
        "UPDATE incidents SET acknowledged_at = ?, acknowledged_by = ?,"
        " note = iif(? = '', note, ?) WHERE id = ? AND (acknowledged_at IS NULL OR ? <> '')",
        (at, storable(who), note, storable(note), number, note),
    )
    return db.execute("SELECT 1 FROM incidents WHERE id = ?", (number,)).fetchone() is not None


def read_incidents(db: sqlite3.Connection, since: float, limit: int) -> tuple[IncidentView, ...]:
    """The newest `limit` incidents that were still growing at `since` or later, oldest first."""
    rows = db.execute(
        "SELECT reason, began_at, last_at, instances, fleet, detail, is_serious, id,"
        " acknowledged_at, acknowledged_by, note, ended_at"
        f" FROM incidents WHERE last_at >= ? AND {SOUND['incidents']}"
        " ORDER BY id DESC LIMIT ?",
        (since, limit),
    ).fetchall()
    names = names_by_id(db)
    found = []
    for reason, began_at, last_at, instances, fleet, detail, is_serious, number, *seen in rows:
        met = tuple(json.loads(instances))
        seen_at, seen_by, note, ended_at = seen
        view = IncidentView(
            Reason.of(reason),
            began_at,
            last_at,
            tuple(names.get(each, each) for each in met),
            fleet,
            detail,
            bool(is_serious),
            number,
            met,
            seen_at,
            acknowledged_by=seen_by,
            note=note,
            closed_at=ended_at,
        )
        found.append(view)
    return tuple(sorted(found, key=lambda each: (each.began_at, each.id)))
