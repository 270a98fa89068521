"""The tokens of the API; see `domain.messages.token`."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from waziterm.domain.messages.codes import Scope
from waziterm.domain.text import storable
from waziterm.store.sound import SOUND

if TYPE_CHECKING:
    from waziterm.domain.messages.token import KeptToken


def save_token(db: sqlite3.Connection, token: KeptToken, most: int) -> bool:
    """Keep a token; False, and nothing is kept, where there are `most` already. Raises
    IntegrityError when its name is taken."""
    if db.execute("SELECT count(*) FROM tokens").fetchone()[0] >= most:
        return False
    view = token.view
    db.execute(
        "INSERT INTO tokens (name, digest, scopes, patterns, at, who) VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(view.name, token.digest, json.dumps(view.scopes), json.dumps(view.instances)),
            *(view.at, storable(view.who)),
        ),
    )
    return True


def read_tokens(db: sqlite3.Connection) -> tuple[KeptToken, ...]:
    """All tokens, by name. One whose row holds what cannot be is none."""
    from waziterm.domain.messages.token import (  # noqa: PLC0415 - not before the first paint
        KeptToken,
        TokenView,
    )

    rows = db.execute(
        "SELECT name, digest, scopes, patterns, at, who FROM tokens"
        f" WHERE {SOUND['tokens']} ORDER BY name"
    ).fetchall()
    return tuple(
        KeptToken(
            TokenView(
                *(name, tuple(map(Scope, json.loads(scopes))), tuple(json.loads(patterns))),
                *(at, who),
            ),
            digest,
        )
        for name, digest, scopes, patterns, at, who in rows
    )


def drop_token(db: sqlite3.Connection, name: str) -> bool:
    """Forget a token, also one whose row is damaged, and where those who had it are told by
    webhook; whether there was one."""
    db.execute("DELETE FROM facade_webhooks WHERE token = ?", (name,))
    return db.execute("DELETE FROM tokens WHERE name = ?", (name,)).rowcount > 0
