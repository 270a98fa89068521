"""What a whatsmeow store knows of messages that were about to be sent.

The library writes a message's own secret with its id before it sends it
(`whatsmeow_message_secrets`), so that a secret that is not there was never sent.
"""

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

from waziterm.domain.messages.sending import NoTraceError, Trace
from waziterm.domain.phrase import Phrase
from waziterm.store.errors import StoreError, from_sqlite
from waziterm.store.sessionfile import SHORT_S, refuse_others

_AT_ONCE = 500


def traces_in(path: Path, jid: str, secrets: Collection[str]) -> Mapping[str, Trace]:
    """Those of some secrets, 64 hex digits each, that a device's store has. For the time when no
    worker can send any of them any more.

    The file is opened for writing: what a killed worker left in its journal is taken back first,
    which a reader must not do. Raises NoTraceError when the device is not in it any more, with
    which WhatsApp's end of it took its secrets away, and StoreError when it cannot be read.
    """
    try:
        refuse_others(path)
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=SHORT_S)) as db:
            return _found(db, jid, sorted(secrets))
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error


def _found(db: sqlite3.Connection, jid: str, secrets: list[str]) -> Mapping[str, Trace]:
    # Both in one transaction: a logout of the library's would take away what was just not found.
    db.execute("BEGIN")
    if db.execute("SELECT 1 FROM whatsmeow_device WHERE jid = ?", (jid,)).fetchone() is None:
        raise NoTraceError(Phrase("the session has another device than the one that sent"))
    found: dict[str, Trace] = {}
    for at in range(0, len(secrets), _AT_ONCE):
        some = [bytes.fromhex(each) for each in secrets[at : at + _AT_ONCE]]
        rows = db.execute(
            "SELECT key, message_id, chat_jid FROM whatsmeow_message_secrets"
            f" WHERE our_jid = ? AND key IN ({', '.join('?' * len(some))})",
            (jid, *some),
        )
        found |= {bytes(key).hex(): Trace(str(mid), str(chat)) for key, mid, chat in rows}
    return found
