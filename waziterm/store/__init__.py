"""What is remembered: instances, their history and their log lines, in one SQLite file.

All SQL of the program is in this package, and nothing else imports aiosqlite.
"""

from waziterm.domain.fleet.history import AttemptKind
from waziterm.store.errors import StoreError
from waziterm.store.records import (
    AttemptCounts,
    AttemptEnd,
    Change,
    Pruned,
    Recorded,
    SendCounts,
    Transition,
)
from waziterm.store.store import Store, open_store

__all__ = [
    "AttemptCounts",
    "AttemptEnd",
    "AttemptKind",
    "Change",
    "Pruned",
    "Recorded",
    "SendCounts",
    "Store",
    "StoreError",
    "Transition",
    "open_store",
]
