"""Whether WhatsApp cannot be reached at all, or only some numbers of the fleet cannot, and how fast
they come back. Pure."""

from collections.abc import Collection, Iterable

from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import State

OUTAGE_NAMES = 3
"""So many instances that fail to dial, with no success between, make an outage."""
BY_FLEET = 0.0
"""The setting that lets the size of the fleet decide how fast they come back."""
_PACED_PER_S, _ALL_WITHIN_S = 5.0, 60.0


def pace(setting: float, instances: int) -> float:
    """How many pairings and retries may start in a second. setting: `[fleet] paced_per_s`.
    instances: how many the fleet has.

    After an outage all of them have to: a large fleet may take a minute for that.
    """
    return setting or max(_PACED_PER_S, instances / _ALL_WITHIN_S)


def is_outage(failing: Collection[str], fleet: Iterable[Instance]) -> bool:
    """Whether the instances that could not dial show that the network is out for the whole fleet.

    They must be several, on several ways where the fleet has several, and nobody may be online: a
    dead proxy is the trouble of those that are behind it. failing: names, none of which has
    reached WhatsApp since, and neither has anybody else.
    """
    live = [each for each in fleet if each.state.is_live]
    if any(each.state is State.CONNECTED for each in live):
        return False
    out = [each for each in live if each.name in failing]
    ways, ways_out = {each.way for each in live}, {each.way for each in out}
    return len(out) >= OUTAGE_NAMES and len(ways_out) >= min(OUTAGE_NAMES, len(ways))
