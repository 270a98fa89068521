"""Rows of `messages.db`: messages, what they say, whom nobody writes to, and what was sent."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.codes import Code, OnUnknown
from waziterm.domain.messages.message import (
    ARRIVED,
    Content,
    Message,
    MessageKind,
    MessageState,
    NewMessage,
    OptedOut,
)
from waziterm.domain.messages.message_states import (
    Adrift,
    Cancelled,
    Closed,
    Given,
    Happening,
    Held,
    Resent,
    is_kept,
    step,
)
from waziterm.domain.messages.pacing import DAY_S, HOUR_S, Past, Stops
from waziterm.domain.messages.queue import ONCE_S, MessageRefusedError, Once, RefusalCode
from waziterm.domain.messages.recipient import chat_key, is_group, masked
from waziterm.domain.messages.sending import Receipt
from waziterm.domain.phrase import Phrase
from waziterm.domain.webhooks.bodies import data_of_message, type_after
from waziterm.domain.webhooks.telling import Telling
from waziterm.store import events_rows

FULL_S = 60.0
"""Seconds after which to ask again when a queue is full."""
CHATS_S = 365 * DAY_S
"""So long a chat to which nothing was sent is known to have begun."""
_COLUMNS = (
    "id, instance, recipient, kind, state, at, due, expires_at, on_unknown, code, ref, priority,"
    " whatsapp_id, held, tries, sent_at, delivered_at, read_at, ended_at, refusals, doubles, chat,"
    " is_closed"
)
_PLACES = ", ".join("?" * (_COLUMNS.count(",") + 1))
_SET = ", ".join(f"{each.strip()} = ?" for each in _COLUMNS.split(",")[4:])
NOT_ARRIVED = "state NOT IN ('sent', 'delivered', 'read')"
_WAITING = "state IN ('queued', 'sending')"
_OPEN = "state IN ('unknown', 'failed') AND is_closed = 0"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits. number: its place. is_new: no message went to that chat before it.
    secret: what the worker that has it was given, "" for none."""

    number: int
    message: Message
    is_new: bool
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of a message that was to be taken: it, or the one that was taken before with the
    same key; `waiting` is None then."""

    message: Message
    waiting: Waiting | None


@dataclass(frozen=True, slots=True)
class Handed:
    """A message that a worker is about to get, and what it says."""

    message: Message
    content: Content


@dataclass(frozen=True, slots=True)
class Sender:
    """What limits an instance's sending. name: what it was called last."""

    name: str
    past: Past
    stops: Stops


@dataclass(frozen=True, slots=True)
class Tidied:
    """What a round of tidying did. closed: messages that nobody has decided about for too long."""

    texts: int
    messages: int
    closed: tuple[Message, ...]


# -- taking, giving -----------------------------------------------------------------------------


def add(
    db: sqlite3.Connection,
    message: Message,
    content: Content,
    name: str,
    once: Once | None,
    most: int,
) -> Added:
    """Take a message. most: so many may wait. Raises MessageRefusedError."""
    if once is not None:
        before = taken_before(db, message.instance, once, message.at)
        if before is not None:
            return Added(before, None)
    _refuse_opted_out(db, message, name)
    chat = chat_key(message.to)
    (count,) = db.execute(
        f"SELECT count(*) FROM messages WHERE instance = ? AND {_WAITING}", (message.instance,)
    ).fetchone()
    if count >= most:
        raise MessageRefusedError(
            RefusalCode.QUEUE_FULL,
            Phrase("{count} messages of {name} wait already", count=count, name=name),
            Phrase("try again when some of them were sent"),
            retry_after_s=FULL_S,
        )
    is_new = (
        not is_group(message.to)
        and not db.execute(
            "SELECT 1 FROM chats WHERE instance = ? AND chat = ?", (message.instance, chat)
        ).fetchone()
    )
    number = db.execute(
        f"INSERT INTO messages ({_COLUMNS}, is_new, secret) VALUES ({_PLACES}, ?, '')",
        (*_values(message), is_new),
    ).lastrowid
    assert number is not None
    db.execute(
        "INSERT INTO bodies VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(number, content.text, content.media, content.file_name, content.mime_type),
            *(content.reply_to, content.reply_from),
        ),
    )
    if once is not None:
        db.execute(
            "INSERT OR REPLACE INTO once VALUES (?, ?, ?, ?, ?, ?)",
            (*(once.owner, message.instance, once.key, once.digest), message.id, message.at),
        )
    _name(db, message.instance, name)
    return Added(message, Waiting(number, message, is_new))


