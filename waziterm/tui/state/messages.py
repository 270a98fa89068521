"""What the screen says about actions: that they were taken, and how they ended."""

from collections.abc import Callable, Iterable
from enum import Enum

from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase
from waziterm.lang import retold, tr
from waziterm.tui.paint.cells import inert
from waziterm.tui.text import words
from waziterm.tui.text.format import duration, timed
from waziterm.tui.text.keynames import with_keys


class Mood(Enum):
    """What kind of sentence it is; glyph, and how many seconds it stays.

    REFUSED: a key does nothing here, which is over with the next key.
    """

    TAKEN = ("→", 20.0)
    DONE = ("✓", 8.0)
    REFUSED = ("✖", 8.0)
    TROUBLE = ("✖", 30.0)

    @property
    def glyph(self) -> str:
        return self.value[0]

    @property
    def stays_s(self) -> float:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Message:
    """One sentence for the operator. until: when it leaves the screen. about: the instances whose
    trouble it tells of; it leaves as soon as all of them are well again. at: when it was said."""

    mood: Mood
    text: str
    until: float
    at: float
    about: frozenset[str] = frozenset()

    @classmethod
    def say(cls, mood: Mood, text: str, now: float, about: Iterable[str] = ()) -> "Message":
        return cls(mood, text, now + mood.stays_s, now, frozenset(about))

    def is_over(self, now: float) -> bool:
        """Whether it leaves the screen, also when the clock was set back meanwhile."""
        return not 0.0 < self.until - now <= self.mood.stays_s

    def is_past(self, view: Callable[[str], InstanceView | None]) -> bool:
        """Whether those that it tells of are all well. view: of an instance, None for none."""
        views = [each for name in self.about if (each := view(name)) is not None]
        return bool(self.about) and all(is_well(each) for each in views)


def is_well(view: InstanceView) -> bool:
    """Whether an instance is where it is wanted, so that nothing is to be told of it."""
    return not view.state.is_trouble and view.state is not State.CONNECTING


def log_file(*, attached: bool) -> str:
    """The file in the folder of the logs in which the errors of this screen stand.

    attached: the screen is a process of its own, and so is its log.
    """
    return "attach.log" if attached else "waziterm.log"


def log_of(app: object) -> str:
    """The same for a running app."""
    return str(getattr(app, "log_file", log_file(attached=False)))


def details_in(log: str) -> str:
    return tr("{log} has the details", log=log)


def failed_inside(log: str, what: str = "") -> str:
    """An error of ours, and where it is written down. what: failed; "" where that is clear."""
    if not what:
        return tr("failed inside the program; {log} has the details", log=log)
    return tr("{what} failed inside the program; {log} has the details", what=what, log=log)


def refusal(error: FleetError) -> str:
    """A refused command as one sentence with its hint."""
    said, hint = inert(with_keys(retold(error.told))), error.hint
    told = retold(hint) if isinstance(hint, Phrase) else tr(hint)
    return f"{said} ({inert(with_keys(told))})" if hint else said


@dataclass(frozen=True, slots=True)
class Pending:
    """An action that was taken and whose end is still to be told.

    verb: as in "reconnect". asked_at: when. before: the state's start when it was asked.
    """

    verb: str
    asked_at: float
    before: float

    def ending_is_known(self, view: InstanceView) -> bool:
        """Whether the instance stands where nothing more is to be expected."""
        return view.state is not State.CONNECTING

    def ending(self, view: InstanceView, now: float) -> tuple[Mood, str] | None:
        """How it ended, as soon as the instance has left `connecting`; None until then."""
        if view.since == self.before or view.state is State.CONNECTING:
            return None
        told = f"{view.name}: {tr(self.verb)}: {tr(view.state.label)}"
        if view.state is State.CONNECTED:
            took_s = max(0.0, now - self.asked_at)
            took = timed(took_s) if took_s < 1.0 else duration(took_s)
            return Mood.DONE, tr("{told} after {duration}", told=told, duration=took)
        if view.state is State.PAIRING:
            return Mood.DONE, tr("{told}, a QR code waits to be scanned", told=told)
        if view.state is State.STOPPED and self.verb == "stop":
            return Mood.DONE, told
        mood = Mood.TROUBLE if view.state.is_trouble else Mood.DONE
        return mood, f"{told}: {words.why(view)}"
