"""What callers send: JSON of one form only, read within a deadline and checked by its type."""

import asyncio
import json
import re
import typing
from dataclasses import field
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar, assert_never

from aiohttp import web

from waziterm.domain.codec import CodecError, decode
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.checks import LONGEST_LIFE_S
from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.message import LIFE_S, MOST_TEXT, MessageKind
from waziterm.domain.messages.queue import Resolution
from waziterm.domain.text import plain
from waziterm.domain.units import Between
from waziterm.gateway.api_error import ApiError
from waziterm.gateway.request_body import body_of

T = TypeVar("T")

MOST_BODY_BYTES = 1_000_000
_LARGE = 65_536
"""A body of so many bytes is read beside the event loop."""
_JSON = "application/json"
_RECIPIENT = (
    r"\+[1-9][0-9]{6,14}"
    r"|[1-9][0-9]{4,19}@(?:s\.whatsapp\.net|lid)"
    r"|[0-9]{5,20}(?:-[0-9]{5,15})?@g\.us"
)
"""As `domain.messages.recipient` takes it, but for linked devices."""
_MEDIA_ID = r"[0-9a-f]{32}"


class Text(NamedTuple):
    """What a text may be. most: characters. pattern: of all of it, "" for any. described: the same
    for whoever reads the description, where something else looks at it."""

    most: int
    least: int = 0
    pattern: str = ""
    described: str = ""


class Span(NamedTuple):
    """Seconds, with bounds."""

    least: float
    most: float


Bound = Text | Span | Between


@dataclass(frozen=True, slots=True)
class MessageBody:
    """A message to be sent. to: a phone number as E.164, for example `+4917012345678`, or the JID
    of a person or a group. text: what it says, or the caption of an image or a document. type: what
    it is. media: the id of an upload, of an image or a document. file_name: of a document, as the
    recipient sees it. mime_type: of a document; guessed from its name if left out. reply_to:
    WhatsApp's id of the message of that chat that it answers. reply_from: the JID of who wrote that
    one, in a group. expires_in_s: after so many seconds it is not sent any more. priority: the
    greater goes first, among different chats. on_unknown: what happens to it when nobody knows
    whether it arrived; what the settings say if left out. ref: your own word for it."""

    to: Annotated[str, Text(100, 1, described=_RECIPIENT)]
    text: Annotated[str, Text(MOST_TEXT)] = field(default="", repr=False)
    type: MessageKind = MessageKind.TEXT
    media: Annotated[str, Text(32, pattern=rf"(?:{_MEDIA_ID})?")] = ""
    file_name: Annotated[str, Text(120, pattern=r"[^/\\\x00-\x1f\x7f]*")] = field(
        default="", repr=False
    )
    mime_type: Annotated[str, Text(100, pattern=r"(?:[A-Za-z0-9.+_-]+/[A-Za-z0-9.+_-]+)?")] = ""
    reply_to: Annotated[str, Text(64, pattern=r"(?:[0-9A-Za-z]{8,64})?")] = ""
    reply_from: Annotated[str, Text(100)] = ""
    expires_in_s: Annotated[float, Span(1.0, LONGEST_LIFE_S)] = LIFE_S
    priority: Annotated[int, Between(0, 9, "priority must be a number from 0 to 9")] = 0
    on_unknown: OnUnknown | None = None
    ref: Annotated[str, Text(128, pattern=r"[^\x00-\x1f\x7f]*")] = ""


@dataclass(frozen=True, slots=True)
class ResolveBody:
    """What becomes of a message. how: `resend` sends it again; `close` gives it up, and its text is
    gone then."""

    how: Resolution


@cache
def hints_of(cls: type) -> dict[str, Any]:
    """The types of the members of a body, with what is said beside them."""
    return typing.get_type_hints(cls, include_extras=True)


def read_as(cls: type[T], data: dict[str, Any]) -> T:
    """An object of what a body holds. Raises ApiError for a member that there is not, and for one
    that is not what its type says."""
    kind: type = cls
    hints = hints_of(kind)
    for name, value in data.items():
        if name not in hints:
            raise _wrong(f"unknown field {plain(name, 40)!r}", f"allowed: {', '.join(hints)}")
        words = _words(hints[name])
        if words and value not in words:
            raise _wrong(f"{name} must be one of {', '.join(each for each in words if each)}")
    try:
        found: T = decode(cls, data)
    except CodecError as error:
        # It begins with the class's name.
        raise _wrong(plain(str(error).partition(".")[2], 100)) from None
    for name in data:
        _check(name, getattr(found, name), hints[name])
    return found


def _words(hint: Any) -> list[str | None]:
    """What may be set of a closed set, None with them where it may be left out so; else none."""
    kinds = typing.get_args(hint) or (hint,)
    found = [each for each in kinds if isinstance(each, type) and issubclass(each, StrEnum)]
    words: list[str | None] = [each.value for kind in found for each in kind]
    return [*words, None] if words and type(None) in kinds else words


def bound_of(hint: Any) -> Bound | None:
    """What is said of a member beside its type."""
    beside = typing.get_args(hint)[1] if typing.get_origin(hint) is Annotated else None
    assert beside is None or isinstance(beside, Bound)
    return beside


def _check(name: str, value: Any, hint: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _wrong(f"{name} is no text of Unicode: it has half a character") from None
    match beside := bound_of(hint):
        case None:
            pass
        case Text():
            if not beside.least <= len(value) <= beside.most:
                raise _wrong(f"{name} must have {beside.least} to {beside.most} characters")
            if beside.pattern and re.fullmatch(beside.pattern, value) is None:
                raise _wrong(f"{name} has characters that it must not have")
        case Span():
            if not beside.least <= value <= beside.most:
                raise _wrong(f"{name} must be from {beside.least:g} to {beside.most:g}")
        case Between():
            if not beside.least <= value <= beside.most:
                raise _wrong(beside.said)
        case _:
            assert_never(beside)


def _wrong(said: str, hint: str = "") -> ApiError:
    return ApiError(400, "bad_request", said, hint)


async def json_of(request: web.Request) -> dict[str, Any]:
    """The object of JSON that is a request's body. Raises ApiError."""
    if request.content_type != _JSON:
        raise ApiError(415, "content_type", f"the body must be {_JSON}", f"Content-Type: {_JSON}")
    whole = await body_of(request, MOST_BODY_BYTES)
    return _object(whole) if len(whole) < _LARGE else await asyncio.to_thread(_object, whole)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw.decode(), object_pairs_hook=_members, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _wrong("the body is not UTF-8") from None
    except RecursionError:
        raise _wrong("the body is nested too deeply") from None
    except ValueError:
        # Numbers of thousands of digits are among these.
        raise _wrong("the body is not JSON") from None
    if not isinstance(data, dict):
        raise _wrong("the body is not a JSON object")
    return data


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _wrong("a field stands twice in the body")
    return found


def _no_constant(_: str) -> NoReturn:
    raise _wrong("the body has a number that JSON does not know")


def canonical(data: dict[str, Any]) -> bytes:
    """The same bytes for bodies that mean the same."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