def _is_opted_out(db: sqlite3.Connection, message: Message) -> bool:
    """Whether the recipient asked its instance to be sent no more, by the JID that was written to
    or by the one under which WhatsApp has the chat."""
    chats = (chat_key(message.to), chat_key(message.chat))
    found = db.execute(
        "SELECT 1 FROM opt_outs WHERE instance = ? AND chat IN (?, ?)", (message.instance, *chats)
    )
    return found.fetchone() is not None


def _refuse_opted_out(db: sqlite3.Connection, message: Message, name: str) -> None:
    if _is_opted_out(db, message):
        raise MessageRefusedError(
            RefusalCode.OPTED_OUT,
            Phrase("{to} asked {name} to be sent no more", to=masked(message.to), name=name),
            Phrase("`waziterm opt-outs` lists them"),
        )


def taken_before(db: sqlite3.Connection, instance: str, once: Once, now: float) -> Message | None:
    """The message that was taken with a key. Raises MessageRefusedError for another one."""
    row = db.execute(
        "SELECT digest, message FROM once WHERE owner = ? AND instance = ? AND key = ? AND at > ?",
        (once.owner, instance, once.key, now - once.for_s),
    ).fetchone()
    if row is None:
        return None
    if row[0] != once.digest:
        raise MessageRefusedError(
            RefusalCode.OTHER_BODY,
            Phrase("another message was sent with this idempotency key"),
            Phrase("use a key of its own for each message"),
        )
    return find(db, row[1])


def give(
    db: sqlite3.Connection,
    message_id: str,
    secret: str,
    now: float,
    telling: Telling,
    *,
    is_new: bool,
) -> Handed | None:
    """Note that a worker gets a message; None when it does not wait any more. One whose recipient
    asked to be sent no more since a worker had it last is taken back. is_new: it begins a chat."""
    message = find(db, message_id)
    if message is not None and _is_opted_out(db, message):
        happen(db, message_id, Cancelled(Code.OPTED_OUT), now, telling)
        return None
    given = None if message is None else step(message, Given(), now)
    content = None if given is None else content_of(db, message_id)
    if given is None or content is None:
        return None
    db.execute(
        f"UPDATE messages SET {_SET}, secret = ?, given_at = ?, is_new = ? WHERE id = ?",
        (*_values(given)[4:], secret, now, is_new, message_id),
    )
    db.execute(
        "UPDATE senders SET began_at = ? WHERE instance = ? AND began_at IS NULL",
        (now, given.instance),
    )
    return Handed(given, content)


def happen(
    db: sqlite3.Connection, message_id: str, event: Happening, now: float, telling: Telling
) -> Message | None:
    """Let something happen to a message, and store it, with what webhooks are told of it; None when
    it cannot happen to it. Raises MessageRefusedError for one that is to be sent again to somebody
    who opted out."""
    message = find(db, message_id)
    if message is None or (after := step(message, event, now)) is None:
        return None
    if isinstance(event, Resent):
        _refuse_opted_out(db, message, _name_of(db, message.instance))
    if after is not message:
        _save(db, message.state, after, now, telling)
    return after


def _save(
    db: sqlite3.Connection, before: MessageState, message: Message, now: float, telling: Telling
) -> None:
    """Store a message as it stands now, and that webhooks are to be told of it. One that is not
    sent any more keeps no text; what was sent keeps it for a while. before: its state until now."""
    db.execute(f"UPDATE messages SET {_SET} WHERE id = ?", (*_values(message)[4:], message.id))
    if message.sent_at is None and not is_kept(message):
        db.execute(
            "DELETE FROM bodies WHERE message = (SELECT number FROM messages WHERE id = ?)",
            (message.id,),
        )
    if message.sent_at is not None or message.state is MessageState.UNKNOWN:
        db.execute(
            "INSERT INTO chats VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " at = max(at, excluded.at)",
            (message.instance, chat_key(message.to), message.sent_at or message.at),
        )
    _tell(db, before, message, now, telling)


