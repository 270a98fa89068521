"""Whatsmeow's own stores: GOWA, wuzapi, wacli, WAHA GOWS, neonize. One file may hold many devices.

Their rows go through the same checks as those that are made of Baileys' files: whoever wrote them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

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
from waziterm.domain.phrase import Phrase
from waziterm.moving.baileys import Converted, NotADeviceError, wrong_signature
from waziterm.moving.keys import public_of
from waziterm.moving.records import (
    RecordError,
    checked,
    dump_sender_key,
    dump_session,
    parse_sender_key,
    parse_session,
)
from waziterm.store.session_rows import ForeignDevice

T = TypeVar("T")
Row = Mapping[str, object]
_JID = re.compile(r"(?P<user>\d{5,20})(?:\.0)?:(?P<device>\d{1,5})@s\.whatsapp\.net")
_LID = re.compile(r"(?P<user>\d{5,20})(?:\.\d{1,3})?(?::\d{1,5})?@lid")
_ADDRESS = re.compile(r"\d{5,20}(?:_(?:1|128|129))?:\d{1,5}")
_CHAT = re.compile(r"[\d-]{5,40}@g\.us|status@broadcast")
_ACCOUNT = re.compile(r"\d{5,20}@(?:lid|s\.whatsapp\.net)")
_DIGITS = re.compile(r"\d{5,20}")
_PRE_KEYS, _REGISTRATIONS, _TIMES = 1 << 24, 1 << 32, 1 << 53
_MOST_TEXT = 200


class _DoubtError(ValueError):
    """A row is not as the library writes it; said: what it is."""

    def __init__(self, said: Phrase) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, slots=True)
class Lids:
    """The hidden ids of a store, checked, which are the same for each of its devices; how many were
    dropped."""

    rows: tuple[LidRow, ...]
    dropped: int


def lids_of(devices: Sequence[ForeignDevice]) -> Lids:
    """The hidden ids of the store in which these devices are."""
    good, dropped = [], 0
    for row in devices[0].rows.get(LidRow, ()) if devices else ():
        try:
            good.append(_lid_row(row))
        except _DoubtError:
            dropped += 1
    return Lids(_by(lambda each: each.pn, _by(lambda each: each.lid, good)), dropped)


def device_of(found: ForeignDevice, lids: Lids) -> Converted:
    """A device of a foreign store, checked. lids: of that store. Raises NotADeviceError."""
    match = _JID.fullmatch(found.jid)
    if match is None or not int(match["device"]):
        raise NotADeviceError(Phrase("it holds no device of an account"))
    try:
        device = _device(found.device, match)
    except _DoubtError as error:
        raise NotADeviceError(Phrase("its device is damaged: {why}", why=error.said)) from error
    if why := wrong_signature(device):
        raise NotADeviceError(Phrase("its device is damaged: {why}", why=why))
    dropped: Counter[Carried] = Counter()
    if lids.dropped:
        dropped[Carried.LIDS] = lids.dropped

    def kept(kind: type[T], make: Callable[[Row], T], counted: Carried) -> tuple[T, ...]:
        good = []
        for row in found.rows.get(kind, ()):
            try:
                good.append(make(row))
            except (_DoubtError, RecordError):
                dropped[counted] += 1
        return tuple(good)

    identity = public_of(device.identity_key)
    rows = DeviceRows(
        device,
        pre_keys=_by(lambda each: each.key_id, kept(PreKeyRow, _pre_key, Carried.PRE_KEYS)),
        sessions=_by(
            lambda each: each.their_id,
            kept(
                SessionRow,
                lambda row: _session(row, identity, device.registration_id),
                Carried.SESSIONS,
            ),
        ),
        identities=_by(
            lambda each: each.their_id, kept(IdentityRow, _identity, Carried.IDENTITIES)
        ),
        sender_keys=_by(
            lambda each: (each.chat_id, each.sender_id),
            kept(SenderKeyRow, _sender_key, Carried.SENDER_KEYS),
        ),
        sync_keys=_by(lambda each: each.key_id, kept(SyncKeyRow, _sync_key, Carried.SYNC_KEYS)),
        lids=lids.rows,
        tokens=_by(lambda each: each.their_jid, kept(TokenRow, _token, Carried.TOKENS)),
    )
    if not (rows.pre_keys or rows.identities or rows.sessions):
        raise NotADeviceError(
            Phrase(
                "its keys are not in this file: where the program keeps them in a second one, name"
                " that with --keys-db"
            )
        )
    return Converted(rows, dict(dropped), (Heals.SESSIONS,) if dropped[Carried.SESSIONS] else ())


def _by(key: Callable[[T], object], rows: Iterable[T]) -> tuple[T, ...]:
    """Each once: of two with the same key the last counts."""
    return tuple({key(each): each for each in rows}.values())


def _device(row: Row, match: re.Match[str]) -> DeviceRow:
    number = int(match["device"])
    lid = _LID.fullmatch(_text(row, "lid"))
    return DeviceRow(
        jid=f"{match['user']}:{number}@s.whatsapp.net",
        lid=None if lid is None else f"{lid['user']}:{number}@lid",
        registration_id=_number(row, "registration_id", _REGISTRATIONS),
        noise_key=_key(row, "noise_key"),
        identity_key=_key(row, "identity_key"),
        signed_pre_key=_key(row, "signed_pre_key"),
        signed_pre_key_id=_number(row, "signed_pre_key_id", _PRE_KEYS),
        signed_pre_key_sig=_bytes(row, "signed_pre_key_sig", 64),
        adv_key=_bytes(row, "adv_key", 32),
        adv_details=_bytes(row, "adv_details", 0),
        adv_account_sig=_bytes(row, "adv_account_sig", 64),
        adv_account_sig_key=_key(row, "adv_account_sig_key"),
        adv_device_sig=_bytes(row, "adv_device_sig", 64),
        platform=_text(row, "platform"),
        business_name=_text(row, "business_name"),
        push_name=_text(row, "push_name"),
        lid_migration_ts=_number(row, "lid_migration_ts", _TIMES, 0),
    )


def _pre_key(row: Row) -> PreKeyRow:
    return PreKeyRow(
        _number(row, "key_id", _PRE_KEYS),
        _key(row, "key"),
        bool(_number(row, "uploaded", 2)),
    )


def _session(row: Row, identity: bytes, registration: int) -> SessionRow:
    record = checked(parse_session(_bytes(row, "session", 0)), identity, registration)
    return SessionRow(_word(row, "their_id", _ADDRESS), dump_session(record))


def _identity(row: Row) -> IdentityRow:
    return IdentityRow(_word(row, "their_id", _ADDRESS), _key(row, "identity"))


def _sender_key(row: Row) -> SenderKeyRow:
    chains = parse_sender_key(_bytes(row, "sender_key", 0))
    chat, sender = _word(row, "chat_id", _CHAT), _word(row, "sender_id", _ADDRESS)
    return SenderKeyRow(chat, sender, dump_sender_key(chains))


def _sync_key(row: Row) -> SyncKeyRow:
    return SyncKeyRow(
        _bytes(row, "key_id", 0),
        _bytes(row, "key_data", 32),
        _number(row, "timestamp", _TIMES),
        _bytes(row, "fingerprint", -1),
    )


def _lid_row(row: Row) -> LidRow:
    return LidRow(_word(row, "lid", _DIGITS), _word(row, "pn", _DIGITS))


def _token(row: Row) -> TokenRow:
    sent = row.get("sender_timestamp")
    return TokenRow(
        _word(row, "their_jid", _ACCOUNT),
        _bytes(row, "token", 0),
        _number(row, "timestamp", _TIMES),
        None if sent is None else _number(row, "sender_timestamp", _TIMES),
    )


def _number(row: Row, column: str, end: int, missing: int | None = None) -> int:
    value = row.get(column, missing)
    if type(value) is not int or not 0 <= value < end:
        raise _DoubtError(Phrase("{column} holds no number that can be", column=column))
    return value


def _bytes(row: Row, column: str, size: int) -> bytes:
    """Bytes of that many; 0: any but none, -1: any."""
    value = row.get(column)
    if not isinstance(value, bytes) or (size > 0 and len(value) != size) or not (value or size < 0):
        raise _DoubtError(Phrase("{column} holds no bytes that can be", column=column))
    return value


def _key(row: Row, column: str) -> bytes:
    value = _bytes(row, column, 32)
    if not any(value):
        raise _DoubtError(Phrase("{column} holds a key of zeros", column=column))
    return value


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    return value.replace("\0", "")[:_MOST_TEXT] if isinstance(value, str) else ""


def _word(row: Row, column: str, pattern: re.Pattern[str]) -> str:
    value = row.get(column)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise _DoubtError(Phrase("{column} holds no address", column=column))
    return value
