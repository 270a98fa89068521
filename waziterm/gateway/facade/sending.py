"""`send` and `send_group`: a message goes into the queue of its instance."""

import json
import re
from typing import assert_never

from waziterm.domain.messages.codes import Scope
from waziterm.domain.messages.message import Content, MessageKind, MessageView, NewMessage
from waziterm.domain.messages.queue import Once
from waziterm.domain.messages.recipient import WrongRecipientError, recipient
from waziterm.gateway.facade import answers
from waziterm.gateway.facade.answers import FacadeError, Json, success
from waziterm.gateway.facade.behind import Asker, Behind

SAME_S = 30.0
"""So long the same message to the same recipient is the first one again."""
_OWNER = "/facade"
"""Whose keys of idempotency these are: no token is called so."""
_PUNCTUATION = str.maketrans("", "", " -().\u00a0")
_DIGITS = re.compile(r"\+?([1-9][0-9]{6,14})", re.ASCII)
_WRONG_PHONE = "Phone number is not valid: digits with the country code"
_WRONG_GROUP = "Group ID is not valid"
_NO_GROUP = "Group ID is required"
_WRONG_TYPE = "Type must be text or media"


class Sending:
    """The handlers of both."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    async def send(self, asker: Asker) -> Json:
        """To a person."""
        asker.needs(Scope.SEND)
        return await self._send(asker, _person(asker))

    async def send_group(self, asker: Asker) -> Json:
        """To a group."""
        asker.needs(Scope.SEND)
        return await self._send(asker, _group(asker))

    async def _send(self, asker: Asker, to: str) -> Json:
        instance = await asker.instance()
        kind = asker.value("type").lower()
        url, text = asker.value("media_url"), asker.text("message")
        if not kind:
            kind = "media" if url else "text"
        if kind not in ("text", "media"):
            raise FacadeError(_WRONG_TYPE)
        if (kind == "text" and not text.strip()) or (kind == "media" and not url):
            raise FacadeError(answers.NO_MESSAGE)
        name = asker.value("filename") if kind == "media" else ""
        url = url if kind == "media" else ""
        meant = json.dumps([to, text, url, name]).encode()
        digest = await self._behind.queue.digest(meant)
        once = Once(_OWNER, digest, digest, for_s=SAME_S)
        view = await self._behind.queue.taken_with(instance.name, once)
        content = Content(MessageKind.TEXT, text)
        if view is None:
            if url:
                fetched = await self._behind.fetching.fetch(url, name)
                await asker.still()
                content = Content(
                    *(fetched.kind, text, fetched.path, fetched.file_name, fetched.mime_type)
                )
            view = await self._accept(asker, NewMessage(to, content), once)
        return success(_message(view, to, content, self._behind.now()))

    async def _accept(self, asker: Asker, new: NewMessage, once: Once) -> MessageView:
        # It may have been renamed, or given to others, while its media came.
        instance = await asker.instance()
        return await self._behind.queue.accept(instance.name, new, once)


def _person(asker: Asker) -> str:
    """The JID of whom `number` means. Raises FacadeError."""
    number = asker.value("number")
    if not number:
        raise FacadeError(answers.NO_PHONE)
    if "@" in number:
        return _jid(number.replace("@c.us", "@s.whatsapp.net"), _WRONG_PHONE)
    return _jid(e164(number), _WRONG_PHONE)


def e164(number: str) -> str:
    """A number as old clients write it, as `+4917012345678`. Raises FacadeError."""
    found = _DIGITS.fullmatch(number.translate(_PUNCTUATION))
    if found is None:
        raise FacadeError(_WRONG_PHONE)
    return f"+{found[1]}"


def _group(asker: Asker) -> str:
    group = asker.value("group_id")
    if not group:
        raise FacadeError(_NO_GROUP)
    jid = _jid(group if "@" in group else f"{group}@g.us", _WRONG_GROUP)
    if not jid.endswith("@g.us"):
        raise FacadeError(_WRONG_GROUP)
    return jid


def _jid(text: str, said: str) -> str:
    try:
        return recipient(text)
    except WrongRecipientError:
        raise FacadeError(said) from None


def _message(view: MessageView, to: str, content: Content, now: float) -> Json:
    """What clients read of a message that was sent; here it is one that will be. Its id is ours:
    WhatsApp's is not known yet."""
    return {
        "key": {"remoteJid": to, "fromMe": True, "id": view.id},
        "message": _said(content),
        "messageTimestamp": str(int(now)),
        "status": "SUCCESS",
    }


def _said(content: Content) -> Json:
    match content.kind:
        case MessageKind.TEXT:
            return {"extendedTextMessage": {"text": content.text}}
        case MessageKind.IMAGE:
            return {"imageMessage": {"caption": content.text, "mimetype": content.mime_type}}
        case MessageKind.DOCUMENT:
            return {
                "documentMessage": {
                    "caption": content.text,
                    "mimetype": content.mime_type,
                    "fileName": content.file_name,
                }
            }
        case _:
            assert_never(content.kind)
