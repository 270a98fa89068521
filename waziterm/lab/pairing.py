"""Pairing: the QR's references, the phone that scans one, and what it signs."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from typing import Any

from google.protobuf.message import DecodeError

from waziterm.domain.frozen import dataclass
from waziterm.domain.jid import Jid
from waziterm.lab.node import SERVER, Node
from waziterm.lab.phones import Device, Phone, Wanted
from waziterm.lab.protobufs import protobufs
from waziterm.lab.words import ScanOutcome

ACCOUNT_SIGNATURE_PREFIX = b"\x06\x00"
DEVICE_SIGNATURE_PREFIX = b"\x06\x01"
PASSKEY_OPTIONS = {
    "challenge": "bGFiIGxhYiBsYWIgbGFiIGxhYiBsYWIgbGFiIGxhYiE",
    "timeout": 60_000,
    "rpId": "whatsapp.com",
    "allowCredentials": [],
    "userVerification": "required",
}


class QrError(ValueError):
    """The text is not a linking QR code."""


@dataclass(frozen=True, slots=True, repr=False)
class QrCode:
    """What a linking QR carries; the keys are 32 bytes each."""

    ref: str
    noise: bytes
    identity: bytes
    adv_secret: bytes


def parse_qr(text: str) -> QrCode:
    """Read a QR text, with or without the address in front. Raises QrError."""
    parts = text.strip().rpartition("#")[2].split(",")
    if len(parts) < 4:
        raise QrError("not a linking QR code: it has fewer than four parts")
    try:
        keys = [base64.b64decode(part, validate=True) for part in parts[1:4]]
    except binascii.Error as error:
        raise QrError("not a linking QR code: a key is not base64") from error
    if any(len(key) != 32 for key in keys):
        raise QrError("not a linking QR code: a key is not 32 bytes")
    return QrCode(parts[0], *keys)


def new_ref() -> str:
    """A fresh reference for a QR code."""
    return "2@" + base64.b64encode(secrets.token_bytes(48)).decode()


def wanted(registration: Any) -> Wanted:
    """What a client that is to be linked wants (`DeviceProps.os`,
    `DeviceProps.HistorySyncConfig.recentSyncDaysLimit`).

    registration: of its ClientPayload, the `devicePairingData`. Raises ValueError.
    """
    props = protobufs().companion.DeviceProps()
    try:
        props.ParseFromString(registration.deviceProps)
    except DecodeError as error:
        raise ValueError("device properties that are not a protobuf") from error
    config = props.historySyncConfig
    has_limit = config.HasField("recentSyncDaysLimit")
    return Wanted(str(props.os), int(config.recentSyncDaysLimit) if has_limit else None)


def pair_device(request_id: str, refs: tuple[str, ...]) -> Node:
    """The server's offer of references."""
    children = tuple(Node("ref", content=ref.encode()) for ref in refs)
    attrs: dict[str, str | Jid] = {
        "from": SERVER,
        "id": request_id,
        "type": "set",
        "xmlns": "md",
    }
    return Node("iq", attrs, (Node("pair-device", content=children),))


def pair_success(
    request_id: str, phone: Phone, device: Device, qr: QrCode, outcome: ScanOutcome
) -> Node:
    """What the server sends on after the phone has signed the new device."""
    adv = protobufs().adv
    now = int(time.time())
    details = adv.ADVDeviceIdentity(
        rawID=phone.registration_id, timestamp=now, keyIndex=device.number
    ).SerializeToString()
    wrong = outcome is ScanOutcome.WRONG_SIGNATURE
    prefix = DEVICE_SIGNATURE_PREFIX if wrong else ACCOUNT_SIGNATURE_PREFIX
    signed = adv.ADVSignedDeviceIdentity(
        details=details,
        accountSignatureKey=phone.identity.public,
        accountSignature=phone.identity.sign(prefix + details + qr.identity),
    ).SerializeToString()
    secret = bytes(32) if outcome is ScanOutcome.WRONG_HMAC else qr.adv_secret
    container = adv.ADVSignedDeviceIdentityHMAC(
        details=signed, HMAC=hmac.digest(secret, signed, hashlib.sha256)
    ).SerializeToString()
    if outcome is ScanOutcome.GARBLED:
        container = b"\xff" * 16
    jid = Jid(phone.jid.user, device.number, phone.jid.server)
    lid = Jid(phone.lid.user, device.number, phone.lid.server)
    return Node(
        "iq",
        {"from": SERVER, "id": request_id, "type": "set", "t": str(now)},
        (
            Node(
                "pair-success",
                content=(
                    Node("device-identity", content=container),
                    Node("device", {"jid": jid, "lid": lid}),
                    Node("platform", {"name": "android"}),
                ),
            ),
        ),
    )


def passkey_demand(request_id: str, outcome: ScanOutcome) -> Node:
    """What the server sends on when it wants a passkey before it links a device (whatsmeow
    `notification.go`, `pair-passkey.go`).

    PASSKEY is the demand itself, PASSKEY_GARBLED one that is no JSON; PASSKEY_CONTINUED is what
    would follow a passkey that was shown.
    """
    if outcome is ScanOutcome.PASSKEY_CONTINUED:
        kind, child = "crsc_continuation", Node("primary_ephemeral_identity", content=b"\x0a\x00")
    else:
        options = json.dumps(PASSKEY_OPTIONS) if outcome is ScanOutcome.PASSKEY else "{"
        kind = "passkey_prologue_request"
        child = Node("passkey_request_options", content=options.encode())
    attrs: dict[str, str | Jid] = {"from": SERVER, "id": request_id, "type": kind}
    return Node("notification", {**attrs, "t": str(int(time.time()))}, (child,))
