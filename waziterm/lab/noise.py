"""The responder's side of Noise_XX_25519_AESGCM_SHA256, and the frames around it.

The field order was read from whatsmeow (`handshake.go`, `socket/noisehandshake.go`). The first
message from the client begins with a header of four bytes, `WA` and two version bytes, which is
the handshake's prologue; every message is preceded by its length in three bytes.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError

from waziterm.domain.frozen import dataclass
from waziterm.lab.certs import NoiseIdentity
from waziterm.lab.keys import KeyPair
from waziterm.lab.protobufs import protobufs

PATTERN = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"
HEADER_SIZE = 4
MAX_FRAME = 1 << 24


class NoiseError(ValueError):
    """The peer does not speak the handshake, or its bytes do not decrypt."""


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA256."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


def frame(body: bytes) -> bytes:
    """A body with its three-byte length in front."""
    return len(body).to_bytes(3, "big") + body


class FrameReader:
    """Cuts the client's byte stream into its header and its frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.header = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes; yields each frame that is now whole.

        Raises NoiseError when the stream does not begin with a WhatsApp header.
        """
        self._buffer += data
        if not self.header:
            if len(self._buffer) < HEADER_SIZE:
                return
            self.header = bytes(self._buffer[:HEADER_SIZE])
            if not self.header.startswith(b"WA"):
                raise NoiseError("no WhatsApp header")
            del self._buffer[:HEADER_SIZE]
        while len(self._buffer) >= 3:
            end = 3 + int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[3:end])
            del self._buffer[:end]
            yield body


class Cipher:
    """One direction of an established connection: AES-GCM with a counter as its nonce."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._counter = 0

    def _nonce(self) -> bytes:
        nonce = self._counter.to_bytes(12, "big")
        self._counter += 1
        return nonce

    def encrypt(self, plaintext: bytes) -> bytes:
        """The next frame's body."""
        return self._aead.encrypt(self._nonce(), plaintext, None)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The plaintext of the next frame. Raises NoiseError when it was not made for it."""
        try:
            return self._aead.decrypt(self._nonce(), ciphertext, None)
        except InvalidTag as error:
            raise NoiseError("a frame does not decrypt") from error


@dataclass(frozen=True, slots=True)
class Established:
    """What a finished handshake leaves.

    payload: the client's ClientPayload message.
    client_static: the client's Noise key, 32 bytes.
    """

    payload: Any
    client_static: bytes
    receive: Cipher
    send: Cipher


class Responder:
    """One handshake: `hello`, then `finish`."""

    def __init__(self, identity: NoiseIdentity, header: bytes) -> None:
        self._identity = identity
        self._hash = PATTERN
        self._salt = PATTERN
        self._key = PATTERN
        self._counter = 0
        self._ephemeral = KeyPair.generate()
        self._mix_hash(header)

    def hello(self, body: bytes) -> bytes:
        """The ServerHello, from the client's first frame. Raises NoiseError."""
        client_ephemeral = _handshake(body).clientHello.ephemeral
        if len(client_ephemeral) != 32:
            raise NoiseError("a ClientHello without an ephemeral key")
        self._mix_hash(client_ephemeral)
        self._mix_hash(self._ephemeral.public)
        self._mix_key(self._ephemeral.agree(client_ephemeral))
        static = self._encrypt(self._identity.static.public)
        self._mix_key(self._identity.static.agree(client_ephemeral))
        payload = self._encrypt(self._identity.chain)
        wa6 = protobufs().wa6
        hello = wa6.HandshakeMessage.ServerHello(
            ephemeral=self._ephemeral.public, static=static, payload=payload
        )
        answer: bytes = wa6.HandshakeMessage(serverHello=hello).SerializeToString()
        return answer

    def finish(self, body: bytes) -> Established:
        """The session keys and the client's payload, from its second frame. Raises NoiseError."""
        message = _handshake(body).clientFinish
        client_static = self._decrypt(message.static)
        self._mix_key(self._ephemeral.agree(client_static))
        payload = protobufs().wa6.ClientPayload()
        try:
            payload.ParseFromString(self._decrypt(message.payload))
        except DecodeError as error:
            raise NoiseError("a client payload that is not a protobuf") from error
        keys = hkdf(b"", self._salt, b"", 64)
        return Established(payload, client_static, Cipher(keys[:32]), Cipher(keys[32:]))

    def _mix_hash(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def _mix_key(self, secret: bytes) -> None:
        keys = hkdf(secret, self._salt, b"", 64)
        self._salt, self._key, self._counter = keys[:32], keys[32:], 0

    def _nonce(self) -> bytes:
        nonce = self._counter.to_bytes(12, "big")
        self._counter += 1
        return nonce

    def _encrypt(self, plaintext: bytes) -> bytes:
        ciphertext = AESGCM(self._key).encrypt(self._nonce(), plaintext, self._hash)
        self._mix_hash(ciphertext)
        return ciphertext

    def _decrypt(self, ciphertext: bytes) -> bytes:
        try:
            plaintext = AESGCM(self._key).decrypt(self._nonce(), ciphertext, self._hash)
        except (InvalidTag, ValueError) as error:
            raise NoiseError("a handshake message does not decrypt") from error
        self._mix_hash(ciphertext)
        return plaintext


def _handshake(body: bytes) -> Any:
    message = protobufs().wa6.HandshakeMessage()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise NoiseError("not a handshake message") from error
    return message
