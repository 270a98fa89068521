"""The schema of `messages.db`: messages out, what they say, and what limits them; and the events
that webhooks tell."""

from waziterm.store.schema import Schema

# `messages.instance` and the others have no foreign key on purpose: the instances are in another
# file. `bodies` has what a message says, so that it can go before the rest of it.
MESSAGES = Schema(
    0x5761544D,  # the letters "WaTM"
    (
        (
            f"PRAGMA application_id = {0x5761544D}",
            """
            CREATE TABLE messages (
                number INTEGER PRIMARY KEY,
                id TEXT NOT NULL UNIQUE,
                instance TEXT NOT NULL,
                recipient TEXT NOT NULL,
                kind TEXT NOT NULL CHECK (kind IN ('text', 'image', 'document')),
                state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'delivered',
                    'read', 'failed', 'unknown', 'expired', 'cancelled')),
                at REAL NOT NULL,
                due REAL NOT NULL,
                expires_at REAL NOT NULL,
                on_unknown TEXT NOT NULL CHECK (on_unknown IN ('hold', 'resend')),
                code TEXT NOT NULL,
                ref TEXT NOT NULL,
                priority INTEGER NOT NULL,
                whatsapp_id TEXT NOT NULL,
                held INTEGER NOT NULL,
                tries INTEGER NOT NULL,
                sent_at REAL,
                delivered_at REAL,
                read_at REAL,
                ended_at REAL,
                refusals INTEGER NOT NULL,
                doubles INTEGER NOT NULL,
                chat TEXT NOT NULL,
                is_closed INTEGER NOT NULL,
                is_new INTEGER NOT NULL,
                given_at REAL,
                secret TEXT NOT NULL
            ) STRICT
            """,
            "CREATE INDEX messages_waiting ON messages (instance, number)"
            " WHERE state IN ('queued', 'sending')",
            "CREATE INDEX messages_open ON messages (instance, state)"
            " WHERE state IN ('unknown', 'failed') AND is_closed = 0",
            "CREATE INDEX messages_by_state ON messages (state, number)"
            " WHERE state NOT IN ('sent', 'delivered', 'read')",
            "CREATE INDEX messages_ended ON messages (ended_at) WHERE ended_at IS NOT NULL",
            "CREATE INDEX messages_by_instance ON messages (instance, number)",
            "CREATE INDEX messages_given ON messages (instance, given_at)",
            "CREATE INDEX messages_sent ON messages (sent_at) WHERE sent_at IS NOT NULL",
            "CREATE INDEX messages_known ON messages (instance, whatsapp_id)"
            " WHERE whatsapp_id <> ''",
            "CREATE INDEX messages_by_ref ON messages (ref, number) WHERE ref <> ''",
            """
            CREATE TABLE bodies (
                message INTEGER PRIMARY KEY,
                text TEXT NOT NULL,
                media TEXT NOT NULL,
                file_name TEXT NOT NULL,
                mime_type TEXT NOT NULL,
                reply_to TEXT NOT NULL,
                reply_from TEXT NOT NULL
            ) STRICT
            """,
            "CREATE INDEX bodies_with_media ON bodies (media) WHERE media <> ''",
            """
            CREATE TABLE once (
                owner TEXT NOT NULL,
                instance TEXT NOT NULL,
                key TEXT NOT NULL,
                digest TEXT NOT NULL,
                message TEXT NOT NULL,
                at REAL NOT NULL,
                PRIMARY KEY (owner, instance, key)
            ) STRICT, WITHOUT ROWID
            """,
            """
            CREATE TABLE opt_outs (
                id TEXT PRIMARY KEY,
                instance TEXT NOT NULL,
                chat TEXT NOT NULL,
                jid TEXT NOT NULL,
                at REAL NOT NULL,
                UNIQUE (instance, chat)
            ) STRICT
            """,
            """
            CREATE TABLE chats (
                instance TEXT NOT NULL,
                chat TEXT NOT NULL,
                at REAL NOT NULL,
                PRIMARY KEY (instance, chat)
            ) STRICT, WITHOUT ROWID
            """,
            """
            CREATE TABLE senders (
                instance TEXT PRIMARY KEY,
                name TEXT NOT NULL,
                began_at REAL,
                all_until REAL NOT NULL,
                new_until REAL NOT NULL
            ) STRICT
            """,
            "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
            "INSERT INTO meta VALUES ('key', lower(hex(randomblob(32))))",
        ),
        # An event is one row, and one more for each target that it goes to until it is there. at
        # moves with a clock that is set, told_at is what the body says. body: "" once it is gone.
        # wanted: how many targets there were for it.
        (
            """
            CREATE TABLE events (
                number INTEGER PRIMARY KEY AUTOINCREMENT,
                id TEXT NOT NULL UNIQUE,
                instance TEXT NOT NULL,
                name TEXT NOT NULL,
                seq INTEGER NOT NULL,
                type TEXT NOT NULL,
                at REAL NOT NULL,
                told_at REAL NOT NULL,
                body TEXT NOT NULL,
                wanted INTEGER NOT NULL,
                UNIQUE (instance, seq)
            ) STRICT
            """,
            "CREATE INDEX events_resting ON events (at) WHERE body <> ''",
            "CREATE INDEX events_unwanted ON events (number) WHERE wanted = 0",
            """
            CREATE TABLE deliveries (
                number INTEGER PRIMARY KEY AUTOINCREMENT,
                event INTEGER NOT NULL,
                target TEXT NOT NULL,
                instance TEXT NOT NULL,
                size INTEGER NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('pending', 'failed')),
                due REAL NOT NULL,
                wait_s REAL NOT NULL DEFAULT 0,
                waited_s REAL NOT NULL DEFAULT 0,
                tries INTEGER NOT NULL DEFAULT 0,
                error TEXT NOT NULL DEFAULT '',
                ended_at REAL
            ) STRICT
            """,
            "CREATE INDEX deliveries_waiting ON deliveries (target, instance, number)"
            " WHERE state = 'pending'",
            "CREATE INDEX deliveries_sizes ON deliveries (target, number, size)"
            " WHERE state = 'pending'",
            "CREATE INDEX deliveries_failed ON deliveries (target, number) WHERE state = 'failed'",
            "CREATE INDEX deliveries_of_event ON deliveries (event)",
            """
            CREATE TABLE targets (
                name TEXT PRIMARY KEY,
                sent_at REAL,
                error TEXT NOT NULL
            ) STRICT
            """,
            """
            CREATE TABLE seqs (
                instance TEXT PRIMARY KEY,
                name TEXT NOT NULL,
                seq INTEGER NOT NULL,
                told TEXT NOT NULL
            ) STRICT
            """,
            "CREATE TABLE journals (journal TEXT PRIMARY KEY, taken INTEGER NOT NULL) STRICT",
        ),
    ),
    # A message of every hour of a month; what of it cannot be read is told when it is.
    growing=frozenset({"messages", "chats", "events", "deliveries"}),
    # What was accepted is kept through a crash of the machine too, and what was deleted is in no
    # page any more.
    pragmas=("synchronous = FULL", "secure_delete = ON"),
)
