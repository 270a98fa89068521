"""What people have set of single instances, and how it was before: by that it is undone."""

import json
import sqlite3
from collections.abc import Mapping

from waziterm.domain.fleet.history import Edit
from waziterm.domain.lifecycle.instance import OwnKey, OwnValue
from waziterm.domain.text import storable
from waziterm.store.sound import SOUND


def save_edit(
    db: sqlite3.Connection, at: float, who: str, identity: str, before: Mapping[OwnKey, OwnValue]
) -> int:
    """Write down how it was before an edit; its number. identity: the instance's id."""
    values = json.dumps({key.value: value for key, value in before.items()})
    row = db.execute(
        "INSERT INTO edits (at, who, instance, before) VALUES (?, ?, ?, ?) RETURNING id",
        (at, storable(who), identity, values),
    ).fetchone()
    return int(row[0])


def read_edits(
    db: sqlite3.Connection, limit: int
) -> tuple[tuple[Edit, dict[OwnKey, OwnValue]], ...]:
    """The newest `limit` edits of instances that there are, newest first, each with the values of
    before it."""
    rows = db.execute(
        "SELECT edits.id, edits.at, edits.who, instances.name, edits.before FROM edits"
        " JOIN instances ON instances.id = edits.instance"
        f" WHERE {SOUND['edits']} ORDER BY edits.id DESC LIMIT ?",
        (limit,),
    ).fetchall()
    found = []
    for number, at, who, name, values in rows:
        before = {OwnKey(key): _value(value) for key, value in json.loads(values).items()}
        found.append((Edit(number, at, who, name, tuple(before)), before))
    return tuple(found)


def drop_edit(db: sqlite3.Connection, number: int) -> None:
    """Forget an edit: it was undone, or not made."""
    db.execute("DELETE FROM edits WHERE id = ?", (number,))


def _value(value: object) -> OwnValue:
    """A value of JSON as it was before; a list is of tags."""
    if isinstance(value, list):
        return tuple(map(str, value))
    return value if isinstance(value, bool | str) else None
