"""The bytes of Signal messages, as libsignal's version 3 lays them out.

A SignalMessage is the version byte 0x33, a protobuf (1 ratchet key, 2 counter, 3 previous counter,
4 ciphertext) and eight bytes of MAC. A PreKeySignalMessage is the version byte and a protobuf
(1 prekey id, 2 base key, 3 identity key, 4 SignalMessage, 5 registration id, 6 signed prekey id).
"""

from waziterm.domain.frozen import dataclass
from waziterm.lab.keys import KEY_TYPE

VERSION = b"\x33"
MAC_SIZE = 8


class SignalWireError(ValueError):
    """The bytes are not a Signal message."""


@dataclass(frozen=True, slots=True, repr=False)
class SignalMessage:
    """One ciphertext of a ratchet.

    signed: the bytes that the MAC covers.
    """

    ratchet_key: bytes
    counter: int
    ciphertext: bytes
    signed: bytes
    mac: bytes


@dataclass(frozen=True, slots=True, repr=False)
class PreKeySignalMessage:
    """A first message: the ciphertext and what the receiver needs to start the session."""

    prekey_id: int | None
    signed_prekey_id: int
    base_key: bytes
    identity_key: bytes
    message: SignalMessage


@dataclass(frozen=True, slots=True, repr=False)
class Hello:
    """What the beginner of a session repeats in each `pkmsg` until the other side answers."""

    prekey_id: int | None
    signed_prekey_id: int
    registration_id: int


def parse_signal(data: bytes) -> SignalMessage:
    """Read a `msg`. Raises SignalWireError."""
    if data[:1] != VERSION or len(data) <= MAC_SIZE:
        raise SignalWireError("not a version 3 message")
    fields = _fields(data[1:-MAC_SIZE])
    return SignalMessage(
        ratchet_key=_key(fields.get(1)),
        counter=_number(fields.get(2, 0)),
        ciphertext=_bytes(fields.get(4)),
        signed=data[:-MAC_SIZE],
        mac=data[-MAC_SIZE:],
    )


def parse_prekey(data: bytes) -> PreKeySignalMessage:
    """Read a `pkmsg`. Raises SignalWireError."""
    if data[:1] != VERSION:
        raise SignalWireError("not a version 3 message")
    fields = _fields(data[1:])
    prekey_id = fields.get(1)
    return PreKeySignalMessage(
        prekey_id=None if prekey_id is None else _number(prekey_id),
        signed_prekey_id=_number(fields.get(6, 0)),
        base_key=_key(fields.get(2)),
        identity_key=_key(fields.get(3)),
        message=parse_signal(_bytes(fields.get(4))),
    )


def dump_signal(ratchet_key: bytes, counter: int, previous: int, ciphertext: bytes) -> bytes:
    """A `msg` without its MAC: the bytes that the MAC must cover."""
    return (
        VERSION
        + _delimited(1, KEY_TYPE + ratchet_key)
        + _tagged(2, counter)
        + _tagged(3, previous)
        + _delimited(4, ciphertext)
    )


def dump_prekey(hello: Hello, *, base_key: bytes, identity_key: bytes, message: bytes) -> bytes:
    """A `pkmsg` around a complete `msg`."""
    return (
        VERSION
        + (b"" if hello.prekey_id is None else _tagged(1, hello.prekey_id))
        + _delimited(2, KEY_TYPE + base_key)
        + _delimited(3, KEY_TYPE + identity_key)
        + _delimited(4, message)
        + _tagged(5, hello.registration_id)
        + _tagged(6, hello.signed_prekey_id)
    )


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tagged(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _delimited(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _fields(data: bytes) -> dict[int, int | bytes]:
    fields: dict[int, int | bytes] = {}
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        value, position = _read_varint(data, position)
        if tag & 7 == 2:
            end = position + value
            if end > len(data):
                raise SignalWireError("a field cut short")
            fields[tag >> 3] = data[position:end]
            position = end
        elif tag & 7 == 0:
            fields[tag >> 3] = value
        else:
            raise SignalWireError(f"wire type {tag & 7}")
    return fields


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise SignalWireError("a number cut short")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise SignalWireError("bytes where a number was expected")
    return value


def _bytes(value: int | bytes | None) -> bytes:
    if not isinstance(value, bytes):
        raise SignalWireError("a missing field")
    return value


def _key(value: int | bytes | None) -> bytes:
    key = _bytes(value)
    if len(key) != 33 or key[:1] != KEY_TYPE:
        raise SignalWireError("a key that is not a Curve25519 key")
    return key[1:]