def _tell(
    db: sqlite3.Connection, before: MessageState, message: Message, now: float, telling: Telling
) -> None:
    event = type_after(before, message.state)
    if event is None or not telling.targets:
        return
    name = telling.names.get(message.instance) or _name_of(db, message.instance)
    if wanting := telling.wanting(event, name):
        data = data_of_message(message, now)
        events_rows.add(db, message.instance, name, event, data, now, wanting)


def _name_of(db: sqlite3.Connection, instance: str) -> str:
    row = db.execute("SELECT name FROM senders WHERE instance = ?", (instance,)).fetchone()
    return instance if row is None else str(row[0])


# -- looking ------------------------------------------------------------------------------------


def find(db: sqlite3.Connection, message_id: str) -> Message | None:
    """The message with this id."""
    row = db.execute(f"SELECT {_COLUMNS} FROM messages WHERE id = ?", (message_id,)).fetchone()
    return None if row is None else _message(row)


def content_of(db: sqlite3.Connection, message_id: str) -> Content | None:
    """What a message says; None when that is kept no more."""
    row = db.execute(
        "SELECT kind, text, media, file_name, mime_type, reply_to, reply_from FROM bodies"
        " JOIN messages ON number = message WHERE id = ?",
        (message_id,),
    ).fetchone()
    return None if row is None else Content(MessageKind(row[0]), *row[1:])


def read(
    db: sqlite3.Connection,
    instance: str | None,
    state: MessageState | None,
    ref: str | None,
    limit: int,
    before: str | None,
) -> tuple[Message, ...]:
    """Messages, the newest first; see `domain.messages.queue.MessageQueue.messages`."""
    wheres, values = ["1"], list[object]()
    for column, value in (("instance", instance), ("state", state), ("ref", ref)):
        if value is not None:
            wheres.append(f"{column} = ?")
            values.append(value)
    if state is not None and state not in ARRIVED:
        # By the index of those, which are few.
        wheres.append(NOT_ARRIVED)
    if before is not None:
        wheres.append("number < (SELECT number FROM messages WHERE id = ?)")
        values.append(before)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM messages WHERE {' AND '.join(wheres)}"
        " ORDER BY number DESC LIMIT ?",
        (*values, limit),
    )
    return tuple(_message(row) for row in rows)


def troubled(db: sqlite3.Connection, now: float, unknown_s: float) -> dict[str, tuple[int, int]]:
    """By instance, of how many messages nobody knows for over `unknown_s` whether they arrived, and
    how many wait for over half of their time; nothing of one where both are none."""
    rows = db.execute(
        """
        SELECT instance, sum(state = 'unknown' AND coalesce(given_at, at) < ?),
            sum(state = 'queued' AND (at + expires_at) / 2 < ?)
        FROM messages
        WHERE state = 'queued' OR (state = 'unknown' AND is_closed = 0)
        GROUP BY instance
        """,
        (now - unknown_s, now),
    )
    return {instance: (unknown, late) for instance, unknown, late in rows if unknown or late}


def waiting(db: sqlite3.Connection) -> tuple[Waiting, ...]:
    """All that wait, in the order in which they came."""
    rows = db.execute(
        f"SELECT number, is_new, secret, {_COLUMNS} FROM messages WHERE {_WAITING} ORDER BY number"
    )
    return tuple(
        Waiting(number, _message(row), bool(is_new), secret)
        for number, is_new, secret, *row in rows
    )


def place_of(db: sqlite3.Connection, message_id: str) -> Waiting | None:
    """A message with its place among those that wait."""
    row = db.execute(
        f"SELECT number, is_new, secret, {_COLUMNS} FROM messages WHERE id = ?", (message_id,)
    ).fetchone()
    if row is None:
        return None
    number, is_new, secret, *rest = row
    return Waiting(number, _message(rest), bool(is_new), secret)


