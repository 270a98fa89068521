"""What was done about an incident, in one sentence: read from how its instances went on."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

from waziterm.domain.fleet.history import Moved
from waziterm.domain.frozen import dataclass
from waziterm.domain.incidents.incident import LASTING_S, Incident
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase, joined

_SERIOUS = (State.COOLDOWN, State.HELD, State.LOGGED_OUT, State.BANNED, State.OUTDATED)

_INTERRUPTED = (Reason.PAUSED, Reason.NO_MANAGER)
_TRIED = {
    Reason.GUARDED: "one guarded attempt",
    Reason.TAKEOVER: "taken over by an operator",
    Reason.ASKED: "connect asked by an operator",
    Reason.RESUMED: "resumed after the program's start or a pause",
    Reason.EDITED: "one of its settings changed by an operator",
    Reason.MOVED: "moved to another worker process",
    Reason.WORKER_LOST: "moved to another worker process",
    Reason.PAIRED: "linked again",
}
_ATTEMPT = "1 attempt"
_ATTEMPTS = "{count} attempts"
_UNDER_WAY = {
    State.CONNECTING: "an attempt is under way",
    State.PAIRING: "a QR code waits to be scanned",
    State.DEGRADED: "WhatsApp is asked whether it still answers",
    State.RETRYING: "waits for the next attempt",
    State.COOLDOWN: "waits for the end of the cool-down",
    State.BANNED: "waits for the end of the ban",
    State.HELD: "waits for an operator",
    State.LOGGED_OUT: "waits for an operator",
    State.OUTDATED: "waits for another version of the library",
}
_AGAIN = "connected after {span}"
_THEN = "then {state}: {why}"
_ALL_AGAIN = "all {met} connected again, each within {span}"
_SOME_AGAIN = "{count} of {met} connected again, each within {span}"
_SO_MANY = "{count} {state}"
_SPANS = (("{count} d", 86_400.0), ("{count} h", 3600.0), ("{count} min", 60.0))
_SECONDS = "{count} s"

TEMPLATES = (
    "cool-down",
    *_TRIED.values(),
    *_UNDER_WAY.values(),
    _ATTEMPT,
    _ATTEMPTS,
    _AGAIN,
    _THEN,
    _ALL_AGAIN,
    _SOME_AGAIN,
    *(told for told, _ in _SPANS),
    _SECONDS,
)
"""What the phrases are made of, besides the words of states and reasons."""


class _Fate(StrEnum):
    """How the tale of one instance stands."""

    BACK = "back"
    ENDED = "ended"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class _Tale:
    """What one instance went through. last: where it ended, or where it stands."""

    moves: tuple[Moved, ...]
    fate: _Fate

    @property
    def last(self) -> Moved:
        return self.moves[-1]

    @property
    def took_s(self) -> float:
        return max(0.0, self.last.at - self.moves[0].at)


def done_about(incident: Incident, courses: Mapping[str, Sequence[Moved]]) -> str:
    """What was done about an incident, as a phrase, or "" when the courses do not tell.

    courses: the moves of the instances from its beginning on, oldest first, by id. An instance's
    part in it ends when it is connected again or stopped, and when a worse trouble begins, which
    is an incident of its own.
    """
    tales = [_tale(incident, courses.get(each, ())) for each in incident.met]
    told = [tale for tale in tales if tale is not None]
    if len(incident.met) == 1 and told:
        return _one(told[0])
    return _many(told, len(incident.met))


def closed_at(
    incident: Incident,
    courses: Mapping[str, Sequence[Moved]],
    standing: Mapping[str, Reason],
) -> float | None:
    """When the last of an incident's instances was through with it, UTC seconds; None while one is
    in it.

    courses: as of `done_about`. standing: the reasons for which the instances are in their states
    now, by id: what a course that does not reach back to the incident goes by.
    """
    ends = [
        _end(incident, courses.get(each, ()), standing.get(each) is incident.reason)
        for each in incident.met
    ]
    known = [end for end in ends if end is not None]
    return max((incident.last_at, *known)) if len(known) == len(ends) else None


def _end(incident: Incident, course: Sequence[Moved], stands: bool) -> float | None:
    """When an instance was through with it. stands: whether it is in its state for that reason."""
    met = [
        index
        for index, moved in enumerate(course)
        if incident.began_at <= moved.at <= incident.last_at and moved.reason is incident.reason
    ]
    later = (
        course[met[-1] + 1 :] if met else [moved for moved in course if moved.at > incident.last_at]
    )
    ended = next((each.at for each in later if _fate(incident, each) is not _Fate.OPEN), None)
    if ended is None and not met and not stands:
        return incident.last_at
    return ended


def _tale(incident: Incident, course: Sequence[Moved]) -> _Tale | None:
    """An instance's part in the incident; None when it is not in its course."""
    start = bisect_left(course, incident.began_at, key=lambda moved: moved.at)
    for index in range(start, len(course)):
        if course[index].at > incident.last_at:
            return None
        if _begins(incident, course[index]):
            start = index
            break
    else:
        return None
    for index in range(start + 1, len(course)):
        fate = _fate(incident, course[index])
        # A connection that did not last has ended nothing: the incident has grown after it.
        lone = len(incident.names) == 1
        passed = fate is _Fate.BACK and lone and course[index].at < incident.last_at
        if fate is not _Fate.OPEN and not passed:
            return _Tale(tuple(course[start : index + 1]), fate)
    return _Tale(tuple(course[start:]), _Fate.OPEN)


