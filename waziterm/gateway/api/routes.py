"""What answers the requests of the API; `waziterm.gateway.api.requests` has a row for each."""

import mimetypes
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, assert_never

from aiohttp import web

from waziterm.domain.codec import document
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.message import (
    Content,
    MessageKind,
    MessageState,
    MessageView,
    NewMessage,
)
from waziterm.domain.messages.queue import (
    MessageQueue,
    MessageRefusedError,
    Once,
    RefusalCode,
    Resolution,
)
from waziterm.domain.messages.token import TokenView
from waziterm.domain.text import plain
from waziterm.domain.webhooks.bodies import body_of
from waziterm.domain.webhooks.event import WebhookEvent
from waziterm.gateway.api import bodies
from waziterm.gateway.api.bodies import MessageBody, ResolveBody
from waziterm.gateway.api.documents import Accepted
from waziterm.gateway.api.failures import unauthorized
from waziterm.gateway.api_error import ApiError
from waziterm.gateway.media import Media

Json = dict[str, Any]

OWNER = web.RequestKey("owner", TokenView)
"""Of a request: whose token came with it."""
MOST_LISTED = 200
_MOST_LOOKED_AT = 25
"""Pages of the queue that one list goes through, for a token that is not for all instances."""
_KEY_BYTES = 255
_KEY = re.compile(r"[\x20-\x7e]+")
_MESSAGE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind the API. owner_of: whose token something is. exists: whether an instance
    has this name. now: UTC seconds. events: of the instance with a name, those behind a number, so
    many at most; raises FleetError."""

    queue: MessageQueue
    owner_of: Callable[[str], Awaitable[TokenView | None]]
    exists: Callable[[str], bool]
    now: Callable[[], float]
    media: Media
    events: Callable[[str, int, int], Awaitable[Sequence[WebhookEvent]]]


class Routes:
    """The handlers. described: the document of all of them."""

    def __init__(self, behind: Behind, described: Callable[[], Json]) -> None:
        self._behind = behind
        self._queue = behind.queue
        self._described = described

    async def send(self, request: web.Request) -> web.Response:
        name, owner = self._instance(request), request[OWNER]
        key = _idempotency_key(request)
        data = await self._body(request)
        new = await self._message(bodies.read_as(MessageBody, data))
        once = None
        if key is not None:
            digest = await self._queue.digest(bodies.canonical(data))
            once = Once(owner.name, key, digest)
        view = await self._queue.accept(name, new, once)
        return self._answer(Accepted, view, status=202)

    async def _message(self, body: MessageBody) -> NewMessage:
        """What a body asks for; the queue looks at its recipient and its text. Raises ApiError."""
        media, mime = "", body.mime_type
        match body.type:
            case MessageKind.TEXT:
                if body.media or body.file_name or body.mime_type:
                    raise _content("a text has no media", "type is image or document")
            case MessageKind.IMAGE | MessageKind.DOCUMENT:
                found = await self._behind.media.path_of(body.media)
                if found is None:
                    raise _content("media names no upload", "POST /v1/media first")
                media = found
                if body.type is MessageKind.IMAGE:
                    mime = await self._behind.media.image_type(body.media)
                    if not mime:
                        raise _content("the upload is no JPEG or PNG", "send it as a document")
                elif not mime:
                    mime = mimetypes.guess_type(body.file_name)[0] or "application/octet-stream"
            case _:
                assert_never(body.type)
        return NewMessage(
            body.to,
            Content(
                *(body.type, body.text, media, body.file_name, mime),
                *(body.reply_to, body.reply_from),
            ),
            ref=body.ref,
            expires_in_s=body.expires_in_s,
            priority=body.priority,
            on_unknown=body.on_unknown,
        )

    async def get(self, request: web.Request) -> web.Response:
        return self._answer(MessageView, await self._own(request))

    async def page(self, request: web.Request) -> web.Response:
        asked = _query(request)
        owner = request[OWNER]
        if asked.instance is not None and not owner.allows(asked.instance):
            raise _not_yours(asked.instance)
        found: list[MessageView] = []
        before, more = asked.before, True
        for _ in range(_MOST_LOOKED_AT):
            page = await self._queue.messages(
                instance=asked.instance,
                state=asked.state,
                ref=asked.ref,
                limit=MOST_LISTED,
                before=before,
            )
            for view in page:
                before = view.id
                if owner.allows(view.instance):
                    found.append(view)
                if len(found) == asked.limit:
                    break
            more = len(page) == MOST_LISTED or (bool(page) and before != page[-1].id)
            if not more or len(found) == asked.limit:
                break
        now = self._behind.now()
        messages = [document(MessageView, view, now) for view in found]
        return web.json_response({"messages": messages, "next": before if more else None})

    async def events(self, request: web.Request) -> web.Response:
        name, asked = self._instance(request), _after(request)
        found = await self._behind.events(name, asked.after, asked.limit)
        return web.json_response(
            {
                "events": [body_of(each, full=False) for each in found],
                "next": found[-1].seq if found else asked.after,
            }
        )

    async def cancel(self, request: web.Request) -> web.Response:
        view = await self._own(request)
        return self._answer(MessageView, await self._queue.cancel(view.id))

    async def resolve(self, request: web.Request) -> web.Response:
        view = await self._own(request)
        how: Resolution = bodies.read_as(ResolveBody, await self._body(request)).how
        return self._answer(MessageView, await self._queue.resolve(view.id, how))

    async def upload(self, request: web.Request) -> web.Response:
        upload = await self._behind.media.take_body(request)
        return web.json_response(upload._asdict(), status=201)

    async def describe(self, _request: web.Request) -> web.Response:
        return web.json_response(self._described())

    def _instance(self, request: web.Request) -> str:
        """The instance that a path names. Raises ApiError, also where the token is not for it."""
        name = request.match_info["name"]
        if not request[OWNER].allows(name):
            raise _not_yours(name)
        if not self._behind.exists(name):
            raise ApiError(404, RefusalCode.INSTANCE_NOT_FOUND, f"no instance is called {_q(name)}")
        return name

    async def _body(self, request: web.Request) -> Json:
        """A request's body. Its token may have been revoked while that came. Raises ApiError."""
        data = await bodies.json_of(request)
        if await self._behind.owner_of(token_of(request)) != request[OWNER]:
            raise unauthorized()
        return data

    async def _own(self, request: web.Request) -> MessageView:
        """The message that a path names. One that the token is not for is one that there is not."""
        name = request.match_info["id"]
        if _MESSAGE_ID.fullmatch(name):
            try:
                view = await self._queue.message(name)
            except MessageRefusedError as error:
                if error.refusal is not RefusalCode.MESSAGE_NOT_FOUND:
                    raise
            else:
                if request[OWNER].allows(view.instance):
                    return view
        raise ApiError(404, RefusalCode.MESSAGE_NOT_FOUND, "there is no such message")

    def _answer(self, kind: type, view: MessageView, status: int = 200) -> web.Response:
        return web.json_response(document(kind, view, self._behind.now()), status=status)


