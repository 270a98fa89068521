"""What a message may hold, before it is taken. Pure."""

import re
from dataclasses import replace

from waziterm.domain.messages.message import MOST_TEXT, Content, MessageKind, NewMessage
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode
from waziterm.domain.messages.recipient import WrongRecipientError, recipient
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import storable

MOST_REF, MOST_FILE_NAME = 255, 255
LONGEST_LIFE_S = 7 * 86_400.0
_MEDIA = re.compile(r"media/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_ID = re.compile(r"[0-9A-Za-z]{8,64}")


def checked(new: NewMessage) -> NewMessage:
    """The message with the JID of its recipient. Raises MessageRefusedError for what cannot be
    sent: the library would send it without a word, or never."""
    try:
        to = recipient(new.to)
        reply_from = recipient(new.content.reply_from) if new.content.reply_from else ""
    except WrongRecipientError as error:
        raise MessageRefusedError(RefusalCode.WRONG_RECIPIENT, error.args[0]) from error
    if why := _wrong(new):
        raise MessageRefusedError(RefusalCode.WRONG_CONTENT, why)
    return replace(new, to=to, content=replace(new.content, reply_from=reply_from))


def _wrong(new: NewMessage) -> Phrase | None:
    content = new.content
    texts = (content.text, content.file_name, content.mime_type, new.ref)
    if any(storable(each) != each or "\0" in each for each in texts):
        return Phrase("a text has to be Unicode without NUL characters")
    if len(content.text) > MOST_TEXT:
        return Phrase("a text may have {count} characters", count=MOST_TEXT)
    if not 0 < new.expires_in_s <= LONGEST_LIFE_S:
        return Phrase("a message may wait from 1 second to 7 days")
    if not 0 <= new.priority <= 9:
        return Phrase("a priority is from 0 to 9")
    if len(new.ref) > MOST_REF or len(content.file_name) > MOST_FILE_NAME:
        return Phrase("a ref and a file name may have {count} characters", count=MOST_REF)
    if content.reply_to and not _ID.fullmatch(content.reply_to):
        return Phrase("an answer names WhatsApp's id of a message")
    if content.reply_from and not content.reply_to:
        return Phrase("who wrote a message is named with WhatsApp's id of it")
    return _wrong_kind(content)


def _wrong_kind(content: Content) -> Phrase | None:
    if content.kind is MessageKind.TEXT:
        if not content.text.strip():
            return Phrase("an empty text is not sent")
        return Phrase("a text has no file") if content.media else None
    if not _MEDIA.fullmatch(content.media):
        return Phrase("an image or a document is a file in media/")
    return None
