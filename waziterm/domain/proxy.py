"""A proxy's URL: what may be one, and what to say when it is not."""

from urllib.parse import urlsplit

from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain

SCHEMES = ("http", "https", "socks5")
EXAMPLE = "socks5://user:password@proxy.example:1080"


def check_proxy(text: str) -> str:
    """The text itself, without a slash at its end, when it names a scheme that we know, a host and
    a port.

    Raises ValueError, whose message never repeats the credentials.
    """
    if text != plain(text, len(text) + 1) or " " in text:
        raise ValueError(Phrase("the proxy URL has spaces or control characters"))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(Phrase("the host or the port of the proxy URL cannot be read")) from error
    if parts.scheme not in SCHEMES or "://" not in text:
        raise ValueError(
            Phrase("a proxy URL starts with {schemes} and ://", schemes=", ".join(SCHEMES))
        )
    if not parts.hostname:
        raise ValueError(Phrase("the proxy URL has no host"))
    if not port:
        raise ValueError(Phrase("the proxy URL has no port"))
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(Phrase("a proxy URL ends after its port"))
    return text.rstrip("/")


def is_on_this_machine(url: str) -> bool:
    """Whether a proxy is on a loopback address."""
    from ipaddress import ip_address  # noqa: PLC0415 - for a lab alone

    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
