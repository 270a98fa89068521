"""A message that is to be sent, as the library takes it: the recipient, the file, the body."""

import os
import stat
from collections.abc import Callable
from typing import Any, assert_never

from waziterm.domain.jid import Jid
from waziterm.domain.messages.message import MOST_MEDIA_BYTES, MOST_TEXT, Content, MessageKind
from waziterm.domain.messages.sending import Outgoing
from waziterm.worker.neonize.library import e2e

_PERSON, _HIDDEN, _GROUP = "s.whatsapp.net", "lid", "g.us"
# The library takes a status post and a newsletter without a word, and each shape of a JID.
_DIGITS = frozenset("0123456789")
_LONGEST_USER, _LONGEST_NAME = 40, 255
# neonize's `utils.enum.MediaType`.
_UPLOADED_AS = {MessageKind.IMAGE: 0, MessageKind.DOCUMENT: 3}
_IMAGES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))
_ANY_TYPE = "application/octet-stream"

Upload = Callable[[bytes, int], Any]
"""Uploads a file as one of neonize's media types: its `UploadResponse`."""


class UnsendableError(Exception):
    """The message can never be sent as it is; the message of this is one line without what it
    says. code: a slug."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def recipient(to: str) -> Jid:
    """The JID of a person or a group. Raises UnsendableError for all else."""
    user, _, server = to.partition("@")
    dashes = "-" if server == _GROUP else ""
    if (
        server not in (_PERSON, _HIDDEN, _GROUP)
        or not 3 <= len(user) <= _LONGEST_USER
        or not _DIGITS.issuperset(user.replace("-", "") if dashes else user)
    ):
        raise UnsendableError("wrong_recipient", "the recipient is neither a person nor a group")
    return Jid(user, 0, server)


def body_of(message: Outgoing, to: Jid, upload: Upload) -> bytes:
    """The serialised `E2E.Message`. It holds the message's own secret, which the library stores
    with the id that it gives, before it sends. upload: for a file. Raises UnsendableError, and what
    `upload` does."""
    content = message.content
    _check(content)
    body = e2e.Message(
        messageContextInfo=e2e.MessageContextInfo(messageSecret=bytes.fromhex(message.secret))
    )
    match content.kind:
        case MessageKind.TEXT:
            if content.reply_to:
                body.extendedTextMessage.text = content.text
                body.extendedTextMessage.contextInfo.CopyFrom(_context(content, to))
            else:
                body.conversation = content.text
        case MessageKind.IMAGE:
            _fill(body.imageMessage, content, to, upload)
        case MessageKind.DOCUMENT:
            _fill(body.documentMessage, content, to, upload)
            body.documentMessage.fileName = content.file_name
        case _:
            assert_never(content.kind)
    made: bytes = body.SerializeToString()
    return made


def _check(content: Content) -> None:
    """What the library would send without a word, and nobody could read."""
    is_text = content.kind is MessageKind.TEXT
    if is_text and not content.text.strip():
        raise UnsendableError("wrong_content", "the text is empty")
    if len(content.text) > MOST_TEXT or len(content.file_name) > _LONGEST_NAME:
        raise UnsendableError("wrong_content", "the text or the file's name is too long")


def _fill(part: Any, content: Content, to: Jid, upload: Upload) -> None:
    """Upload a file, and tell in the image or document where it lies and by which key it opens."""
    data = read_media(content.media)
    found = upload(data, _UPLOADED_AS[content.kind])
    part.URL, part.directPath = found.url, found.DirectPath
    part.mediaKey, part.fileLength = found.MediaKey, found.FileLength
    part.fileSHA256, part.fileEncSHA256 = found.FileSHA256, found.FileEncSHA256
    part.mimetype = content.mime_type or _type_of(content.kind, data)
    if content.text:
        part.caption = content.text
    if content.reply_to:
        part.contextInfo.CopyFrom(_context(content, to))


def _type_of(kind: MessageKind, data: bytes) -> str:
    if kind is MessageKind.IMAGE:
        return next((name for begin, name in _IMAGES if data.startswith(begin)), _IMAGES[0][1])
    return _ANY_TYPE


def _context(content: Content, to: Jid) -> Any:
    """What makes it a reply. The quoted text is not known here; a phone that has the message shows
    its own."""
    return e2e.ContextInfo(
        stanzaID=content.reply_to,
        participant=content.reply_from or str(to),
        quotedMessage=e2e.Message(conversation=""),
    )


def read_media(path: str) -> bytes:
    """A file that is to be sent. Raises UnsendableError; nothing that is no regular file is waited
    for, and a link is not followed: it would send what was never taken."""
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise UnsendableError("file_gone", "the file that was to be sent is gone") from error
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    with os.fdopen(descriptor, "rb") as file:
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise UnsendableError("file_unreadable", "what was to be sent is no file")
            if found.st_size > MOST_MEDIA_BYTES:
                most = MOST_MEDIA_BYTES // 2**20
                raise UnsendableError("file_too_large", f"the file is over {most} MB")
            data = file.read(MOST_MEDIA_BYTES + 1)
        except OSError as error:
            raise _unreadable(error) from error
    if not data:
        raise UnsendableError("file_unreadable", "the file that was to be sent is empty")
    return data


def _unreadable(error: Exception) -> UnsendableError:
    why = getattr(error, "strerror", None) or type(error).__name__
    return UnsendableError("file_unreadable", f"the file that was to be sent cannot be read: {why}")
