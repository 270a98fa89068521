"""Messages: what a phone reads of them, and what goes on to other linked devices."""

import hashlib
import json
import logging
import secrets
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from google.protobuf.message import DecodeError

from waziterm.domain.frozen import dataclass
from waziterm.domain.jid import Jid
from waziterm.lab.media import HOST, MediaError, MediaHost, opened
from waziterm.lab.node import SERVER, Node
from waziterm.lab.phonebook import PhoneBook
from waziterm.lab.phones import LID_SERVER, SIGNED_PREKEY_ID, Phone
from waziterm.lab.protobufs import protobufs
from waziterm.lab.queries import bundle_nodes
from waziterm.lab.ratchet import RatchetError, Session, accept, begin
from waziterm.lab.signalwire import parse_prekey, parse_signal
from waziterm.lab.words import ReceiptMode, ReceivedMessage

MAX_RETRIES = 4
_CHAT_BYTES, _TEXT_BYTES = 20_000, 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Delivery:
    """What became of one message.

    recipient: the phone that it was for. received: what that phone read, when it was for people.
    onward: nodes for linked devices. retries: receipts of phones that could not read their copy.
    """

    recipient: Phone | None
    received: ReceivedMessage | None
    onward: tuple[tuple[Jid, Node], ...]
    retries: tuple[Node, ...]


def deliver(
    message: Node, sender: Phone, device: int, book: PhoneBook, media: MediaHost
) -> Delivery:
    """Take a `<message>` of a linked device in: decrypt for phones, pass on for devices. media:
    where a phone downloads the file of one."""
    to = message.jid("to")
    recipient = book.find(to) if to is not None else None
    from_lid = Jid(sender.lid.user, device, LID_SERVER)
    received: ReceivedMessage | None = None
    onward: list[tuple[Jid, Node]] = []
    retries: list[Node] = []
    for jid, enc in _copies(message):
        phone = book.find(jid)
        if phone is None:
            continue
        if jid.device:
            target = Jid(phone.number, jid.device)
            onward.append((target, _forward(message, enc, from_lid, sender, phone)))
            continue
        try:
            read = _read(decrypt(phone, from_lid, enc), media)
        except ValueError as error:
            log.info("a phone asks for message %s again: %s", message.text("id"), error)
            retries += _retry(message, enc, phone, phone is sender)
            continue
        finally:
            book.save(phone)
        if read is not None and phone is recipient:
            source = Jid(sender.number, device)
            tags = tuple(child.tag for child in message.children)
            received = replace(read, id=message.text("id"), sender=str(source), nodes=tags)
    return Delivery(recipient, received, tuple(onward), tuple(retries))


def _copies(message: Node) -> Iterator[tuple[Jid, Node]]:
    """Each copy of a message and the device that it is for; a repeated one has a single copy."""
    to, enc = message.jid("to"), message.child("enc")
    if to is not None and enc is not None:
        yield to, enc
    participants = message.child("participants")
    for copy in participants.all("to") if participants is not None else ():
        jid, enc = copy.jid("jid"), copy.child("enc")
        if jid is not None and enc is not None:
            yield jid, enc


def _retry(message: Node, enc: Node, phone: Phone, own: bool) -> list[Node]:
    """The receipt with which a phone asks for a message once more, with keys for a new session."""
    tries = int(enc.text("count") or 0) + 1
    to = message.jid("to")
    if tries > MAX_RETRIES or to is None:
        return []
    now = str(int(time.time()))
    attrs: dict[str, str | Jid] = {
        "from": phone.lid,
        "id": message.text("id"),
        "t": now,
        "type": "retry",
    }
    if own:
        attrs["recipient"] = to
    retry = Node("retry", {"count": str(tries), "id": message.text("id"), "t": now, "v": "1"})
    registration, *keys = bundle_nodes(phone.bundle())
    return [Node("receipt", attrs, (retry, registration, Node("keys", content=tuple(keys))))]


def decrypt(phone: Phone, sender: Jid, enc: Node) -> bytes:
    """The plaintext of a phone's copy, padding removed. Raises ValueError."""
    data = enc.data
    if enc.attrs.get("type") == "pkmsg":
        first = parse_prekey(data)
        known = phone.sessions.get(str(sender), [])
        session = next((s for s in known if s.base_key == first.base_key), None)
        if session is None:
            if first.signed_prekey_id != SIGNED_PREKEY_ID:
                raise RatchetError("a signed prekey that the phone never had")
            prekey = None if first.prekey_id is None else phone.prekey(first.prekey_id)
            session = accept(first, phone.identity, phone.signed_prekey, prekey)
        plaintext, after = session.decrypt(first.message)
    else:
        plaintext, after = _decrypt_known(phone, sender, data)
    phone.keep(sender, after)
    if not plaintext or not 0 < plaintext[-1] <= len(plaintext):
        raise RatchetError("a message with wrong padding")
    return plaintext[: -plaintext[-1]]


