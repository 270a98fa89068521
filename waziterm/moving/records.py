"""The ratchets in whatsmeow's store: JSON in a BLOB (go.mau.fi/libsignal `serialize`).

What is read is checked in every member, and what is written is made anew of it: a row that is not
exactly as the library writes it makes Go end the whole worker at the next send, with all that share
it. So whatever is in doubt raises RecordError, and its row is left out; no session heals by itself.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from waziterm.domain.frozen import dataclass
from waziterm.moving.keys import KEY_TYPE, public_of

MOST_STATES = 40
MOST_RECEIVERS = 5
MOST_SENDER_STATES = 5
MOST_KEYS = 2000
_SESSION_VERSION = 3
_UINT32 = 1 << 32
_PRE_KEY = 1 << 24


class RecordError(ValueError):
    """It is not as the library writes it; the message says what."""


@dataclass(frozen=True, slots=True)
class MessageKey:
    """The keys of one message that has not come yet: 32, 32 and 16 bytes."""

    cipher: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    index: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of a ratchet. public, private: its ratchet key, of 32 bytes; private is None of what
    the other side sends. key: of 32 bytes. index: the number of the next message."""

    public: bytes = field(repr=False)
    private: bytes | None = field(repr=False)
    key: bytes = field(repr=False)
    index: int
    skipped: tuple[MessageKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """What stands in each message until the other side has answered. pre_key: the number of its
    one-time key, None for none. base: a public key of 32 bytes."""

    pre_key: int | None
    signed_pre_key: int
    base: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class State:
    """One ratchet. local, remote: both identities, and base: the key that began it; public halves
    of 32 bytes. root: of 32 bytes. receivers: the newest last."""

    local: bytes = field(repr=False)
    local_registration: int
    remote: bytes = field(repr=False)
    remote_registration: int
    base: bytes = field(repr=False)
    root: bytes = field(repr=False)
    previous_counter: int
    sender: Chain
    receivers: tuple[Chain, ...]
    pending: Pending | None


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The ratchets with one device: the one in use, and those before it, the newest first."""

    current: State
    previous: tuple[State, ...] = ()


@dataclass(frozen=True, slots=True)
class SenderMessageKey:
    """The seed, 32 bytes, of a message in a group that has not come yet."""

    iteration: int
    seed: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    cipher: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SenderKeyState:
    """A member's chain in a group. chain_key: of 32 bytes. signing_private: None of anybody else's.
    signing_public: of 32 bytes."""

    key_id: int
    iteration: int
    chain_key: bytes = field(repr=False)
    signing_public: bytes = field(repr=False)
    signing_private: bytes | None = field(repr=False)
    skipped: tuple[SenderMessageKey, ...] = ()


# -- reading ----------------------------------------------------------------------------------


def parse_session(data: bytes) -> SessionRecord:
    """The ratchets of a row. A ratchet of before that is in doubt is left out. Raises
    RecordError."""
    held = _object(_loaded(data))
    current = _state(held.get("SessionState"))
    before = []
    for each in _list(held.get("PreviousStates"), MOST_STATES):
        try:
            before.append(_state(each))
        except RecordError:
            continue
    return SessionRecord(current, tuple(before))


def parse_sender_key(data: bytes) -> tuple[SenderKeyState, ...]:
    """The chains of a row, the newest first. Raises RecordError."""
    states = _list(_object(_loaded(data)).get("SenderKeyStates"), MOST_SENDER_STATES)
    if not states:
        raise RecordError("no chain")
    return tuple(map(_sender_state, states))


def checked(record: SessionRecord, own: bytes, registration: int) -> SessionRecord:
    """The same, if it is a ratchet of this device. own: the device's public identity.
    registration: its number. Raises RecordError."""
    for state in (record.current, *record.previous):
        if state.local != own:
            raise RecordError("another device's identity")
        if state.local_registration != registration:
            raise RecordError("another device's number")
    return record


def _loaded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordError("not JSON") from error


def _state(value: object) -> State:
    held = _object(value)
    if _number(held.get("SessionVersion"), 10) != _SESSION_VERSION:
        raise RecordError("another version")
    if held.get("PendingKeyExchange") is not None or held.get("NeedsRefresh") is True:
        raise RecordError("an exchange of keys under way")
    receivers = tuple(
        _chain(each, sending=False) for each in _list(held.get("ReceiverChains"), MOST_RECEIVERS)
    )
    pending = held.get("PendingPreKey")
    return State(
        local=_public(held.get("LocalIdentityPublic")),
        local_registration=_number(held.get("LocalRegistrationID"), _UINT32),
        remote=_public(held.get("RemoteIdentityPublic")),
        remote_registration=_number(held.get("RemoteRegistrationID"), _UINT32),
        base=_public(held.get("SenderBaseKey")),
        root=_secret(held.get("RootKey"), 32),
        previous_counter=_number(held.get("PreviousCounter"), _UINT32),
        sender=_chain(held.get("SenderChain"), sending=True),
        receivers=receivers,
        pending=None if pending is None else _pending(pending),
    )


def _chain(value: object, *, sending: bool) -> Chain:
    held = _object(value)
    public, private = _public(held.get("SenderRatchetKeyPublic")), None
    if sending:
        private = _secret(held.get("SenderRatchetKeyPrivate"), 32)
        if public_of(private) != public:
            raise RecordError("a ratchet key whose halves do not belong together")
    elif held.get("SenderRatchetKeyPrivate") not in (None, ""):
        raise RecordError("a private key of the other side")
    key = _object(held.get("ChainKey"))
    skipped = () if sending else tuple(map(_message_key, _list(held.get("MessageKeys"), MOST_KEYS)))
    return Chain(
        public, private, _secret(key.get("Key"), 32), _number(key.get("Index"), _UINT32), skipped
    )


def _message_key(value: object) -> MessageKey:
    held = _object(value)
    return MessageKey(
        _secret(held.get("CipherKey"), 32),
        _secret(held.get("MacKey"), 32),
        _bytes(held.get("IV"), 16),
        _number(held.get("Index"), _UINT32),
    )


def _pending(value: object) -> Pending:
    held = _object(value)
    number: int | None = None
    if (pre_key := held.get("PreKeyID")) is not None:
        told = _object(pre_key)
        if not isinstance(is_empty := told.get("IsEmpty"), bool):
            raise RecordError("no truth value where one stands")
        number = None if is_empty else _number(told.get("Value"), _PRE_KEY)
    signed = _number(held.get("SignedPreKeyID"), _PRE_KEY)
    return Pending(number, signed, _public(held.get("BaseKey")))


def _sender_state(value: object) -> SenderKeyState:
    held = _object(value)
    chain = _object(held.get("SenderChainKey"))
    public, private = _public(held.get("SigningKeyPublic")), None
    # Of somebody else's chain the library writes none, and zeros once it has read a message.
    if (told := held.get("SigningKeyPrivate")) not in (None, "") and any(_bytes(told, 32)):
        private = _bytes(told, 32)
        if public_of(private) != public:
            raise RecordError("a signing key whose halves do not belong together")
    return SenderKeyState(
        key_id=_number(held.get("KeyID"), _UINT32),
        iteration=_number(chain.get("Iteration"), _UINT32),
        chain_key=_secret(chain.get("ChainKey"), 32),
        signing_public=public,
        signing_private=private,
        skipped=tuple(map(_sender_key, _list(held.get("Keys"), MOST_KEYS))),
    )


def _sender_key(value: object) -> SenderMessageKey:
    held = _object(value)
    return SenderMessageKey(
        _number(held.get("Iteration"), _UINT32),
        _secret(held.get("Seed"), 32),
        _bytes(held.get("IV"), 16),
        _secret(held.get("CipherKey"), 32),
    )


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RecordError("no object where one stands")
    return value


def _list(value: object, most: int) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise RecordError("no list where one stands, or one that is too long")
    return value


def _number(value: object, end: int) -> int:
    if type(value) is not int or not 0 <= value < end:
        raise RecordError("no number where one stands, or one that cannot be")
    return value


def _bytes(value: object, size: int) -> bytes:
    if not isinstance(value, str):
        raise RecordError("no bytes where some stand")
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RecordError("bytes that are not base64") from error
    if len(data) != size:
        raise RecordError("bytes of another length")
    return data


def _secret(value: object, size: int) -> bytes:
    data = _bytes(value, size)
    if not any(data):
        raise RecordError("a key of zeros")
    return data


def _public(value: object) -> bytes:
    data = _secret(value, 33)
    if data[:1] != KEY_TYPE or not any(data[1:]):
        raise RecordError("a public key of another kind")
    return data[1:]


# -- writing ----------------------------------------------------------------------------------


def dump_session(record: SessionRecord) -> bytes:
    """The row, as the library writes it."""
    held = {
        "SessionState": _state_json(record.current),
        "PreviousStates": [_state_json(each) for each in record.previous],
    }
    return json.dumps(held, separators=(",", ":")).encode()


def dump_sender_key(states: tuple[SenderKeyState, ...]) -> bytes:
    """The row, as the library writes it. states: the newest first."""
    held = {"SenderKeyStates": [_sender_state_json(each) for each in states]}
    return json.dumps(held, separators=(",", ":")).encode()


def _state_json(state: State) -> dict[str, object]:
    pending = state.pending
    return {
        "LocalIdentityPublic": _b64(KEY_TYPE + state.local),
        "LocalRegistrationID": state.local_registration,
        "NeedsRefresh": False,
        "PendingKeyExchange": None,
        "PendingPreKey": pending
        and {
            "PreKeyID": {"Value": pending.pre_key or 0, "IsEmpty": pending.pre_key is None},
            "SignedPreKeyID": pending.signed_pre_key,
            "BaseKey": _b64(KEY_TYPE + pending.base),
        },
        "PreviousCounter": state.previous_counter,
        "ReceiverChains": [_chain_json(each) for each in state.receivers],
        "RemoteIdentityPublic": _b64(KEY_TYPE + state.remote),
        "RemoteRegistrationID": state.remote_registration,
        "RootKey": _b64(state.root),
        "SenderBaseKey": _b64(KEY_TYPE + state.base),
        "SenderChain": _chain_json(state.sender),
        "SessionVersion": _SESSION_VERSION,
    }


def _chain_json(chain: Chain) -> dict[str, object]:
    return {
        "SenderRatchetKeyPublic": _b64(KEY_TYPE + chain.public),
        "SenderRatchetKeyPrivate": None if chain.private is None else _b64(chain.private),
        "ChainKey": {"Key": _b64(chain.key), "Index": chain.index},
        "MessageKeys": [
            {
                "CipherKey": _b64(each.cipher),
                "MacKey": _b64(each.mac),
                "IV": _b64(each.iv),
                "Index": each.index,
            }
            for each in chain.skipped
        ],
    }


def _sender_state_json(state: SenderKeyState) -> dict[str, object]:
    private = state.signing_private
    return {
        "Keys": [
            {
                "Iteration": each.iteration,
                "IV": _b64(each.iv),
                "CipherKey": _b64(each.cipher),
                "Seed": _b64(each.seed),
            }
            for each in state.skipped
        ],
        "KeyID": state.key_id,
        "SenderChainKey": {"Iteration": state.iteration, "ChainKey": _b64(state.chain_key)},
        "SigningKeyPrivate": None if private is None else _b64(private),
        "SigningKeyPublic": _b64(KEY_TYPE + state.signing_public),
    }


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
