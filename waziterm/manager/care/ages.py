"""The ages of what a data directory keeps, remembered in its database; see `domain.upkeep.ages`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from waziterm.domain.upkeep.ages import Ages, Mark, Sight
from waziterm.store.store import Store

if TYPE_CHECKING:
    from waziterm.domain.care.trash import TrashView
    from waziterm.manager.files.manifest import TrashEntry

_AGES = "ages"


async def read_ages(store: Store) -> Ages:
    """What is remembered; nothing where there is nothing to believe, and then all is young.
    Raises StoreError."""
    try:
        return _ages(json.loads(await store.get_meta(_AGES) or "{}"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Ages()


async def write_ages(store: Store, ages: Ages) -> None:
    """Remember them. Raises StoreError."""
    data = {
        "seen_s": ages.seen_s,
        "trash": {name: [each.first_s, each.announced_s] for name, each in ages.trash.items()},
        "marks": [[mark.seen_s, mark.at, dict(mark.rows)] for mark in ages.marks],
    }
    await store.set_meta(_AGES, json.dumps(data))


async def trash_views(
    store: Store, entries: Sequence[TrashEntry], keep_s: float, now: float
) -> tuple[TrashView, ...]:
    """Trash entries as they are shown. keep_s: seconds for which they stay, 0 for ever. now: UTC
    seconds. Raises StoreError."""
    ages = await read_ages(store)
    names = await store.names() if entries else {}
    return tuple(
        entry.view(now + ages.left_s(entry.id, keep_s) if keep_s else None, names)
        for entry in entries
    )


def _ages(data: dict[str, Any]) -> Ages:
    return Ages(
        _finite(data.get("seen_s", 0.0)),
        {
            name: Sight(_finite(first), None if announced is None else _finite(announced))
            for name, (first, announced) in data.get("trash", {}).items()
        },
        tuple(
            Mark(_finite(seen_s), _finite(at), {table: int(row) for table, row in rows.items()})
            for seen_s, at, rows in data.get("marks", [])
        ),
    )


def _finite(value: object) -> float:
    number = float(str(value))
    if not math.isfinite(number):
        raise ValueError("no number of seconds")
    return number
