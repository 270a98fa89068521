"""A webhook: a POST that is signed as Standard Webhooks say (github.com/standard-webhooks)."""

import asyncio
import contextlib
import hmac
import importlib
import os
import ssl
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
from waziterm.domain.public_address import is_public
from waziterm.domain.secret import Secret
from waziterm.lookup import Found, look_up

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

CONNECT_S = 10.0
DEADLINE_S = 15.0
"""Seconds for a connection, and for the whole of a request."""
KNOWN_S = 30.0
"""So long a connection that is not used stays, and a name that was looked up is known."""
REST_S, REST = 0.5, 65_536
"""Seconds, and bytes, in which the body of an answer is read to its end, so that its connection can
be used again; nobody looks at it."""
_NEVER = frozenset({400, 401, 403, 404, 410, 422})
"""A receiver that answers so will not take the same message later."""
_MARK = "whsec_"


def signature(secret: Secret, message: str, at: int, body: bytes) -> str:
    """What Standard Webhooks sign: `id.timestamp.body`, by HMAC-SHA256. at: UTC seconds."""
    key = b64decode(secret.reveal().removeprefix(_MARK))
    signed = hmac.new(key, b"%s.%d.%s" % (message.encode(), at, body), sha256).digest()
    return f"v1,{b64encode(signed).decode()}"


def headers(message: str, moment: float, secrets: Sequence[Secret], body: bytes) -> dict[str, str]:
    """The headers of a message with this id; one signature for each secret, none without any.
    moment: of this try, UTC seconds."""
    at = int(moment)
    found = {
        "Content-Type": "application/json",
        "User-Agent": f"waziterm/{__version__}",
        "webhook-id": message,
        "webhook-timestamp": str(at),
    }
    if secrets:
        signed = (signature(secret, message, at, body) for secret in secrets)
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


class Trust:
    """The certificates that posters believe, loaded once for as many as share it: they take 25 ms
    and 0.8 MB."""

    def __init__(self) -> None:
        self._loading = asyncio.Lock()
        self._loaded: tuple[ModuleType, ssl.SSLContext] | None = None

    async def loaded(self) -> "tuple[ModuleType, ssl.SSLContext]":
        """httpx and the certificates. Raises ImportError and OSError."""
        async with self._loading:
            if self._loaded is None:
                # It takes longer than a loop may stand still.
                self._loaded = await asyncio.to_thread(_load)
            return self._loaded


