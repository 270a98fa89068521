"""How the scan page is called from outside, and by whom."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

if TYPE_CHECKING:
    from waziterm.config.settings import Settings


class Site:
    """How the page is called from outside. prefix: of its paths, "" for none. trusts_proxy: a proxy
    stands before it, which says who asks."""

    def __init__(self, begins_with: str, *, trusts_proxy: bool) -> None:
        parts = urlsplit(begins_with)
        self.prefix = parts.path.rstrip("/")
        self.hosts = (parts.hostname,) if parts.hostname else ()
        self.trusts_proxy = trusts_proxy
        self._is_secure = parts.scheme == "https"
        self._origin = _place(begins_with)

    @classmethod
    def of(cls, settings: "Settings") -> "Site":
        """As the settings have it, with an address."""
        begins_with = settings.web.begins_with
        assert begins_with is not None
        return cls(begins_with, trusts_proxy=settings.web.behind_proxy)

    def address(self, request: web.Request) -> str:
        """Who asks: the proxy's word for it, or that of the connection. Of several words the last
        one is the proxy's, and whoever asks may have written the others."""
        if self.trusts_proxy:
            said = request.headers.getall("X-Forwarded-For", [])
            if said and (last := said[-1].rpartition(",")[2].strip()):
                return last[:60]
        return request.remote or ""

    def is_secure(self, request: web.Request) -> bool:
        """Whether the browser's connection is encrypted."""
        proxied = self.trusts_proxy and request.headers.get("X-Forwarded-Proto") == "https"
        return self._is_secure or request.secure or proxied

    def is_own(self, request: web.Request) -> bool:
        """Whether a page of ours has sent this. A form of a page without a referrer comes with the
        origin `null` (Fetch, "append a request Origin header"); the browser says elsewhere then
        what it is (`Sec-Fetch-Site`)."""
        origin = request.headers.get("Origin", "null").lower()
        own = origin != "null" and (
            origin.partition("://")[2] == request.headers.get("Host", "").lower()
            or _place(origin) == self._origin
        )
        if not own and origin != "null":
            return False
        return request.headers.get("Sec-Fetch-Site", "same-origin" if own else "") == "same-origin"


def _place(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of a URL; one that cannot be read is nowhere."""
    try:
        parts = urlsplit(url)
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname, parts.port or usual
    except ValueError:
        return "", None, None