def _decrypt_known(phone: Phone, sender: Jid, data: bytes) -> tuple[bytes, Session]:
    message = parse_signal(data)
    for session in phone.sessions.get(str(sender), []):
        try:
            return session.decrypt(message)
        except RatchetError:
            continue
    raise RatchetError("no session of the phone reads the message")


def text_body(text: str) -> bytes:
    """The body of a text message."""
    body: bytes = protobufs().e2e.Message(conversation=text).SerializeToString()
    return body


def sent_body(to: Jid, text: str) -> bytes:
    """The body of the copy that a phone's own linked devices get of a text that it has sent."""
    made = protobufs().e2e
    copy = made.DeviceSentMessage(destinationJID=str(to), message=made.Message(conversation=text))
    body: bytes = made.Message(deviceSentMessage=copy).SerializeToString()
    return body


def message_for(
    phone: Phone,
    receiver: Phone,
    device: int,
    body: bytes,
    sent_to: Jid | None = None,
    ago_s: float = 0.0,
) -> Node:
    """A message from a phone to somebody's linked device, or to one of its own.

    body: a serialised `E2E.Message`, or whatever a hostile phone may put there. sent_to: to whom
    the phone has sent what this is its own device's copy of. ago_s: since when WhatsApp has it.
    Raises ValueError when the device has uploaded no keys yet.
    """
    address = Jid(receiver.lid.user, device, LID_SERVER)
    known = [s for s in phone.sessions.get(str(address), []) if s.sending is not None]
    if known:
        session = known[0]
    else:
        bundle = receiver.devices[device].bundle()
        if bundle is None:
            raise ValueError("the device has uploaded no keys yet")
        prekey = None
        if bundle.prekey_id is not None and bundle.prekey is not None:
            prekey = (bundle.prekey_id, bundle.prekey)
        signed = (bundle.signed_id, bundle.signed_key)
        session = begin(phone.identity, phone.registration_id, bundle.identity, signed, prekey)
    kind, data, after = session.encrypt(body + b"\x08" * 8)
    phone.keep(address, after)
    attrs: dict[str, str | Jid] = {
        "from": phone.lid,
        "id": "3A" + secrets.token_hex(9).upper(),
        "t": str(int(time.time() - ago_s)),
        "type": "text",
        "notify": "lab phone",
        "sender_pn": phone.jid,
    }
    if sent_to is not None:
        attrs["recipient"] = sent_to
    return Node("message", attrs, (Node("enc", {"v": "2", "type": kind}, data),))


