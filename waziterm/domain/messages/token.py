"""Tokens of the API: who may ask for what, by a digest; the token itself is kept nowhere."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import field
from fnmatch import fnmatchcase

from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.codes import Scope
from waziterm.domain.names import MOST_PATTERNS, is_pattern
from waziterm.domain.text import plain
from waziterm.domain.units import Moment

PREFIX = "wzt_"
"""How every token begins, so that one is known for what it is where it was left."""
MOST_TOKENS = 500
EVERYONE = "*"
_BYTES = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


@document_of("name", "scopes", "instances", "created=at", "who")
@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as it is listed. instances: patterns of the names of those it is for. created, at:
    when it was made. who: by whom, or ""."""

    name: str
    scopes: tuple[Scope, ...]
    instances: tuple[str, ...]
    at: Moment
    who: str = ""

    def allows(self, instance: str) -> bool:
        """Whether it is for the instance with this name."""
        return any(fnmatchcase(instance, each) for each in self.instances)

    @property
    def is_for_all(self) -> bool:
        """Whether it is for every instance there may be."""
        return EVERYONE in self.instances


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A token that was just made. token: what its owner says to the API; it is told this once.
    instances: as in `TokenView`."""

    name: str
    token: str = field(repr=False)
    scopes: tuple[Scope, ...]
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token as it is stored. digest: its SHA-256, 64 hex digits."""

    view: TokenView
    digest: str = field(repr=False)


def new_token() -> str:
    """A token that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(token: str) -> str:
    """The SHA-256 of a token, 64 hex digits. It needs no salt: a token is 32 bytes by chance."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def found_among(kept: Iterable[KeptToken], presented: str) -> TokenView | None:
    """Whose token this is; None for nobody's. It takes as long for the one as for the other."""
    digest, found = digest_of(presented), None
    for each in kept:
        if hmac.compare_digest(each.digest, digest):
            found = each.view
    return found


def check_token_name(text: str) -> str:
    """The text itself, when a token may be called so. Raises ValueError."""
    if _NAME.fullmatch(text) is None:
        shown = repr(plain(text, 60))
        raise ValueError(f"{shown} cannot be a token's name: 1 to 40 of a-z, 0-9, '.', '-' and '_'")
    return text


def patterns_of(text: str) -> tuple[str, ...]:
    """Patterns of names of instances, with commas or blanks between them, each once. Raises
    ValueError."""
    found = tuple(dict.fromkeys(text.replace(",", " ").split()))
    for each in found:
        if not is_pattern(each):
            raise ValueError(f"{plain(each, 60)!r} is no name of an instance, and no pattern")
    if not 1 <= len(found) <= MOST_PATTERNS:
        raise ValueError(f"a token is for 1 to {MOST_PATTERNS} names")
    return found


def scopes_of(text: str) -> tuple[Scope, ...]:
    """Scopes, with commas or blanks between them, in their order. Raises ValueError."""
    words = set(text.replace(",", " ").split())
    if not words or not words <= set(Scope):
        raise ValueError("a token's scopes are of send, read, receive and manage")
    return tuple(each for each in Scope if each in words)
