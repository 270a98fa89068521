"""Which rows hold what the program never writes, and are left out wherever they are read."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from waziterm.domain.fleet.api import Source
from waziterm.domain.fleet.audit import AuditResult, Via
from waziterm.domain.fleet.history import AttemptKind
from waziterm.domain.lifecycle.instance import OwnKey
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.link_end import LinkEnd
from waziterm.domain.messages.codes import Scope

YEAR_10000 = 253_402_300_800
"""The first moment that no calendar has, UTC seconds."""


def _moment(*columns: str) -> str:
    return _between(0, YEAR_10000 - 1, columns)


def _between(least: int, most: int, columns: Sequence[str]) -> str:
    # A text or a blob is greater than any number, and NULL is neither true nor false.
    if len(columns) == 1:
        return f"ifnull({columns[0]} BETWEEN {least} AND {most}, 0)"
    # Quicker than one after the other; with one argument both would be aggregates.
    each = ", ".join(columns)
    return f"ifnull(min({each}) >= {least} AND max({each}) <= {most}, 0)"


def sums_of_counts(*columns: str) -> str:
    """The condition, 0 or 1, that none of these columns holds what no sum can be."""
    return _between(0, 1 << 53, columns)


def _number(column: str) -> str:
    return f"ifnull({column} BETWEEN {-YEAR_10000} AND {YEAR_10000}, 0)"


def _text(*columns: str) -> str:
    return " AND ".join(f"typeof({column}) = 'text'" for column in columns)


NAME_BEFORE = "name"
"""By what an edit that is a rename has the name of before it, in place of an `OwnKey`."""


def _one_of(column: str, words: Iterable[str]) -> str:
    # Words of the program itself, which hold no quote.
    quoted = ", ".join(f"'{word}'" for word in words)
    return f"ifnull({column} IN ({quoted}), 0)"


def _flag(column: str) -> str:
    return f"ifnull({column} IN (0, 1), 0)"


def _texts(column: str) -> str:
    """A JSON array of texts. A function that refuses what is no JSON is asked only for what is."""
    return (
        f"CASE WHEN json_valid({column}) THEN json_type({column}) = 'array' AND NOT EXISTS"
        f" (SELECT 1 FROM json_each({column}) WHERE type <> 'text') ELSE 0 END"
    )


def _digest(column: str) -> str:
    """A SHA-256, 64 hex digits."""
    return f"ifnull({column} GLOB replace(hex(zeroblob(32)), '0', '[0-9a-f]'), 0)"


def _counts(column: str, wrong_key: str) -> str:
    """A JSON object of counts, without a key that is like `wrong_key`."""
    return (
        f"CASE WHEN json_valid({column}) THEN json_type({column}) = 'object' AND NOT EXISTS"
        f" (SELECT 1 FROM json_each({column}) WHERE type <> 'integer' OR value NOT BETWEEN 1 AND"
        f" {YEAR_10000} OR key GLOB '{wrong_key}') ELSE 0 END"
    )


def _or_none(column: str, sound: str) -> str:
    return f"({column} IS NULL OR {sound})"


_SUMS = (
    *("hour", "up_ms", "seen_ms", "drops", "conflicts", "attempts", "attempts_ok", "sends", "acks"),
    *("cpu_ms", "memory_bytes"),
)
_STATES = tuple(state.value for state in State)
_REASONS = tuple(reason.slug for reason in Reason)
SOUND: Mapping[str, str] = {
    table: f"({' AND '.join(each)})"
    for table, each in {
        "transitions": (
            _moment("at"),
            _text("instance", "code", "detail", "event"),
            _or_none("from_state", _one_of("from_state", _STATES)),
            _one_of("to_state", _STATES),
            _one_of("reason", _REASONS),
        ),
        "attempts": (
            _moment("at"),
            _text("instance"),
            _one_of("kind", AttemptKind),
            _or_none("ended_at", _moment("ended_at")),
            _or_none("ok", _flag("ok")),
        ),
        "sends": (_moment("at"), _text("instance", "error"), _flag("ok"), _number("took_s")),
        "acts": (
            _moment("at"),
            _text("kind", "subject", "why"),
            _or_none("instance", _text("instance")),
        ),
        "incidents": (
            _moment("began_at"),
            _moment("last_at"),
            _or_none("acknowledged_at", _moment("acknowledged_at")),
            _or_none("ended_at", _moment("ended_at")),
            _one_of("reason", _REASONS),
            _text("detail", "instances", "acknowledged_by", "note"),
            _number("fleet"),
            _flag("is_serious"),
            _texts("instances"),
        ),
        "audit": (
            _moment("at"),
            _text("who", "act", "instances", "args", "error"),
            _number("uid"),
            _or_none("login_uid", _number("login_uid")),
            _or_none("tty", _text("tty")),
            _or_none("origin", _text("origin")),
            _number("pid"),
            _one_of("via", Via),
            _texts("instances"),
            "CASE WHEN json_valid(args) THEN json_type(args) = 'object' AND NOT EXISTS (SELECT 1"
            " FROM json_each(args) WHERE type NOT IN ('text', 'integer', 'true', 'false'))"
            " ELSE 0 END",
            _or_none("result", _one_of("result", AuditResult)),
        ),
        "notes": (
            _moment("at"),
            _text("who", "text"),
            _or_none("dismissed_at", _moment("dismissed_at")),
        ),
        "edits": (
            _moment("at"),
            _text("who", "instance", "before"),
            "CASE WHEN json_valid(before) THEN json_type(before) = 'object' AND NOT EXISTS (SELECT"
            f" 1 FROM json_each(before) WHERE NOT {_one_of('key', (*OwnKey, NAME_BEFORE))}"
            " OR type NOT IN ('text', 'true', 'false', 'null', 'array')) ELSE 0 END",
        ),
        "outbox": (
            _moment("at"),
            _text("message", "sink", "incident", "keys", "body", "error"),
            _moment("due"),
            _number("wait_s"),
            _number("waited_s"),
            _number("tries"),
            _or_none("ended_at", _moment("ended_at")),
            _texts("keys"),
            # What has arrived keeps none.
            "CASE WHEN json_valid(body) THEN json_type(body) = 'object' ELSE body = '' END",
        ),
        "tokens": (
            _moment("at"),
            _text("name", "who"),
            _digest("digest"),
            _texts("scopes"),
            "CASE WHEN json_valid(scopes) THEN NOT EXISTS (SELECT 1 FROM json_each(scopes)"
            f" WHERE NOT {_one_of('value', Scope)}) ELSE 0 END",
            _texts("patterns"),
        ),
        "facade_ids": (_moment("at"), _text("id", "instance", "token")),
        "facade_webhooks": (_moment("at"), _text("instance", "url", "token")),
        "links": (
            _moment("at", "expires_at"),
            _text("instance", "who"),
            _digest("digest"),
            f"(browser = '' OR {_digest('browser')})",
            _or_none("ended_at", _moment("ended_at")),
            _or_none("ended", _one_of("ended", LinkEnd)),
        ),
        "lines": (_moment("at"), _text("instance", "text"), _one_of("source", Source)),
        "hours": (
            _text("instance"),
            _moment(*_SUMS),
            _or_none("by_reason", _counts("by_reason", "*[^a-z_]*")),
            *(_or_none(each, _counts(each, "*[^0-9]*")) for each in ("connects", "reconnects")),
        ),
        "patterns": (_text("instance", "name"), _moment("hour", "count")),
    }.items()
}
"""By table, the SQL condition that a row fulfils which can be shown; it is 0 or 1, never NULL."""
HOURLY = ("hours", "patterns")
"""The tables with a row for each hour of an instance: in all of one there may be millions."""


def damaged(table: str, db: sqlite3.Connection) -> int:
    """How many rows of a table are left out."""
    return _count(db, f"FROM {table} WHERE NOT {SOUND[table]}")


def damaged_of(table: str, instance: str, db: sqlite3.Connection) -> int:
    """The same of those of `HOURLY` that are of an instance, by its id."""
    return _count(db, f"FROM {table} WHERE instance = ? AND NOT {SOUND[table]}", instance)


def _count(db: sqlite3.Connection, rows: str, *values: str) -> int:
    return int(db.execute(f"SELECT count(*) {rows}", values).fetchone()[0])
