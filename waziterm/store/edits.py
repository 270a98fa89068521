"""What people have set of single instances, and how it was before: by that it is undone."""

import json
import sqlite3
from collections.abc import Mapping

from waziterm.domain.fleet.history import Edit
from waziterm.domain.lifecycle.instance import OwnKey, OwnValue
from waziterm.domain.text import storable
from waziterm.store.sound import NAME_BEFORE, SOUND


def save_edit(
    db: sqlite3.Connection, at: float, who: str, identity: str, before: Mapping[OwnKey, OwnValue]
) -> int:
    """Write down how it was before an edit; its number. identity: the instance's id."""
    return _save(db, at, who, identity, {key.value: value for key, value in before.items()})


def save_former_name(db: sqlite3.Connection, at: float, who: str, identity: str, name: str) -> None:
    """Write down how an instance was called before a rename. identity: its id."""
    _save(db, at, who, identity, {NAME_BEFORE: name})


def _save(
    db: sqlite3.Connection, at: float, who: str, identity: str, before: Mapping[str, OwnValue]
) -> int:
    row = db.execute(
        "INSERT INTO edits (at, who, instance, before) VALUES (?, ?, ?, ?) RETURNING id",
        (at, storable(who), identity, json.dumps(before)),
    ).fetchone()
    return int(row[0])


def read_edits(
    db: sqlite3.Connection, limit: int
) -> tuple[tuple[Edit, dict[OwnKey, OwnValue]], ...]:
    """The newest `limit` edits and renames of instances that there are, newest first, each with the
    values of before it."""
    rows = db.execute(
        "SELECT edits.id, edits.at, edits.who, instances.name, edits.before FROM edits"
        " JOIN instances ON instances.id = edits.instance"
        f" WHERE {SOUND['edits']} ORDER BY edits.id DESC LIMIT ?",
        (limit,),
    ).fetchall()
    found = []
    for number, at, who, name, values in rows:
        stored = json.loads(values)
        former = str(stored.pop(NAME_BEFORE, ""))
        before = {OwnKey(key): _value(value) for key, value in stored.items()}
        found.append((Edit(number, at, who, name, tuple(before), former), before))
    return tuple(found)


def drop_edit(db: sqlite3.Connection, number: int) -> None:
    """Forget an edit: it was undone, or not made."""
    db.execute("DELETE FROM edits WHERE id = ?", (number,))


def _value(value: object) -> OwnValue:
    """A value of JSON as it was before; a list is of tags."""
    if isinstance(value, list):
        return tuple(map(str, value))
    return value if isinstance(value, bool | str) else None
