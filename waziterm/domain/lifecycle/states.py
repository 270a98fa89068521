"""The closed sets that describe where an instance stands."""

from enum import StrEnum


class State(StrEnum):
    """Where an instance stands; the value is the word in the database, JSON and README."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    PAIRING = "pairing"
    CONNECTED = "connected"
    DEGRADED = "degraded"
    RETRYING = "retrying"
    COOLDOWN = "cooldown"
    HELD = "held"
    LOGGED_OUT = "logged_out"
    BANNED = "banned"
    OUTDATED = "outdated"

    @property
    def label(self) -> str:
        """The word on the screen."""
        return _LABELS.get(self, self.value)

    @property
    def is_live(self) -> bool:
        """Whether a worker may exist in this state."""
        return self in _LIVE

    @property
    def is_trouble(self) -> bool:
        """Whether an operator should look at an instance in this state."""
        return self in _TROUBLE


class Wanted(StrEnum):
    """What the operator last asked for; quitting the program does not change it."""

    RUNNING = "running"
    STOPPED = "stopped"


_LABELS = {State.COOLDOWN: "cool-down", State.LOGGED_OUT: "logged out"}
_LIVE = frozenset(
    {State.CONNECTING, State.PAIRING, State.CONNECTED, State.DEGRADED, State.RETRYING}
)
_TROUBLE = frozenset(
    {
        State.DEGRADED,
        State.RETRYING,
        State.COOLDOWN,
        State.HELD,
        State.LOGGED_OUT,
        State.BANNED,
        State.OUTDATED,
    }
)
