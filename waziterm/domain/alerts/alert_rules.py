"""Which rule an instance's state means, and how much it matters. Pure."""

from typing import assert_never

from waziterm.domain.alerts.alert import AlertRule, AlertSeverity
from waziterm.domain.incidents.kinds import IncidentKind
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State

FLEET_NAMES = 3
"""So many instances at least that one cause meets within a minute are the fleet's trouble,"""
FLEET_SHARE = 0.25
"""and so large a share of those that are to run."""

MEASURED = {
    AlertRule.SUCCESS: Reason.LOW_SUCCESS,
    AlertRule.UPTIME: Reason.LOW_UPTIME,
    AlertRule.DROPS: Reason.MANY_DROPS,
    AlertRule.DISK: Reason.DISK_LOW,
    AlertRule.MEMORY: Reason.MEMORY_HIGH,
    AlertRule.PHONE: Reason.PHONE_SILENT,
    AlertRule.PATTERN: Reason.PATTERN_SEEN,
    AlertRule.BACKUP: Reason.BACKUP_OVERDUE,
}
"""The rules that no state means, with the reason of their incidents."""

_SHARES = (AlertRule.SUCCESS, AlertRule.UPTIME)
_LOW_IS_BAD = (*_SHARES, AlertRule.DISK)
_HELD = {Reason.CRASH_LOOP: AlertRule.CRASH_LOOP, Reason.DEAF_AGAIN: AlertRule.DEAF}
_BANS = (Reason.LOCKED, Reason.ACCOUNT_BANNED)
_OF_ALL = (AlertRule.OUTDATED, AlertRule.VERSION)
_SEVERITIES = {
    AlertRule.HELD: AlertSeverity.CRITICAL,
    AlertRule.CONFLICT: AlertSeverity.WARNING,
    AlertRule.LOGGED_OUT: AlertSeverity.CRITICAL,
    AlertRule.BANNED: AlertSeverity.CRITICAL,
    AlertRule.OUTDATED: AlertSeverity.CRITICAL,
    AlertRule.VERSION: AlertSeverity.WARNING,
    AlertRule.PASSKEY: AlertSeverity.WARNING,
    AlertRule.DEAF: AlertSeverity.CRITICAL,
    AlertRule.CRASH_LOOP: AlertSeverity.CRITICAL,
    AlertRule.DOWN: AlertSeverity.WARNING,
    AlertRule.SUCCESS: AlertSeverity.WARNING,
    AlertRule.UPTIME: AlertSeverity.WARNING,
    AlertRule.DROPS: AlertSeverity.WARNING,
    AlertRule.DISK: AlertSeverity.WARNING,
    AlertRule.MEMORY: AlertSeverity.WARNING,
    AlertRule.PHONE: AlertSeverity.INFO,
    AlertRule.PATTERN: AlertSeverity.WARNING,
    AlertRule.BACKUP: AlertSeverity.WARNING,
    AlertRule.FLEET: AlertSeverity.CRITICAL,
}


def rule_of(instance: Instance) -> AlertRule | None:
    """The rule that an instance's state means at once, or None: what passes by itself is told when
    it lasts (`AlertRule.DOWN`) or meets many (`AlertRule.FLEET`)."""
    reason = instance.reason
    match instance.state:
        case State.HELD:
            return None if reason is Reason.EXPORTED else _HELD.get(reason, AlertRule.HELD)
        case State.COOLDOWN:
            return AlertRule.CONFLICT
        case State.LOGGED_OUT:
            return AlertRule.BANNED if reason in _BANS else AlertRule.LOGGED_OUT
        case State.BANNED:
            return AlertRule.BANNED
        case State.OUTDATED:
            waits = reason is Reason.VERSION_AWAITED
            return AlertRule.VERSION if waits else AlertRule.OUTDATED
        case State.STOPPED:
            return AlertRule.PASSKEY if reason is Reason.PASSKEY else None
        case State.RETRYING | State.DEGRADED:
            return AlertRule.DEAF if reason is Reason.DEAF else None
        case State.CONNECTING | State.PAIRING | State.CONNECTED:
            return None
        case _:
            assert_never(instance.state)


def severity_of(rule: AlertRule, reason: Reason) -> AlertSeverity:
    """How much an incident of this rule matters. The first time that a library is deaf is mended by
    itself."""
    if reason is Reason.DEAF and rule is AlertRule.DEAF:
        return AlertSeverity.WARNING
    return _SEVERITIES[rule]


def is_of_all(rule: AlertRule) -> bool:
    """Whether the rule says by itself that all instances are met."""
    return rule in _OF_ALL


def is_bad(rule: AlertRule, value: float, limit: float) -> bool:
    """Whether what was measured is beyond its limit."""
    return value < limit if rule in _LOW_IS_BAD else value > limit


def is_well(rule: AlertRule, value: float, limit: float) -> bool:
    """Whether what was measured is clearly within its limit. What lies between this and beyond
    goes on as it stood, so that what wavers about its limit is not told again and again."""
    if rule in _SHARES:
        return value >= limit + (1.0 - limit) * 0.2
    return value >= limit * 1.1 if rule in _LOW_IS_BAD else value <= limit * 0.9


def fleet_threshold(running: int) -> int:
    """From how many instances on one cause is the fleet's. running: how many are to run."""
    return max(FLEET_NAMES, -int(-running * FLEET_SHARE // 1))


def cause_of(reason: Reason) -> IncidentKind | None:
    """What a trouble has in common with others of an outage; None for what is none of a fleet."""
    kind = IncidentKind.of(reason)
    return None if kind in (IncidentKind.OTHER, IncidentKind.LIMIT) else kind
