"""The schema of `waziterm.db`, as numbered steps from an empty file."""

import sqlite3
from collections.abc import Sequence

from waziterm.domain.lifecycle.instance import first_id
from waziterm.store.schema import Migration, Schema

APPLICATION_ID = 0x57615465
"""Marks a file as ours (the letters "WaTe"), so that no other program's database is touched."""

# History and lines carry the instance's id without a foreign key on purpose: they outlive
# `remove` until their age ends them, and a late line cannot make a whole batch fail. `names` has
# the name of each id that there is a trace of.
MIGRATIONS: Sequence[Migration] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """
        CREATE TABLE instances (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            created_at REAL NOT NULL,
            phone TEXT,
            proxy TEXT,
            jid TEXT,
            lid TEXT,
            wanted TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT NOT NULL,
            since REAL NOT NULL,
            due REAL,
            connected_at REAL,
            attempt INTEGER NOT NULL,
            cooldown_until REAL,
            banned_until REAL,
            hold TEXT,
            guarded_at REAL,
            conflicts TEXT NOT NULL,
            crashes TEXT NOT NULL,
            short_lived INTEGER NOT NULL,
            probe_misses INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE transitions (
            id INTEGER PRIMARY KEY,
            instance TEXT NOT NULL,
            at REAL NOT NULL,
            from_state TEXT,
            to_state TEXT NOT NULL,
            reason TEXT NOT NULL,
            code TEXT NOT NULL,
            detail TEXT NOT NULL,
            event TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX transitions_by_instance ON transitions (instance)",
        "CREATE INDEX transitions_by_time ON transitions (at)",
        # ok is NULL while an attempt is under way, and stays so when it was interrupted.
        """
        CREATE TABLE attempts (
            id INTEGER PRIMARY KEY,
            instance TEXT NOT NULL,
            kind TEXT NOT NULL,
            at REAL NOT NULL,
            ended_at REAL,
            ok INTEGER CHECK (ok IN (0, 1)),
            reason TEXT
        ) STRICT
        """,
        "CREATE INDEX attempts_by_time ON attempts (at)",
        "CREATE INDEX attempts_under_way ON attempts (id) WHERE reason IS NULL",
        """
        CREATE TABLE sends (
            id INTEGER PRIMARY KEY,
            instance TEXT NOT NULL,
            at REAL NOT NULL,
            ok INTEGER NOT NULL CHECK (ok IN (0, 1)),
            took_s REAL NOT NULL,
            error TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX sends_by_time ON sends (at)",
        # Without a rowid the lines of one instance lie side by side: its tail is one short read.
        """
        CREATE TABLE lines (
            instance TEXT NOT NULL,
            seq INTEGER NOT NULL,
            at REAL NOT NULL,
            source TEXT NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (instance, seq)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    ),
    ("ALTER TABLE instances ADD COLUMN redialling INTEGER NOT NULL DEFAULT 0",),
    (
        """
        CREATE TABLE incidents (
            id INTEGER PRIMARY KEY,
            reason TEXT NOT NULL,
            began_at REAL NOT NULL,
            last_at REAL NOT NULL,
            names TEXT NOT NULL,
            fleet INTEGER NOT NULL,
            detail TEXT NOT NULL,
            is_serious INTEGER NOT NULL CHECK (is_serious IN (0, 1))
        ) STRICT
        """,
        "CREATE INDEX incidents_by_time ON incidents (last_at)",
        """
        CREATE TABLE acts (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            why TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX acts_by_time ON acts (at)",
    ),
    ("ALTER TABLE incidents ADD COLUMN acknowledged_at REAL",),
    (
        "ALTER TABLE instances ADD COLUMN refusals TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE instances ADD COLUMN store_faults TEXT NOT NULL DEFAULT '[]'",
    ),
    (
        "ALTER TABLE instances RENAME COLUMN id TO number",
        "ALTER TABLE instances ADD COLUMN id TEXT NOT NULL DEFAULT ''",
        "UPDATE instances SET id = first_id(name)",
        "CREATE UNIQUE INDEX instances_by_id ON instances (id)",
        "CREATE TABLE names (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID",
        "INSERT INTO names SELECT first_id(name), name FROM ("
        "SELECT name FROM instances UNION SELECT instance FROM transitions"
        " UNION SELECT instance FROM attempts UNION SELECT instance FROM sends"
        " UNION SELECT instance FROM lines"
        " UNION SELECT value FROM incidents, json_each(incidents.names))",
        *(
            f"UPDATE {table} SET instance = first_id(instance)"
            for table in ("transitions", "attempts", "sends", "lines")
        ),
        "ALTER TABLE incidents RENAME COLUMN names TO instances",
        "UPDATE incidents SET instances = (SELECT json_group_array(first_id(value)) FROM"
        " (SELECT value FROM json_each(incidents.instances) ORDER BY key))",
        "ALTER TABLE acts ADD COLUMN instance TEXT",
        "UPDATE acts SET instance = first_id(subject) WHERE subject IN (SELECT name FROM names)",
    ),
    ("ALTER TABLE instances ADD COLUMN no_new_chats_until REAL",),
    (
        "ALTER TABLE instances ADD COLUMN trouble TEXT",
        "ALTER TABLE instances ADD COLUMN trouble_detail TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE instances ADD COLUMN trouble_at REAL",
        "ALTER TABLE instances ADD COLUMN down_since REAL",
    ),
    (
        # result is NULL while an act is under way, and stays so when the program ended first.
        """
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            who TEXT NOT NULL,
            uid INTEGER NOT NULL,
            login_uid INTEGER,
            tty TEXT,
            origin TEXT,
            pid INTEGER NOT NULL,
            via TEXT NOT NULL,
            act TEXT NOT NULL,
            instances TEXT NOT NULL,
            args TEXT NOT NULL,
            result TEXT,
            error TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX audit_by_time ON audit (at)",
        "ALTER TABLE incidents ADD COLUMN acknowledged_by TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE incidents ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        """
        CREATE TABLE notes (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            who TEXT NOT NULL,
            text TEXT NOT NULL,
            dismissed_at REAL
        ) STRICT
        """,
    ),
    (
        # Of those that no instance's course tells the end of.
        "ALTER TABLE incidents ADD COLUMN ended_at REAL",
        "CREATE TABLE alerts_open (key INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT",
        "CREATE TABLE alert_desks (sink TEXT PRIMARY KEY, body TEXT NOT NULL)"
        " STRICT, WITHOUT ROWID",
        "CREATE TABLE silences (instance TEXT PRIMARY KEY, at REAL NOT NULL, until REAL NOT NULL,"
        " who TEXT NOT NULL) STRICT, WITHOUT ROWID",
    ),
    (
        # A number is never given twice: who delivers asks for what came after the last he knows.
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            message TEXT NOT NULL UNIQUE,
            sink TEXT NOT NULL,
            incident TEXT NOT NULL,
            keys TEXT NOT NULL,
            body TEXT NOT NULL,
            at REAL NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
            due REAL NOT NULL,
            wait_s REAL NOT NULL DEFAULT 0,
            waited_s REAL NOT NULL DEFAULT 0,
            tries INTEGER NOT NULL DEFAULT 0,
            ended_at REAL,
            error TEXT NOT NULL DEFAULT ''
        ) STRICT
        """,
        "CREATE INDEX outbox_waiting ON outbox (sink, id) WHERE state = 'pending'",
        "CREATE INDEX outbox_by_incident ON outbox (incident)",
        "CREATE INDEX outbox_by_time ON outbox (at)",
    ),
    # What was counted of the history, see `store.hours`; older rows are counted after the boot.
    (
        """
        CREATE TABLE hours (
            instance TEXT NOT NULL,
            hour INTEGER NOT NULL,
            up_ms INTEGER NOT NULL,
            seen_ms INTEGER NOT NULL,
            drops INTEGER NOT NULL,
            by_reason TEXT,
            conflicts INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            attempts_ok INTEGER NOT NULL,
            connects TEXT,
            reconnects TEXT,
            sends INTEGER NOT NULL,
            acks INTEGER NOT NULL,
            cpu_ms INTEGER NOT NULL,
            memory_bytes INTEGER NOT NULL,
            PRIMARY KEY (instance, hour)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE standings (
            instance TEXT PRIMARY KEY,
            at REAL NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            down_at REAL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE TABLE counted (source TEXT PRIMARY KEY, row INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID",
    ),
    # Lines of the log by pattern, see `store.patterns`.
    (
        """
        CREATE TABLE patterns (
            instance TEXT NOT NULL,
            hour INTEGER NOT NULL,
            name TEXT NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (instance, hour, name)
        ) STRICT, WITHOUT ROWID
        """,
    ),
    ("ALTER TABLE instances ADD COLUMN phone_seen_at REAL",),
    # Days of `hours`, and blocks of them, see `store.spans`; they are made after the boot.
    (
        """
        CREATE TABLE spans (
            begins INTEGER NOT NULL,
            ends INTEGER NOT NULL,
            instance TEXT NOT NULL,
            first INTEGER NOT NULL,
            up_ms INTEGER NOT NULL,
            seen_ms INTEGER NOT NULL,
            drops INTEGER NOT NULL,
            conflicts INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            attempts_ok INTEGER NOT NULL,
            sends INTEGER NOT NULL,
            acks INTEGER NOT NULL,
            cpu_ms INTEGER NOT NULL,
            memory_bytes INTEGER NOT NULL,
            worst_drops INTEGER NOT NULL,
            worst_hour INTEGER NOT NULL,
            by_reason TEXT,
            connects TEXT,
            reconnects TEXT,
            patterns TEXT,
            PRIMARY KEY (begins, ends, instance)
        ) STRICT, WITHOUT ROWID
        """,
        # The columns are in the key's order: SQLite 3.40's quick_check takes others for damaged.
        "CREATE TABLE spans_made (ends INTEGER NOT NULL, begins INTEGER NOT NULL,"
        " PRIMARY KEY (ends, begins)) STRICT, WITHOUT ROWID",
    ),
    (
        # What a person sets of one instance, NULL where nobody did; and how it was before, so that
        # it can be undone: `before` is JSON, by `OwnKey`.
        "ALTER TABLE instances ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE instances ADD COLUMN tags TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE instances ADD COLUMN device_name TEXT",
        "ALTER TABLE instances ADD COLUMN isolate INTEGER",
        """
        CREATE TABLE edits (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL,
            who TEXT NOT NULL,
            instance TEXT NOT NULL,
            before TEXT NOT NULL
        ) STRICT
        """,
    ),
    # The names that instances had before, each with the id of the one that it leads to.
    (
        "CREATE TABLE aliases (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
        " instance TEXT NOT NULL) STRICT",
    ),
    # Blocks of days have other lengths now, and other counts; they are made anew after the boot.
    # Few changes tell of a conflict: see `store.history.read_conflicts`.
    (
        "DELETE FROM spans WHERE ends - begins > 100000",
        "DELETE FROM spans_made WHERE ends - begins > 100000",
        "CREATE INDEX transitions_of_conflicts ON transitions (id) WHERE event IN"
        " ('HolderFound', 'StreamReplaced', 'SuspectsFound', 'TakenOver')",
    ),
    # The device that an instance had last: its hold and cool-down are of that one.
    ("ALTER TABLE instances ADD COLUMN former_jid TEXT",),
    # Where a session was brought in from, "" for one that was linked here.
    (
        "ALTER TABLE instances ADD COLUMN imported_from TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE instances ADD COLUMN imported_at REAL",
        "ALTER TABLE instances ADD COLUMN untried INTEGER NOT NULL DEFAULT 0",
    ),
    # Whether a person wants an instance to hear what phones say of its messages.
    ("ALTER TABLE instances ADD COLUMN receipts INTEGER",),
    # Tokens of the API, see `domain.messages.token`; scopes and patterns are arrays of JSON.
    (
        """
        CREATE TABLE tokens (
            name TEXT PRIMARY KEY,
            digest TEXT NOT NULL,
            scopes TEXT NOT NULL,
            patterns TEXT NOT NULL,
            at REAL NOT NULL,
            who TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ),
    # See `store.facade`. token: the name of the one that asked for it, or "".
    (
        """
        CREATE TABLE facade_ids (
            id TEXT PRIMARY KEY,
            instance TEXT NOT NULL,
            token TEXT NOT NULL,
            at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE facade_webhooks (
            instance TEXT PRIMARY KEY,
            url TEXT NOT NULL,
            token TEXT NOT NULL,
            at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ),
    # Links to the scan page, see `domain.links`: by digests, of the token and of what its browser
    # says.
    (
        """
        CREATE TABLE links (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            instance TEXT NOT NULL,
            digest TEXT NOT NULL UNIQUE,
            at REAL NOT NULL,
            expires_at REAL NOT NULL,
            who TEXT NOT NULL,
            browser TEXT NOT NULL DEFAULT '',
            ended_at REAL,
            ended TEXT
        ) STRICT
        """,
        "CREATE INDEX links_open ON links (instance) WHERE ended_at IS NULL",
    ),
)

FLEET = Schema(
    APPLICATION_ID,
    MIGRATIONS,
    # A row for each line, or for each hour or day of an instance.
    growing=frozenset({"hours", "lines", "patterns", "spans"}),
    # What was committed survives the death of the process. Only a crash of the machine itself may
    # take back the newest changes, those that the kernel had not yet written (half a minute as a
    # rule); the file stays sound. The cache, in KiB, is as much as 13 months of a fleet's history
    # are told from.
    pragmas=("synchronous = NORMAL", "cache_size = -8000"),
)


def version_of(db: sqlite3.Connection) -> int:
    """How many migrations the database has behind it."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Take the steps that are missing, each in a transaction of its own.

    db: in autocommit mode. A step that fails is rolled back and ends it with SQLite's error;
    the steps before it stay.
    """
    db.create_function("first_id", 1, first_id, deterministic=True)
    for number in range(version_of(db) + 1, len(migrations) + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[number - 1]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