def open_counts(db: sqlite3.Connection) -> dict[tuple[str, MessageState], int]:
    """How many messages of an instance nobody has decided about, by their state."""
    rows = db.execute(
        f"SELECT instance, state, count(*) FROM messages WHERE {_OPEN} GROUP BY instance, state"
    )
    return {(instance, MessageState(state)): count for instance, state, count in rows}


def sent_since(db: sqlite3.Connection, since: float) -> list[tuple[str, float]]:
    """What was sent from a moment on: the instance's id, and when."""
    return db.execute(
        "SELECT instance, sent_at FROM messages WHERE sent_at >= ?", (since,)
    ).fetchall()


def sender(db: sqlite3.Connection, instance: str, now: float, most: int) -> Sender:
    """What limits an instance's sending. most: how many of its last messages count."""
    row = db.execute(
        "SELECT name, began_at, all_until, new_until FROM senders WHERE instance = ?", (instance,)
    ).fetchone()
    name, began_at, all_until, new_until = row or ("", None, 0.0, 0.0)
    newest = [
        at
        for (at,) in db.execute(
            "SELECT given_at FROM messages WHERE instance = ? AND given_at IS NOT NULL"
            " ORDER BY given_at DESC LIMIT ?",
            (instance, most),
        )
    ]
    hour = [at for place, at in enumerate(newest) if place == 0 or at > now - HOUR_S]
    new = [
        at
        for (at,) in db.execute(
            "SELECT given_at FROM messages WHERE instance = ? AND given_at > ? AND is_new = 1"
            " ORDER BY given_at",
            (instance, now - DAY_S),
        )
    ]
    return Sender(name, Past(began_at, hour=hour[::-1], new=new), Stops(all_until, new_until))


def names(db: sqlite3.Connection) -> dict[str, str]:
    """What each instance was called when it was asked to send last, by id."""
    return dict(db.execute("SELECT instance, name FROM senders").fetchall())


def key(db: sqlite3.Connection) -> bytes:
    """By what the HMACs of this file are made."""
    (text,) = db.execute("SELECT value FROM meta WHERE key = 'key'").fetchone()
    return bytes.fromhex(text)


# -- what limits --------------------------------------------------------------------------------


def _name(db: sqlite3.Connection, instance: str, name: str) -> None:
    db.execute(
        "INSERT INTO senders VALUES (?, ?, NULL, 0, 0) ON CONFLICT DO UPDATE SET name ="
        " excluded.name WHERE name <> excluded.name",
        (instance, name),
    )


def stop(db: sqlite3.Connection, instance: str, stops: Stops) -> None:
    """Keep what WhatsApp's refusals forbid an instance."""
    db.execute(
        "UPDATE senders SET all_until = ?, new_until = ? WHERE instance = ?",
        (stops.all_until, stops.new_until, instance),
    )


def receive(
    db: sqlite3.Connection,
    instance: str,
    receipts: Iterable[Receipt],
    now: float,
    telling: Telling,
) -> tuple[list[tuple[MessageState, Message]], list[Receipt]]:
    """Store what receipts tell of messages: those that changed, each with the state that it had;
    and the receipts of no message that is known. One counts only if it comes from where the message
    went."""
    changed: list[tuple[MessageState, Message]] = []
    strange: list[Receipt] = []
    for receipt in receipts:
        row = db.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE instance = ? AND whatsapp_id = ?",
            (instance, receipt.whatsapp_id),
        ).fetchone()
        message = None if row is None else _message(row)
        if message is None or chat_key(receipt.chat) not in (
            chat_key(message.to),
            chat_key(message.chat),
        ):
            strange.append(receipt)
            continue
        after = step(message, receipt, now)
        if after is not None and after is not message:
            _save(db, message.state, after, now, telling)
            changed.append((message.state, after))
    return changed, strange


