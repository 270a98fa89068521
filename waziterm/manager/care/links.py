"""The links to the scan page: made and ended by people, opened by one browser each."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from time import gmtime

from waziterm.domain import moments
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.link_end import LinkEnd
from waziterm.domain.links import KeptLink, MadeLink, new_nonce
from waziterm.domain.messages.token import digest_of
from waziterm.domain.phrase import Phrase
from waziterm.manager.clock import Clock
from waziterm.manager.history.audit import who
from waziterm.manager.instances import Instances
from waziterm.store.errors import StoreError
from waziterm.store.store import Store

log = logging.getLogger(__name__)


class Links:
    """The links of a store. What ends one with its instance stands where that is stored.

    base: what a link begins with; raises FleetError where the page does not answer. followed: by
    how much the clock had been set, see `Clock.shift`, when what is stored was right.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        instances: Instances,
        base: Callable[[], str],
        followed: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._instances = instances
        self._base = base
        self._followed = followed
        self._turn = asyncio.Lock()

    async def make(self, name: str, seconds: int) -> MadeLink:
        """See `domain.fleet.protocol.Fleet.make_link`."""
        base = self._base()
        supervisor = self._instances.of(name)
        if supervisor.view.paired:
            raise FleetError(
                Phrase("{name} is linked already", name=name),
                Phrase("if another phone is to be linked, clean it (c) first"),
            )
        await self._follow()
        token, now, identity = new_nonce(), self._clock.now(), supervisor.instance.id
        kept = KeptLink(0, identity, digest_of(token), now, now + seconds, who())
        await self._store.add_link(kept)
        until = moments.stored(gmtime(kept.expires_at))
        by = f" by {kept.who}" if kept.who else ""
        supervisor.note(f"a link to the scan page was made{by}, valid until {until}")
        self._instances.tell_news(identity)
        return MadeLink(f"{base}/scan/{token}", name, kept.expires_at)

    async def end(self, name: str) -> None:
        """See `domain.fleet.protocol.Fleet.end_link`."""
        supervisor, now = self._instances.of(name), self._clock.now()
        identity = supervisor.instance.id
        if not await self._store.end_links(identity, LinkEnd.WITHDRAWN, now):
            said = Phrase("no link to the scan page leads to {name}", name=name)
            raise FleetError(said, Phrase("`waziterm qr {name} --link` makes one", name=name))
        supervisor.note("its link to the scan page was ended")
        self._instances.tell_news(identity)

    async def find(self, token: str) -> KeptLink | None:
        """The link with this token, as it stands; None for none. Raises StoreError."""
        kept = await self._store.link(digest_of(token))
        if kept is None or kept.ended is not None or self.left_s(kept) > 0:
            return kept
        try:
            await self._store.end_link(kept.number, LinkEnd.EXPIRED, self._clock.now())
        except StoreError as error:
            log.warning("the end of a link to the scan page is not stored: %s", error)
        return replace(kept, ended=LinkEnd.EXPIRED)

    def left_s(self, kept: KeptLink) -> float:
        """For how many seconds a link that has not ended leads somewhere at the most."""
        behind = self._clock_behind()
        left = kept.expires_at - (self._clock.now() - behind)
        return max(0.0, min(left, kept.expires_at - kept.at))

    async def bind(self, kept: KeptLink, cookie: str) -> bool:
        """Let a link be that browser's which says `cookie`; whether it is. Raises StoreError."""
        return await self._store.bind_link(kept.number, digest_of(cookie))

    def note(self, kept: KeptLink, said: str) -> None:
        """Write into the log of a link's instance."""
        if (supervisor := self._instances.with_id(kept.instance)) is not None:
            supervisor.note(said)

    def view(self, kept: KeptLink) -> InstanceView | None:
        """The instance that a link leads to, as it is shown; None when it is gone."""
        supervisor = self._instances.with_id(kept.instance)
        return None if supervisor is None else supervisor.view

    async def news(self, kept: KeptLink) -> None:
        """Wait until something of a link or of its instance changes."""
        await self._instances.news_of(kept.instance)

    async def clock_set(self) -> None:
        """Move all links along: each lasts as long as it was made for. What cannot be stored is
        tried again with the next one."""
        try:
            await self._follow()
        except StoreError as error:
            log.warning("the links to the scan page were not moved with the clock: %s", error)

    async def _follow(self) -> None:
        async with self._turn:
            if by := self._clock_behind():
                await self._store.shift_links(by)
                self._followed += by

    def _clock_behind(self) -> float:
        self._clock.now()
        return self._clock.shift - self._followed
