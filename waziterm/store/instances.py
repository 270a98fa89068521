"""The instances, one row each, and the record of what changed."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.event_names import EventName
from waziterm.domain.lifecycle.instance import Instance, first_id
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.link_end import LinkEnd
from waziterm.domain.names import InvalidNameError, check_name
from waziterm.domain.text import storable
from waziterm.store import edits
from waziterm.store.sound import SOUND, YEAR_10000

_COLUMNS = (
    "id",
    "name",
    "created_at",
    "phone",
    "proxy",
    "jid",
    "lid",
    "wanted",
    "state",
    "reason",
    "detail",
    "since",
    "due",
    "connected_at",
    "attempt",
    "cooldown_until",
    "banned_until",
    "hold",
    "guarded_at",
    "conflicts",
    "crashes",
    "refusals",
    "store_faults",
    "short_lived",
    "probe_misses",
    "redialling",
    "no_new_chats_until",
    "trouble",
    "trouble_detail",
    "trouble_at",
    "down_since",
    "phone_seen_at",
    "imported_from",
    "imported_at",
    "untried",
    "note",
    "tags",
    "device_name",
    "isolate",
    "receipts",
    "former_jid",
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM instances ORDER BY number"
_UPSERT = (
    f"INSERT INTO instances ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])
)


@dataclass(frozen=True, slots=True)
class Kept:
    """All that are stored, see `read_instances`. damaged: by name, those whose row holds what
    cannot be, and which columns do."""

    instances: tuple[Instance, ...]
    damaged: Mapping[str, str]


def read_kept(db: sqlite3.Connection) -> Kept:
    """All instances, and whose row is damaged."""
    found, damaged = [], {}
    for row in db.execute(_SELECT):
        instance, wrong = _instance(row)
        found.append(instance)
        if wrong:
            damaged[instance.name] = wrong
    return Kept(tuple(found), damaged)


def read_instances(db: sqlite3.Connection) -> tuple[Instance, ...]:
    """All instances, in the order in which they were first saved. One whose row is damaged comes
    with what can be read of it, and says so; it connects by itself only if nothing that could
    forbid that is lost."""
    return read_kept(db).instances


def save_instance(db: sqlite3.Connection, instance: Instance, event: str | None, at: float) -> None:
    """Write the instance, and a transition when there is something to tell."""
    row = _row(instance)
    now = (row["state"], row["reason"], row["detail"])
    before = db.execute(
        "SELECT state, reason, detail FROM instances WHERE id = ?", (instance.id,)
    ).fetchone()
    db.execute(_UPSERT, tuple(row[column] for column in _COLUMNS))
    if instance.jid is not None:
        # In one with what ends it: whoever links it later has a link of his own.
        end_links(db, instance.id, LinkEnd.LINKED, at)
    if before is None:
        db.execute(
            "INSERT OR REPLACE INTO names (id, name) VALUES (?, ?)", (row["id"], row["name"])
        )
    if before != now or event is not None:
        db.execute(
            "INSERT INTO transitions"
            " (instance, at, from_state, to_state, reason, code, detail, event)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                instance.id,
                at,
                before[0] if before else None,
                instance.state.value,
                instance.reason.slug,
                instance.reason.code,
                row["detail"],
                storable(event or ""),
            ),
        )


def add_instances(db: sqlite3.Connection, instances: Iterable[Instance], at: float) -> None:
    """Write new instances."""
    for each in instances:
        save_instance(db, each, EventName.ADDED, at)


def rename_instance(
    db: sqlite3.Connection, instance: Instance, at: float, who: str, undone: int | None
) -> Mapping[str, str]:
    """Write an instance under its new name; the one that it had leads to it from now on. The
    aliases that there are then. who: did it. undone: the number of the edit that this undoes, which
    can be undone no more; None: this can be."""
    before = db.execute("SELECT name FROM instances WHERE id = ?", (instance.id,)).fetchone()
    save_instance(db, instance, EventName.RENAMED, at)
    db.execute(
        "INSERT OR REPLACE INTO names (id, name) VALUES (?, ?)", (instance.id, instance.name)
    )
    db.execute("DELETE FROM aliases WHERE name = ?", (instance.name,))
    if before is not None:
        db.execute(
            "INSERT OR REPLACE INTO aliases (name, instance) VALUES (?, ?)",
            (before[0], instance.id),
        )
        if undone is None:
            edits.save_former_name(db, at, who, instance.id, before[0])
    if undone is not None:
        edits.drop_edit(db, undone)
    return read_aliases(db)


def read_aliases(db: sqlite3.Connection) -> Mapping[str, str]:
    """By each name that an instance had before, the id of that instance, the newest first; of
    removed ones too, which may come back. A name that somebody has now leads to him alone."""
    return dict(
        db.execute(
            "SELECT name, instance FROM aliases WHERE name NOT IN (SELECT name FROM instances)"
            " ORDER BY id DESC"
        ).fetchall()
    )


def remove_instance(db: sqlite3.Connection, identity: str) -> None:
    """Forget the instance with this id. Its history and lines stay until they are pruned."""
    newest = db.execute("SELECT max(at) FROM transitions WHERE instance = ?", (identity,))
    end_links(db, identity, LinkEnd.REMOVED, newest.fetchone()[0] or 0.0)
    db.execute("DELETE FROM instances WHERE id = ?", (identity,))


def end_links(db: sqlite3.Connection, identity: str, why: LinkEnd, at: float) -> int:
    """End the links to the scan page of the instance with this id; how many led somewhere."""
    return db.execute(
        "UPDATE links SET ended_at = max(at, ?), ended = ? WHERE instance = ? AND ended_at IS NULL",
        (at, why.value, identity),
    ).rowcount


def read_names(db: sqlite3.Connection) -> Mapping[str, str]:
    """The names of all instances, by id."""
    rows = db.execute("SELECT id, name FROM instances ORDER BY number")
    return dict(_names({"id": identity, "name": name}) for identity, name in rows)


def names_by_id(db: sqlite3.Connection) -> Mapping[str, str]:
    """The name of each instance that there is a trace of, removed ones too."""
    return dict(db.execute("SELECT id, name FROM names WHERE typeof(name) = 'text'").fetchall())


def prune_names(db: sqlite3.Connection) -> int:
    """Delete the names of removed instances that nothing is kept of, and what leads to them;
    returns how many names."""
    gone = db.execute(
        "DELETE FROM names WHERE id NOT IN (SELECT id FROM instances)"
        " AND NOT EXISTS (SELECT 1 FROM transitions WHERE instance = names.id)"
        " AND NOT EXISTS (SELECT 1 FROM lines WHERE instance = names.id)"
        " AND NOT EXISTS (SELECT 1 FROM hours WHERE instance = names.id)"
        " AND id NOT IN (SELECT instance FROM attempts)"
        " AND id NOT IN (SELECT instance FROM sends)"
        " AND id NOT IN (SELECT value FROM incidents,"
        " json_each(iif(json_valid(incidents.instances), incidents.instances, '[]')))"
    ).rowcount
    for table in ("aliases", "facade_ids", "facade_webhooks"):
        db.execute(f"DELETE FROM {table} WHERE instance NOT IN (SELECT id FROM names)")
    return gone


def leave_instances(db: sqlite3.Connection, at: float) -> None:
    """Record that nobody keeps the instances from a moment on, but not before what was recorded
    last. What is stored of them for the next manager stays as it is."""
    live = [state.value for state in State if state.is_live]
    reason = Reason.NO_MANAGER
    db.execute(
        "INSERT INTO transitions (instance, at, from_state, to_state, reason, code, detail, event)"
        " SELECT id, max(?, coalesce((SELECT max(at) FROM transitions"
        f" WHERE instance = instances.id AND {SOUND['transitions']}), 0)), state,"
        " ?, ?, ?, '', 'ManagerEnded' FROM instances"
        f" WHERE state IN ({', '.join('?' * len(live))})",
        (at, State.STOPPED.value, reason.slug, reason.code, *live),
    )


def _row(instance: Instance) -> dict[str, Any]:
    return {
        "id": instance.id,
        "name": instance.name,
        "created_at": instance.created_at,
        "phone": instance.phone,
        "proxy": instance.proxy,
        "jid": instance.jid,
        "lid": instance.lid,
        "wanted": instance.wanted.value,
        "state": instance.state.value,
        "reason": instance.reason.slug,
        "detail": storable(instance.detail),
        "since": instance.since,
        "due": instance.due,
        "connected_at": instance.connected_at,
        "attempt": instance.attempt,
        "cooldown_until": instance.cooldown_until,
        "banned_until": instance.banned_until,
        "hold": instance.hold.slug if instance.hold else None,
        "guarded_at": instance.guarded_at,
        "conflicts": _as_list(instance.conflicts),
        "crashes": _as_list(instance.crashes),
        "refusals": _as_list(instance.refusals),
        "store_faults": _as_list(instance.store_faults),
        "short_lived": instance.short_lived,
        "probe_misses": instance.probe_misses,
        "redialling": int(instance.redialling),
        "no_new_chats_until": instance.no_new_chats_until,
        "trouble": instance.trouble.slug if instance.trouble else None,
        "trouble_detail": storable(instance.trouble_detail),
        "trouble_at": instance.trouble_at,
        "down_since": instance.down_since,
        "phone_seen_at": instance.phone_seen_at,
        "imported_from": storable(instance.imported_from),
        "imported_at": instance.imported_at,
        "untried": int(instance.untried),
        "note": storable(instance.note),
        "tags": _as_list(instance.tags),
        "device_name": instance.device_name,
        "isolate": None if instance.isolate is None else int(instance.isolate),
        "receipts": None if instance.receipts is None else int(instance.receipts),
        "former_jid": instance.former_jid,
    }


def _as_list(values: tuple[float, ...] | tuple[str, ...]) -> str:
    return json.dumps(values) if values else _EMPTY


def _instance(row: tuple[Any, ...]) -> tuple[Instance, str]:
    """The instance of a row, and which of its columns hold what the program never wrote there."""
    values: dict[str, Any] = {}
    wrong = []
    for column, value, usual in zip(_COLUMNS, row, _USUAL, strict=True):
        # Most columns of most rows: a fleet of 1,000 has 41,000 of them.
        if value is usual:
            continue
        if _SOUND[column](value):
            values[column] = _made(column, value)
        else:
            wrong.append(column)
            values[column] = _made(column, _INSTEAD[column])
    values["id"], values["name"] = _names(values)
    instance, columns = Instance(**values), ", ".join(wrong)
    return (_careful(instance, wrong, columns) if wrong else instance), columns


def _made(column: str, stored: Any) -> Any:
    """The value of an instance, of the one that is stored in a column."""
    make = _MADE.get(column)
    return stored if make is None or stored is None else make(stored)


def _careful(instance: Instance, wrong: Sequence[str], columns: str) -> Instance:
    """An instance part of which is lost, as it may go on."""
    instance = replace(instance, detail=f"its row in the database is damaged ({columns})")
    if not _BARRIERS.isdisjoint(wrong):
        # Nobody knows any more what it had to wait for: a person says when it goes on.
        stopped, why = State.STOPPED, Reason.BY_OPERATOR
        return replace(instance, wanted=Wanted.STOPPED, state=stopped, reason=why, due=None)
    if instance.state.is_live:
        return replace(instance, state=State.STOPPED, reason=Reason.NO_MANAGER, due=None)
    return instance


def _names(values: Mapping[str, Any]) -> tuple[str, str]:
    """The id and the name of a row; for one that is not known, the other, or a fixed word."""
    identity, name = values["id"], values["name"]
    return identity or first_id(name or _NAMELESS), name or identity or _NAMELESS


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < YEAR_10000


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_one_of(words: Iterable[str]) -> Callable[[object], bool]:
    known = frozenset(words)
    return lambda value: isinstance(value, str) and value in known


def _list_of(sound: Callable[[object], bool]) -> Callable[[object], bool]:
    """Whether it is a list of such, as JSON."""

    def is_list(value: object) -> bool:
        if value == _EMPTY:
            return True
        try:
            held = json.loads(value) if isinstance(value, str) else None
        except (ValueError, RecursionError):
            return False
        return isinstance(held, list) and all(map(sound, held))

    return is_list


def _tuple(text: str) -> tuple[Any, ...]:
    return () if text == _EMPTY else tuple(json.loads(text))


def _or_none(sound: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or sound(value)


_is_a_reason = _is_one_of(reason.slug for reason in Reason)


def _is_name(value: object) -> bool:
    try:
        return isinstance(value, str) and check_name(value) == value
    except InvalidNameError:
        return False


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value not in ("", ".", "..") and "/" not in value


_NAMELESS = "nameless"
_EMPTY = "[]"
_BARRIERS = frozenset(
    {
        "wanted",
        "state",
        "reason",
        "cooldown_until",
        "banned_until",
        "hold",
        "guarded_at",
        "conflicts",
    }
)
"""The columns that may hold what forbids an attempt."""
_SOUND: Mapping[str, Callable[[object], bool]] = {
    "id": _is_id,
    "name": _is_name,
    **dict.fromkeys(("created_at", "since"), _is_moment),
    **dict.fromkeys(
        ("phone", "proxy", "jid", "lid", "device_name", "former_jid"), _or_none(_is_text)
    ),
    **dict.fromkeys(("detail", "trouble_detail", "note", "imported_from"), _is_text),
    "wanted": _is_one_of(Wanted),
    "state": _is_one_of(State),
    "reason": _is_a_reason,
    **dict.fromkeys(("hold", "trouble"), _or_none(_is_a_reason)),
    **dict.fromkeys(
        (
            *("due", "connected_at", "cooldown_until", "banned_until", "guarded_at"),
            *("no_new_chats_until", "trouble_at", "down_since", "phone_seen_at"),
            "imported_at",
        ),
        _or_none(_is_moment),
    ),
    **dict.fromkeys(("conflicts", "crashes", "refusals", "store_faults"), _list_of(_is_moment)),
    "tags": _list_of(_is_text),
    **dict.fromkeys(("isolate", "receipts"), _or_none(_is_count)),
    **dict.fromkeys(("attempt", "short_lived", "probe_misses", "redialling", "untried"), _is_count),
}
_INSTEAD: Mapping[str, Any] = {
    **dict.fromkeys(_COLUMNS),
    **dict.fromkeys(("created_at", "since"), 0.0),
    **dict.fromkeys(("attempt", "short_lived", "probe_misses", "redialling", "untried"), 0),
    **dict.fromkeys(("conflicts", "crashes", "refusals", "store_faults"), _EMPTY),
    "wanted": Wanted.STOPPED.value,
    "state": State.STOPPED.value,
    "reason": Reason.BY_OPERATOR.slug,
    **dict.fromkeys(("detail", "trouble_detail", "note", "imported_from"), ""),
    "tags": _EMPTY,
}
"""What stands in for a value that is none."""
_MADE: Mapping[str, Callable[[Any], object]] = {
    "wanted": Wanted,
    "state": State,
    **dict.fromkeys(("reason", "hold", "trouble"), Reason.of),
    **dict.fromkeys(("conflicts", "crashes", "refusals", "store_faults", "tags"), _tuple),
    **dict.fromkeys(("redialling", "untried", "isolate", "receipts"), bool),
}
"""What makes the value of an instance of the one that is stored, where that is another."""
_UNSET = {each.name: each.default for each in fields(Instance)}
_USUAL = tuple(
    _INSTEAD[column] if _made(column, _INSTEAD[column]) == _UNSET[column] else object()
    for column in _COLUMNS
)
"""By column, the stored value that needs no look: an instance has it anyway. None, 0 and "" are the
same objects wherever they come from, and 0.0 is another one."""
