"""At most one live connection per device on this machine: who of us has which, and who else.

Whoever is about to dial claims the device first and looks at the others' claims then. A claim's
moment is taken and told in one step, so of two that start at once the later one sees the other.
"""

import asyncio
import logging

from waziterm.manager.clock import Clock
from waziterm.manager.holder import Findings, Sought, search
from waziterm.manager.registry import Peer, Registry

log = logging.getLogger(__name__)


class Claims:
    """The devices that the instances of this fleet have live, told to the other managers."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._live: dict[str, tuple[str, float | None]] = {}
        self._publishing = asyncio.Lock()

    async def claim(self, name: str, jid: str) -> None:
        """The instance dials with this device, or is connected with it."""
        if self._live.get(name, ("", None))[0] == jid:
            return
        self._live.pop(name, None)
        # Its place among ourselves it has at once, its moment when the others can see it.
        self._live[name] = (jid, None)
        async with self._publishing:
            told = self._told()
            try:
                claimed = await asyncio.to_thread(self._registry.claim, jid, told, self._clock.now)
            except OSError as error:
                # Without the registry a conflict is still noticed, only later.
                log.warning("other managers cannot be told what is live here: %s", error)
                claimed = self._clock.now()
            self._live[name] = (jid, claimed)

    async def release(self, name: str) -> None:
        """The instance has no connection and tries none."""
        if self._live.pop(name, None) is None:
            return
        async with self._publishing:
            try:
                await asyncio.to_thread(self._registry.publish, self._told())
            except OSError as error:
                log.warning("other managers still believe that %s is live here: %s", name, error)

    async def earlier_holder(self, name: str) -> str:
        """Who claimed the instance's device before it did, for the operator; "" for nobody."""
        jid, since = self._live[name]
        # Among ourselves the order of the claims counts: a clock may stand still or be set back.
        sibling = self._sibling(jid, tuple(self._live)[: tuple(self._live).index(name)])
        if sibling:
            return sibling
        return _named(await asyncio.to_thread(self._registry.holder, jid, since))

    async def search(self, name: str, jid: str, sought: Sought) -> Findings:
        """Look for whoever took a device over; see `manager.holder.search`."""
        holder = self._sibling(jid, tuple(other for other in self._live if other != name))
        holder = holder or _named(await asyncio.to_thread(self._registry.holder, jid))
        if holder:
            return Findings(holder)
        return await asyncio.to_thread(search, sought)

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

    def _told(self) -> dict[str, float]:
        """The claims that the others may see; of two of one device the earlier one."""
        claims = [(jid, since) for jid, since in self._live.values() if since is not None]
        return dict(reversed(claims))


def _named(peer: Peer | None) -> str:
    return f"another waziterm (pid {peer.pid}, {peer.root})" if peer else ""
