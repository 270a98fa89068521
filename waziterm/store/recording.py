"""One step of an instance, written in one transaction with all that belongs to it."""

import sqlite3
from dataclasses import replace

from waziterm.store.history import begin_attempt, end_attempt
from waziterm.store.incidents import save_incident
from waziterm.store.instances import save_instance
from waziterm.store.records import Change, Recorded


def record(db: sqlite3.Connection, change: Change) -> Recorded:
    """Write a change; returns the numbers that its attempt and its incident were given."""
    instance, at, attempt, incident = change.instance, change.at, None, change.incident
    save_instance(db, instance, change.event, at)
    if change.ends is not None:
        end_attempt(db, change.ends.id, at, change.ends.ok, instance.reason.slug)
    if change.begins is not None:
        attempt = begin_attempt(db, instance.id, at, change.begins)
    if incident is not None:
        incident = replace(incident, id=save_incident(db, incident))
    return Recorded(attempt, incident)
