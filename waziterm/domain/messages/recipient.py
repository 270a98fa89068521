"""To whom a message goes: which addresses may be written to, and how one is shown."""

import re

from waziterm.domain.jid import bare_number, mask_number
from waziterm.domain.phrase import Phrase

PERSON, LID, GROUP = "s.whatsapp.net", "lid", "g.us"
_NUMBER = re.compile(r"\+([1-9]\d{6,14})", re.ASCII)
_JID = re.compile(
    r"(?P<user>[1-9]\d{4,19})(?:\.\d{1,3})?(?::\d{1,5})?@(?P<server>s\.whatsapp\.net|lid)",
    re.ASCII,
)
_GROUP = re.compile(r"(?P<user>\d{5,20}(?:-\d{5,15})?)@g\.us", re.ASCII)


class WrongRecipientError(ValueError):
    """Nobody can be written to there. str(): why, a phrase."""


def recipient(text: str) -> str:
    """The JID of a person or a group, of a number like `+4917…` or a JID; that of a linked device
    is its person's. Raises WrongRecipientError."""
    if found := _NUMBER.fullmatch(text):
        return f"{found[1]}@{PERSON}"
    if found := _JID.fullmatch(text):
        return f"{found['user']}@{found['server']}"
    if _GROUP.fullmatch(text):
        return text
    server = text.rpartition("@")[2]
    if server in ("broadcast", "newsletter"):
        raise WrongRecipientError(Phrase("status, broadcasts and newsletters are not written to"))
    raise WrongRecipientError(
        Phrase("a message goes to a number like +4915112345678, or to the JID of a person or group")
    )


def is_group(jid: str) -> bool:
    """Whether it is a group's."""
    return jid.endswith(f"@{GROUP}")


def chat_key(jid: str) -> str:
    """By what two JIDs are of one chat: WhatsApp and people write some numbers differently."""
    user, _, server = jid.partition("@")
    user = user.partition(":")[0].partition(".")[0]
    return f"{bare_number(user) if server == PERSON else user}@{server}"


def masked(jid: str) -> str:
    """The JID with its number masked; of a group too, whose id may begin with one."""
    user, at, server = jid.partition("@")
    if server == PERSON:
        return mask_number(user)
    return f"{'•' * 4}{user[-4:]}{at}{server}"
