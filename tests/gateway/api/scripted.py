"""A queue of messages in memory whose answers a test writes, and an API in front of it."""

import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from waziterm.config.settings import Address, Api
from waziterm.domain.messages.checks import checked
from waziterm.domain.messages.codes import OnUnknown, Scope
from waziterm.domain.messages.message import MessageState, MessageView, NewMessage, OptedOut
from waziterm.domain.messages.queue import (
    MessageQueue,
    MessageRefusedError,
    Once,
    RefusalCode,
    Resolution,
    no_such_message,
)
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.messages.token import KeptToken, TokenView, digest_of, found_among, new_token
from waziterm.domain.webhooks.event import WebhookEvent
from waziterm.gateway.api.routes import Behind
from waziterm.gateway.api.serving import serve_api
from waziterm.gateway.media import Media

AT = 1_767_225_600.0
HOST = "127.0.0.1"


class ScriptedQueue:
    """Takes messages and sends none. taken: what was accepted, by id. refuse: raised by the next
    call instead of carrying it out."""

    def __init__(self) -> None:
        self.taken: dict[str, NewMessage] = {}
        self.views: dict[str, MessageView] = {}
        self.once: dict[tuple[str, str, str], tuple[str, str]] = {}
        self.refuse: Exception | None = None

    async def accept(self, instance: str, new: NewMessage, once: Once | None = None) -> MessageView:
        self._refused()
        new = checked(new)
        if once is not None:
            key = (instance, once.owner, once.key)
            if key in self.once:
                digest, number = self.once[key]
                if digest != once.digest:
                    raise MessageRefusedError(
                        RefusalCode.OTHER_BODY, "this Idempotency-Key came with another body"
                    )
                return self.views[number]
        number = f"msg_{len(self.taken):08x}"
        if once is not None:
            self.once[instance, once.owner, once.key] = once.digest, number
        self.taken[number] = new
        self.views[number] = MessageView(
            *(number, instance, "+49170••••678", new.content.kind, MessageState.QUEUED, AT, AT),
            *(AT + new.expires_in_s, new.on_unknown or OnUnknown.HOLD),
            ref=new.ref,
            priority=new.priority,
        )
        return self.views[number]

    async def taken_with(self, instance: str, once: Once) -> MessageView | None:
        found = self.once.get((instance, once.owner, once.key))
        return None if found is None else self.views[found[1]]

    async def digest(self, body: bytes) -> str:
        return hmac.new(b"key", body, hashlib.sha256).hexdigest()

    async def message(self, message_id: str) -> MessageView:
        self._refused()
        if message_id not in self.views:
            raise no_such_message(message_id)
        return self.views[message_id]

    async def messages(
        self,
        *,
        instance: str | None = None,
        state: MessageState | None = None,
        ref: str | None = None,
        limit: int = 200,
        before: str | None = None,
    ) -> tuple[MessageView, ...]:
        self._refused()
        if before is not None and before not in self.views:
            raise no_such_message(before)
        return tuple(
            view
            for view in sorted(self.views.values(), key=lambda view: view.id, reverse=True)
            if (instance is None or view.instance == instance)
            and (state is None or view.state is state)
            and (ref is None or view.ref == ref)
            and (before is None or view.id < before)
        )[:limit]

    async def cancel(self, message_id: str) -> MessageView:
        return self._now(await self.message(message_id), MessageState.CANCELLED)

    async def resolve(self, message_id: str, how: Resolution) -> MessageView:
        view = await self.message(message_id)
        ends = {Resolution.RESEND: MessageState.QUEUED, Resolution.CLOSE: MessageState.CANCELLED}
        return self._now(view, ends[how])

    async def text_of(self, message_id: str) -> str:
        return self.taken[message_id].content.text

    def counts(self) -> Mapping[str, QueueCounts]:
        return {}

    async def changed(self) -> None:
        raise NotImplementedError

    async def opt_outs(self, instance: str | None = None) -> tuple[OptedOut, ...]:
        return ()

    async def take_back_opt_out(self, opt_out_id: str) -> OptedOut:
        raise NotImplementedError

    def _now(self, view: MessageView, state: MessageState) -> MessageView:
        self.views[view.id] = replace(view, state=state)
        return self.views[view.id]

    def _refused(self) -> None:
        refusal, self.refuse = self.refuse, None
        if refusal is not None:
            raise refusal


async def no_events(_name: str, _after: int, _limit: int) -> tuple[WebhookEvent, ...]:
    """Of an API before no events."""
    return ()


@dataclass
class Served:
    """An API that answers. tokens: what each owner says. happened: the events that rest."""

    root: Path
    port: int
    queue: ScriptedQueue
    kept: list[KeptToken] = field(default_factory=list)
    instances: set[str] = field(default_factory=lambda: {"shop-a", "shop-b", "bar"})
    happened: list[WebhookEvent] = field(default_factory=list)

    async def events(self, name: str, after: int, limit: int) -> tuple[WebhookEvent, ...]:
        found = (each for each in self.happened if each.name == name and each.seq > after)
        return tuple(islice(found, limit))

    def token(
        self,
        name: str = "web",
        scopes: tuple[Scope, ...] = tuple(Scope),
        instances: tuple[str, ...] = ("*",),
    ) -> str:
        """A new token."""
        token = new_token()
        self.kept.append(KeptToken(TokenView(name, scopes, instances, AT), digest_of(token)))
        return token

    def bearer(
        self,
        scopes: tuple[Scope, ...] = tuple(Scope),
        instances: tuple[str, ...] = ("*",),
    ) -> dict[str, str]:
        """The header of a new token."""
        return {"Authorization": f"Bearer {self.token('web', scopes, instances)}"}

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def serving(
    folder: Path,
    api: Api | None = None,
    media_bytes: int = 2_000_000_000,
    queue: MessageQueue | None = None,
) -> AsyncIterator[Served]:
    """An API before a queue. api: other settings than loopback and nothing else. queue: None for
    the scripted one."""
    port = free_port()
    if api is None or api.address is None:
        api = replace(api or Api(), address=Address(HOST, port))
    served = Served(folder, api.address.port if api.address else port, ScriptedQueue())

    async def owner_of(token: str) -> TokenView | None:
        return found_among(served.kept, token)

    kept = Media(folder, media_bytes)
    behind = Behind(
        *(queue or served.queue, owner_of, served.instances.__contains__, lambda: AT, kept),
        served.events,
    )
    async with serve_api(api, behind):
        yield served
