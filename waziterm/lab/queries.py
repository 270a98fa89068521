"""Answers to a client's info queries (`<iq>`)."""

import hashlib
import time

from waziterm.domain.jid import Jid
from waziterm.lab import media
from waziterm.lab.keys import KEY_TYPE
from waziterm.lab.node import SERVER, Node
from waziterm.lab.phonebook import PhoneBook
from waziterm.lab.phones import Bundle, Device, Phone

ERRORS = {
    400: "bad-request",
    401: "not-authorized",
    403: "forbidden",
    404: "item-not-found",
    405: "not-allowed",
    406: "not-acceptable",
    410: "gone",
    419: "resource-limit",
    423: "locked",
    429: "rate-overlimit",
    500: "internal-server-error",
    503: "service-unavailable",
}
"""WhatsApp's texts for the codes of queries that it refuses (whatsmeow `errors.go`)."""
PRIVACY = ("readreceipts", "profile", "status", "online", "last", "groupadd", "calladd")


def is_ping(query: Node) -> bool:
    """Whether an info query is a keep-alive."""
    return query.attrs.get("xmlns") == "w:p"


def is_among(query: Node, named: str | None) -> bool:
    """Whether an info query is one of those that a comma-separated list names, each by its
    namespace or as `NAMESPACE/TAG`; None names all."""
    if named is None:
        return True
    for one in named.split(","):
        namespace, _, tag = one.partition("/")
        if query.attrs.get("xmlns") == namespace and (not tag or query.child(tag) is not None):
            return True
    return False


def answer(query: Node, book: PhoneBook, phone: Phone, device: Device) -> Node:
    """The answer to an info query of a logged-in device; its effects on the phone are done."""
    content: tuple[Node, ...] = ()
    match query.attrs.get("xmlns"), query.attrs.get("type"):
        case "w:g2", "get" if query.child("query") is not None:
            # There are no groups here.
            return error(query, 404)
        case "encrypt", "get":
            content = _encrypt_get(query, book, device)
        case "encrypt", "set":
            _upload(query, device)
            book.save(phone)
        case "usync", "get":
            content = _usync(query, book)
        case "abt", "get":
            content = (Node("props", {"hash": "1", "refresh": "86400"}, (Node("prop"),)),)
        case "w:m", "set":
            content = (media.connection(),)
        case "blocklist", "get":
            content = (Node("list", {"dhash": "1"}),)
        case "privacy", "get":
            rows = tuple(Node("category", {"name": name, "value": "all"}) for name in PRIVACY)
            content = (Node("privacy", content=rows),)
    return result(query, content)


def result(query: Node, content: tuple[Node, ...] = ()) -> Node:
    """An `<iq type=result>` for a query."""
    return Node("iq", {"from": SERVER, "id": query.text("id"), "type": "result"}, content or None)


def error(query: Node, code: int) -> Node:
    """An answer that is an error, with WhatsApp's text for its code."""
    why = Node("error", {"code": str(code), "text": ERRORS.get(code, "error")})
    attrs: dict[str, str | Jid] = {"from": SERVER, "id": query.text("id"), "type": "error"}
    return Node("iq", attrs, (why,))


def _encrypt_get(query: Node, book: PhoneBook, device: Device) -> tuple[Node, ...]:
    wanted = query.child("key")
    if wanted is not None:
        users = (_user_bundle(user, book) for user in wanted.all("user"))
        return (Node("list", content=tuple(user for user in users if user is not None)),)
    if query.child("digest") is not None and device.signed is not None:
        return (_digest(device, device.signed),)
    return (Node("count", {"value": str(device.prekey_count)}),)


def _user_bundle(user: Node, book: PhoneBook) -> Node | None:
    jid = user.jid("jid")
    if jid is None:
        return None
    phone = book.find(jid)
    bundle = None
    if phone is not None:
        if jid.device == 0:
            bundle = phone.bundle()
        elif jid.device in phone.devices:
            bundle = phone.devices[jid.device].bundle()
        book.save(phone)
    if bundle is None:
        missing = Node("error", {"code": "404", "text": "item-not-found"})
        return Node("user", {"jid": jid}, (missing,))
    return Node("user", {"jid": jid, "t": str(int(time.time()))}, bundle_nodes(bundle))


