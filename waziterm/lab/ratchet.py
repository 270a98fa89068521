"""Signal sessions of a phone: the X3DH agreement and the double ratchet behind it.

The phone of the lab needs no more than a chat over one connection does: messages of a session
come in the order in which they were sent, so keys of skipped messages are not kept.
"""

import hashlib
import hmac
from dataclasses import replace

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from waziterm.domain.frozen import dataclass
from waziterm.lab.keys import KEY_TYPE, KeyPair
from waziterm.lab.noise import hkdf
from waziterm.lab.signalwire import (
    MAC_SIZE,
    Hello,
    PreKeySignalMessage,
    SignalMessage,
    dump_prekey,
    dump_signal,
)

NO_SALT = bytes(32)
MAX_SKIP = 2000


class RatchetError(ValueError):
    """A message that this session cannot read."""


@dataclass(frozen=True, slots=True, repr=False)
class Chain:
    """A symmetric ratchet: its key and the number of the next message."""

    key: bytes
    index: int = 0

    def step(self) -> "Chain":
        """The chain after one message."""
        return Chain(hmac.digest(self.key, b"\x02", hashlib.sha256), self.index + 1)

    def message_keys(self) -> tuple[bytes, bytes, bytes]:
        """The cipher key, MAC key and IV of the next message."""
        seed = hmac.digest(self.key, b"\x01", hashlib.sha256)
        keys = hkdf(seed, NO_SALT, b"WhisperMessageKeys", 80)
        return keys[:32], keys[32:64], keys[64:]


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """One double ratchet between a phone and a device of somebody.

    base_key: the ephemeral key that began the session; it tells sessions apart.
    ours, theirs: our identity public key and theirs.
    ratchet: our ratchet key; `their_ratchet` is the latest of theirs.
    """

    base_key: bytes
    ours: bytes
    theirs: bytes
    root: bytes
    ratchet: KeyPair
    their_ratchet: bytes | None = None
    receiving: Chain | None = None
    sending: Chain | None = None
    previous: int = 0
    hello: Hello | None = None

    def decrypt(self, message: SignalMessage) -> tuple[bytes, "Session"]:
        """The plaintext, and the session after it. Raises RatchetError."""
        session = self
        if message.ratchet_key != self.their_ratchet:
            session = self._turn(message.ratchet_key)
        chain = session.receiving
        if chain is None or not 0 <= message.counter - chain.index <= MAX_SKIP:
            raise RatchetError("a message number that is in the past or too far ahead")
        while chain.index < message.counter:
            chain = chain.step()
        cipher_key, mac_key, iv = chain.message_keys()
        mac = _mac(mac_key, self.theirs, self.ours, message.signed)
        if not hmac.compare_digest(mac, message.mac):
            raise RatchetError("a message with a wrong MAC")
        plaintext = _decrypt_cbc(cipher_key, iv, message.ciphertext)
        return plaintext, replace(session, receiving=chain.step(), hello=None)

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes, "Session"]:
        """The message's type (`msg` or `pkmsg`), its bytes, and the session after it."""
        if self.sending is None:
            raise RatchetError("a session that cannot send yet")
        cipher_key, mac_key, iv = self.sending.message_keys()
        ciphertext = _encrypt_cbc(cipher_key, iv, plaintext)
        signed = dump_signal(self.ratchet.public, self.sending.index, self.previous, ciphertext)
        data = signed + _mac(mac_key, self.ours, self.theirs, signed)
        after = replace(self, sending=self.sending.step())
        if self.hello is None:
            return "msg", data, after
        first = dump_prekey(
            self.hello, base_key=self.base_key, identity_key=self.ours, message=data
        )
        return "pkmsg", first, after

    def _turn(self, their_ratchet: bytes) -> "Session":
        """The session after the other side changed its ratchet key."""
        root, receiving = _root_step(self.root, self.ratchet.agree(their_ratchet))
        ratchet = KeyPair.generate()
        root, sending = _root_step(root, ratchet.agree(their_ratchet))
        return replace(
            self,
            root=root,
            ratchet=ratchet,
            their_ratchet=their_ratchet,
            receiving=receiving,
            sending=sending,
            previous=self.sending.index if self.sending else 0,
        )


def accept(
    message: PreKeySignalMessage, identity: KeyPair, signed_prekey: KeyPair, prekey: KeyPair | None
) -> Session:
    """The session that a first message begins, before that message is decrypted."""
    secret = b"\xff" * 32 + signed_prekey.agree(message.identity_key)
    secret += identity.agree(message.base_key) + signed_prekey.agree(message.base_key)
    if prekey is not None:
        secret += prekey.agree(message.base_key)
    keys = hkdf(secret, NO_SALT, b"WhisperText", 64)
    return Session(
        base_key=message.base_key,
        ours=identity.public,
        theirs=message.identity_key,
        root=keys[:32],
        ratchet=signed_prekey,
    )


def begin(
    identity: KeyPair,
    registration_id: int,
    their_identity: bytes,
    their_signed_prekey: tuple[int, bytes],
    their_prekey: tuple[int, bytes] | None,
) -> Session:
    """A session that we begin, from a key bundle (ids and 32-byte public keys)."""
    base, ratchet = KeyPair.generate(), KeyPair.generate()
    signed_id, signed_public = their_signed_prekey
    secret = b"\xff" * 32 + identity.agree(signed_public)
    secret += base.agree(their_identity) + base.agree(signed_public)
    if their_prekey is not None:
        secret += base.agree(their_prekey[1])
    keys = hkdf(secret, NO_SALT, b"WhisperText", 64)
    root, sending = _root_step(keys[:32], ratchet.agree(signed_public))
    return Session(
        base_key=base.public,
        ours=identity.public,
        theirs=their_identity,
        root=root,
        ratchet=ratchet,
        their_ratchet=signed_public,
        receiving=Chain(keys[32:]),
        sending=sending,
        hello=Hello(their_prekey[0] if their_prekey else None, signed_id, registration_id),
    )


def _root_step(root: bytes, secret: bytes) -> tuple[bytes, Chain]:
    keys = hkdf(secret, root, b"WhisperRatchet", 64)
    return keys[:32], Chain(keys[32:])


def _mac(key: bytes, sender: bytes, receiver: bytes, signed: bytes) -> bytes:
    covered = KEY_TYPE + sender + KEY_TYPE + receiver + signed
    return hmac.digest(key, covered, hashlib.sha256)[:MAC_SIZE]


def _decrypt_cbc(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    try:
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise RatchetError("a ciphertext with wrong padding") from error


def _encrypt_cbc(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    padded = padder.update(plaintext) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()
