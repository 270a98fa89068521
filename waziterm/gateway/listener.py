"""What listens over TCP has in common: its address, TLS, and the hosts that it is asked for as."""

import asyncio
import ipaddress
import logging
import os
import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from waziterm.domain.errors import FleetError
from waziterm.domain.listeners import NAMES, Listener
from waziterm.domain.phrase import Phrase
from waziterm.health.clients import Clients, answering

if TYPE_CHECKING:
    from waziterm.config.settings import Listening

log = logging.getLogger(__name__)

SHUTDOWN_S = 1.0
TOLD_EVERY_S = 60.0
"""Who comes without a token is told in the log at most once in so many seconds."""
HANDSHAKE_S = 5.0
"""Seconds within which a client has to agree on how to encrypt."""


@asynccontextmanager
async def listening(
    which: Listener, settings: "Listening", application: web.Application, clients: Clients
) -> AsyncIterator[None]:
    """Let an application, with `clients.counted` in it, answer where the settings say so while the
    context is open.

    settings: with an address. Raises FleetError, one line, when it must not be listened on, or
    cannot.
    """
    if (refusal := settings.refusal(which)) is not None:
        raise FleetError(refusal.why, refusal.hint)
    assert settings.address is not None
    host, port = settings.address
    context = await asyncio.to_thread(_tls, which, settings)

    @asynccontextmanager
    async def listen(serve: Callable[[], asyncio.Protocol]) -> AsyncIterator[None]:
        try:
            opened = await asyncio.get_running_loop().create_server(
                serve,
                host,
                port,
                ssl=context,
                ssl_handshake_timeout=None if context is None else HANDSHAKE_S,
            )
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise FleetError(
                Phrase(
                    "{what} does not answer: {where} cannot be listened on: {why}",
                    what=NAMES[which],
                    where=str(settings.address),
                    why=why,
                ),
                Phrase("name another address in the table [{table}] of the config", table=which),
            ) from error
        try:
            yield
        finally:
            opened.close()

    async with answering(application, clients, listen, SHUTDOWN_S):
        yield


def _tls(which: Listener, settings: "Listening") -> ssl.SSLContext | None:
    """How the listener encrypts; None where it does not. Raises FleetError."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a passphrase would ask for it at the terminal.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=lambda: b"")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise FleetError(
            Phrase(
                "{what} does not answer: its certificate cannot be used: {why}",
                what=NAMES[which],
                why=str(why),
            ),
            Phrase("see tls_cert and tls_key in [{table}]", table=which),
        ) from error
    return context


def tell_fault(what: str, error: Exception) -> None:
    """Tell in the log that a request has met what nobody expected. What the error says may hold
    what was sent; where it was met holds nothing of that. what: was asked, as the log has it."""
    met = "".join(traceback.format_tb(error.__traceback__))
    log.error("a request of %s failed: %s\n%s", what, type(error).__name__, met)


def end_unread(request: web.Request, answer: web.Response) -> None:
    """Let the connection end with this answer where a part of the request was not read: the rest of
    what was sent is no next request."""
    if not request.content.at_eof():
        answer.force_close()


class Strangers:
    """Tells in the log that somebody came without a valid token, once in a while. what: what was
    asked, as the log has it."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told_at: float | None = None

    def tell(self, request: web.Request) -> None:
        """Somebody came."""
        now = asyncio.get_running_loop().time()
        if self._told_at is None or now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            log.warning("%s was asked without a valid token, from %s", self._what, request.remote)


class Hosts:
    """The hosts that something is asked for as. more: names beside those of the settings."""

    def __init__(self, settings: "Listening", *more: str) -> None:
        assert settings.address is not None
        self._names = {"localhost", settings.address.host.lower(), *settings.hosts, *more}

    def has(self, request: web.Request) -> bool:
        """Whether the request names a host that this is. An address is one if it is the one that
        was called: a name is what a foreign page could let lead here."""
        given = request.headers.getall("Host", [])
        if len(given) != 1:
            return False
        name, _, port = given[0].rpartition(":")
        if not name or not port.isdecimal():
            name = given[0]
        name = name.lower().removesuffix(".").removeprefix("[").removesuffix("]")
        if name in self._names:
            return True
        if request.transport is None:
            return False
        called = request.transport.get_extra_info("sockname")[0].partition("%")[0]
        try:
            return ipaddress.ip_address(name) == ipaddress.ip_address(called)
        except ValueError:
            return False
