"""What an instance remembers of its troubles when its state has gone on. Pure."""

from dataclasses import replace

from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted

_BARRIERS = (State.COOLDOWN, State.HELD, State.BANNED, State.OUTDATED)


def remembered(before: Instance, after: Instance, now: float, limits: Limits) -> Instance:
    """The next value of an instance, with its last trouble and the beginning of its outage.

    now: UTC seconds. One that does not change remembers nothing new.
    """
    if after == before:
        return after
    kept, down_since = _with_trouble(before, after, now), _down(before, after, now, limits)
    return kept if kept.down_since == down_since else replace(kept, down_since=down_since)


def evidence_for(instance: Instance, reason: Reason) -> str:
    """The evidence for a barrier that is met again, "" when there is none."""
    if instance.trouble is reason:
        return instance.trouble_detail
    # What an earlier waziterm has stored.
    return instance.detail if instance.reason in (reason, Reason.PAUSED) else ""


def evidence_of_conflict(instance: Instance) -> str:
    """What is known of the other client from an earlier conflict, "" when nothing is."""
    trouble = instance.trouble
    return instance.trouble_detail if trouble is not None and trouble.is_of_a_conflict else ""


def cause_of_outage(instance: Instance) -> tuple[Reason, str]:
    """Why an instance is not connected, with the evidence: its latest trouble, also while the
    next attempt is under way."""
    trouble, at = instance.trouble, instance.trouble_at
    known = trouble is not None and at is not None and at >= (instance.down_since or 0.0)
    if instance.state.is_trouble or trouble is None or not known:
        return instance.reason, instance.detail
    return trouble, instance.trouble_detail


def begun(instance: Instance, reason: Reason, now: float) -> float:
    """When the barrier that is met again began, UTC seconds."""
    met = instance.trouble is reason and instance.trouble_at is not None
    return instance.trouble_at if met and instance.trouble_at is not None else now


def _with_trouble(before: Instance, after: Instance, now: float) -> Instance:
    if not after.state.is_trouble:
        return after
    banned = after.banned_until is not None and now < after.banned_until
    if banned and after.reason is not Reason.TEMPORARY_BAN:
        # It outlives whatever comes meanwhile, and its words with it.
        return after
    if after.state in _BARRIERS:
        at = after.since
    elif before.trouble is after.reason and before.trouble_at is not None:
        at = max(before.trouble_at, after.down_since or 0.0)
    else:
        at = now
    return replace(after, trouble=after.reason, trouble_detail=after.detail, trouble_at=at)


def _down(before: Instance, after: Instance, now: float, limits: Limits) -> float | None:
    if after.wanted is Wanted.STOPPED or not after.is_paired:
        return None
    lasted = before.connected_at is not None and (now - before.connected_at >= limits.short_lived_s)
    if after.state is State.CONNECTED:
        return None if lasted else before.down_since
    if before.state is State.CONNECTED and lasted:
        return now
    return now if before.down_since is None else before.down_since