def hold(
    db: sqlite3.Connection, instance: str | None, code: str, now: float, telling: Telling
) -> tuple[Message, ...]:
    """Let what waits wait for a person, of an instance or of all (None), for this reason from now
    on; the messages that did not before."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM messages WHERE state = 'queued' AND (held = 0 OR code <> ?2)"
        " AND (?1 IS NULL OR instance = ?1)",
        (instance, code),
    ).fetchall()
    return _all_of(db, rows, Held(code), now, telling)


def set_adrift(
    db: sqlite3.Connection, instance: str | None, code: str, now: float, telling: Telling
) -> tuple[Message, ...]:
    """Let what a worker has be `unknown`, of an instance or of all (None), where its session file
    is not the one any more that would tell of it; the messages."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM messages WHERE state = 'sending'"
        " AND (?1 IS NULL OR instance = ?1)",
        (instance,),
    ).fetchall()
    return _all_of(db, rows, Adrift(code), now, telling)


def opt_out(
    db: sqlite3.Connection,
    instance: str,
    ids: Sequence[str],
    jids: Sequence[str],
    at: float,
    telling: Telling,
) -> tuple[Message, ...]:
    """Write no more to somebody, by all their JIDs; what waited for them is taken back. ids: new
    ones, one for each JID, the same before their "-"."""
    chats = {chat_key(jid) for jid in jids}
    for new, jid in zip(ids, jids, strict=True):
        db.execute(
            "INSERT OR IGNORE INTO opt_outs VALUES (?, ?, ?, ?, ?)",
            (new, instance, chat_key(jid), jid, at),
        )
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM messages WHERE state = 'queued' AND instance = ?", (instance,)
    ).fetchall()
    theirs = [row for row in rows if chat_key(row[2]) in chats]
    return _all_of(db, theirs, Cancelled(Code.OPTED_OUT), at, telling)


def opt_outs(db: sqlite3.Connection, instance: str | None) -> tuple[OptedOut, ...]:
    """Who asked to be sent no more, the newest first; with the instances' ids."""
    rows = db.execute(
        "SELECT id, instance, jid, at FROM opt_outs WHERE ?1 IS NULL OR instance = ?1"
        " ORDER BY at DESC, rowid DESC",
        (instance,),
    )
    return tuple(OptedOut(each, who, masked(jid), at) for each, who, jid, at in rows)


def take_back_opt_out(db: sqlite3.Connection, opt_out_id: str) -> OptedOut | None:
    """Let somebody be written to again, by all the JIDs that came with this one; None for none."""
    row = db.execute(
        "SELECT id, instance, jid, at FROM opt_outs WHERE id = ?", (opt_out_id,)
    ).fetchone()
    if row is None:
        return None
    each, instance, jid, at = row
    # Their moments are whole seconds, which others may share.
    one = each.partition("-")[0]
    db.execute("DELETE FROM opt_outs WHERE id = ?1 OR id LIKE ?1 || '-%'", (one,))
    return OptedOut(each, instance, masked(jid), at)


def _all_of(
    db: sqlite3.Connection,
    rows: Sequence[Sequence[Any]],
    event: Happening,
    now: float,
    telling: Telling,
) -> tuple[Message, ...]:
    changed: list[Message] = []
    for message in map(_message, rows):
        if (after := step(message, event, now)) is not None:
            _save(db, message.state, after, now, telling)
            changed.append(after)
    return tuple(changed)


def shift(db: sqlite3.Connection, by: float) -> None:
    """Move all moments with a clock that was set by so many seconds."""
    moved = ", ".join(
        f"{each} = {each} + ?1"
        for each in (
            *("at", "due", "expires_at", "sent_at", "delivered_at", "read_at", "ended_at"),
            "given_at",
        )
    )
    db.execute(f"UPDATE messages SET {moved}", (by,))
    db.execute(
        "UPDATE senders SET began_at = began_at + ?1, all_until = iif(all_until, all_until + ?1,"
        " 0), new_until = iif(new_until, new_until + ?1, 0)",
        (by,),
    )
    for table in ("once", "opt_outs", "chats"):
        db.execute(f"UPDATE {table} SET at = at + ?", (by,))
    events_rows.shift(db, by)


