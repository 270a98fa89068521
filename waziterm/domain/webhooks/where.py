"""Where a webhook is, as far as that is no secret."""

from urllib.parse import urlsplit

from waziterm.domain.secret import Secret


def where(url: Secret) -> str:
    """Scheme, host and port of a URL: a path may be a secret, a host is not."""
    parts = urlsplit(url.reveal())
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{parts.port}" if parts.port else "")
