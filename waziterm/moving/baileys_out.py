"""The way back: a device of whatsmeow's store as the folder of Baileys 7, 6.7 and 6.5.

By the same map as the way in, `baileys.FIELDS`. What cannot go along: the keys of single messages
that have not come yet, of which whatsmeow keeps no seed; their senders are asked again.
"""

import base64
import json
import secrets
from collections.abc import Iterator
from typing import Any, assert_never

from waziterm.domain.moving.rows import DeviceRow, DeviceRows, SenderKeyRow, SessionRow, SyncKeyRow
from waziterm.moving.baileys import FIELDS, Field, Form, entry_name
from waziterm.moving.keys import KEY_TYPE, public_of
from waziterm.moving.records import (
    Chain,
    RecordError,
    SenderKeyState,
    State,
    parse_sender_key,
    parse_session,
)

Json = dict[str, Any]
_OURS, _THEIRS = 1, 2
_SENDING, _RECEIVING = 1, 2
_OPEN = -1
_LATEST = (1 << 32) - 1
"""What whatsmeow has for `previousCounter` where nothing was sent before."""


def folder_of(rows: DeviceRows, at: float) -> dict[str, Any]:
    """The JSON of each file by its name, without `.json`. at: UTC seconds."""
    files: dict[str, Any] = {"creds": _creds(rows)}
    for pre_key in rows.pre_keys:
        files[f"pre-key-{pre_key.key_id}"] = _pair(pre_key.key)
    for session in rows.sessions:
        if (record := _session(session, at)) is not None:
            for address in _addresses(session.their_id, "."):
                files[entry_name(f"session-{address}")] = record
    for identity in rows.identities:
        # 6 has none of these.
        address = _addresses(identity.their_id, ".")[0]
        files[entry_name(f"identity-key-{address}")] = _buffer(KEY_TYPE + identity.identity)
    for sender in rows.sender_keys:
        if (states := _sender_key(sender)) is not None:
            for address in _addresses(sender.sender_id, "::"):
                files[entry_name(f"sender-key-{sender.chat_id}::{address}")] = states
    for sync in rows.sync_keys:
        name = base64.b64encode(sync.key_id).decode()
        files[entry_name(f"app-state-sync-key-{name}")] = _sync_key(sync)
    for lid in rows.lids:
        files[f"lid-mapping-{lid.pn}"] = lid.lid
        files[f"lid-mapping-{lid.lid}_reverse"] = lid.pn
    for token in rows.tokens:
        told: Json = {"token": _buffer(token.token), "timestamp": str(token.timestamp)}
        if token.sender_timestamp is not None:
            told["senderTimestamp"] = token.sender_timestamp
        files[entry_name(f"tctoken-{token.their_jid}")] = told
    return files


def _creds(rows: DeviceRows) -> Json:
    device = rows.device
    creds: Json = {
        "pairingEphemeralKeyPair": _pair(secrets.token_bytes(32)),
        "processedHistoryMessages": [],
        "accountSyncCounter": 0,
        "accountSettings": {"unarchiveChats": False},
        "registered": False,
        "me": {"id": device.jid, **({} if device.lid is None else {"lid": device.lid})},
        "signalIdentities": [
            {
                "identifier": {"name": device.lid or device.jid, "deviceId": 0},
                "identifierKey": _buffer(KEY_TYPE + device.adv_account_sig_key),
            }
        ],
    }
    if rows.sync_keys:
        # Without it 6 holds back what comes, until a phone gives it one.
        of_state = max(rows.sync_keys, key=lambda each: each.timestamp)
        creds["myAppStateKeyId"] = base64.b64encode(of_state.key_id).decode()
    newest = max((each.key_id for each in rows.pre_keys), default=0) + 1
    creds["nextPreKeyId"] = newest
    new = (each.key_id for each in rows.pre_keys if not each.uploaded)
    creds["firstUnuploadedPreKeyId"] = min(new, default=newest)
    for each in FIELDS:
        for path, value in _field(device, each):
            _put(creds, path, value)
    return creds


def _field(device: DeviceRow, field: Field) -> Iterator[tuple[str, object]]:
    value = getattr(device, field.column)
    match field.form:
        case Form.KEY:
            yield field.path, _buffer(value)
            yield field.path.replace(".private", ".public"), _buffer(public_of(value))
        case Form.SIGNATURE:
            yield field.path, _buffer(value)
        case Form.TEXT_KEY | Form.TEXT_SIGNATURE | Form.TEXT_BYTES:
            yield field.path, _b64(value)
        case Form.NUMBER | Form.TEXT:
            yield field.path, value
        case _:
            assert_never(field.form)


