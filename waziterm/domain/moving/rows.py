"""The rows of one linked device in whatsmeow's store (schema 8 to 15), as its columns name them.

Only what moves from one program to another is here. Columns that say whose a row is are left out:
all of it belongs to one device.
"""

from dataclasses import field

from waziterm.domain.frozen import dataclass


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """The device itself. jid: `USER:DEVICE@s.whatsapp.net`. lid: the same at `lid`, None where it
    is not known yet. Keys are private halves of 32 bytes; signatures are of 64 bytes, adv_key and
    adv_account_sig_key of 32."""

    jid: str
    lid: str | None
    registration_id: int
    noise_key: bytes = field(repr=False)
    identity_key: bytes = field(repr=False)
    signed_pre_key: bytes = field(repr=False)
    signed_pre_key_id: int
    signed_pre_key_sig: bytes = field(repr=False)
    adv_key: bytes = field(repr=False)
    adv_details: bytes = field(repr=False)
    adv_account_sig: bytes = field(repr=False)
    adv_account_sig_key: bytes = field(repr=False)
    adv_device_sig: bytes = field(repr=False)
    platform: str = ""
    business_name: str = ""
    push_name: str = field(default="", repr=False)
    lid_migration_ts: int = 0


@dataclass(frozen=True, slots=True)
class PreKeyRow:
    """A one-time key, its private half of 32 bytes. uploaded: WhatsApp has the other half."""

    key_id: int
    key: bytes = field(repr=False)
    uploaded: bool


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A ratchet with a device. their_id: `USER:DEVICE`, with `_1` behind the user of a LID.
    session: JSON, see `moving.records`."""

    their_id: str
    session: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """The identity of a device, its public half of 32 bytes."""

    their_id: str
    identity: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SenderKeyRow:
    """A member's key in a group. chat_id: a JID. sender_key: JSON, see `moving.records`."""

    chat_id: str
    sender_id: str
    sender_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SyncKeyRow:
    """A key of the app state. timestamp: milliseconds. fingerprint: protobuf."""

    key_id: bytes = field(repr=False)
    key_data: bytes = field(repr=False)
    timestamp: int
    fingerprint: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LidRow:
    """Which hidden id and which number are the same account, digits both."""

    lid: str
    pn: str


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What a contact's phone has given, without which a first message is refused (463). their_jid:
    of the account. timestamp, sender_timestamp: UTC seconds."""

    their_jid: str
    token: bytes = field(repr=False)
    timestamp: int
    sender_timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceRows:
    """One device with all that goes on with it."""

    device: DeviceRow
    pre_keys: tuple[PreKeyRow, ...] = ()
    sessions: tuple[SessionRow, ...] = ()
    identities: tuple[IdentityRow, ...] = ()
    sender_keys: tuple[SenderKeyRow, ...] = ()
    sync_keys: tuple[SyncKeyRow, ...] = ()
    lids: tuple[LidRow, ...] = ()
    tokens: tuple[TokenRow, ...] = ()
