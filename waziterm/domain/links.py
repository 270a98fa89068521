"""Links to the scan page: each shows the QR codes of one instance in one browser, for a time.

A link is kept by a digest alone, and so is what the browser says that has opened it.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import field

from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.link_end import LinkEnd
from waziterm.domain.messages.token import digest_of
from waziterm.domain.units import Moment

_BYTES = 24
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


@document_of("url", "instance", "expires_at")
@dataclass(frozen=True, slots=True)
class MadeLink:
    """A link that was just made; it is told this once. url: whoever opens it first sees the
    instance's QR codes. instance: its name. expires_at: when it leads nowhere at the latest."""

    url: str = field(repr=False)
    instance: str
    expires_at: Moment


@dataclass(frozen=True, slots=True)
class KeptLink:
    """A link as it is stored.

    number: of its row, 0 before it has one. instance: the id. digest: of its token. at: when it was
    made, expires_at: when it ends at the latest, UTC seconds. who: made it, or "". browser: the
    digest of what the browser says that has opened it; "" before one has. ended: why it leads
    nowhere any more, None as long as it does.
    """

    number: int
    instance: str
    digest: str = field(repr=False)
    at: float
    expires_at: float
    who: str
    browser: str = field(default="", repr=False)
    ended: LinkEnd | None = None


def new_nonce() -> str:
    """What nobody can guess: the token of a link, or what a page brings along."""
    return secrets.token_urlsafe(_BYTES)


def is_nonce(text: str) -> bool:
    """Whether a text looks like one that was made here."""
    return _TOKEN.fullmatch(text) is not None


def cookie_of(token: str, nonce: str) -> str:
    """What the browser says from then on that opens a link, 64 hex digits: the same for the same
    page, so that a button that is pressed twice opens it once. nonce: that page's."""
    return hmac.new(token.encode(), nonce.encode(), hashlib.sha256).hexdigest()


def is_browser(kept: KeptLink, cookie: str) -> bool:
    """Whether this is what the browser says that has opened the link."""
    return hmac.compare_digest(kept.browser, digest_of(cookie)) and bool(kept.browser)
