"""How often may be asked: by whoever has no link, and by whoever has one.

The two are counted apart, and each link by itself. Who guesses keeps nobody from his own link,
whatever address they share.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable

MISSES, MISSES_PER_S = 20.0, 0.5
"""Of one address: so many at once, and so many a second from then on."""
ALL_MISSES, ALL_MISSES_PER_S = 200.0, 20.0
HITS, HITS_PER_S = 60.0, 4.0
"""Of one link, by the browser that has opened it, and the same again by all others together."""
STARTS, STARTS_PER_S = 2.0, 0.1
"""Pairings that are begun by one link."""
CODES, CODES_PER_S = 1.0, 1 / 60
"""Codes to type that are asked for by one link: WhatsApp tells the phone of each."""
_MOST_KEPT = 4096
_PREFIX = 64
"""Bits of an IPv6 address: the rest is chosen by whoever has it."""


class Buckets:
    """Counts what is asked, by a key: `most` at once, and `per_s` a second from then on."""

    def __init__(self, most: float, per_s: float) -> None:
        self._most = most
        self._per_s = per_s
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now: float) -> float:
        """Count one more; for how many seconds there is none left, 0 when it may be asked. now:
        seconds of a clock that is never set."""
        left, at = self._left.pop(key, (self._most, now))
        left = min(self._most, left + (now - at) * self._per_s)
        wait_s = 0.0 if left >= 1.0 else (1.0 - left) / self._per_s
        self._left[key] = (left if wait_s else left - 1.0, now)
        if len(self._left) > _MOST_KEPT:
            self._left.popitem(last=False)
        return wait_s


class Limits:
    """All that is counted. Each tells for how many seconds it has to be waited, 0 for none."""

    def __init__(self) -> None:
        self._misses = Buckets(MISSES, MISSES_PER_S)
        self._all_misses = Buckets(ALL_MISSES, ALL_MISSES_PER_S)
        self._hits = Buckets(HITS, HITS_PER_S)
        self._starts = Buckets(STARTS, STARTS_PER_S)
        self._codes = Buckets(CODES, CODES_PER_S)

    def miss(self, address: str, now: float) -> float:
        """Somebody has asked for what leads nowhere."""
        return self._misses.take(_shared(address), now) or self._all_misses.take(None, now)

    def hit(self, link: int, is_owner: bool, now: float) -> float:
        """Somebody has asked for a link that leads somewhere. is_owner: the browser that has opened
        it."""
        return self._hits.take((link, is_owner), now)

    def start(self, link: int, now: float) -> float:
        """A pairing is to begin."""
        return self._starts.take(link, now)

    def code(self, link: int, now: float) -> float:
        """A code to type is to be had."""
        return self._codes.take(link, now)


def _shared(address: str) -> str:
    """What of an address one machine may have many of."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(found), _PREFIX), strict=False))
    return str(found)
