"""Who is in the staged fleet, and what its week was like: pure data, the same in each run.

Most are well. One has a bad proxy, by which it got worse all week; one drops every night when its
shop makes its backup; some dropped once or twice, as numbers do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

NOW = 1_773_283_260.0
"""2026-03-12 09:41:00 in Jakarta: the moment of the pictures, UTC seconds."""
ZONE = "WIB-7"
"""As POSIX writes a time zone, so that no zone needs to be installed."""
DAY_S, HOUR_S, MINUTE_S = 86_400.0, 3_600.0, 60.0
MIDNIGHT = NOW - 9 * HOUR_S - 41 * MINUTE_S
LIVED_S = 8 * DAY_S
"""So long before `NOW` the fleet was linked."""
BOOT = NOW - 9.2 * HOUR_S
"""Since when its manager runs: what happened before is written as it would have written it."""

TAKEN, BANNED, AWAY = "shop-medan", "shop-accra", "shop-pune"
WORSE, NIGHTLY = "shop-surabaya", "cs-lagos"
REMOVED = ("promo-lebaran", "promo-valentine")
"""Two that were linked for a while, and that nobody needs any more."""
PROXY = "socks5://id-7.proxy.example:1080"

_CITIES = (
    *("jakarta", "bandung", "surabaya", "medan", "makassar", "denpasar", "semarang", "malang"),
    *("padang", "manado", "ambon", "kupang", "palu", "solo", "batam", "lagos", "nairobi", "accra"),
    *("mumbai", "pune", "recife", "lima", "cairo", "tunis", "dakar", "hanoi", "cebu", "lahore"),
)
_SHOPS, _DESKS, _PROMOS = _CITIES[:24], _CITIES[8:26], _CITIES[:8]
_COUNTRIES = {
    **{"lagos": "234803", "nairobi": "254712", "accra": "233244", "mumbai": "919820"},
    **{"pune": "919765", "recife": "558198", "lima": "519871", "cairo": "201001"},
    **{"tunis": "216201", "dakar": "221771", "hanoi": "849031", "cebu": "639171"},
    **{"lahore": "923001"},
}
_NOTES = {
    WORSE: "slow",
    NIGHTLY: "router restarts 02:10",
    "shop-jakarta": "ask Sari first",
    "shop-denpasar": "new phone",
    "shop-lima": "answers by night",
}
_TAGS = {
    "shop-jakarta": ("vip",),
    "shop-bandung": ("vip",),
    TAKEN: ("vip", "crm"),
    WORSE: ("vip", "id-7"),
    "shop-solo": ("id-7",),
    "cs-batam": ("id-7",),
    "shop-cairo": ("crm",),
    "shop-nairobi": ("crm",),
}
_BEHIND_PROXY = (WORSE, "shop-solo", "cs-batam")

_UPLOADING = "Uploading 50 new prekeys to server"
_SLOW = ("<receipt>", '<notification type="encrypt">', '<message type="text">')


@dataclass(frozen=True, slots=True)
class Member:
    """One number. digits: the phone number, of nobody that we know. note, tags, proxy: as a person
    has set them."""

    name: str
    digits: str
    note: str
    tags: tuple[str, ...]
    proxy: str | None

    @property
    def jid(self) -> str:
        """The device as which it is linked."""
        return f"{self.digits}:{int(self.digits[-2:]) % 30 + 1}@s.whatsapp.net"


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without a connection. at: when it began, UTC seconds. lasts_s: until it was back."""

    name: str
    at: float
    lasts_s: float


def members() -> tuple[Member, ...]:
    """The fleet, in the order in which it was added."""
    chance = Random(4)
    kinds = (("shop", _SHOPS), ("cs", _DESKS), ("promo", _PROMOS))
    names = [f"{kind}-{city}" for kind, cities in kinds for city in cities]
    return tuple(_member(name, chance) for name in (*names, *REMOVED))


def _member(name: str, chance: Random) -> Member:
    city = name.split("-", 1)[1]
    begin = _COUNTRIES.get(city, chance.choice(("62811", "62812", "62813", "62852", "62878")))
    digits = begin + "".join(chance.choices("0123456789", k=12 - len(begin)))
    proxy = PROXY if name in _BEHIND_PROXY else None
    return Member(name, digits, _NOTES.get(name, ""), _TAGS.get(name, ()), proxy)


def outages() -> tuple[Outage, ...]:
    """When who was away in the last seven days, in order."""
    chance = Random(7)
    found = [*_worse(chance), *_nightly(chance)]
    for each in members():
        if each.name in (WORSE, NIGHTLY):
            continue
        if each.name in REMOVED:
            continue
        drops = chance.choices((0, 1, 2, 3, 5), (4, 4, 3, 2, 1))[0]
        if each.proxy is not None:
            drops += 4
        for _ in range(drops):
            at = NOW - (0.1 + 6.8 * chance.random() ** 1.5) * DAY_S
            found.append(Outage(each.name, at, chance.choice((4.0, 9.0, 14.0, 400.0, 1900.0))))
    return tuple(_apart(sorted(found, key=lambda each: each.at)))


def _worse(chance: Random) -> Iterator[Outage]:
    """More on each day, today the most."""
    for back, count in zip(range(6, -1, -1), (1, 2, 2, 4, 7, 11, 15), strict=True):
        begin = MIDNIGHT - back * DAY_S
        end = min(begin + DAY_S, NOW - 18 * MINUTE_S)
        for _ in range(count):
            at = chance.uniform(begin + (0.8 if back == 0 else 6.0) * HOUR_S, end)
            yield Outage(WORSE, at, chance.choice((12.0, 71.0, 180.0, 640.0, 900.0)))


def _nightly(chance: Random) -> Iterator[Outage]:
    """At ten past two, for as long as a router takes to start."""
    for back in range(6, -1, -1):
        begin = MIDNIGHT - back * DAY_S + 130 * MINUTE_S + chance.uniform(0, 200)
        yield Outage(NIGHTLY, begin, chance.uniform(400, 1100))


def _apart(found: list[Outage]) -> Iterator[Outage]:
    """Those that do not overlap an earlier one of the same number."""
    until: dict[str, float] = {}
    for each in found:
        if each.at > until.get(each.name, 0.0) + 90.0:
            until[each.name] = each.at + each.lasts_s
            yield each


def said() -> Iterator[tuple[float, str, str]]:
    """Lines that the library wrote in the last hour: when, UTC seconds, of whom, and which."""
    chance = Random(9)
    names = [each.name for each in members() if each.name not in REMOVED]
    for _ in range(30):
        slow = (
            f"warning: Node handling took {chance.uniform(5, 19):.1f}s for {chance.choice(_SLOW)}"
        )
        line = chance.choice((_UPLOADING, slow))
        yield NOW - chance.uniform(3, 3600), chance.choice((*names, WORSE, WORSE)), line


def tested() -> Iterator[tuple[float, str]]:
    """Whom somebody sent a test in the last hour, and when."""
    chance = Random(10)
    names = [each.name for each in members() if each.name not in (*REMOVED, TAKEN, BANNED, AWAY)]
    for name in chance.sample(names, 22):
        yield NOW - chance.uniform(5, 3600), name