def token_of(request: web.Request) -> str:
    """The token that came with a request, "" for none."""
    given = request.headers.getall("Authorization", [])
    kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip() if kind.lower() == "bearer" else ""


def _content(said: str, hint: str = "") -> ApiError:
    return ApiError(400, RefusalCode.WRONG_CONTENT, said, hint)


def _not_yours(name: str) -> ApiError:
    return ApiError(403, "instance", f"this token is not for {_q(name)}")


def _q(name: str) -> str:
    return repr(plain(name, 60))


def _idempotency_key(request: web.Request) -> str | None:
    found = request.headers.getall("Idempotency-Key", [])
    if not found:
        return None
    if len(found) > 1 or len(found[0]) > _KEY_BYTES or not _KEY.fullmatch(found[0]):
        said = f"Idempotency-Key must be 1 to {_KEY_BYTES} printable characters of ASCII, once"
        raise ApiError(400, "bad_request", said)
    return found[0]


class Asked(NamedTuple):
    """What a list is asked for."""

    state: MessageState | None
    ref: str | None
    instance: str | None
    limit: int
    before: str | None


class AskedAfter(NamedTuple):
    """What a page of events is asked for."""

    after: int
    limit: int


def _after(request: web.Request) -> AskedAfter:
    """Raises ApiError."""
    query = _known(request, AskedAfter._fields)
    after = query.get("after", "0")
    if not re.fullmatch(r"[0-9]{1,15}", after):
        raise ApiError(400, "bad_request", "after must be the number of an event")
    return AskedAfter(int(after), _limit(query))


def _known(request: web.Request, names: Sequence[str]) -> Mapping[str, str]:
    """The query of a request, which has each of these names at most once. Raises ApiError."""
    query = request.query
    for name in query:
        if name not in names:
            said = f"unknown query value {_q(name)}"
            raise ApiError(400, "bad_request", said, f"allowed: {', '.join(names)}")
        if len(query.getall(name)) > 1:
            raise ApiError(400, "bad_request", f"{name} stands twice in the query")
    return query


def _limit(query: Mapping[str, str]) -> int:
    limit = query.get("limit", "50")
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= MOST_LISTED:
        raise ApiError(400, "bad_request", f"limit must be a number from 1 to {MOST_LISTED}")
    return int(limit)


def _query(request: web.Request) -> Asked:
    """Raises ApiError."""
    query = _known(request, Asked._fields)
    state, limit, before = query.get("state"), _limit(query), query.get("before")
    if state is not None and state not in set(MessageState):
        raise ApiError(400, "bad_request", f"state must be one of {', '.join(MessageState)}")
    if before is not None and not _MESSAGE_ID.fullmatch(before):
        raise ApiError(400, "bad_request", "before is no id of a message")
    return Asked(
        None if state is None else MessageState(state),
        query.get("ref"),
        query.get("instance"),
        limit,
        before,
    )
