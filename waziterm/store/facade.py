"""What the facade keeps of instances: the ids by which the clients of Waziper call them, and where
those clients want to be told what happens."""

from __future__ import annotations

import sqlite3
from dataclasses import field

from waziterm.domain.frozen import dataclass
from waziterm.store.sound import SOUND


@dataclass(frozen=True, slots=True)
class KeptId:
    """How clients call an instance. id: 13 upper-case hex digits. instance: its own id. token: the
    name of the token with which it was made, "" for one that was brought in."""

    id: str
    instance: str
    token: str


@dataclass(frozen=True, slots=True)
class KeptWebhook:
    """Where a client of the facade is told of an instance. instance: its id. token: the name of the
    one with which it was asked for."""

    instance: str
    url: str = field(repr=False)
    token: str


def read_ids(db: sqlite3.Connection) -> tuple[KeptId, ...]:
    """All ids, in the order in which they were given."""
    rows = db.execute(
        f"SELECT id, instance, token FROM facade_ids WHERE {SOUND['facade_ids']} ORDER BY at, id"
    )
    return tuple(KeptId(*row) for row in rows)


def bind(db: sqlite3.Connection, kept: KeptId, at: float) -> bool:
    """Let clients call an instance so from a moment on. False, and nothing changes, where another
    one that there is is called so."""
    taken = db.execute(
        "SELECT 1 FROM facade_ids JOIN instances ON instances.id = facade_ids.instance"
        " WHERE facade_ids.id = ? AND facade_ids.instance <> ?",
        (kept.id, kept.instance),
    ).fetchone()
    if taken is not None:
        return False
    db.execute(
        "INSERT OR REPLACE INTO facade_ids (id, instance, token, at) VALUES (?, ?, ?, ?)",
        (kept.id, kept.instance, kept.token, at),
    )
    return True


def set_webhook(
    db: sqlite3.Connection, instance: str, url: str | None, token: str, at: float
) -> None:
    """Tell the clients of the instance with this id there from now on; None: nowhere. token: the
    name of the one that asked for it."""
    db.execute("DELETE FROM facade_webhooks WHERE instance = ?", (instance,))
    if url is not None:
        db.execute(
            "INSERT INTO facade_webhooks (instance, url, token, at) VALUES (?, ?, ?, ?)",
            (instance, url, token, at),
        )


def read_webhooks(db: sqlite3.Connection) -> tuple[KeptWebhook, ...]:
    """Those of the instances that there are."""
    rows = db.execute(
        "SELECT instance, url, token FROM facade_webhooks"
        " WHERE instance IN (SELECT id FROM instances)"
        f" AND {SOUND['facade_webhooks']} ORDER BY instance"
    )
    return tuple(KeptWebhook(*row) for row in rows)