def history_for(phone: Phone, device: int, size: int, part: int, days: int) -> Iterator[Node]:
    """The parts of the history that a phone sends its own new device, each inside its message.

    size: bytes of the whole history before it is compressed; it goes back so many days, as many
    bytes for each, and the device gets those of the days that it wanted. part: bytes of one part,
    at most what a frame holds. Raises ValueError when the device has uploaded no keys yet.
    """
    wanted = phone.devices[device].history_days
    if wanted is not None:
        size = size * min(wanted, days) // days
    count = max(1, -(-size // part))
    for chunk in range(count):
        progress = 100 * (chunk + 1) // count
        yield _part(phone, device, chunk, min(part, size - chunk * part), progress)


def _part(phone: Phone, device: int, chunk: int, size: int, progress: int) -> Node:
    """One of them. chunk: its number, from 0. progress: in percent, with it."""
    made = protobufs()
    history = made.history.HistorySync(
        syncType=made.history.HistorySync.RECENT, chunkOrder=chunk, progress=progress
    )
    for number in range(max(1, size // _CHAT_BYTES)):
        chat = history.conversations.add(ID=f"6281{chunk:02}{number:06}@s.whatsapp.net")
        for _ in range(max(1, min(size, _CHAT_BYTES) // _TEXT_BYTES)):
            kept = chat.messages.add().message
            kept.key.remoteJID, kept.key.ID = chat.ID, "3A" + secrets.token_hex(9).upper()
            kept.message.conversation = secrets.token_urlsafe(_TEXT_BYTES * 3 // 4)
    notification = made.e2e.HistorySyncNotification(
        syncType=made.e2e.RECENT,
        chunkOrder=chunk,
        progress=progress,
        initialHistBootstrapInlinePayload=zlib.compress(history.SerializeToString(), 1),
    )
    told = made.e2e.Message(
        protocolMessage=made.e2e.ProtocolMessage(
            type=made.e2e.ProtocolMessage.HISTORY_SYNC_NOTIFICATION,
            historySyncNotification=notification,
        )
    )
    node = message_for(phone, phone, device, told.SerializeToString())
    return Node(node.tag, {**node.attrs, "category": "peer"}, node.content)


def ack(stanza: Node, error: int | None = None) -> Node:
    """The server's acknowledgement of a message or a receipt. error: why it refuses a message."""
    attrs: dict[str, str | Jid] = {
        "class": stanza.tag,
        "id": stanza.text("id"),
        "t": str(int(time.time())),
    }
    to = stanza.jid("to")
    if to is not None:
        attrs["from"] = to
    if stanza.tag == "receipt" and stanza.text("type"):
        attrs["type"] = stanza.text("type")
    if error is not None:
        attrs["error"] = str(error)
    return Node("ack", attrs)


def time_lock(request_id: str, ends_at: int | None) -> Node:
    """The notification that an account may start no new chats until a moment, UTC seconds, or with
    None that it may again (whatsmeow `notification.go`, `NotifyAccountReachoutTimelock`)."""
    lock = {"enforcement_type": "RESTRICT_ALL_COMPANIONS", "is_active": ends_at is not None}
    if ends_at is not None:
        lock["time_enforcement_ends"] = str(ends_at)
    data = json.dumps({"data": {"xwa2_notify_account_reachout_timelock": lock}})
    update = Node("update", {"op_name": "NotificationUserReachoutTimelockUpdate"}, data.encode())
    attrs: dict[str, str | Jid] = {"from": SERVER, "id": request_id, "type": "mex"}
    return Node("notification", {**attrs, "t": str(int(time.time()))}, (update,))


def receipts(message: Node, mode: ReceiptMode) -> tuple[Node, ...]:
    """What the recipient's phone sends back for a message."""
    to = message.jid("to")
    if to is None or mode is ReceiptMode.NONE:
        return ()
    attrs: dict[str, str | Jid] = {
        "from": to,
        "id": message.text("id"),
        "t": str(int(time.time())),
    }
    delivered = Node("receipt", attrs)
    if mode is ReceiptMode.DELIVERED:
        return (delivered,)
    return (delivered, Node("receipt", {**attrs, "type": "read"}))


def _forward(message: Node, enc: Node, from_lid: Jid, sender: Phone, receiver: Phone) -> Node:
    attrs: dict[str, str | Jid] = {
        "from": from_lid,
        "id": message.text("id"),
        "t": str(int(time.time())),
        "type": message.text("type") or "text",
        "sender_pn": sender.jid,
    }
    to = message.jid("to")
    if receiver is sender and to is not None:
        attrs["recipient"] = to
    identity = message.child("device-identity")
    return Node("message", attrs, (enc,) if identity is None else (enc, identity))


def _read(plaintext: bytes, media: MediaHost) -> ReceivedMessage | None:
    """What a phone reads of a message, without its id and its sender; None when it is not for
    people. Raises ValueError."""
    message = protobufs().e2e.Message()
    try:
        message.ParseFromString(plaintext)
    except DecodeError as error:
        raise RatchetError("a plaintext that is not a message") from error
    if message.HasField("deviceSentMessage"):
        message = message.deviceSentMessage.message
    secret = message.messageContextInfo.messageSecret.hex()
    read = ReceivedMessage("", "", "", time.time(), secret=secret)
    if message.conversation:
        return replace(read, text=str(message.conversation))
    if message.HasField("extendedTextMessage"):
        part = message.extendedTextMessage
        return _reply(replace(read, text=str(part.text)), part.contextInfo)
    if message.HasField("imageMessage"):
        return _file(read, "image", message.imageMessage, media)
    if message.HasField("documentMessage"):
        named = replace(read, file_name=str(message.documentMessage.fileName))
        return _file(named, "document", message.documentMessage, media)
    return None


def _file(read: ReceivedMessage, kind: str, part: Any, media: MediaHost) -> ReceivedMessage:
    """With the file of an image or a document, which the phone downloads and opens."""
    data = media.download(part.directPath)
    if f"https://{HOST}{part.directPath}" != part.URL:
        raise MediaError("the file has two places")
    content = opened(data, kind.title(), part.mediaKey, part.fileSHA256, part.fileEncSHA256)
    if len(content) != part.fileLength:
        raise MediaError("the file has another length than the message says")
    digest = hashlib.sha256(content).hexdigest()
    with_file = replace(read, kind=kind, sha256=digest, size=len(content), text=str(part.caption))
    return _reply(replace(with_file, mime_type=str(part.mimetype)), part.contextInfo)


def _reply(read: ReceivedMessage, context: Any) -> ReceivedMessage:
    return replace(read, reply_to=str(context.stanzaID), reply_from=str(context.participant))
