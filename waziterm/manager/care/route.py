"""The way to WhatsApp's server, from the ground up: the name, the connection, the certificate.

It is the way that a worker takes: through the lab's proxy, else the instance's own, else the one
that the environment names, which Go's HTTP client follows too.
"""

import asyncio
import socket
import ssl
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from waziterm.domain.care.layers import Layer, LayerName, Verdict
from waziterm.domain.frozen import dataclass
from waziterm.domain.labfile import LabFile
from waziterm.domain.phrase import Phrase, as_it_is, joined
from waziterm.domain.text import safe_line
from waziterm.manager.files.program import UPGRADED

if TYPE_CHECKING:
    import httpx

LAYER_S = 10.0
"""How long each of these layers may take."""

_PORTS = {"http": 80, "https": 443}
_SOCKS_PORT = 1080


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who takes connections: a host's name or address, and a TCP port."""

    host: str
    port: int

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address already."""
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True


WHATSAPP = Endpoint("web.whatsapp.com", 443)


@dataclass(frozen=True, slots=True)
class Route:
    """How `server` is reached. proxy: a URL, or None for the direct way. ca_file: the PEM file of
    the only CA that is trusted; None for the usual ones."""

    server: Endpoint
    proxy: str | None
    ca_file: str | None

    @property
    def first(self) -> Endpoint:
        """Who is connected to: the proxy, if there is one."""
        if self.proxy is None:
            return self.server
        parts = urlsplit(self.proxy)
        try:
            port = parts.port
        except ValueError:
            # The environment's proxy was checked by nobody; such a port cannot be connected to.
            return Endpoint(parts.hostname or "", 0)
        return Endpoint(parts.hostname or "", port or _PORTS.get(parts.scheme, _SOCKS_PORT))


def route_of(server: Endpoint, proxy: str | None, lab: LabFile | None) -> Route:
    """The way that a worker takes to the server. proxy: the instance's, a URL, or None."""
    if lab is not None:
        return Route(server, lab.way(proxy), lab.ca_file)
    return Route(server, proxy or _proxy_of_environment(server.host), None)


def _proxy_of_environment(host: str) -> str | None:
    url = getproxies_environment().get("https")
    if not url or proxy_bypass(host):
        return None
    return url if "://" in url else f"http://{url}"


async def dns(route: Route) -> Layer:
    """Whether the name of whoever is connected to has an address."""
    first = route.first
    elsewhere = [Phrase("the proxy looks {host} up", host=route.server.host)] if route.proxy else []
    if first.is_address:
        said = Phrase("{host} is an address", host=first.host)
        return Layer(LayerName.DNS, Verdict.OK, 0.0, joined("; ", (said, *elsewhere)))
    started = time.monotonic()
    try:
        async with asyncio.timeout(LAYER_S):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(first.host, first.port, proto=socket.IPPROTO_TCP)
    except (OSError, TimeoutError, UnicodeError) as error:
        return _failed(
            LayerName.DNS,
            started,
            Phrase("{host} has no address: {why}", host=first.host, why=why(error)),
            Phrase(
                "see the proxy's name" if route.proxy else "see the network and /etc/resolv.conf"
            ),
        )
    addresses = {str(entry[4][0]) for entry in found}
    said = Phrase(
        "{host} is {address} and {count} more" if len(addresses) > 1 else "{host} is {address}",
        host=first.host,
        address=str(found[0][4][0]),
        count=len(addresses) - 1,
    )
    took_s = time.monotonic() - started
    return Layer(LayerName.DNS, Verdict.OK, took_s, joined("; ", (said, *elsewhere)))


async def tcp(route: Route) -> Layer:
    """Whether whoever is connected to takes a connection."""
    first = route.first
    whom = f"{first.host}:{first.port}"
    started = time.monotonic()
    try:
        async with asyncio.timeout(LAYER_S):
            _reader, writer = await asyncio.open_connection(
                first.host, first.port, happy_eyeballs_delay=0.25
            )
    except (OSError, TimeoutError, UnicodeError) as error:
        return _failed(
            LayerName.TCP,
            started,
            Phrase("{host} takes no connection: {why}", host=whom, why=why(error)),
            Phrase(
                "see whether the proxy runs and lets this machine in"
                if route.proxy
                else "see the firewall; an instance may have its own proxy (add --proxy)"
            ),
        )
    took_s = time.monotonic() - started
    writer.close()
    said = Phrase(
        "the proxy {host} takes connections" if route.proxy else "{host} takes connections",
        host=whom,
    )
    return Layer(LayerName.TCP, Verdict.OK, took_s, said)


