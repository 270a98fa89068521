"""Which days, and blocks of them, are summed up, see `store.spans`."""

import sqlite3
from collections.abc import Collection, Iterable

from waziterm.domain.stats.calendar import Span


def made(db: sqlite3.Connection) -> frozenset[Span]:
    """The spans that can be read."""
    return frozenset(db.execute("SELECT begins, ends FROM spans_made"))


def unmake(db: sqlite3.Connection, hours: Collection[int]) -> None:
    """Let no span be read that has one of these hours (UTC seconds): something was counted into
    it, or cannot be read."""
    if not hours:
        return
    near = db.execute(
        "SELECT begins, ends FROM spans_made WHERE ends > ? AND begins <= ?",
        (min(hours), max(hours)),
    ).fetchall()
    unmake_spans(db, (span for span in near if any(span[0] <= each < span[1] for each in hours)))


def unmake_spans(db: sqlite3.Connection, spans: Iterable[Span]) -> None:
    """Let spans not be read any more."""
    for span in spans:
        for table in ("spans_made", "spans"):
            db.execute(f"DELETE FROM {table} WHERE begins = ? AND ends = ?", span)


def unmake_before(db: sqlite3.Connection, hour: int, limit: int) -> int:
    """Let at most `limit` spans not be read any more that begin before an hour; returns how
    many."""
    old = db.execute(
        "SELECT begins, ends FROM spans_made WHERE begins < ? LIMIT ?", (hour, limit)
    ).fetchall()
    unmake_spans(db, old)
    return len(old)
