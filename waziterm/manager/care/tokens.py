"""The tokens of the API: made, listed, revoked, and looked up for whoever asks."""

import asyncio
from collections.abc import Callable

from waziterm.domain.errors import FleetError
from waziterm.domain.messages.token import (
    MOST_TOKENS,
    KeptToken,
    MadeToken,
    TokenView,
    check_token_name,
    digest_of,
    found_among,
    new_token,
    patterns_of,
    scopes_of,
)
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.manager.history.audit import who
from waziterm.manager.inputs import InputError
from waziterm.store.store import Store


class Tokens:
    """The tokens of a store. now: UTC seconds. What changes them here is gone by at once."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._turn = asyncio.Lock()
        self._kept: tuple[KeptToken, ...] | None = None

    async def owner_of(self, presented: str) -> TokenView | None:
        """Whose token this is; None for nobody's. Raises StoreError."""
        kept = self._kept
        if kept is None:
            async with self._turn:
                kept = self._kept = await self._store.tokens()
        return found_among(kept, presented)

    async def all(self) -> tuple[TokenView, ...]:
        """All tokens, by name. Raises StoreError."""
        return tuple(each.view for each in await self._store.tokens())

    async def add(self, name: str, instances: str, scopes: str) -> MadeToken:
        """See `domain.fleet.protocol.Fleet.add_token`."""
        try:
            view = TokenView(
                *(check_token_name(name), scopes_of(scopes), patterns_of(instances)),
                *(self._now(), who()),
            )
        except ValueError as error:
            raise InputError(error.args[0]) from error
        token = new_token()
        async with self._turn:
            if name in {each.view.name for each in await self._store.tokens()}:
                said = f"a token is called {name} already"
                raise FleetError(
                    said, Phrase("`waziterm token revoke {name}`, or another name", name=name)
                )
            self._kept = None
            if not await self._store.add_token(KeptToken(view, digest_of(token)), MOST_TOKENS):
                said = Phrase("there are {count} tokens already", count=MOST_TOKENS)
                hint = Phrase("revoke those that nobody uses: `waziterm token list`")
                raise FleetError(said, hint)
        return MadeToken(name, token, view.scopes, view.instances)

    async def revoke(self, name: str) -> None:
        """See `domain.fleet.protocol.Fleet.revoke_token`."""
        async with self._turn:
            self._kept = None
            if not await self._store.drop_token(name):
                raise no_token(name)


def no_token(name: str) -> FleetError:
    """What is told of a token that there is not."""
    said = Phrase("no token is called {name}", name=repr(plain(name, 60)))
    return FleetError(said, Phrase("see `waziterm token list`"), code=2)
