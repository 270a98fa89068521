"""What the scan page shows, judged of an instance; `gateway.web.html` writes it."""

from dataclasses import field
from enum import Enum, auto
from typing import assert_never

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State

_REFUSED = (
    *(Reason.PASSKEY, Reason.PAIRING_FAILED, Reason.PAIRING_REFUSED, Reason.LOCKED),
    *(Reason.ACCOUNT_BANNED, Reason.DEVICES_FULL, Reason.CODE_REFUSED, Reason.NO_MULTIDEVICE),
)
"""Why WhatsApp has not linked the phone that has scanned a code."""


class Plain(Enum):
    """A part with nothing in it that differs.

    waits: a code comes. used_up: no code is shown, a person may ask for one. refused: the same,
    after a phone that was not linked. barred: none can be shown now. nowhere: the link leads there.
    busy: too much was asked, or something fails. foreign: another page has sent it.
    """

    WAITS = auto()
    USED_UP = auto()
    REFUSED = auto()
    BARRED = auto()
    LINKED = auto()
    NOWHERE = auto()
    BUSY = auto()
    FOREIGN = auto()


@dataclass(frozen=True, slots=True)
class Door:
    """The button that lets one browser in. nonce: of this page. by_script: its form has to be sent
    by the script, because the browser does not say of itself where a form came from. offers: a code
    to type can be had."""

    token: str = field(repr=False)
    nonce: str = field(repr=False)
    by_script: bool
    offers: bool = False


@dataclass(frozen=True, slots=True)
class Typed:
    """A code to type on the phone instead of the scan. text: a secret. left_s: seconds for which a
    phone takes it."""

    text: str = field(repr=False)
    left_s: float


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code. payload: its text, a secret. left_s: seconds until the next one. typed: what a
    phone that is the only screen shows, None where nobody asked for it. offers: it can be had."""

    payload: str = field(repr=False)
    index: int
    count: int
    left_s: float
    typed: Typed | None = None
    offers: bool = False


Part = Plain | Door | Code


def part_of(view: InstanceView, now: float) -> Plain | Code:
    """What whoever may see the codes of an instance is shown. now: UTC seconds."""
    if view.paired:
        return Plain.LINKED
    match view.state:
        case State.PAIRING if view.qr is not None and view.qr.expires_at > now:
            qr, typed = view.qr, None
            if view.code is not None and view.code.expires_at > now:
                typed = Typed(view.code.text, view.code.expires_at - now)
            left_s = qr.expires_at - now
            return Code(qr.payload, qr.index, qr.count, left_s, typed, offers_typing(view))
        case State.PAIRING | State.CONNECTING | State.RETRYING | State.CONNECTED | State.DEGRADED:
            return Plain.WAITS
        case State.STOPPED | State.LOGGED_OUT:
            if view.reason is Reason.PAUSED:
                return Plain.BARRED
            return Plain.REFUSED if view.reason in _REFUSED else Plain.USED_UP
        case State.COOLDOWN | State.HELD | State.BANNED | State.OUTDATED:
            return Plain.BARRED
        case _:
            assert_never(view.state)


def offers_typing(view: InstanceView) -> bool:
    """Whether a code to type can be had: for the number alone for which the instance was added."""
    return view.phone is not None


def is_last(part: Part) -> bool:
    """Whether nothing comes after it by itself."""
    return part in (Plain.LINKED, Plain.NOWHERE)