class Poster:
    """Posts to one URL, signed. It goes where its URL says: by no proxy of the environment, which
    would be told what is for a private network, and to no redirect's target, which nobody has
    entered in the settings. Of an answer it judges the status and the headers alone.

    must_be_public: it goes to machines of the internet alone, by https: what the name leads to is
    looked at, and connected with as it was looked at. at_once: so many posts may be under way.
    trust: where others share it.
    """

    def __init__(
        self,
        url: Secret,
        secrets: Sequence[Secret],
        *,
        must_be_public: bool = False,
        at_once: int = 1,
        trust: Trust | None = None,
    ) -> None:
        self._url = url
        self._secrets = secrets
        self._must_be_public = must_be_public
        self._at_once = at_once
        self._trust = trust or Trust()
        self._client: httpx.AsyncClient | None = None
        self._looking_up: Future[Found] | None = None
        self._found: tuple[float, tuple[str, ...]] | None = None

    async def prepare(self) -> None:
        """Load what `post` needs. What fails then is told by `post`."""
        with contextlib.suppress(ImportError, OSError):
            await self._loaded()

    async def post(self, message: str, at: float, body: bytes) -> Outcome:
        """Try once, within `DEADLINE_S`. message: its id. at: the moment of this try."""
        if self._must_be_public and urlsplit(self._url.reveal()).scheme != "https":
            return Never("it is no https address")
        found = await self._looked_up()
        if isinstance(found, str):
            return NotYet(found)
        if self._must_be_public and not all(map(is_public, found)):
            self._found = None
            return NotYet("its host is not one of the internet")
        try:
            http, client = await self._loaded()
        except (ImportError, OSError) as error:
            return NotYet(f"HTTP cannot be used here ({type(error).__name__})")
        told = headers(message, at, self._secrets, body)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await self._posted(http, client, found, body, told, at)
        except (TimeoutError, http.TimeoutException):
            return NotYet(f"no answer within {DEADLINE_S:.0f} s")
        except http.ConnectError as error:
            self._found = None
            return NotYet(f"cannot connect: {_cause(error)}")
        except (http.HTTPError, http.InvalidURL, OSError, ValueError) as error:
            # What these say may hold the URL.
            return NotYet(f"the connection broke ({type(error).__name__})")

    async def _posted(
        self,
        http: "ModuleType",
        client: "httpx.AsyncClient",
        found: Sequence[str],
        body: bytes,
        told: dict[str, str],
        at: float,
    ) -> Outcome:
        """Post to the first address that can be connected with; by name where all may be. Raises
        what httpx does."""
        url = http.URL(self._url.reveal())
        if not self._must_be_public:
            return await _answer(client, url, body, told, {}, at)
        told = told | {"Host": url.netloc.decode("ascii")}
        more = {"sni_hostname": url.raw_host.decode("ascii")}
        for address in found[:-1]:
            with contextlib.suppress(http.ConnectError, http.ConnectTimeout):
                return await _answer(client, url.copy_with(host=address), body, told, more, at)
        return await _answer(client, url.copy_with(host=found[-1]), body, told, more, at)

    async def _loaded(self) -> "tuple[ModuleType, httpx.AsyncClient]":
        """httpx and the client. Raises ImportError and OSError."""
        http, context = await self._trust.loaded()
        if self._client is None:
            self._client = _client(http, context, self._at_once)
        return http, self._client

    async def _looked_up(self) -> tuple[str, ...] | str:
        """The addresses of the host's name, or why it cannot be looked up now."""
        now = asyncio.get_running_loop().time()
        if self._found is not None and now - self._found[0] < KNOWN_S:
            return self._found[1]
        future = self._looking_up
        if future is None:
            host = urlsplit(self._url.reveal()).hostname or ""
            future = self._looking_up = look_up(host)
        if not await is_done(future, CONNECT_S):
            return "its name is still being looked up"
        if self._looking_up is future:
            self._looking_up = None
        found = future.result()
        if isinstance(found, OSError):
            return f"cannot connect: {_cause(found)}"
        self._found = now, found
        return found

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


class Webhook:
    """See `alerts.channel.Channel`."""

    def __init__(self, url: Secret, secrets: Sequence[Secret], numbers: Numbers) -> None:
        self._poster = Poster(url, secrets)
        self._numbers = numbers

    async def prepare(self) -> None:
        await self._poster.prepare()

    async def send(self, letter: Letter) -> Outcome:
        body = json_of(body_for(letter.body, self._numbers))
        return await self._poster.post(letter.id, letter.at, body)

    async def close(self) -> None:
        await self._poster.close()


async def _answer(
    client: "httpx.AsyncClient",
    url: "httpx.URL",
    body: bytes,
    told: dict[str, str],
    more: dict[str, str],
    at: float,
) -> Outcome:
    async with client.stream("POST", url, content=body, headers=told, extensions=more) as answer:
        outcome = _judged(answer.status_code, answer.headers.get("Retry-After"), at)
        # Only a connection whose answer was read to its end serves for the next one.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(REST_S):
                read = 0
                async for chunk in answer.aiter_raw():
                    read += len(chunk)
                    if read > REST:
                        break
        return outcome


def _load() -> "tuple[ModuleType, ssl.SSLContext]":
    http = importlib.import_module("httpx")
    context: ssl.SSLContext = http.create_ssl_context(trust_env=False)
    return http, context


def _client(http: "ModuleType", context: ssl.SSLContext, at_once: int) -> "httpx.AsyncClient":
    client: httpx.AsyncClient = http.AsyncClient(
        verify=context,
        timeout=http.Timeout(DEADLINE_S, connect=CONNECT_S),
        limits=http.Limits(
            max_connections=at_once, max_keepalive_connections=at_once, keepalive_expiry=KNOWN_S
        ),
        follow_redirects=False,
        trust_env=False,
    )
    return client


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
