"""At most one live connection per device on this machine: who of us has which, and who else.

Whoever is about to dial claims the device first and looks at the others' claims then: two that
start at the same moment both see the other, and the later one gives way.
"""

import asyncio
import logging
from pathlib import Path

from waziterm.manager.clock import Clock
from waziterm.manager.holder import Address, Findings, search
from waziterm.manager.registry import Peer, Registry

log = logging.getLogger(__name__)


class Claims:
    """The devices that the instances of this fleet have live, told to the other managers."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._live: dict[str, tuple[str, float]] = {}
        self._publishing = asyncio.Lock()

    async def claim(self, name: str, jid: str) -> None:
        """The instance dials with this device, or is connected with it."""
        if self._live.get(name, ("", 0.0))[0] != jid:
            self._live.pop(name, None)
            self._live[name] = (jid, self._clock.now())
            await self._publish()

    async def release(self, name: str) -> None:
        """The instance has no connection and tries none."""
        if self._live.pop(name, None) is not None:
            await self._publish()

    async def earlier_holder(self, name: str) -> str:
        """Who claimed the instance's device before it did, for the operator; "" for nobody."""
        jid, since = self._live[name]
        # Among ourselves the order of the claims counts: a clock may stand still or be set back.
        sibling = self._sibling(jid, tuple(self._live)[: tuple(self._live).index(name)])
        if sibling:
            return sibling
        return _told(await asyncio.to_thread(self._registry.holder, jid, since))

    async def search(
        self, name: str, jid: str, files: tuple[Path, ...], addresses: frozenset[Address]
    ) -> Findings:
        """Look for whoever took a device over; see `manager.holder.search`."""
        holder = self._sibling(jid, tuple(other for other in self._live if other != name))
        holder = holder or _told(await asyncio.to_thread(self._registry.holder, jid))
        if holder:
            return Findings(holder)
        return await asyncio.to_thread(search, files, addresses)

    async def close(self) -> None:
        """Take this manager's entry away."""
        try:
            await asyncio.to_thread(self._registry.withdraw)
        except OSError as error:
            log.warning("the entry for other managers stays: %s", error)

    def _sibling(self, jid: str, among: tuple[str, ...]) -> str:
        for other in among:
            if self._live[other][0] == jid:
                return f"the instance {other} of this fleet"
        return ""

    async def _publish(self) -> None:
        async with self._publishing:
            # Of two with one device the earlier claim is the one to tell.
            live = dict(reversed(self._live.values()))
            try:
                await asyncio.to_thread(self._registry.publish, live)
            except OSError as error:
                # Without the registry a conflict is still noticed, only later.
                log.warning("other managers cannot be told what is live here: %s", error)


def _told(peer: Peer | None) -> str:
    return f"another waziterm (pid {peer.pid}, {peer.root})" if peer else ""
