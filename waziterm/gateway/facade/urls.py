"""The URLs that clients name: of media, and of their own webhooks."""

import ipaddress
from urllib.parse import SplitResult

from waziterm.domain.public_address import is_public
from waziterm.domain.text import http_parts
from waziterm.gateway.facade import answers
from waziterm.gateway.facade.answers import FacadeError

_LONGEST = 2_000
_WRONG_MEDIA = "Media url is not a valid URL"


def check_media(url: str) -> None:
    """Raises FacadeError for what no media can lie at."""
    _checked(url, _WRONG_MEDIA)


def check_webhook(url: str) -> None:
    """Raises FacadeError for what no client may be told at: of names, where they lead is looked at
    when it is told."""
    if not url:
        raise FacadeError(answers.NO_WEBHOOK)
    parts = _checked(url, answers.WRONG_WEBHOOK)
    host = parts.hostname or ""
    if (
        parts.scheme != "https"
        or not url.isascii()
        or " " in url
        or (_is_address(host) and not is_public(host))
    ):
        raise FacadeError(answers.WRONG_WEBHOOK)


def _checked(url: str, said: str) -> SplitResult:
    parts = http_parts(url) if len(url) <= _LONGEST else None
    if parts is None or "@" in parts.netloc:
        raise FacadeError(said)
    return parts


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