def _is_of(incident: Incident, moved: Moved) -> bool:
    """Whether it is the incident's trouble, or an earlier word for the same quarrel."""
    quarrel = incident.reason.is_of_a_conflict and moved.reason is Reason.CONFLICT
    return moved.reason is incident.reason or (quarrel and len(incident.names) == 1)


def is_over(incident: Incident, moved: Moved) -> bool:
    """Whether nothing that an instance does after a move is told of an incident."""
    return moved.at > incident.last_at and _fate(incident, moved) is not _Fate.OPEN


def _begins(incident: Incident, moved: Moved) -> bool:
    """Whether an instance's part begins with a move: one that tries in vain for long begins with
    what ended its connection, and its reasons alternate."""
    lasts = incident.last_at - incident.began_at >= LASTING_S and len(incident.names) == 1
    return _is_of(incident, moved) or lasts


def _fate(incident: Incident, moved: Moved) -> _Fate:
    if moved.state is State.CONNECTED:
        return _Fate.BACK
    if moved.state is State.STOPPED and moved.reason not in _INTERRUPTED:
        return _Fate.ENDED
    worse = moved.state in _SERIOUS and not _is_of(incident, moved)
    return _Fate.ENDED if worse else _Fate.OPEN


def _one(tale: _Tale) -> Phrase:
    """The steps in the order in which they were first taken, then the outcome."""
    steps: Counter[str] = Counter()
    for moved in tale.moves[:-1]:
        if moved.state is State.COOLDOWN:
            steps["cool-down"] += 1
        elif moved.state is State.CONNECTING:
            steps[_TRIED.get(moved.reason, _ATTEMPT)] += 1
    said = [
        Phrase(_ATTEMPTS, count=count) if step == _ATTEMPT and count > 1 else Phrase(step)
        for step, count in steps.items()
    ]
    return joined(", ", (*said, _outcome(tale)))


def _outcome(tale: _Tale) -> Phrase:
    last = tale.last
    match tale.fate:
        case _Fate.BACK:
            return Phrase(_AGAIN, span=span_of(max(1.0, tale.took_s)))
        case _Fate.OPEN:
            return Phrase(_UNDER_WAY.get(last.state, last.reason.sentence))
        case _Fate.ENDED if last.state is State.STOPPED:
            return Phrase(last.reason.sentence)
        case _Fate.ENDED:
            return Phrase(_THEN, state=Phrase(last.state.label), why=Phrase(last.reason.sentence))
        case _:
            assert_never(tale.fate)


def _many(tales: Sequence[_Tale], met: int) -> Phrase:
    back = [tale for tale in tales if tale.fate is _Fate.BACK]
    parts = []
    if back:
        span = span_of(max(1.0, *(tale.took_s for tale in back)))
        told = _ALL_AGAIN if len(back) == met else _SOME_AGAIN
        parts.append(Phrase(told, count=len(back), met=met, span=span))
    others = Counter(tale.last.state for tale in tales if tale.fate is not _Fate.BACK)
    parts += [
        Phrase(_SO_MANY, count=count, state=Phrase(state.label)) for state, count in others.items()
    ]
    return joined("; ", parts)


def span_of(seconds: float) -> Phrase:
    """A time, rounded, in words."""
    for told, size in _SPANS:
        if seconds >= 2 * size:
            return Phrase(told, count=round(seconds / size))
    return Phrase(_SECONDS, count=round(seconds))