async def tls(route: Route) -> Layer:
    """Whether the server proves itself with a certificate that is trusted.

    It asks for the server's start page, but whatever comes after the handshake is well: any HTTP
    status, and a connection that is closed without an answer.
    """
    started = time.monotonic()
    try:
        from httpx import HTTPError, InvalidURL, ProxyError  # noqa: PLC0415 - 0.1 s that the first paint needs not
    except ImportError:
        return _failed(LayerName.TLS, started, Phrase(UPGRADED), Phrase("start waziterm again"))
    shaken: list[float] = []
    whom = route.server.host

    async def watch(event: str, _info: dict[str, Any]) -> None:
        # The handshake with an https proxy is called "connection", the one behind it is not.
        behind = route.proxy is None or not event.startswith("connection.")
        if event.endswith(".start_tls.complete") and behind:
            shaken.append(time.monotonic() - started)

    status, error = "", None
    try:
        client = await asyncio.to_thread(client_of, route)
        url = f"https://{whom}:{route.server.port}/"
        async with (
            asyncio.timeout(LAYER_S),
            client,
            client.stream("GET", url, extensions={"trace": watch}) as answer,
        ):
            status = f"HTTP {answer.status_code}"
    except (HTTPError, InvalidURL, OSError, TimeoutError, ValueError) as caught:
        error = caught
    if shaken:
        said = Phrase("{host} proved itself", host=whom)
        said = joined("; ", (said, status)) if status else said
        return Layer(LayerName.TLS, Verdict.OK, shaken[0], said)
    if isinstance(error, ProxyError):
        said = Phrase("the proxy does not reach {host}: {why}", host=whom, why=why(error))
        act = Phrase("see the proxy's own log")
    elif (wrong := _wrong_certificate(error)) is not None:
        said = Phrase(
            "the certificate of {host} is not trusted: {why}", host=whom, why=wrong.verify_message
        )
        act = Phrase("see the machine's clock, and who reads the traffic: a proxy or a firewall")
    else:
        said = Phrase("no TLS with {host}: {why}", host=whom, why=why(error))
        act = Phrase("see who may break the connection: a proxy or a firewall")
    return _failed(LayerName.TLS, started, said, act)


def client_of(route: Route) -> "httpx.AsyncClient":
    """An HTTP client that takes this way, and follows no redirect. Loading the CAs takes long
    enough to be done in a thread. Raises OSError, and ValueError for a proxy that is none."""
    import httpx  # noqa: PLC0415 - as above

    if route.ca_file is None:
        context = httpx.create_ssl_context()
    else:
        context = ssl.create_default_context(cafile=route.ca_file)
    proxy = None if route.proxy is None else httpx.Proxy(route.proxy)
    return httpx.AsyncClient(verify=context, proxy=proxy, trust_env=False, timeout=LAYER_S)


def _wrong_certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _failed(name: LayerName, started: float, said: Phrase, act: Phrase) -> Layer:
    took_s = time.monotonic() - started
    return Layer(name, Verdict.FAILED, took_s, safe(said), act)


def safe(said: Phrase) -> Phrase:
    """The phrase where it is a safe line as it stands; else the line that is left of it."""
    line = safe_line(said, 300)
    return said if line == said else as_it_is(line)


def why(error: BaseException | None) -> Phrase:
    """What went wrong on the way, in a few words."""
    if isinstance(error, TimeoutError) or type(error).__name__.endswith("Timeout"):
        return Phrase("no answer within {count} s", count=round(LAYER_S))
    if isinstance(error, OSError) and error.strerror:
        return as_it_is(error.strerror)
    return as_it_is(str(error) or type(error).__name__)
