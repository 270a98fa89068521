"""The links to the scan page; see `domain.links`."""

import sqlite3

from waziterm.domain.link_end import LinkEnd
from waziterm.domain.links import KeptLink
from waziterm.domain.text import storable
from waziterm.store.instances import end_links
from waziterm.store.sound import SOUND

_COLUMNS = "id, instance, digest, at, expires_at, who, browser, ended"


def save_link(db: sqlite3.Connection, link: KeptLink) -> int:
    """Keep a new link; the one that its instance had ends. Its number."""
    end_links(db, link.instance, LinkEnd.REPLACED, link.at)
    row = db.execute(
        "INSERT INTO links (instance, digest, at, expires_at, who) VALUES (?, ?, ?, ?, ?)"
        " RETURNING id",
        (link.instance, link.digest, link.at, link.expires_at, storable(link.who)),
    ).fetchone()
    return int(row[0])


def read_link(db: sqlite3.Connection, digest: str) -> KeptLink | None:
    """The link whose token has this digest. One whose row holds what cannot be is none."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM links WHERE digest = ? AND {SOUND['links']}", (digest,)
    ).fetchone()
    return None if row is None else _link(row)


def bind_link(db: sqlite3.Connection, number: int, browser: str) -> bool:
    """Let a link be one browser's, by the digest of what that says; whether it is now."""
    db.execute(
        "UPDATE links SET browser = ? WHERE id = ? AND browser = '' AND ended_at IS NULL",
        (browser, number),
    )
    found = db.execute(
        "SELECT 1 FROM links WHERE id = ? AND browser = ? AND ended_at IS NULL", (number, browser)
    )
    return found.fetchone() is not None


def end_link(db: sqlite3.Connection, number: int, why: LinkEnd, at: float) -> bool:
    """End the link with this number; whether it led somewhere."""
    return (
        db.execute(
            "UPDATE links SET ended_at = ?, ended = ? WHERE id = ? AND ended_at IS NULL",
            (at, why.value, number),
        ).rowcount
        > 0
    )


def shift_links(db: sqlite3.Connection, by: float) -> None:
    """Move the links that have not ended along with a clock that was set by so many seconds."""
    db.execute(
        "UPDATE links SET at = max(0, at + ?1), expires_at = max(0, expires_at + ?1)"
        " WHERE ended_at IS NULL",
        (by,),
    )


def _link(row: tuple[int, str, str, float, float, str, str, str | None]) -> KeptLink:
    number, instance, digest, at, expires_at, who, browser, ended = row
    why = None if ended is None else LinkEnd(ended)
    return KeptLink(number, instance, digest, at, expires_at, who, browser, why)
