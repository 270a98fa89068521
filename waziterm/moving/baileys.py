"""Baileys 5, 6 and 7: its `creds.json` and keys as rows of whatsmeow's store.

`FIELDS` is the map of the device, `baileys_ratchets` that of the ratchets. Tried with the real
libraries: 7.0.0-rc14, 6.7.18 and 6.5.0, see README.
"""

import base64
import binascii
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Any, assert_never

from waziterm.domain.frozen import dataclass
from waziterm.domain.moving.plan import Carried, Heals
from waziterm.domain.moving.rows import (
    DeviceRow,
    DeviceRows,
    IdentityRow,
    LidRow,
    PreKeyRow,
    SenderKeyRow,
    SessionRow,
    SyncKeyRow,
    TokenRow,
)
from waziterm.domain.phrase import NOTHING, Phrase
from waziterm.moving.baileys_ratchets import sender_key_of, session_of
from waziterm.moving.keys import KEY_TYPE, is_signed, public_of
from waziterm.moving.records import RecordError, dump_sender_key, dump_session
from waziterm.moving.values import (
    ValueFormError,
    bytes_of,
    key_of,
    member,
    number_of,
    secret_of,
    text_of,
)

_PRE_KEYS = 1 << 24
_REGISTRATIONS = 1 << 32
_TIMES = 1 << 53
_LID_DIGITS = 14
"""A number without `_1` that has so many digits is a LID in the folders of 6.x: no phone number of
an account that can be linked is as long."""
_ME = re.compile(r"(?P<user>\d{5,20})(?:\.0)?:(?P<device>\d{1,5})@(?:s\.whatsapp\.net|c\.us)")
_MY_LID = re.compile(r"(?P<user>\d{5,20})(?::\d{1,5})?@lid")
_ACCOUNTS = (b"\x06\x00", b"\x06\x05")
_DEVICES = (b"\x06\x01", b"\x06\x06")
"""What the signatures of a linked device begin with, the second of a hosted one (Baileys
`Defaults`)."""


