"""A way to a sink, made from its settings; what it needs is loaded when it is first used."""

import asyncio
from concurrent.futures import Future
from typing import Any, Protocol, assert_never

from waziterm.domain.alerts.alert_settings import Sink
from waziterm.domain.alerts.delivery import Letter, Outcome, SinkKind
from waziterm.domain.webhooks.where import where as host_of

_DAY_S = 86_400.0


class Channel(Protocol):
    """Takes messages to a sink, one after the other."""

    async def prepare(self) -> None:
        """Load what `send` needs, so that the first message does not wait for it. What fails then
        is told by `send`."""
        ...

    async def send(self, letter: Letter) -> Outcome:
        """Try once, within a deadline of its own; nothing is raised for what a receiver does."""
        ...

    async def close(self) -> None: ...


def kind_of(sink: Sink) -> SinkKind:
    """By what a sink is told."""
    if sink.webhook:
        return SinkKind.WEBHOOK
    return SinkKind.APPRISE if sink.apprise else SinkKind.COMMAND


def give_up_s(sink: Sink) -> float:
    """How long a message is tried. Apprise says yes or no alone, never that a no is for good."""
    return _DAY_S if kind_of(sink) is SinkKind.APPRISE else 3 * _DAY_S


def where(sink: Sink) -> str:
    """Where a sink is, as far as that is no secret: a path may be one, a host is not."""
    if sink.webhook:
        return host_of(sink.webhook)
    if sink.apprise:
        return sink.apprise.reveal().split("://")[0] + "://"
    return sink.command[0]


async def is_done(future: "Future[Any]", seconds: float) -> bool:
    """Whether a thread has an outcome, or comes to one within some seconds."""
    waiting = asyncio.wrap_future(future)
    try:
        await asyncio.wait((waiting,), timeout=seconds)
    finally:
        waiting.cancel()
    return future.done()


def open_channel(sink: Sink) -> Channel:
    """The way to a sink. It blocks for nothing: what is slow to load is loaded by the first
    `send`."""
    # A manager without sinks needs none of them, and with one not the other two.
    kind = kind_of(sink)
    match kind:
        case SinkKind.WEBHOOK:
            from waziterm.alerts.webhook import Webhook  # noqa: PLC0415 - as said above

            return Webhook(sink.webhook, sink.secrets, sink.numbers)
        case SinkKind.APPRISE:
            from waziterm.alerts.apprise import AppriseChannel  # noqa: PLC0415 - as said above

            return AppriseChannel(sink.name, sink.apprise, sink.numbers)
        case SinkKind.COMMAND:
            from waziterm.alerts.command import Command  # noqa: PLC0415 - as said above

            return Command(sink.command, sink.numbers)
        case _:
            assert_never(kind)
