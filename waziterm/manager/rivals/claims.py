"""At most one live connection per device on this machine: who of us has which, and who else.

Whoever is about to dial claims the device first; of two that do so at once, the kernel lets one be
the first. No clock has a part in it.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from waziterm.domain.lifecycle.details import sibling_detail
from waziterm.manager.rivals.registry import Registry
from waziterm.store.errors import StoreError

if TYPE_CHECKING:
    from waziterm.manager.rivals.search import SearchFor, SearchResult

BUSY_S = 1.0
"""How long others are not answered when there is no descriptor left to do it with."""

log = logging.getLogger(__name__)


class Claims:
    """The devices that the instances of this fleet have live, told to the other managers.

    key_of: the key of a device, by its instance and its JID; None when its file does not hold it.
    Raises StoreError.
    """

    def __init__(
        self, registry: Registry, key_of: Callable[[str, str], Awaitable[bytes | None]]
    ) -> None:
        self._registry = registry
        self._key_of = key_of
        self._live: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}
        """By each JID in `_live` its instances, who came first before the others."""
        self._keys: dict[str, bytes] = {}
        self._claiming: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def claim(self, name: str, jid: str, *, beside: bool) -> str:
        """The instance is about to dial with this device. Who has it live already, for the
        operator, or "" for nobody.

        beside: it dials even if another manager has it, and is seen by the others.
        """
        if self._live.get(name) != jid:
            await self.release(name)
            # Its place among ourselves it has at once.
            self._live[name] = jid
            self._names.setdefault(jid, []).append(name)
        if (first := self._names[jid][0]) != name:
            return sibling_detail(first)
        # One after the other for one device: a stranger's silence about it is not for the others.
        async with self._claiming[jid]:
            try:
                key = self._keys.get(jid) or await self._key_of(name, jid)
                if key is None or self._live.get(name) != jid:
                    return ""
                peer = None
                if not self._registry.take(key):
                    peer = await asyncio.to_thread(self._registry.claim, key, beside=beside)
            except (OSError, StoreError) as error:
                # Without it a conflict is still noticed, only later.
                log.warning("other managers cannot be told that %s is live here: %s", name, error)
                return ""
            self._keys[jid] = key
            self._listen(jid)
        return "" if beside else str(peer or "")

    async def keep(self, name: str, jid: str) -> None:
        """The instance is connected with this device, which it may just have got."""
        if self._live.get(name) != jid:
            await self.claim(name, jid, beside=True)

    async def release(self, name: str) -> None:
        """The instance has no connection and tries none."""
        jid = self._live.pop(name, None)
        if jid is not None:
            self._names[jid].remove(name)
            if not self._names[jid]:
                del self._names[jid]
            async with self._claiming[jid]:
                self._forget(jid)

    async def search(self, name: str, jid: str, wanted: "SearchFor") -> "SearchResult":
        """Look for whoever took a device over; see `manager.rivals.search.search`."""
        from waziterm.manager.rivals.search import (  # noqa: PLC0415 - not before the first paint
            SearchResult,
            search,
        )

        others = (each for each in self._names.get(jid, ()) if each != name)
        holder = sibling_detail(first) if (first := next(others, None)) is not None else ""
        key = self._keys.get(jid)
        if not holder:
            try:
                key = key or await self._key_of(name, jid)
            except StoreError as error:
                log.warning("other managers cannot be asked about %s: %s", name, error)
        if not holder and key is not None:
            holder = str(await asyncio.to_thread(self._registry.holder, key) or "")
        return SearchResult(holder) if holder else await asyncio.to_thread(search, wanted)

    async def close(self) -> None:
        """Have nothing live any more."""
        for name in tuple(self._live):
            await self.release(name)

    def _forget(self, jid: str) -> None:
        if jid in self._names:
            return
        key = self._keys.pop(jid, None)
        if key is not None:
            sock = self._registry.listening(key)
            if sock is not None:
                asyncio.get_running_loop().remove_reader(sock)
            self._registry.release(key)

    def _listen(self, jid: str) -> None:
        """Answer other managers who ask about this device, as long as it is live here."""
        key = self._keys.get(jid)
        sock = self._registry.listening(key) if key is not None else None
        if key is not None and sock is not None:
            asyncio.get_running_loop().add_reader(sock, self._answer, jid, key)

    def _answer(self, jid: str, key: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._registry.answer(key)
        except OSError as error:
            log.warning("other managers are not answered for %g s: %s", BUSY_S, error)
            if (sock := self._registry.listening(key)) is not None:
                loop.remove_reader(sock)
            loop.call_later(BUSY_S, self._listen, jid)
