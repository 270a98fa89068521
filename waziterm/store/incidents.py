"""The incidents: one row for one cause, however many instances it met."""

import json
import sqlite3

from waziterm.domain.incidents import Incident
from waziterm.domain.reasons import Reason
from waziterm.store.errors import known, storable


def save_incident(db: sqlite3.Connection, incident: Incident) -> int:
    """Write an incident, new or grown; returns its id."""
    values = (
        incident.reason.slug,
        incident.began_at,
        incident.last_at,
        json.dumps(incident.names),
        incident.fleet,
        storable(incident.detail),
        incident.is_serious,
    )
    if incident.id:
        db.execute(
            "UPDATE incidents SET reason = ?, began_at = ?, last_at = ?, names = ?, fleet = ?,"
            " detail = ?, is_serious = ? WHERE id = ?",
            (*values, incident.id),
        )
        return incident.id
    row = db.execute(
        "INSERT INTO incidents (reason, began_at, last_at, names, fleet, detail, is_serious)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        values,
    ).fetchone()
    return int(row[0])


def read_incidents(db: sqlite3.Connection, since: float, limit: int) -> tuple[Incident, ...]:
    """The newest `limit` incidents that were still growing at `since` or later, oldest first."""
    rows = db.execute(
        "SELECT reason, began_at, last_at, names, fleet, detail, is_serious, id FROM incidents"
        " WHERE last_at >= ? ORDER BY id DESC LIMIT ?",
        (since, limit),
    ).fetchall()
    return tuple(
        Incident(
            known(Reason.of, reason), began_at, last_at, tuple(json.loads(names)), fleet,
            detail, bool(is_serious), number,
        )
        for reason, began_at, last_at, names, fleet, detail, is_serious, number in reversed(rows)
    )  # fmt: skip
