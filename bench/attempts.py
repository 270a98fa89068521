"""The connect attempts that a manager has stored."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Attempt:
    """One dial of ours. began, ended: UTC seconds. ok: None when it was cut off."""

    instance: str
    began: float
    ended: float | None
    ok: bool | None


def stored_attempts(database: Path) -> tuple[Attempt, ...]:
    """All attempts in a manager's database, by their start."""
    with closing(sqlite3.connect(database)) as db:
        rows = db.execute(
            "SELECT name, at, ended_at, ok FROM attempts"
            " JOIN names ON names.id = instance ORDER BY at"
        ).fetchall()
    return tuple(
        Attempt(instance, at, ended, None if ok is None else bool(ok))
        for instance, at, ended, ok in rows
    )


def overlapping(attempts: Sequence[Attempt]) -> int:
    """The most attempts that were under way at one moment."""
    edges = [(attempt.began, 1) for attempt in attempts]
    edges += [(attempt.ended, -1) for attempt in attempts if attempt.ended is not None]
    under_way = most = 0
    for _, step in sorted(edges):
        under_way += step
        most = max(most, under_way)
    return most
