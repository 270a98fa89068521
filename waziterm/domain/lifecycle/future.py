"""No state without a future: what ends each state, how long that may take, who is past it. Pure.

A wait that is longer than its limit, or has none, comes from a clock that was wrong when it began
or from something that failed; whoever finds one ends it.
"""

from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import Any, assert_never

from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import NETWORK_CAP_S, Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import NOTHING, Phrase

OVERDUE_S = 30.0
"""What should have gone on so long ago does not go on by itself."""
NEXT_LOOK_S = 7200.0
"""Longer than the wait for the next look at WhatsApp's page, which tells the current version."""
CODE_S = 240.0
"""Longer than any QR code is valid, with the patience that the rules have with the library."""


def longest_wait(instance: Instance, limits: Limits) -> float | None:
    """The most seconds that `due` may lie ahead; None for a ban, whose end WhatsApp has set."""
    match instance.state:
        case State.BANNED:
            return None
        case State.COOLDOWN:
            return longest_cooldown(limits)
        case State.RETRYING if not instance.redialling:
            again = NETWORK_CAP_S if instance.reason is Reason.SHORT_LIVED else 0.0
            return max(limits.backoff_cap_s, again) * (1.0 + limits.jitter)
        case State.PAIRING:
            return CODE_S
        case State.DEGRADED:
            return max(limits.keepalive_s * limits.keepalive_misses, limits.connect_timeout_s)
        case State.CONNECTED:
            return limits.stable_s
        case State.OUTDATED:
            return NEXT_LOOK_S
        case State.CONNECTING if instance.reason is Reason.AUTHENTICATED:
            return limits.first_queries_s
        case State.RETRYING | State.CONNECTING | State.STOPPED | State.HELD | State.LOGGED_OUT:
            return limits.connect_timeout_s
        case _:
            assert_never(instance.state)


def longest_cooldown(limits: Limits) -> float:
    """The longest cool-down in seconds."""
    return limits.cooldown_s * (1.0 + limits.jitter)


_PAST = ("connected_at", "guarded_at", "trouble_at", "down_since", "phone_seen_at")
_HISTORIES = ("conflicts", "crashes", "refusals", "store_faults")
_moments = attrgetter("created_at", "cooldown_until", "due", *_PAST)
_histories = attrgetter(*_HISTORIES)


def settled(instance: Instance, now: float, limits: Limits) -> Instance:
    """The instance without moments that cannot be: they come from a clock that was wrong.

    now: UTC seconds. When its state began in the future, all of its moments are moved so that it
    begins now: no wait gets shorter by it, and a ban stays as long as WhatsApp has told. What then
    still has happened in the future never counts again, and no wait is longer than its limit.
    """
    if instance.since > now:
        instance = instance.shifted(now - instance.since)
    if not _is_ahead(instance, now):
        return instance
    cooldown_s = longest_cooldown(limits)
    longest_s = longest_wait(instance, limits)
    past: dict[str, Any] = {name: _past(getattr(instance, name), now) for name in _PAST}
    for name in _HISTORIES:
        past[name] = tuple(at for at in getattr(instance, name) if at <= now)
    return replace(
        instance,
        **past,
        created_at=min(instance.created_at, now),
        cooldown_until=_capped(instance.cooldown_until, now + cooldown_s),
        due=instance.due if longest_s is None else _capped(instance.due, now + longest_s),
    )


def _is_ahead(instance: Instance, now: float) -> bool:
    """Whether any of its moments lies in the future."""
    moments = chain(_moments(instance), *_histories(instance))
    return max(filter(None, moments), default=0.0) > now


def has_future(instance: Instance, *, is_carried: bool) -> bool:
    """Whether anything will bring the instance's state to its end, if it is to have one.

    is_carried: whether its worker lives, or its turn to connect is waited for.
    """
    match instance.state:
        case State.CONNECTED:
            return is_carried
        case State.CONNECTING | State.PAIRING | State.DEGRADED:
            return is_carried and (instance.due is not None or instance.state is State.CONNECTING)
        case State.RETRYING | State.COOLDOWN | State.BANNED:
            return instance.due is not None
        case State.STOPPED | State.HELD | State.LOGGED_OUT | State.OUTDATED:
            return True
        case _:
            assert_never(instance.state)


def stuck(instance: Instance, now: float, limits: Limits, *, is_carried: bool) -> Phrase:
    """Why an instance is longer in its state than its limit says, or will be; empty when it is not.

    now: UTC seconds. is_carried: as in `has_future`.
    """
    state = Phrase(instance.state.label)
    if not has_future(instance, is_carried=is_carried):
        return Phrase("{state}, and nothing would end that", state=state)
    if instance.due is None:
        return NOTHING
    late_s = now - instance.due
    if late_s > OVERDUE_S:
        return Phrase(
            "{state}, and should have gone on {count} s ago", state=state, count=round(late_s)
        )
    longest_s = longest_wait(instance, limits)
    if longest_s is not None and -late_s > longest_s + OVERDUE_S:
        return Phrase(
            "{state} for {count} s more, longer than its limit says",
            state=state,
            count=round(-late_s),
        )
    return NOTHING


def _past(moment: float | None, now: float) -> float | None:
    return moment if moment is not None and moment <= now else None


def _capped(moment: float | None, latest: float) -> float | None:
    return None if moment is None else min(moment, latest)
