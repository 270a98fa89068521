"""The phones of the lab and their linked devices.

Keys of a phone come from its seed, so they need no record of their own.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from waziterm.domain.jid import Jid
from waziterm.lab.keys import KEY_TYPE, KeyPair
from waziterm.lab.noise import hkdf
from waziterm.lab.ratchet import NO_SALT, Session

USER_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"
MAX_PREKEYS = 60
MAX_SESSIONS = 4
SIGNED_PREKEY_ID = 1


@dataclass(frozen=True, slots=True, repr=False)
class Bundle:
    """A key bundle as a device uploads it; keys are 32 bytes, the signature 64."""

    registration_id: int
    identity: bytes
    signed_id: int
    signed_key: bytes
    signature: bytes
    prekey_id: int | None = None
    prekey: bytes | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client wants that is to be linked. name: under which the phone shows it. history_days:
    of the phone's history, None when it names no number."""

    name: str = ""
    history_days: int | None = None


@dataclass(slots=True, repr=False)
class Device:
    """A linked device: its number, the keys it paired with and the prekeys it uploaded.

    prekey_count: how many one-time prekeys the server says it has; only the first are kept.
    name: under which the phone shows it. history_days: how many days of its history a phone is to
    send it, None for as many as it likes.
    """

    number: int
    identity: bytes
    noise: bytes
    signed: Bundle | None = None
    prekeys: list[tuple[int, bytes]] = field(default_factory=list)
    prekey_count: int = 0
    history_days: int | None = None
    name: str = ""

    def upload(self, bundle: Bundle, prekeys: list[tuple[int, bytes]]) -> None:
        """Take an upload of prekeys in."""
        self.signed = bundle
        self.prekeys = (self.prekeys + prekeys)[:MAX_PREKEYS]
        self.prekey_count += len(prekeys)

    def bundle(self) -> Bundle | None:
        """A bundle for one new session, its one-time prekey used up; None before any upload."""
        if self.signed is None:
            return None
        prekey_id, prekey = self.prekeys.pop(0) if self.prekeys else (None, None)
        if prekey is not None:
            self.prekey_count -= 1
        signed = self.signed
        return Bundle(
            signed.registration_id,
            signed.identity,
            signed.signed_id,
            signed.signed_key,
            signed.signature,
            prekey_id,
            prekey,
        )


@dataclass(repr=False)
class Phone:
    """A WhatsApp account and the phone that owns it.

    number: digits without a plus sign. sessions: by the address of the other device, newest first.
    """

    number: str
    seed: bytes
    next_device: int = 1
    next_prekey: int = 1
    devices: dict[int, Device] = field(default_factory=dict)
    sessions: dict[str, list[Session]] = field(default_factory=dict)

    @property
    def jid(self) -> Jid:
        """The account by its number."""
        return Jid(self.number, 0, USER_SERVER)

    @cached_property
    def lid(self) -> Jid:
        """The account by its hidden id, which the number gives."""
        digest = int.from_bytes(hashlib.sha256(self.number.encode()).digest()[:8], "big")
        return Jid(str(10**14 + digest % (9 * 10**14)), 0, LID_SERVER)

    @cached_property
    def identity(self) -> KeyPair:
        """The identity key, which also signs linked devices."""
        return self._derived("identity")

    @cached_property
    def signed_prekey(self) -> KeyPair:
        """The signed prekey."""
        return self._derived("signed prekey")

    @cached_property
    def registration_id(self) -> int:
        """The number that tells installations apart, 1 to 16380."""
        return 1 + int.from_bytes(self.seed[:2], "big") % 16380

    def prekey(self, number: int) -> KeyPair:
        """The one-time prekey with that number."""
        return self._derived(f"prekey {number}")

    def bundle(self) -> Bundle:
        """A key bundle of the phone itself, with a fresh one-time prekey."""
        number = self.next_prekey
        self.next_prekey += 1
        signed = self.signed_prekey.public
        return Bundle(
            self.registration_id,
            self.identity.public,
            SIGNED_PREKEY_ID,
            signed,
            self.identity.sign(KEY_TYPE + signed),
            number,
            self.prekey(number).public,
        )

    def link(self, identity: bytes, noise: bytes, wanted: Wanted) -> Device:
        """Add a linked device."""
        device = Device(
            self.next_device,
            identity,
            noise,
            history_days=wanted.history_days,
            name=wanted.name,
        )
        self.next_device += 1
        self.devices[device.number] = device
        return device

    def keep(self, address: Jid, session: Session) -> None:
        """Remember a session as the newest one with that device."""
        others = [s for s in self.sessions.get(str(address), []) if s.base_key != session.base_key]
        self.sessions[str(address)] = [session, *others][:MAX_SESSIONS]

    def _derived(self, purpose: str) -> KeyPair:
        return KeyPair.of(hkdf(self.seed, NO_SALT, purpose.encode(), 32))
