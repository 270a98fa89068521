"""What happened in the lab, in order, for whoever listens."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class EventKind(StrEnum):
    """The closed set of things that happen in the lab.

    PROBE is the query that a client sends after a login, and that a manager may probe with. PAGE is
    a request for a page of WhatsApp, and UPLOAD one that brings a file, of the type that its detail
    names; their connections are told as a DIAL too. RECEIPTED is a message that a linked device has
    taken, and its detail the id. The detail of PAIRING and LOGIN is the version that the client
    says to be.
    """

    DIAL = "dial"
    REFUSED = "refused"
    PAIRING = "pairing"
    PAIRED = "paired"
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    KICK = "kick"
    PROBE = "probe"
    PAGE = "page"
    UPLOAD = "upload"
    TROUBLE = "trouble"
    MESSAGE = "message"
    RECEIPTED = "receipted"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class LabEvent:
    """One thing that happened.

    jid: the device, when it is known. at: UTC seconds since the epoch. connection: the number of
    the connection, 0 when there is none. detail: a word or a code; never a message's text.
    """

    kind: EventKind
    jid: str | None
    at: float
    connection: int
    detail: str = ""


Listener = Callable[[LabEvent], None]


@dataclass(slots=True)
class Events:
    """Counts what happens and tells the listeners."""

    counters: Counter[EventKind] = field(default_factory=Counter)
    listeners: set[Listener] = field(default_factory=set)

    def emit(
        self, kind: EventKind, jid: str | None = None, connection: int = 0, detail: str = ""
    ) -> None:
        """Something happened just now."""
        self.counters[kind] += 1
        event = LabEvent(kind, jid, time.time(), connection, detail)
        for listener in tuple(self.listeners):
            listener(event)
