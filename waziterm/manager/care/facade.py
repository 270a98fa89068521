"""The instances as the facade's clients know them: by which ids, and where those are told."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.facade import waziper_id
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.target import Form, Target, target_name
from waziterm.store import facade
from waziterm.store.facade import KeptId, KeptWebhook
from waziterm.store.store import Store


class FacadeInstances:
    """What is kept of instances for the facade. now: UTC seconds. instances: those that there are.
    All of it raises StoreError."""

    def __init__(
        self, store: Store, now: Callable[[], float], instances: Callable[[], Sequence[Instance]]
    ) -> None:
        self._store = store
        self._now = now
        self._instances = instances
        self._turn = asyncio.Lock()
        self._ids: dict[str, KeptId] | None = None

    async def find(self, called: str) -> Instance | None:
        """The instance that a client means: by its id, in upper or lower case, or by its name."""
        identity = waziper_id(called)
        if identity is not None and (kept := (await self._all()).get(identity)) is not None:
            found = next((each for each in self._instances() if each.id == kept.instance), None)
            if found is not None:
                return found
        return next((each for each in self._instances() if each.name == called), None)

    async def called(self, instance: str) -> str:
        """By which id of 13 hex digits clients know the instance with this id, the newest of
        several; "" where that is its name."""
        known = [each.id for each in (await self._all()).values() if each.instance == instance]
        return known[-1] if known else ""

    async def bind(self, identity: str, instance: str, token: str = "") -> bool:
        """Let clients call the instance with the id `instance` by another, of 13 hex digits, from
        now on. False, and nothing changes, where it is another one's that there is. token: the
        name of the one with which it was made."""
        async with self._turn:
            kept = KeptId(identity, instance, token)
            self._ids = None
            return await self._store.of_facade(partial(facade.bind, kept=kept, at=self._now()))

    async def unlinked_of(self, token: str) -> int:
        """How many instances a token has made that no phone has linked."""
        made = {each.instance for each in (await self._all()).values() if each.token == token}
        return sum(each.id in made and not each.is_paired for each in self._instances())

    async def set_webhook(self, instance: str, url: str | None, token: str) -> None:
        """Tell the clients of the instance with this id there from now on; None: nowhere."""
        write = partial(facade.set_webhook, instance=instance, url=url, token=token, at=self._now())
        await self._store.of_facade(write)

    async def targets(self) -> tuple[Target, ...]:
        """Who is told by webhook because a client has asked for it: with a token that there still
        is, and that is for the instance by the name that it has now."""
        names = {each.id: each.name for each in self._instances()}
        tokens = {each.view.name: each.view for each in await self._store.tokens()}

        def is_allowed(kept: KeptWebhook) -> bool:
            token, name = tokens.get(kept.token), names.get(kept.instance)
            return token is not None and name is not None and token.allows(name)

        return tuple(
            Target(
                name=target_name(each.instance),
                url=Secret(each.url),
                instances=(names[each.instance],),
                numbers=Numbers.FULL,
                form=Form.WAZIPER,
                must_be_public=True,
            )
            for each in await self._store.of_facade(facade.read_webhooks)
            if is_allowed(each)
        )

    async def _all(self) -> dict[str, KeptId]:
        """By the ids, in the order in which they were given."""
        found = self._ids
        if found is None:
            async with self._turn:
                read = await self._store.of_facade(facade.read_ids)
                found = self._ids = {each.id: each for each in read}
        return found
