"""Every number that the rules use, with its unit, its default, its bounds and its meaning."""

from waziterm.domain.frozen import dataclass
from waziterm.domain.settings import setting

_DAY_S = 86_400.0
_WEEK_S = 7 * _DAY_S


@dataclass(frozen=True, slots=True)
class Limits:
    """`[limits]`: the numbers of the lifecycle rules, per fleet and, where set, per instance."""

    # The library waits 30 s for TCP, 60 s for a proxy's answer (Go net/http), 10 s for TLS and
    # 20 s for the Noise handshake.
    connect_timeout_s: float = setting(
        130.0,
        "Seconds from the start of a connect to the login or to the first QR code. The library"
        " itself waits up to 120 in them.",
        low=1,
        high=600,
    )
    # It asks for the number of its prekeys, uploads some, and sends a last query; each waits 75 s
    # for its answer (whatsmeow `request.go`).
    first_queries_s: float = setting(
        240.0,
        "Seconds from the login to `connected`; the library waits up to 225 in them.",
        low=1,
        high=600,
    )
    # whatsmeow gives a message up after 75 s, and sends no other one until then; a message that it
    # sends again after a drop it never gives up.
    query_timeout_s: float = setting(
        60.0,
        "Seconds in which WhatsApp has to answer one query: send-test, logout. A text that is not"
        " acknowledged by then has its instance connected again.",
        low=1,
        high=600,
    )
    probe_timeout_s: float = setting(
        10.0,
        "Seconds in which WhatsApp has to answer one of our own probes.",
        low=1,
        high=600,
    )
    keepalive_s: float = setting(
        30.0,
        "Seconds between two probes of a connected session.",
        low=1,
        high=3600,
    )
    keepalive_misses: int = setting(
        3,
        "Missed probes in a row before a degraded session is connected again.",
        low=1,
        high=100,
    )
    cooldown_s: float = setting(
        10.0,
        "Seconds without any attempt after a conflict.",
        low=1,
        high=_DAY_S,
    )
    guard_s: float = setting(
        120.0,
        "A conflict within these seconds after our guarded attempt proves a rival.",
        low=1,
        high=_DAY_S,
    )
    conflict_budget: int = setting(
        3,
        "The conflict with this number inside the window ends in `held`.",
        low=1,
        high=100,
    )
    conflict_window_s: float = setting(
        600.0,
        "Seconds for which a conflict counts.",
        low=1,
        high=_WEEK_S,
    )
    short_lived_s: float = setting(
        30.0,
        "A connection that ends within these seconds counts as short-lived.",
        low=0,
        high=3600,
    )
    short_lived_budget: int = setting(
        3,
        "With this many short-lived connections the wait becomes a cool-down that doubles.",
        low=1,
        high=100,
    )
    backoff_first_s: float = setting(
        2.0,
        "Seconds before the first retry; doubled for each further one.",
        low=0.1,
        high=3600,
        at_most="backoff_cap_s",
    )
    backoff_cap_s: float = setting(
        300.0,
        "The most seconds between two retries; at least `backoff_first_s`. After a drop or a"
        " failed dial it is 120 at most.",
        low=1,
        high=_DAY_S,
    )
    stable_s: float = setting(
        300.0,
        "A connection that lasts these seconds resets the back-off.",
        low=1,
        high=_DAY_S,
    )
    crash_budget: int = setting(
        5,
        "This many deaths of a worker, or ends of what its library tells, inside the window end in"
        " `held`.",
        low=1,
        high=100,
    )
    crash_window_s: float = setting(
        600.0,
        "Seconds for which a worker's death counts.",
        low=1,
        high=_WEEK_S,
    )
    jitter: float = setting(
        0.1,
        "Largest share by which a wait is lengthened at random.",
        low=0,
        high=0.1,
    )


NETWORK_CAP_S = 120.0
"""The largest wait after what the network may have done: all are back within 3 minutes of its
end, whoever is the last to look."""

TRUSTED_S = 3600.0
"""How long after a crash an instance is not put together with others."""


def drawn(wait_s: float, limits: Limits, random: float) -> float:
    """A wait lengthened by jitter, so that two managers do not fall into step.

    random: a number in [0, 1). The result is in [wait_s, wait_s * (1 + limits.jitter)].
    """
    return wait_s * (1.0 + limits.jitter * random)


def backoff(attempt: int, limits: Limits, random: float, cap_s: float | None = None) -> float:
    """The wait in seconds before attempt number `attempt` (1 is the first retry).

    cap_s: the largest wait, where that is less than the limits' own.
    """
    cap_s = limits.backoff_cap_s if cap_s is None else min(cap_s, limits.backoff_cap_s)
    return drawn(_doubled(limits.backoff_first_s, attempt, cap_s), limits, random)


def suspicious_wait(times: int, limits: Limits, random: float) -> float:
    """The wait in seconds after connections that are closed at once: the cool-down of a conflict,
    doubled for each further one.

    times: 1 for the first that is suspicious. Two clients that take a session from each other
    unheard come to rest by it.
    """
    return drawn(_doubled(limits.cooldown_s, times, NETWORK_CAP_S), limits, random)


def _doubled(first_s: float, times: int, cap_s: float) -> float:
    doublings = min(max(times - 1, 0), 30)
    return min(first_s * float(2**doublings), cap_s)