# -- tidying ------------------------------------------------------------------------------------


def drop_texts(db: sqlite3.Connection, sent_before: float, limit: int) -> int:
    """Delete what at most `limit` messages say that were sent before a moment; how many."""
    return db.execute(
        # The bodies are few, and what was sent is much.
        "DELETE FROM bodies WHERE message IN (SELECT number FROM bodies CROSS JOIN messages ON"
        f" message = number WHERE sent_at < ? AND NOT {_WAITING} LIMIT ?)",
        (sent_before, limit),
    ).rowcount


def close_old(
    db: sqlite3.Connection, before: float, now: float, limit: int, telling: Telling
) -> tuple[Message, ...]:
    """Close at most `limit` messages of which nobody has decided since a moment; their texts go."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM messages WHERE {_OPEN} AND max(at, coalesce(given_at, at),"
        " coalesce(ended_at, at)) < ? LIMIT ?",
        (before, limit),
    ).fetchall()
    return _all_of(db, rows, Closed(), now, telling)


def prune(db: sqlite3.Connection, before: float, now: float, limit: int) -> int:
    """Delete at most `limit` messages that ended before a moment; how many."""
    old = (
        "SELECT number FROM messages WHERE ended_at < ?1 AND NOT"
        f" ({_WAITING}) AND NOT ({_OPEN}) LIMIT ?2"
    )
    db.execute(f"DELETE FROM bodies WHERE message IN ({old})", (before, limit))
    count = db.execute(f"DELETE FROM messages WHERE number IN ({old})", (before, limit)).rowcount
    db.execute("DELETE FROM once WHERE at < ?", (now - ONCE_S,))
    if count:
        db.execute("DELETE FROM chats WHERE at < ?", (now - CHATS_S,))
    return count


def media_in_use(db: sqlite3.Connection) -> frozenset[str]:
    """The files that messages still need, by their paths in the data directory."""
    return frozenset(
        path for (path,) in db.execute("SELECT DISTINCT media FROM bodies WHERE media <> ''")
    )


# -- rows ---------------------------------------------------------------------------------------


def new_message(
    message_id: str, instance: str, new: NewMessage, on_unknown: OnUnknown, now: float
) -> Message:
    """A message that was just taken."""
    return Message(
        id=message_id,
        instance=instance,
        to=new.to,
        kind=new.content.kind,
        state=MessageState.QUEUED,
        at=now,
        due=now,
        expires_at=now + new.expires_in_s,
        on_unknown=new.on_unknown or on_unknown,
        ref=new.ref,
        priority=new.priority,
    )


def _values(message: Message) -> tuple[object, ...]:
    return (
        *(message.id, message.instance, message.to, message.kind.value, message.state.value),
        *(message.at, message.due, message.expires_at, message.on_unknown.value, message.code),
        *(message.ref, message.priority, message.whatsapp_id, message.held, message.tries),
        *(message.sent_at, message.delivered_at, message.read_at, message.ended_at),
        *(message.refusals, message.doubles, message.chat, message.is_closed),
    )


def _message(row: Sequence[Any]) -> Message:
    identity, instance, to, kind, state, at, due, expires_at, on_unknown, code, *rest = row
    ref, priority, whatsapp_id, held, tries, sent_at, delivered_at, read_at, *more = rest
    ended_at, refusals, doubles, chat, is_closed = more
    return Message(
        id=identity,
        instance=instance,
        to=to,
        kind=MessageKind(kind),
        state=MessageState(state),
        at=at,
        due=due,
        expires_at=expires_at,
        on_unknown=OnUnknown(on_unknown),
        code=code,
        ref=ref,
        priority=priority,
        whatsapp_id=whatsapp_id,
        held=bool(held),
        tries=tries,
        sent_at=sent_at,
        delivered_at=delivered_at,
        read_at=read_at,
        ended_at=ended_at,
        refusals=refusals,
        doubles=doubles,
        chat=chat,
        is_closed=bool(is_closed),
    )
