"""The ratchets of Baileys (libsignal-node's `session_record.js`, its own `sender-key-record`).

A session is `{"_sessions": {BASE KEY: entry}}`; a group's key is an array of states, the newest
last.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace

from waziterm.moving.keys import derived, public_of
from waziterm.moving.records import (
    MOST_KEYS,
    MOST_RECEIVERS,
    MOST_SENDER_STATES,
    MOST_STATES,
    Chain,
    MessageKey,
    Pending,
    RecordError,
    SenderKeyState,
    SenderMessageKey,
    SessionRecord,
    State,
)
from waziterm.moving.values import (
    ValueFormError,
    bytes_of,
    key_of,
    member,
    number_of,
    secret_of,
)

_SENDING, _RECEIVING = 1, 2
_UINT32 = 1 << 32
_PRE_KEYS = 1 << 24
_TIMES = 1 << 53
_OPEN = -1


def session_of(value: object, own: bytes, registration: int) -> SessionRecord:
    """The ratchets with one device. own: our public identity. registration: our number.

    Raises RecordError and ValueFormError for those without an open one, or when that is in doubt;
    an older one that is in doubt is left out.
    """
    held = member(value, "_sessions")
    entries = list(held.values()) if isinstance(held, dict) else []
    is_open = [each for each in entries if member(each, "indexInfo.closed") == _OPEN]
    if len(is_open) != 1:
        raise RecordError("no open ratchet, or several")
    before = []
    for each in entries:
        if each is not is_open[0]:
            try:
                used = number_of(member(each, "indexInfo.used"), _TIMES)
                before.append((used, _state(each, own, registration)))
            except (RecordError, ValueFormError):
                continue
    before.sort(key=lambda each: each[0], reverse=True)
    current = _state(is_open[0], own, registration)
    return SessionRecord(current, tuple(state for _, state in before[:MOST_STATES]))


def _state(entry: object, own: bytes, registration: int) -> State:
    ratchet, index = member(entry, "currentRatchet"), member(entry, "indexInfo")
    public = key_of(member(ratchet, "ephemeralKeyPair.pubKey"))
    private = secret_of(member(ratchet, "ephemeralKeyPair.privKey"))
    if public_of(private) != public:
        raise RecordError("a ratchet key whose halves do not belong together")
    sender: Chain | None = None
    receivers: list[Chain] = []
    chains = member(entry, "_chains")
    for name, each in (chains if isinstance(chains, dict) else {}).items():
        chain = _chain(key_of(name), each)
        kind = member(each, "chainType")
        if kind == _SENDING and chain.public == public:
            # The one of an earlier ratchet key is not used any more.
            sender = replace(chain, private=private, skipped=())
        elif kind == _RECEIVING:
            receivers.append(chain)
    if sender is None:
        raise RecordError("no chain to send on")
    last = _last_remote(ratchet)
    # The order is that in which they came; the library takes the last for the one in use.
    receivers.sort(key=lambda each: each.public == last)
    pending = member(entry, "pendingPreKey")
    previous = member(ratchet, "previousCounter")
    return State(
        local=own,
        local_registration=registration,
        remote=key_of(member(index, "remoteIdentityKey")),
        remote_registration=number_of(member(entry, "registrationId") or 0, _UINT32),
        base=key_of(member(index, "baseKey")),
        root=secret_of(member(ratchet, "rootKey")),
        # It is -1 where nothing was sent.
        previous_counter=max(0, number_of(previous, _UINT32, least=-1)),
        sender=sender,
        receivers=tuple(receivers[-MOST_RECEIVERS:]),
        pending=None if pending is None else _pending(pending),
    )


def _last_remote(ratchet: object) -> bytes | None:
    value = member(ratchet, "lastRemoteEphemeralKey")
    return key_of(value) if value else None


def _chain(public: bytes, value: object) -> Chain:
    held = member(value, "messageKeys")
    skipped = held if isinstance(held, Mapping) else {}
    if len(skipped) > MOST_KEYS:
        raise RecordError("too many messages that have not come")
    key = member(value, "chainKey.key")
    return Chain(
        public=public,
        private=None,
        # A chain that is closed has none; one of zeros could be guessed.
        key=secrets.token_bytes(32) if key is None else secret_of(key),
        # Theirs is the number of the last message, -1 before the first.
        index=number_of(member(value, "chainKey.counter"), _UINT32 - 1, least=-1) + 1,
        skipped=tuple(_message_key(number, seed) for number, seed in skipped.items()),
    )


def _message_key(number: object, seed: object) -> MessageKey:
    keys = derived(secret_of(seed), b"WhisperMessageKeys", 80)
    return MessageKey(keys[:32], keys[32:64], keys[64:], number_of(number, _UINT32))


def _pending(value: object) -> Pending:
    number = member(value, "preKeyId")
    return Pending(
        None if number is None else number_of(number, _PRE_KEYS),
        number_of(member(value, "signedKeyId"), _PRE_KEYS),
        key_of(member(value, "baseKey")),
    )


def sender_key_of(value: object) -> tuple[SenderKeyState, ...]:
    """A member's chains in a group, the newest first. Raises RecordError and ValueFormError."""
    if not isinstance(value, list) or (value and type(value[0]) is int):
        try:
            # Since 7 a buffer that holds JSON.
            value = json.loads(bytes_of(value))
        except (ValueError, RecursionError) as error:
            raise RecordError("not JSON") from error
    if not isinstance(value, list) or not 0 < len(value) <= MOST_SENDER_STATES:
        raise RecordError("no chains, or too many")
    return tuple(_sender_state(each) for each in reversed(value))


def _sender_state(value: object) -> SenderKeyState:
    public = key_of(member(value, "senderSigningKey.public"))
    held = member(value, "senderSigningKey.private")
    # Of somebody else's chain it has an empty one.
    private = secret_of(held) if held and bytes_of(held, 0, 32) else None
    if private is not None and public_of(private) != public:
        raise RecordError("a signing key whose halves do not belong together")
    skipped = member(value, "senderMessageKeys") or []
    if not isinstance(skipped, list) or len(skipped) > MOST_KEYS:
        raise RecordError("too many messages that have not come")
    return SenderKeyState(
        key_id=number_of(member(value, "senderKeyId"), _UINT32),
        iteration=number_of(member(value, "senderChainKey.iteration"), _UINT32),
        chain_key=secret_of(member(value, "senderChainKey.seed")),
        signing_public=public,
        signing_private=private,
        skipped=tuple(map(_sender_message, skipped)),
    )


def _sender_message(value: object) -> SenderMessageKey:
    seed = secret_of(member(value, "seed"))
    keys = derived(seed, b"WhisperGroup", 48)
    return SenderMessageKey(
        number_of(member(value, "iteration"), _UINT32), seed, keys[:16], keys[16:]
    )