def bundle_nodes(bundle: Bundle) -> tuple[Node, ...]:
    """A key bundle as the wire has it, the registration id first."""
    skey = (
        Node("id", content=bundle.signed_id.to_bytes(3, "big")),
        Node("value", content=bundle.signed_key),
        Node("signature", content=bundle.signature),
    )
    nodes = [
        Node("registration", content=bundle.registration_id.to_bytes(4, "big")),
        Node("type", content=KEY_TYPE),
        Node("identity", content=bundle.identity),
        Node("skey", content=skey),
    ]
    if bundle.prekey_id is not None and bundle.prekey is not None:
        key = (
            Node("id", content=bundle.prekey_id.to_bytes(3, "big")),
            Node("value", content=bundle.prekey),
        )
        nodes.append(Node("key", content=key))
    return tuple(nodes)


def _digest(device: Device, signed: Bundle) -> Node:
    keys = b"".join(key for _, key in device.prekeys)
    covered = signed.identity + signed.signed_key + signed.signature + keys
    return Node(
        "digest",
        content=(
            Node("registration", content=signed.registration_id.to_bytes(4, "big")),
            Node("type", content=KEY_TYPE),
            Node("hash", content=hashlib.sha1(covered, usedforsecurity=False).digest()),
        ),
    )


def _upload(query: Node, device: Device) -> None:
    skey, keys = query.child("skey"), query.child("list")
    registration, identity = query.child("registration"), query.child("identity")
    if skey is None or registration is None or identity is None:
        return
    signed = Bundle(
        registration_id=int.from_bytes(registration.data, "big"),
        identity=identity.data,
        signed_id=int.from_bytes(_data(skey, "id"), "big"),
        signed_key=_data(skey, "value"),
        signature=_data(skey, "signature"),
    )
    prekeys = [
        (int.from_bytes(_data(key, "id"), "big"), _data(key, "value"))
        for key in (keys.children if keys is not None else ())
    ]
    device.upload(signed, prekeys)


def _data(node: Node, tag: str) -> bytes:
    child = node.child(tag)
    return child.data if child is not None else b""


def _usync(query: Node, book: PhoneBook) -> tuple[Node, ...]:
    asked = query.find("usync", "query")
    users = query.find("usync", "list")
    if asked is None or users is None:
        return ()
    protocols = {node.tag for node in asked.children}
    rows = (_usync_user(user, protocols, book) for user in users.all("user"))
    listed = tuple({row.attrs["jid"]: row for row in rows if row is not None}.values())
    return (Node("usync", content=(Node("list", content=listed),)),)


def _usync_user(user: Node, protocols: set[str], book: PhoneBook) -> Node | None:
    contact = user.child("contact")
    jid = user.jid("jid")
    if contact is not None:
        number = contact.data.decode("ascii", "replace").partition("@")[0].lstrip("+")
        jid = Jid(number, 0, "s.whatsapp.net")
    phone = book.find(jid) if jid is not None else None
    if jid is None or phone is None:
        return None
    children: list[Node] = []
    if contact is not None:
        children.append(Node("contact", {"type": "in"}, contact.data))
    if "devices" in protocols:
        rows = [Node("device", {"id": "0"})]
        rows += (
            Node("device", {"id": str(number), "key-index": str(number)})
            for number in sorted(phone.devices)
        )
        device_list = Node("device-list", content=tuple(rows))
        children.append(Node("devices", content=(device_list,)))
    if "lid" in protocols:
        children.append(Node("lid", {"val": phone.lid}))
    attrs: dict[str, str | Jid] = {"jid": phone.lid if contact is not None else jid}
    if contact is not None:
        attrs["pn_jid"] = phone.jid
    return Node("user", attrs, tuple(children))
