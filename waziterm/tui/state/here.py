"""Where the operator is on the screen, and what is there: by it the footer chooses its keys."""

from enum import Enum, auto
from typing import assert_never

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.message import MessageState, MessageView
from waziterm.domain.screen import Place, View
from waziterm.tui.text import words

__all__ = ["ARRANGED", "Here", "Home", "Move", "Pane", "View", "sends", "starts"]


class Pane(Enum):
    """What of the list's screen the keys move in."""

    LIST = auto()
    DETAIL = auto()
    LOG = auto()


class Move(Enum):
    """Where a key moves the selection, or scrolls a log."""

    UP = auto()
    DOWN = auto()
    LEFT = auto()
    RIGHT = auto()
    PAGE_UP = auto()
    PAGE_DOWN = auto()
    FIRST = auto()
    LAST = auto()

    def along(self, here: int, page: int, first: int, last: int) -> int | None:
        """Where it leads in a list, from the index `here`; None to a side, where a list has
        nothing. page: how many indices a page is. first, last: the ends that nothing goes beyond.
        """
        match self:
            case Move.UP:
                there = here - 1
            case Move.DOWN:
                there = here + 1
            case Move.PAGE_UP:
                there = here - page
            case Move.PAGE_DOWN:
                there = here + page
            case Move.FIRST:
                there = first
            case Move.LAST:
                there = last
            case Move.LEFT | Move.RIGHT:
                return None
            case _:
                assert_never(self)
        return min(max(there, first), last)


ARRANGED = (View.WALL, View.LIST)
"""The views that filter, sort and marks arrange."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where the fleet that is shown lives. host: the machine's name. data_dir: its data directory.
    attached: the fleet goes on without this screen."""

    host: str
    data_dir: str
    attached: bool = False


@dataclass(frozen=True, slots=True)
class Here:
    """What a key would meet.

    now: UTC seconds. view: of the fleet; None on one instance. instance: what a key acts on.
    instances: how many the fleet has. marked: how many are marked. hides: a filter leaves some
    out. open_incident: the selected incident waits for somebody to acknowledge it. has_messages:
    the fleet has or had messages out. message: the selected one of them. read_only: the fleet takes
    no commands now. typing: the filter is being typed.
    """

    place: Place
    now: float
    view: View | None = None
    instance: InstanceView | None = None
    instances: int = 0
    marked: int = 0
    hides: bool = False
    open_incident: bool = False
    has_messages: bool = False
    message: MessageView | None = None
    read_only: bool = False
    typing: bool = False

    @property
    def message_waits(self) -> bool:
        """Whether the selected message can be taken back."""
        return self.message is not None and self.message.state is MessageState.QUEUED

    @property
    def message_is_open(self) -> bool:
        """Whether a person has to say what becomes of the selected message."""
        return self.message is not None and self.message.waits_for_person

    @property
    def arranged(self) -> bool:
        """Whether a filter, a sort or a mark can be seen here."""
        return self.view in ARRANGED and self.instances > 0

    @property
    def connected(self) -> bool:
        return self.instance is not None and sends(self.instance)

    @property
    def pairing(self) -> bool:
        return self.instance is not None and self.instance.state is State.PAIRING

    @property
    def shows_qr(self) -> bool:
        return self.instance is not None and words.valid_qr(self.instance, self.now) is not None

    @property
    def starts(self) -> bool:
        """Whether `s` starts the instance; else it stops it."""
        return self.instance is not None and starts(self.instance)

    @property
    def goes_back(self) -> bool:
        """Whether esc does something."""
        return bool(self.marked) or self.hides or self.view is not View.WALL


def sends(view: InstanceView) -> bool:
    """Whether an instance can send a message."""
    return view.state in (State.CONNECTED, State.DEGRADED)


def starts(view: InstanceView) -> bool:
    """Whether the key that starts and stops would start this one."""
    return view.state in (State.STOPPED, State.LOGGED_OUT)
