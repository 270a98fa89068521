"""What of the program answers other programs, or people, over TCP."""

from enum import StrEnum
from typing import NamedTuple

from waziterm.domain.phrase import Phrase


class Listener(StrEnum):
    """One that answers when its table of the settings names an address; the value is the table."""

    API = "api"
    FACADE = "facade"
    WEB = "web"


NAMES = {
    Listener.API: Phrase("the API"),
    Listener.FACADE: Phrase("the facade"),
    Listener.WEB: Phrase("the scan page"),
}


class ListenRefusal(NamedTuple):
    """Why something is not listened on, and what to do about it."""

    why: Phrase
    hint: Phrase


class SilentListener(NamedTuple):
    """One that does not answer although it is set to, why, and what to do."""

    which: Listener
    why: Phrase
    hint: Phrase
