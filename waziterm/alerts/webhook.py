"""A webhook: a POST that is signed as Standard Webhooks say (github.com/standard-webhooks)."""

import asyncio
import contextlib
import errno
import hmac
import importlib
import os
import socket
import threading
from base64 import b64decode, b64encode
from collections.abc import Sequence
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from waziterm import __version__
from waziterm.alerts.channel import is_done
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.delivery import (
    Arrived,
    Letter,
    Never,
    NotYet,
    Outcome,
    body_for,
    json_of,
)
from waziterm.domain.secret import Secret

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

CONNECT_S = 10.0
DEADLINE_S = 15.0
"""Seconds for a connection, and for the whole of a request."""
_NEVER = frozenset({400, 401, 403, 404, 410, 422})
"""A receiver that answers so will not take the same message later."""
_MARK = "whsec_"


def signature(secret: Secret, message: str, at: int, body: bytes) -> str:
    """What Standard Webhooks sign: `id.timestamp.body`, by HMAC-SHA256. at: UTC seconds."""
    key = b64decode(secret.reveal().removeprefix(_MARK))
    signed = hmac.new(key, b"%s.%d.%s" % (message.encode(), at, body), sha256).digest()
    return f"v1,{b64encode(signed).decode()}"


def headers(letter: Letter, secrets: Sequence[Secret], body: bytes) -> dict[str, str]:
    """The headers of a message; one signature for each secret, none without any."""
    at = int(letter.at)
    found = {
        "Content-Type": "application/json",
        "User-Agent": f"waziterm/{__version__}",
        "webhook-id": letter.id,
        "webhook-timestamp": str(at),
    }
    if secrets:
        signed = (signature(secret, letter.id, at, body) for secret in secrets)
        found["webhook-signature"] = " ".join(signed)
    return found


def retry_after(text: str | None, at: float) -> float | None:
    """The seconds that a `Retry-After` asks for: a number of them, or an HTTP date; None for what
    is neither. at: UTC seconds. Not bounded yet."""
    said = (text or "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        return parsedate_to_datetime(said).timestamp() - at
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


class Webhook:
    """See `alerts.channel.Channel`. It goes where its URL says: by no proxy of the environment,
    which would be told what is for a private network, and to no redirect's target, which nobody
    has entered in the settings. Of an answer it reads the status and the headers, never the body.
    """

    def __init__(self, url: Secret, secrets: Sequence[Secret], numbers: Numbers) -> None:
        self._url = url
        self._secrets = secrets
        self._numbers = numbers
        self._client: httpx.AsyncClient | None = None
        self._looking_up: Future[OSError | None] | None = None

    async def prepare(self) -> None:
        with contextlib.suppress(ImportError, OSError):
            await self._loaded()

    async def send(self, letter: Letter) -> Outcome:
        if why := await self._not_found():
            return NotYet(why)
        try:
            http, client = await self._loaded()
        except (ImportError, OSError) as error:
            return NotYet(f"HTTP cannot be used here ({type(error).__name__})")
        body = json_of(body_for(letter.body, self._numbers))
        told = headers(letter, self._secrets, body)
        try:
            async with (
                asyncio.timeout(DEADLINE_S),
                client.stream("POST", self._url.reveal(), content=body, headers=told) as answer,
            ):
                return _judged(answer.status_code, answer.headers.get("Retry-After"), letter.at)
        except (TimeoutError, http.TimeoutException):
            return NotYet(f"no answer within {DEADLINE_S:.0f} s")
        except http.ConnectError as error:
            return NotYet(f"cannot connect: {_cause(error)}")
        except (http.HTTPError, http.InvalidURL, OSError, ValueError) as error:
            # What these say may hold the URL.
            return NotYet(f"the connection broke ({type(error).__name__})")

    async def _loaded(self) -> "tuple[ModuleType, httpx.AsyncClient]":
        """httpx and the client. Raises ImportError and OSError."""
        # The import and the certificates take longer than a loop may stand still.
        http = await asyncio.to_thread(importlib.import_module, "httpx")
        if self._client is None:
            self._client = await asyncio.to_thread(_client)
        return http, self._client

    async def _not_found(self) -> str:
        """Why the host's name cannot be looked up now, or "".

        asyncio looks names up in the program's pool of threads, which a resolver that hangs would
        take up: nobody could read a file any more, and the program's end would wait for it.
        """
        if self._looking_up is None:
            host = urlsplit(self._url.reveal()).hostname
            future: Future[OSError | None] = Future()
            future.set_running_or_notify_cancel()
            self._looking_up = future
            threading.Thread(
                target=_look_up, args=(host, future), name="alerts look-up", daemon=True
            ).start()
        if not await is_done(self._looking_up, CONNECT_S):
            return "its name is still being looked up"
        error = self._looking_up.result()
        self._looking_up = None
        return "" if error is None else f"cannot connect: {_cause(error)}"

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _client() -> "httpx.AsyncClient":
    import httpx  # noqa: PLC0415 - loaded by then

    return httpx.AsyncClient(
        timeout=httpx.Timeout(DEADLINE_S, connect=CONNECT_S),
        follow_redirects=False,
        trust_env=False,
    )


def _look_up(host: str | None, future: "Future[OSError | None]") -> None:
    """Look a name up, on the thread. httpx asks for it again and finds it in the same way."""
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        future.set_result(error)
    except UnicodeError:
        future.set_result(OSError(errno.EINVAL, os.strerror(errno.EINVAL)))
    else:
        future.set_result(None)


def _judged(status: int, asked: str | None, at: float) -> Outcome:
    if 200 <= status < 300:
        return Arrived()
    if status in _NEVER:
        return Never(f"HTTP {status}")
    if 300 <= status < 400:
        return NotYet(f"HTTP {status}: it redirects, which is not followed")
    return NotYet(f"HTTP {status}", retry_after(asked, at))


def _cause(error: BaseException) -> str:
    """Why a connection failed, in the system's words, which hold no URL."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno and cause.strerror:
            # What asyncio says of it is no word of the system; a failed look-up's number is none.
            return os.strerror(cause.errno) if cause.errno > 0 else cause.strerror
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
            continue
        cause = cause.__cause__ or cause.__context__
    return "no such host, or it refuses"