def _put(into: Json, path: str, value: object) -> None:
    *before, last = path.split(".")
    for part in before:
        into = into.setdefault(part, {})
    into[last] = value


def _session(row: SessionRow, at: float) -> Json | None:
    """The ratchets of a row, None where they are in doubt."""
    try:
        record = parse_session(row.session)
    except RecordError:
        return None
    used = int(at * 1000)
    states = (record.current, *record.previous)
    # The order in which they were used tells which goes first when there are too many.
    entries = {
        _key(state.base): _state(state, used - number, is_open=not number)
        for number, state in reversed(list(enumerate(states)))
    }
    return {"_sessions": entries, "version": "v1"}


def _state(state: State, used: int, *, is_open: bool) -> Json:
    # One that has sent nothing holds nothing; the library makes it anew from the root.
    receivers = [each for each in state.receivers if each.index or each.skipped]
    private = state.sender.private
    assert private is not None
    previous = state.previous_counter
    told: Json = {
        "registrationId": state.remote_registration,
        "currentRatchet": {
            "ephemeralKeyPair": {"pubKey": _key(state.sender.public), "privKey": _b64(private)},
            "lastRemoteEphemeralKey": (_key(state.receivers[-1].public) if state.receivers else ""),
            "previousCounter": 0 if previous == _LATEST else previous,
            "rootKey": _b64(state.root),
        },
        "indexInfo": {
            "baseKey": _key(state.base),
            "baseKeyType": _OURS if state.pending is not None else _THEIRS,
            "closed": _OPEN if is_open else used,
            "used": used,
            "created": used,
            "remoteIdentityKey": _key(state.remote),
        },
        "_chains": {
            **{_key(each.public): _chain(each, _RECEIVING) for each in receivers},
            _key(state.sender.public): _chain(state.sender, _SENDING),
        },
    }
    if (pending := state.pending) is not None:
        told["pendingPreKey"] = {
            "signedKeyId": pending.signed_pre_key,
            "baseKey": _key(pending.base),
            **({} if pending.pre_key is None else {"preKeyId": pending.pre_key}),
        }
    return told


def _chain(chain: Chain, kind: int) -> Json:
    # Theirs is the number of the last message.
    key = {"counter": chain.index - 1, "key": _b64(chain.key)}
    return {"chainKey": key, "chainType": kind, "messageKeys": {}}


def _sender_key(row: SenderKeyRow) -> Json | None:
    """A member's chains in a group, None where they are in doubt."""
    try:
        states = parse_sender_key(row.sender_key)
    except RecordError:
        return None
    text = json.dumps([_sender_state(each) for each in reversed(states)])
    return _buffer(text.encode())


def _sender_state(state: SenderKeyState) -> Json:
    signing: Json = {"public": list(KEY_TYPE + state.signing_public)}
    if state.signing_private is not None:
        signing["private"] = list(state.signing_private)
    return {
        "senderKeyId": state.key_id,
        "senderChainKey": {"iteration": state.iteration, "seed": list(state.chain_key)},
        "senderSigningKey": signing,
        "senderMessageKeys": [
            {"iteration": each.iteration, "seed": list(each.seed)} for each in state.skipped
        ],
    }


def _sync_key(row: SyncKeyRow) -> Json:
    return {
        "keyData": _b64(row.key_data),
        "timestamp": str(row.timestamp),
        "fingerprint": _fingerprint(row.fingerprint),
    }


def _fingerprint(packed: bytes) -> Json:
    """See `baileys._fingerprint`."""
    told: Json = {"deviceIndexes": []}
    at = 0
    while at < len(packed):
        tag, at = packed[at], at + 1
        number, at = _varint(packed, at)
        if tag == 0x08:
            told["rawId"] = number
        elif tag == 0x10:
            told["currentIndex"] = number
        elif tag == 0x1A:
            end = at + number
            while at < min(end, len(packed)):
                index, at = _varint(packed, at)
                told["deviceIndexes"].append(index)
        else:
            break
    return told


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number, shift = 0, 0
    while at < len(data) and shift < 64:
        byte, at = data[at], at + 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return number, at


def _addresses(their_id: str, between: str) -> tuple[str, ...]:
    """How Baileys names a device: as 7 does, and a hidden id as 6 does too, which has it without
    its mark. Each of both reads its own."""
    user, _, device = their_id.partition(":")
    users = dict.fromkeys((user, user.removesuffix("_1")))
    return tuple(f"{each}{between}{device}" for each in users)


def _pair(private: bytes) -> Json:
    return {"private": _buffer(private), "public": _buffer(public_of(private))}


def _buffer(data: bytes) -> Json:
    return {"type": "Buffer", "data": _b64(data)}


def _key(public: bytes) -> str:
    return _b64(KEY_TYPE + public)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
