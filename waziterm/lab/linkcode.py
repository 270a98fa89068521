"""Pairing with a code that is typed on the phone instead of a QR that it scans.

The exchange was read from whatsmeow (`pair-code.go`). The client says hello with an ephemeral key
that is encrypted with the code; the phone, once the code is typed, answers with its own; the
client finishes with its keys and randomness. Both sides then know the ADV secret that a QR would
have carried, and the rest is the usual pairing.
"""

import asyncio
import hashlib
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from waziterm.domain.jid import Jid
from waziterm.lab.keys import KeyPair
from waziterm.lab.node import SERVER, Node
from waziterm.lab.noise import hkdf
from waziterm.lab.pairing import QrCode
from waziterm.lab.phones import Phone
from waziterm.lab.ratchet import NO_SALT

ALPHABET = frozenset("123456789ABCDEFGHJKLMNPQRSTVWXYZ")
CODE_LENGTH = 8
ROUNDS = 2 << 16
WRAPPED_SIZE = 80
REG = "link_code_companion_reg"
CLIENT_KEY = "link_code_pairing_wrapped_companion_ephemeral_pub"


class LinkCodeError(ValueError):
    """The code is wrong, or nobody waits for one."""


@dataclass(slots=True, repr=False)
class LinkCode:
    """One client that waits for its code to be typed on a phone.

    number: the phone that it asked for. wrapped: its encrypted ephemeral key. phone and shared
    are set once a code was typed; done gets the new device's JID then, or LinkCodeError.
    """

    ref: str
    number: str
    wrapped: bytes
    phone: Phone | None = None
    shared: bytes = b""
    done: asyncio.Future[Jid] | None = None


def normal_code(text: str) -> str:
    """The eight characters of a code, however it was typed. Raises LinkCodeError."""
    code = text.replace("-", "").replace(" ", "").upper()
    if len(code) != CODE_LENGTH or not ALPHABET.issuperset(code):
        raise LinkCodeError("a pairing code is 8 letters or digits")
    return code


def hello(query: Node) -> LinkCode | None:
    """The client's first message, or None when the query is none. Raises LinkCodeError."""
    registration = query.child(REG)
    if registration is None or registration.text("stage") != "companion_hello":
        return None
    number, wrapped = registration.jid("jid"), _data(registration, CLIENT_KEY)
    if number is None or len(wrapped) != WRAPPED_SIZE:
        raise LinkCodeError("a companion_hello without a number or a key")
    return LinkCode(secrets.token_urlsafe(24), number.user, wrapped)


def hello_answer(query: Node, link: LinkCode) -> Node:
    """The server's answer to the hello: the reference that all further messages name."""
    ref = Node("link_code_pairing_ref", content=link.ref.encode())
    attrs: dict[str, str | Jid] = {"from": SERVER, "id": query.text("id"), "type": "result"}
    return Node("iq", attrs, (Node(REG, content=(ref,)),))


def typed(link: LinkCode, phone: Phone, code: str, request_id: str) -> Node:
    """The phone's message to the client after the code was typed on it.

    A wrong code gives the two sides different secrets; it shows when the client finishes.
    Costs some 0.1 s of CPU, so it belongs in a thread. Raises LinkCodeError.
    """
    client_ephemeral = _unwrap(link.wrapped, code)
    ephemeral = KeyPair.generate()
    try:
        link.phone, link.shared = phone, ephemeral.agree(client_ephemeral)
    except ValueError as error:
        raise LinkCodeError("the pairing code is wrong") from error
    salt, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    wrapped = salt + iv + _crypt(ephemeral.public, code, salt, iv)
    children = (
        Node("link_code_pairing_ref", content=link.ref.encode()),
        Node("link_code_pairing_wrapped_primary_ephemeral_pub", content=wrapped),
        Node("primary_identity_pub", content=phone.identity.public),
    )
    return Node(
        "notification",
        {"from": SERVER, "id": request_id, "type": REG},
        (Node(REG, {"stage": "primary_hello"}, children),),
    )


def finish(query: Node, link: LinkCode, noise: bytes) -> tuple[Phone, QrCode] | None:
    """What a QR would have told the phone, from the client's last message; None when it is none.

    Raises LinkCodeError when the code that was typed was not the client's.
    """
    registration = query.child(REG)
    if registration is None or registration.text("stage") != "companion_finish":
        return None
    bundle = _data(registration, "link_code_pairing_wrapped_key_bundle")
    if link.phone is None:
        raise LinkCodeError("a companion_finish before the code was typed")
    key = hkdf(link.shared, bundle[:32], b"link_code_pairing_key_bundle_encryption_key", 32)
    try:
        plain = AESGCM(key).decrypt(bundle[32:44], bundle[44:], None)
    except (InvalidTag, ValueError) as error:
        raise LinkCodeError("the pairing code is wrong") from error
    identity, randomness = plain[:32], plain[64:96]
    secret = link.shared + link.phone.identity.agree(identity) + randomness
    adv_secret = hkdf(secret, NO_SALT, b"adv_secret", 32)
    return link.phone, QrCode(link.ref, noise, identity, adv_secret)


def _unwrap(wrapped: bytes, code: str) -> bytes:
    return _crypt(wrapped[48:], code, wrapped[:32], wrapped[32:48])


def _crypt(data: bytes, code: str, salt: bytes, iv: bytes) -> bytes:
    """AES-CTR with a key from the code; the same both ways."""
    key = hashlib.pbkdf2_hmac("sha256", code.encode(), salt, ROUNDS)
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def _data(registration: Node, tag: str) -> bytes:
    child = registration.child(tag)
    return child.data if child is not None else b""
