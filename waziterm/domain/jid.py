"""JIDs: the addresses of WhatsApp accounts and their linked devices."""

import re

from waziterm.domain.frozen import dataclass

_MOBILE = re.compile(r"^(?:(52)1(?=\d{10}$)|(54)9(?=\d{10}$)|(55\d{2})9(?=\d{8}$))")
_JID = re.compile(r"(?P<user>\d{3,20})(?:\.\d+)?(?::(?P<device>\d{1,5}))?@(?P<server>[a-z.]+)")


@dataclass(frozen=True, slots=True)
class Jid:
    """An account (`device` 0, the phone) or one of its linked devices, as `user:device@server`."""

    user: str
    device: int = 0
    server: str = "s.whatsapp.net"

    @classmethod
    def parse(cls, text: str) -> "Jid":
        """Read `USER@SERVER` or `USER:DEVICE@SERVER`.

        Raises ValueError when the text is anything else.
        """
        match = _JID.fullmatch(text)
        if match is None:
            raise ValueError("not a JID")
        return cls(match["user"], int(match["device"] or 0), match["server"])

    def __str__(self) -> str:
        device = f":{self.device}" if self.device else ""
        return f"{self.user}{device}@{self.server}"

    @property
    def account(self) -> "Jid":
        """The account that this device belongs to."""
        return Jid(self.user, 0, self.server)


def mask_number(digits: str) -> str:
    """A phone number that an operator recognises and a stranger cannot dial: `+62812••••4411`.

    digits: the number with or without a leading plus sign; at least four are always hidden.
    """
    bare = digits.lstrip("+")
    if len(bare) < 8:
        return "+" + "•" * len(bare)
    tail = bare[-4:] if len(bare) >= 11 else bare[-2:]
    head = bare[: max(1, len(bare) - len(tail) - 4)][:5]
    return f"+{head}{'•' * (len(bare) - len(head) - len(tail))}{tail}"


def same_number(one: str, other: str) -> bool:
    """Whether two phone numbers, digits with or without a plus sign, are of the same phone.

    WhatsApp's JIDs and what people type differ by the digit for mobiles that three countries put
    behind their code: Mexico (52 1), Argentina (54 9) and Brazil (55, area, 9).
    """
    return bare_number(one) == bare_number(other)


def bare_number(number: str) -> str:
    """The digits of a phone number without what people and WhatsApp write differently; see
    `same_number`."""
    digits = number.lstrip("+")
    return _MOBILE.sub(lambda found: found[1] or found[2] or found[3], digits)


def mask_jid(text: str | None) -> str | None:
    """A JID with its number masked, its device and server kept; None stays None."""
    if text is None:
        return None
    match = _JID.fullmatch(text)
    if match is None:
        return "•" * min(len(text), 12)
    device = f":{match['device']}" if match["device"] else ""
    return f"{mask_number(match['user'])}{device}@{match['server']}"