class Form(Enum):
    """How a field stands in `creds.json`. KEY: a private key, beside it its `public`. SIGNATURE:
    64 bytes. TEXT_KEY, TEXT_SIGNATURE, TEXT_BYTES: base64 as a plain text. NUMBER: see `Field.end`.
    """

    KEY = auto()
    SIGNATURE = auto()
    TEXT_KEY = auto()
    TEXT_SIGNATURE = auto()
    TEXT_BYTES = auto()
    NUMBER = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the device. path: in `creds.json`, dotted. column: of `DeviceRow`. end: what a
    number is less than."""

    path: str
    column: str
    form: Form
    end: int = 0


FIELDS = (
    Field("registrationId", "registration_id", Form.NUMBER, _REGISTRATIONS),
    Field("noiseKey.private", "noise_key", Form.KEY),
    Field("signedIdentityKey.private", "identity_key", Form.KEY),
    Field("signedPreKey.keyPair.private", "signed_pre_key", Form.KEY),
    Field("signedPreKey.keyId", "signed_pre_key_id", Form.NUMBER, _PRE_KEYS),
    Field("signedPreKey.signature", "signed_pre_key_sig", Form.SIGNATURE),
    Field("advSecretKey", "adv_key", Form.TEXT_KEY),
    Field("account.details", "adv_details", Form.TEXT_BYTES),
    Field("account.accountSignature", "adv_account_sig", Form.TEXT_SIGNATURE),
    Field("account.accountSignatureKey", "adv_account_sig_key", Form.TEXT_KEY),
    Field("account.deviceSignature", "adv_device_sig", Form.TEXT_SIGNATURE),
    Field("platform", "platform", Form.TEXT),
    Field("me.name", "push_name", Form.TEXT),
)
"""The map of the device, both ways; `me.id` and `me.lid` are the columns jid and lid."""


class NotADeviceError(ValueError):
    """There is no device that could be moved; said: why, for a person."""

    def __init__(self, said: Phrase) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, slots=True)
class Converted:
    """A device, what was dropped of it, and what of it heals."""

    rows: DeviceRows
    dropped: Mapping[Carried, int]
    heals: tuple[Heals, ...]


def entry_name(name: str) -> str:
    """The name of an entry, `TYPE-ID`, as files have it; other stores keep the characters."""
    return name.replace("/", "__").replace(":", "-")


def converted(creds: object, entries: Iterable[tuple[str, object]]) -> Converted:
    """A device of Baileys. creds: the JSON of `creds.json`. entries: the name, see `entry_name`,
    and the JSON of each other entry. Raises NotADeviceError."""
    device = device_of(creds)
    reading = _Reading(device, creds)
    for name, value in entries:
        reading.take(name, value)
    return reading.converted()


def device_of(creds: object) -> DeviceRow:
    """The device of a `creds.json`. Raises NotADeviceError."""
    if not isinstance(creds, dict):
        raise NotADeviceError(Phrase("creds.json holds no object"))
    me = member(creds, "me.id")
    # `registered` says nothing: it stays false after a pairing by QR code.
    if me is None or member(creds, "account") is None:
        raise NotADeviceError(Phrase("it is not linked: creds.json names no account"))
    match = _ME.fullmatch(me) if isinstance(me, str) else None
    if match is None or not int(match["device"]):
        raise NotADeviceError(Phrase("it is not linked: creds.json names no device of an account"))
    values: dict[str, Any] = {}
    for each in FIELDS:
        try:
            values[each.column] = _field(creds, each)
        except ValueFormError as error:
            raise NotADeviceError(
                Phrase(
                    "creds.json is damaged: {field} holds {what}", field=each.path, what=error.said
                )
            ) from error
    number = int(match["device"])
    lid = _MY_LID.fullmatch(text_of(member(creds, "me.lid")))
    row = DeviceRow(
        jid=f"{match['user']}:{number}@s.whatsapp.net",
        lid=None if lid is None else f"{lid['user']}:{number}@lid",
        **values,
    )
    if why := wrong_signature(row):
        raise NotADeviceError(Phrase("creds.json is damaged: {why}", why=why))
    return row


def wrong_signature(row: DeviceRow) -> Phrase:
    """Which signature of a device does not belong to its keys, or nothing."""
    identity = public_of(row.identity_key)
    signed = KEY_TYPE + public_of(row.signed_pre_key)
    if not is_signed(signed, row.signed_pre_key_sig, identity):
        return Phrase("its signed prekey is not signed by its identity")
    covered, account = row.adv_details + identity, row.adv_account_sig_key
    if not any(is_signed(each + covered, row.adv_account_sig, account) for each in _ACCOUNTS):
        return Phrase("its account has not signed it")
    covered += account
    if not any(is_signed(each + covered, row.adv_device_sig, identity) for each in _DEVICES):
        return Phrase("it has not signed its account")
    return NOTHING


def _field(creds: object, field: Field) -> object:
    value = member(creds, field.path)
    match field.form:
        case Form.KEY:
            private = secret_of(value)
            public = key_of(member(creds, field.path.replace(".private", ".public")))
            if public_of(private) != public:
                raise ValueFormError(Phrase("a private key that does not belong to the public one"))
            return private
        case Form.SIGNATURE | Form.TEXT_SIGNATURE:
            return bytes_of(value, 64)
        case Form.TEXT_KEY:
            return key_of(value)
        case Form.TEXT_BYTES:
            return bytes_of(value)
        case Form.NUMBER:
            return number_of(value, field.end)
        case Form.TEXT:
            return text_of(value)
        case _:
            assert_never(field.form)


class _Reading:
    """The entries of one device, as they come."""

    def __init__(self, device: DeviceRow, creds: object) -> None:
        self._device = device
        self._identity = public_of(device.identity_key)
        self._next_pre_key = _number_or(member(creds, "nextPreKeyId"), 1)
        self._first_new = _number_or(member(creds, "firstUnuploadedPreKeyId"), _PRE_KEYS)
        self._pre_keys: dict[int, PreKeyRow] = {}
        self._sessions: dict[str, SessionRow] = {}
        self._bare_sessions: set[str] = set()
        self._identities: dict[str, bytes] = {}
        self._of_sessions: dict[str, bytes] = {}
        self._sender_keys: dict[tuple[str, str], SenderKeyRow] = {}
        self._sync_keys: dict[bytes, SyncKeyRow] = {}
        self._lids: dict[str, str] = {}
        self._tokens: dict[str, TokenRow] = {}
        self._dropped: Counter[Carried] = Counter()
        self._heals: set[Heals] = set()

    def take(self, name: str, value: object) -> None:
        """One entry; one that is in doubt is dropped, one of another kind is none of ours."""
        for pattern, kind, keep in _ENTRIES:
            if (match := pattern.fullmatch(name)) is not None:
                try:
                    keep(self, match, value)
                except (ValueFormError, RecordError):
                    if kind is not None:
                        self._dropped[kind] += 1
                return

    def keep_pre_key(self, match: re.Match[str], value: object) -> None:
        number = number_of(match["id"], _PRE_KEYS)
        private = secret_of(member(value, "private"))
        self._pre_keys[number] = PreKeyRow(number, private, number < self._first_new)

    def keep_session(self, match: re.Match[str], value: object) -> None:
        record = session_of(value, self._identity, self._device.registration_id)
        their_id = _address(match)
        self._sessions[their_id] = SessionRow(their_id, dump_session(record))
        self._of_sessions[their_id] = record.current.remote
        if match["domain"] is None and len(match["user"]) >= _LID_DIGITS:
            self._bare_sessions.add(their_id)

    def keep_identity(self, match: re.Match[str], value: object) -> None:
        self._identities[_address(match)] = key_of(value)

    def keep_sender_key(self, match: re.Match[str], value: object) -> None:
        sender, chat = _address(match), match["chat"]
        data = dump_sender_key(sender_key_of(value))
        self._sender_keys[chat, sender] = SenderKeyRow(chat, sender, data)

    def keep_sync_key(self, match: re.Match[str], value: object) -> None:
        try:
            key_id = base64.b64decode(match["id"].replace("__", "/"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueFormError(Phrase("a name that is not base64")) from error
        if not 0 < len(key_id) <= 64:
            raise ValueFormError(Phrase("a name that is none"))
        self._sync_keys[key_id] = SyncKeyRow(
            key_id,
            bytes_of(member(value, "keyData"), 32),
            number_of(member(value, "timestamp") or 0, _TIMES),
            _fingerprint(member(value, "fingerprint")),
        )

    def keep_lid(self, match: re.Match[str], value: object) -> None:
        lid = value if isinstance(value, str) else ""
        if not re.fullmatch(r"\d{5,20}", lid):
            raise ValueFormError(Phrase("no hidden id"))
        self._lids[lid] = match["id"]

    def keep_token(self, match: re.Match[str], value: object) -> None:
        token = bytes_of(member(value, "token"))
        if not 0 < len(token) <= 4096:
            raise ValueFormError(Phrase("no token"))
        sent = member(value, "senderTimestamp")
        self._tokens[match["id"]] = TokenRow(
            match["id"],
            token,
            number_of(member(value, "timestamp") or 0, _TIMES),
            None if sent is None else number_of(sent, _TIMES),
        )

    def skip_reverse(self, _match: re.Match[str], _value: object) -> None:
        """The same as the entry that it is made of."""

    def heal_chats(self, _match: re.Match[str], _value: object) -> None:
        self._heals.add(Heals.CHATS)

    def heal_device_list(self, _match: re.Match[str], _value: object) -> None:
        self._heals.add(Heals.DEVICE_LISTS)

    def heal_group_keys(self, _match: re.Match[str], _value: object) -> None:
        self._heals.add(Heals.GROUP_KEYS)

    def converted(self) -> Converted:
        device = self._device
        # The library numbers on from the largest one that it finds.
        last = self._next_pre_key - 1
        if last > 0 and last not in self._pre_keys:
            self._pre_keys[last] = PreKeyRow(last, secrets.token_bytes(32), uploaded=True)
        # What we have written for 6 too: 7 has its own beside it, which it has gone on with.
        for each in tuple(self._bare_sessions):
            if each.replace(":", "_1:") in self._sessions:
                self._bare_sessions.discard(each)
                del self._sessions[each], self._of_sessions[each]
        for chat, sender in tuple(self._sender_keys):
            if (chat, sender.replace(":", "_1:")) in self._sender_keys:
                del self._sender_keys[chat, sender]
        knows_lids = bool(self._lids) or any("_1:" in each for each in self._sessions)
        if not knows_lids:
            self._heals.add(Heals.HIDDEN_IDS)
            for each in sorted(self._bare_sessions):
                their_id = each.replace(":", "_1:")
                self._sessions[their_id] = SessionRow(their_id, self._sessions[each].session)
                self._of_sessions[their_id] = self._of_sessions[each]
            for row in tuple(self._sender_keys.values()):
                user, _, number = row.sender_id.partition(":")
                if user.isdigit() and len(user) >= _LID_DIGITS:
                    hidden = SenderKeyRow(row.chat_id, f"{user}_1:{number}", row.sender_key)
                    self._sender_keys[row.chat_id, hidden.sender_id] = hidden
        user, own_lid = device.jid.partition(":")[0], device.lid
        own = f"{user}:0"
        if own_lid is not None:
            lid = own_lid.partition(":")[0]
            own, self._lids[lid] = f"{lid}_1:0", user
        identities = {own: device.adv_account_sig_key} | self._identities | self._of_sessions
        if self._dropped[Carried.SESSIONS]:
            self._heals.add(Heals.SESSIONS)
        # A number has one hidden id: the last that is named counts.
        by_number = {number: lid for lid, number in self._lids.items()}
        rows = DeviceRows(
            device,
            pre_keys=tuple(self._pre_keys[each] for each in sorted(self._pre_keys)),
            sessions=tuple(self._sessions.values()),
            identities=tuple(IdentityRow(*each) for each in identities.items()),
            sender_keys=tuple(self._sender_keys.values()),
            sync_keys=tuple(self._sync_keys.values()),
            lids=tuple(LidRow(lid, number) for number, lid in by_number.items()),
            tokens=tuple(self._tokens.values()),
        )
        return Converted(
            rows, dict(self._dropped), tuple(each for each in Heals if each in self._heals)
        )


_DOMAINS = r"(?:_(?P<domain>1|128|129))?"
"""Behind a user: none is a number, 1 a LID, the others are hosted (whatsmeow `types/jid.go`)."""
_Keep = Callable[[_Reading, re.Match[str], object], None]
_ENTRIES: tuple[tuple[re.Pattern[str], Carried | None, _Keep], ...] = tuple(
    (re.compile(pattern), kind, keep)
    for pattern, kind, keep in (
        (r"pre-key-(?P<id>\d{1,8})", Carried.PRE_KEYS, _Reading.keep_pre_key),
        (
            rf"session-(?P<user>\d{{5,20}}){_DOMAINS}\.(?P<device>\d{{1,5}})",
            Carried.SESSIONS,
            _Reading.keep_session,
        ),
        (
            rf"identity-key-(?P<user>\d{{5,20}}){_DOMAINS}\.(?P<device>\d{{1,5}})",
            Carried.IDENTITIES,
            _Reading.keep_identity,
        ),
        (
            r"sender-key-(?P<chat>[\d-]{5,40}@g\.us|status@broadcast)"
            rf"--(?P<user>\d{{5,20}}){_DOMAINS}--(?P<device>\d{{1,5}})",
            Carried.SENDER_KEYS,
            _Reading.keep_sender_key,
        ),
        (r"sender-key-memory-.*", None, _Reading.heal_group_keys),
        (
            r"app-state-sync-key-(?P<id>[A-Za-z0-9+_=-]{1,100})",
            Carried.SYNC_KEYS,
            _Reading.keep_sync_key,
        ),
        (r"app-state-sync-version-.*", None, _Reading.heal_chats),
        (r"device-list-.*", None, _Reading.heal_device_list),
        (r"lid-mapping-\d+_reverse", None, _Reading.skip_reverse),
        (r"lid-mapping-(?P<id>\d{5,20})", Carried.LIDS, _Reading.keep_lid),
        (r"tctoken-(?P<id>\d{5,20}@(?:lid|s\.whatsapp\.net))", Carried.TOKENS, _Reading.keep_token),
    )
)


def _address(match: re.Match[str]) -> str:
    """How whatsmeow names the device: `USER[_DOMAIN]:DEVICE`."""
    domain = "" if match["domain"] is None else f"_{match['domain']}"
    return f"{match['user']}{domain}:{int(match['device'])}"


def _number_or(value: object, other: int) -> int:
    try:
        return number_of(value, _PRE_KEYS, least=1)
    except ValueFormError:
        return other


def _fingerprint(value: object) -> bytes:
    """`AppStateSyncKeyFingerprint` (waE2E.proto) as protobuf: rawId, currentIndex, and packed
    deviceIndexes."""
    indexes = member(value, "deviceIndexes")
    packed = b"".join(
        _varint(number_of(each, 1 << 32)) for each in (indexes if isinstance(indexes, list) else ())
    )
    out = b""
    for tag, name in ((b"\x08", "rawId"), (b"\x10", "currentIndex")):
        if (found := member(value, name)) is not None:
            out += tag + _varint(number_of(found, 1 << 32))
    return out + (b"\x1a" + _varint(len(packed)) + packed if packed else b"")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
