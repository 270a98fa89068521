"""Every number that the rules use, with its unit and its default."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of the lifecycle rules, per fleet and, where set, per instance.

    connect_timeout_s: from the start of a connect to the login, or to the first QR code. Longer
        than what the library waits in it: 30 s for TCP, 60 s for a proxy's answer (Go net/http),
        10 s for TLS, 20 s for the Noise handshake.
    first_queries_s: from the login to `connected`. The library asks for the number of its prekeys,
        uploads some, and sends a last query; each waits 75 s for its answer (whatsmeow
        `request.go`).
    query_timeout_s: for one query (send-test, logout) to be answered. Shorter than the 75 s after
        which whatsmeow gives a message up: until then it sends no other one, and a message that
        it sends again after a drop it never gives up.
    probe_timeout_s: for our own probe to be answered.
    keepalive_s: pause between two of our own probes of a connected session.
    keepalive_misses: missed probes in a row before a degraded session is connected anew.
    cooldown_s: wait after a conflict; jitter only lengthens it, by at most `jitter`.
    guard_s: a conflict that follows our own guarded attempt within this time proves a rival.
    conflict_budget: the conflict with this ordinal inside `conflict_window_s` is `held`.
    conflict_window_s: how long a conflict counts.
    short_lived_s: a connection that ends sooner counts as short-lived.
    short_lived_budget: with this many of them the wait becomes a cool-down that doubles.
    backoff_first_s, backoff_cap_s: first and largest wait between attempts; doubles in between.
    After a drop or a failed dial it is `NETWORK_CAP_S` at most.
    stable_s: a connection that lasts this long resets the back-off.
    crash_budget, crash_window_s: worker deaths inside the window that end in `held`.
    jitter: largest share by which a drawn wait exceeds its nominal value.
    """

    connect_timeout_s: float = 130.0
    first_queries_s: float = 240.0
    query_timeout_s: float = 60.0
    probe_timeout_s: float = 10.0
    keepalive_s: float = 30.0
    keepalive_misses: int = 3
    cooldown_s: float = 10.0
    guard_s: float = 120.0
    conflict_budget: int = 3
    conflict_window_s: float = 600.0
    short_lived_s: float = 30.0
    short_lived_budget: int = 3
    backoff_first_s: float = 2.0
    backoff_cap_s: float = 300.0
    stable_s: float = 300.0
    crash_budget: int = 5
    crash_window_s: float = 600.0
    jitter: float = 0.1


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
