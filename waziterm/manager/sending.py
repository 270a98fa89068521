"""The instances as senders: how they stand, what they send, what they still know of it."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_never

from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.sending import (
    SEND_S,
    CannotSend,
    Heard,
    HearsOfSent,
    InboxGrew,
    NoTraceError,
    NotSent,
    Outgoing,
    Sent,
    Standing,
    Trace,
)
from waziterm.domain.phrase import Phrase
from waziterm.manager.instance.traces import Traces
from waziterm.manager.instances import Instances

UPLOAD_BYTES_PER_S = 100_000.0
"""What a line takes at least: the upload of a file comes before its message and has its own time.
"""


ROLL_S = 5.0
"""So long a worker may take to roll a journal."""


class PassedOn:
    """`Hears` for whoever is there before those who want to hear. to: who hears what concerns
    messages that were sent. grew: hears whose journal of messages in did."""

    to: HearsOfSent | None = None
    grew: Callable[[str], None] | None = None

    def heard(self, identity: str, what: Heard) -> None:
        if isinstance(what, InboxGrew):
            if self.grew is not None:
                self.grew(identity)
        elif self.to is not None:
            self.to.heard(identity, what)


class Sending:
    """`domain.messages.sending.Phones`. root: the data directory, below which files lie. limit_s:
    seconds to an acknowledgement."""

    def __init__(self, instances: Instances, root: Path) -> None:
        self._instances = instances
        self._root = root
        self.limit_s = SEND_S

    def standing(self, identity: str) -> Standing:
        supervisor = self._instances.with_id(identity)
        if supervisor is None:
            return Standing("", CannotSend.GONE)
        instance = supervisor.instance
        why, barred = _why_not(instance), instance.no_new_chats_until
        if barred is not None and barred <= self._instances.now():
            barred = None
        return Standing(instance.name, why, None if why is None else _until(instance), barred)

    def changed(self, identity: str) -> Coroutine[Any, Any, None]:
        # It counts from now, not from the moment at which somebody begins to wait.
        return self._differs(identity, self.standing(identity))

    async def _differs(self, identity: str, before: Standing) -> None:
        while self.standing(identity) == before:
            await self._instances.news_of(identity)

    async def send(self, identity: str, message: Outgoing) -> Sent:
        supervisor = self._instances.with_id(identity)
        if supervisor is None:
            return NotSent("the instance is gone")
        limit_s = self.limit_s
        if message.content.media:
            path = self._root / message.content.media
            message = _with_media(message, str(path))
            limit_s += await asyncio.to_thread(_size, path) / UPLOAD_BYTES_PER_S
        return await supervisor.send(message, limit_s)

    async def roll_journal(self, identity: str) -> None:
        """Have the worker of an instance roll its journal of messages in, if there is one."""
        if (supervisor := self._instances.with_id(identity)) is not None:
            await supervisor.roll_journal(ROLL_S)

    def expect(self, identity: str) -> None:
        self._traces.expect(identity)

    async def traces(self, identity: str, secrets: Collection[str]) -> Mapping[str, Trace]:
        supervisor = self._instances.with_id(identity)
        if supervisor is None:
            raise FleetError(Phrase("the instance is gone"))
        jid = supervisor.instance.jid
        if jid is None:
            raise NoTraceError(Phrase("{name} is linked no more", name=supervisor.instance.name))
        return await self._traces.look(identity, jid, secrets)

    @property
    def _traces(self) -> Traces:
        return self._instances.traces


def _with_media(message: Outgoing, path: str) -> Outgoing:
    return replace(message, content=replace(message.content, media=path))


def _size(path: Path) -> int:
    """Bytes of a file; 0 when it cannot be told: the worker says why."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _why_not(instance: Instance) -> CannotSend | None:
    """Why an instance cannot send, None when it can. Where the probes fail, an acknowledgement
    would hardly come."""
    if not instance.is_paired and instance.state is not State.LOGGED_OUT:
        return CannotSend.NOT_PAIRED
    match instance.state:
        case State.CONNECTED:
            return None
        case State.CONNECTING:
            return CannotSend.CONNECTING
        case State.RETRYING | State.DEGRADED:
            return CannotSend.RETRYING
        case State.COOLDOWN:
            return CannotSend.COOLDOWN
        case State.STOPPED if instance.reason is Reason.PAUSED:
            return CannotSend.CONNECTING
        case State.STOPPED:
            return CannotSend.STOPPED
        case State.HELD:
            return CannotSend.HELD
        case State.BANNED:
            return CannotSend.BANNED
        case State.LOGGED_OUT:
            return CannotSend.LOGGED_OUT
        case State.PAIRING:
            return CannotSend.NOT_PAIRED
        case State.OUTDATED:
            return CannotSend.OUTDATED
        case _:
            assert_never(instance.state)


def _until(instance: Instance) -> float | None:
    if instance.state is State.BANNED:
        return instance.banned_until
    return instance.next_attempt
