"""What stands behind the facade, and who asks it for what."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from waziterm.domain.fleet.audit import Argument
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.messages.codes import Scope
from waziterm.domain.messages.queue import MessageQueue
from waziterm.domain.messages.token import TokenView
from waziterm.gateway.facade import answers
from waziterm.gateway.facade.answers import FacadeError
from waziterm.gateway.facade.fetching import Fetching
from waziterm.gateway.facade.parameters import Parameters

NOT_FOR_THIS = "This access token is not for this request"


class FacadeKeeper(Protocol):
    """What is kept of instances for the facade; `manager.care.facade.FacadeInstances` is one."""

    async def find(self, called: str) -> Instance | None: ...

    async def bind(self, identity: str, instance: str, token: str = "") -> bool: ...

    async def unlinked_of(self, token: str) -> int: ...

    async def set_webhook(self, instance: str, url: str | None, token: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Behind:
    """acting: the fleet as somebody with a token asks it. noted: see `domain.fleet.audit.noted`, of
    somebody with a token. owner_of: whose token something is.
    instances: how clients call them. takes_webhooks: whether clients may say where they are told;
    webhooks_changed: one has. now: UTC seconds. elapsed: seconds on a clock that is never set."""

    acting: Callable[[TokenView], Fleet]
    noted: Callable[
        [TokenView, str, str, Mapping[str, Argument]], AbstractAsyncContextManager[object]
    ]
    queue: MessageQueue
    owner_of: Callable[[str], Awaitable[TokenView | None]]
    instances: FacadeKeeper
    fetching: Fetching
    takes_webhooks: bool
    webhooks_changed: Callable[[], Awaitable[None]]
    now: Callable[[], float]
    elapsed: Callable[[], float]


class Asker:
    """One request: whose token came with it, and what it says."""

    def __init__(self, behind: Behind, owner: TokenView, said: Parameters) -> None:
        self._behind = behind
        self.owner = owner
        self._said = said

    @property
    def fleet(self) -> Fleet:
        """The fleet; what is done through it stands in the audit under the token's name."""
        return self._behind.acting(self.owner)

    def value(self, *names: str) -> str:
        """What stands under the first of these names that has anything, without blanks around."""
        return next((said for name in names if (said := self._said.get(name, "").strip())), "")

    def text(self, name: str) -> str:
        """What stands under a name, as it is."""
        return self._said.get(name, "")

    def needs(self, *scopes: Scope) -> None:
        """Raises FacadeError for a token that has none of these scopes."""
        if not set(scopes) & set(self.owner.scopes):
            raise FacadeError(NOT_FOR_THIS, code="scope", hint=f"it has no scope {scopes[0]}")

    async def instance(self) -> Instance:
        """The instance that is meant. One that the token is not for is one that there is not.
        Raises FacadeError."""
        called = self.value("instance_id")
        if not called:
            raise FacadeError(answers.NO_INSTANCE)
        found = await self._behind.instances.find(called)
        if found is None or not self.owner.allows(found.name):
            raise FacadeError(answers.UNKNOWN_INSTANCE)
        return found

    async def still(self) -> None:
        """Raises FacadeError when the token was revoked while something was waited for."""
        if await self._behind.owner_of(self.value("access_token")) != self.owner:
            raise FacadeError(answers.UNKNOWN_TOKEN)


class Waits:
    """Those who wait for something to happen to an instance: so many at once at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    @asynccontextmanager
    async def one_more(self) -> AsyncIterator[None]:
        """Raises FacadeError where too many wait already."""
        if self._count >= self._most:
            raise FacadeError(answers.CANNOT_CONNECT, code="rate")
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
