"""The words that the lab and those who steer it share."""

from enum import StrEnum

from waziterm.domain.frozen import dataclass


class LabError(Exception):
    """The lab cannot do what was asked; the message is one line for a person."""


class ScanOutcome(StrEnum):
    """How a scan ends.

    PAIRED is the usual end. ABRUPT: the server closes right after pair-success, so that a client
    may lose it. WRONG_HMAC, WRONG_SIGNATURE, GARBLED: the client refuses the pairing, for what the
    phone has signed or for bytes that are no identity. NO_MULTIDEVICE: the phone has no
    multi-device (411). DEVICES_FULL: the phone's list of linked devices is full; it tells its owner
    alone, and the client hears nothing. REFUSED: WhatsApp ends the connection with a
    `<failure reason=…>`. PASSKEY: it asks for a passkey; PASSKEY_GARBLED: in a way that cannot be
    read; PASSKEY_CONTINUED: as if the client had shown one.
    """

    PAIRED = "paired"
    ABRUPT = "abrupt"
    WRONG_HMAC = "wrong-hmac"
    WRONG_SIGNATURE = "wrong-signature"
    GARBLED = "garbled"
    NO_MULTIDEVICE = "no-multidevice"
    DEVICES_FULL = "devices-full"
    REFUSED = "refused"
    PASSKEY = "passkey"
    PASSKEY_GARBLED = "passkey-garbled"
    PASSKEY_CONTINUED = "passkey-continued"


class ReceiptMode(StrEnum):
    """How far the receipts of the phones go."""

    NONE = "none"
    DELIVERED = "delivered"
    READ = "read"


class PageMode(StrEnum):
    """What the page `/sw.js`, which tells WhatsApp's current version, answers.

    MISSING: 404. REVISION: the version that was set. ABSURD: a number that can be none. EMPTY: a
    page that tells none. ERROR: 500. REDIRECT: to another place. SILENT: nothing at all. HUGE: a
    body without an end.
    """

    MISSING = "missing"
    REVISION = "revision"
    ABSURD = "absurd"
    EMPTY = "empty"
    ERROR = "error"
    REDIRECT = "redirect"
    SILENT = "silent"
    HUGE = "huge"


@dataclass(frozen=True, slots=True)
class Scanned:
    """A phone that has scanned a code.

    number: digits without a plus sign. jid: the new linked device. lid: the account's hidden id.
    """

    number: str
    jid: str
    lid: str


@dataclass(frozen=True, slots=True)
class SessionView:
    """A device that is online.

    since: UTC seconds since the epoch. connection: its number. logins, dials: how often the device
    has logged in, and how often a connection said that it was this device, since the lab started.
    version: what its client says to be, for example `2.3000.1047769893`. name: under which its
    phone shows it.
    """

    jid: str
    since: float
    connection: int
    logins: int
    dials: int
    version: str
    name: str


@dataclass(frozen=True, slots=True, repr=False)
class ReceivedMessage:
    """A message that a phone has decrypted.

    text: of a text, or the caption. sender: the JID of the device that sent it. at: UTC seconds
    since the epoch. nodes: the tags of what the stanza held, in order. kind: `text`, `image` or
    `document`. sha256: of the file that the phone has downloaded and opened, in hex digits; size:
    in bytes. secret: of the message, in hex digits. reply_to, reply_from: the id and the sender of
    the message that it answers, or "".
    """

    id: str
    text: str
    sender: str
    at: float
    nodes: tuple[str, ...] = ()
    kind: str = "text"
    sha256: str = ""
    size: int = 0
    file_name: str = ""
    mime_type: str = ""
    secret: str = ""
    reply_to: str = ""
    reply_from: str = ""
