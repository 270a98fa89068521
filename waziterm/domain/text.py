"""Making text from the network harmless, and secrets invisible."""

import re
import unicodedata
from urllib.parse import SplitResult, urlsplit

from waziterm.domain.jid import mask_number
from waziterm.domain.phrase import Phrase

_LONGEST = 4096
_MASK = "•••"
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"
    r"|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
_QR = re.compile(r"(?:https://wa\.me/\S*#)?\d@[A-Za-z0-9+/=,@_-]{40,}")
_KEY = re.compile(r"(?<![A-Za-z0-9+/=])(?:[0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)(?![A-Za-z0-9+/=])")
_TOKEN = re.compile(r"\bwzt_[A-Za-z0-9_-]{20,}")
_CREDENTIALS = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^\s/@]+@")
_LONG_NUMBER = re.compile(r"(?<![\w.:-])\+?(\d{8,15})(?=(?:[.:]\d+)*@|(?![\w.:-]))")
_JID_NUMBER = re.compile(r"(?<!\d)(\d{8,20})(?=(?:[.:]\d+)*@(?:s\.whatsapp\.net|lid|c\.us))")


def plain(text: str, limit: int = 500) -> str:
    """One line of inert text: no escape sequence, control, direction mark or zero-width character.

    limit: the largest number of characters kept; what is cut is shown by an ellipsis.
    """
    if text.isprintable():
        # Nothing in it is to go, so the slow walk through its characters can be spared.
        line = " ".join(text.split())
        return line if len(line) <= limit else line[: limit - 1] + "…"
    text = _ESCAPES.sub("", text)
    kept = []
    for char in text:
        if char in "\n\r\t":
            kept.append(" ")
        elif unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
            continue
        else:
            kept.append(char)
    line = " ".join("".join(kept).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def safe_line(text: str, limit: int = 500) -> str:
    """One inert line without secrets, of at most `limit` characters.

    Escape sequences go before the secrets, which they could split, and the cut comes last, so
    that no half of a secret is left for want of its end.
    """
    return plain(redact(plain(text, _LONGEST)), limit)


def safe_told(text: str, limit: int = 500) -> str:
    """The same of a text that may be a phrase, whose values are made so one by one: it can still be
    said in another language. limit: of each."""
    if not isinstance(text, Phrase):
        return safe_line(text, limit)
    values = {
        name: safe_told(value, limit) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return Phrase(text.template, **values)


def redact(text: str) -> str:
    """The same text without QR codes, keys, tokens and logins in URLs, with numbers masked."""
    text = _QR.sub("[QR code]", text)
    text = _KEY.sub("[key]", text)
    text = _TOKEN.sub("[token]", text)
    text = _CREDENTIALS.sub(r"\1[credentials]@", text)
    text = _JID_NUMBER.sub(lambda match: mask_number(match[1]), text)
    return _LONG_NUMBER.sub(lambda match: mask_number(match[1]), text)


def storable(text: str) -> str:
    """The text with lone surrogates, which are not UTF-8, replaced by question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def http_parts(text: str) -> SplitResult | None:
    """The parts of an `http` or `https` URL with a host; None for what is none."""
    if not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if is_one else None


def proxy_place(url: str) -> str | None:
    """The `host:port` of a proxy's URL, without its credentials; None for what is no such URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or port is None:
        return None
    return plain(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", 80)


def mask_proxy(text: str) -> str:
    """A proxy's URL without its credentials; a masked one stays as it is."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return _MASK
    if "@" not in parts.netloc:
        return text
    host = parts.netloc.rpartition("@")[2]
    return SplitResult(parts.scheme, f"{_MASK}@{host}", parts.path, parts.query, "").geturl()
