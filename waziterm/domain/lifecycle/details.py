"""What the rules themselves write into a reason's detail: sentences that a screen can translate.

A detail is stored as plain text; `as_phrase` finds the template again, of which it was made.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.lifecycle.causes import CAUSES
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.phrase import Phrase, as_it_is, joined
from waziterm.domain.units import moment_text

QUEUED = "waiting for its turn"
"""The detail of an instance that is to connect as soon as the fleet's limit allows."""
WHEN_ITS_TURN = "connects when its turn comes"
"""What it does next."""
_BANS = {
    101: "sent to too many people",
    102: "blocked by too many people",
    103: "created too many groups",
    104: "sent the same message too often",
    106: "sent too often to broadcast lists",
}
_CODE = "code {code}"
_NO_CODE = "no code told"
_END_UNKNOWN = "{what}; its end is not known"
_OTHER_NUMBER = "linked {number} instead of {phone}"
_ALIKE = "linked another number than the one named, which looks the same masked: {number}"
_KILLED = "worker {pid} was killed from outside (signal {number})"
_AT_PROXY = "proxy {place}: {what}"
_OUTAGE = "not connected for {minutes} min, {count} attempts in a row"
_OUTAGE_WITH = "{what}; not connected for {minutes} min, {count} attempts in a row"
_SHARE = "{value} % in the last day, less than {limit} %"
_TIMES = "{value} times as many as usual"
_MEASURES = {
    AlertRule.SUCCESS: _SHARE,
    AlertRule.UPTIME: _SHARE,
    AlertRule.DROPS: _TIMES,
    AlertRule.DISK: "{value} MB left, less than {limit} MB",
    AlertRule.MEMORY: "{value} MB, more than {limit} MB",
    AlertRule.PHONE: "for {value} days",
    AlertRule.BACKUP: "the last {value} h ago, more than {limit} h",
}
_SEEN = "{name}, {count} times"
_PAIRINGS_AHEAD = f"{QUEUED}; pairings under way: {{count}}"
_BETWEEN = "; "
_MOST_PARTS = 6
_MANY = 512
_HELD_BY = "held by {what}"
_SUSPECT = "suspect: {what}"
_NOBODY = "nobody on this machine; look on other servers and old installations"
_ONE_UNREAD = "1 process of other users could not be looked into"
_UNREAD = "{count} processes of other users could not be looked into"
_IMPORTED = "imported on {day}, that program may still run: {what}"
_SIBLING = "the instance {name} of this fleet"
OWN_VERSION = "{version} is neonize's own"
SET_VERSION = "{version} was set"
READ_VERSION = "{version} was read on {day}"
REFUSED_VERSION = "{version} was read on {day} and is refused too"
TRIED_VERSION = "{name} tries WhatsApp's current version, {version}"
VERSION_IS_READ = "WhatsApp's current version is being read"
NO_VERSION_YET = "no version that it accepts was found yet"
NO_VERSION_SOUGHT = "no other version is sought, because whatsapp_version is set"
OTHER_LIBRARY = "neonize was upgraded meanwhile: start waziterm again"
NO_PAGE = "there is no instance to read WhatsApp's page for"
INTERNAL_ERROR = "internal error; see the program's log"
"""What an instance is told of the version of the library while it waits for another one."""
ENDED_UNSEEN = "it ended unseen"
NO_HEARTBEAT = "its heartbeat stopped"
FOUND_DEAD = "found dead by the janitor"
"""How a worker process came to its end."""

TEMPLATES = (
    *CAUSES,
    *(f"{said} (code {code})" for code, said in _BANS.items()),
    _CODE,
    _NO_CODE,
    _END_UNKNOWN,
    _OTHER_NUMBER,
    _ALIKE,
    _KILLED,
    _AT_PROXY,
    _OUTAGE,
    _OUTAGE_WITH,
    *dict.fromkeys(_MEASURES.values()),
    _SEEN,
    _PAIRINGS_AHEAD,
    *(_HELD_BY, _SUSPECT, _NOBODY, _ONE_UNREAD, _UNREAD, _IMPORTED, _SIBLING),
    *(OWN_VERSION, SET_VERSION, READ_VERSION, REFUSED_VERSION, TRIED_VERSION, VERSION_IS_READ),
    *(NO_VERSION_YET, NO_VERSION_SOUGHT, OTHER_LIBRARY, NO_PAGE, INTERNAL_ERROR),
    *(ENDED_UNSEEN, NO_HEARTBEAT, FOUND_DEAD),
    *(QUEUED, WHEN_ITS_TURN),
)
"""The templates of all of them, for the catalogs."""


def is_queued(detail: str) -> bool:
    """Whether an instance with this detail waits for its turn to connect."""
    return detail.startswith(QUEUED)


def pairings_ahead_detail(count: int) -> str:
    """Whose end a pairing waits for. count: how many there may be."""
    return _PAIRINGS_AHEAD.format(count=count)


def proxy_detail(place: str, what: str) -> str:
    """Which proxy it was that failed, and how, each of them once. place: its `host:port`."""
    return what if names_proxy(what, place) else _AT_PROXY.format(place=place, what=what)


def names_proxy(detail: str, place: str) -> bool:
    """Whether a detail tells of this proxy. place: its `host:port`."""
    return re.search(rf"(?<![\w.\[-]){re.escape(place)}(?!\w)", detail) is not None


def ban_detail(code: int, *, has_end: bool = True) -> str:
    """Why WhatsApp banned a number for a time (whatsmeow `types/events`: `TempBanReason`).

    code: 101 to 106, 0 when it told none. has_end: WhatsApp told how long.
    """
    said = f"{_BANS[code]} (code {code})" if code in _BANS else code_detail(code)
    return said if has_end else _END_UNKNOWN.format(what=said)


def code_detail(code: int) -> str:
    """The number that WhatsApp told, 0 when it told none."""
    return _CODE.format(code=code) if code else _NO_CODE


def other_number_detail(number: str, phone: str) -> str:
    """Another phone than the one that was expected has scanned the code. Both are masked, and may
    look the same then: numbers that were bought together differ in their middle alone."""
    if number == phone:
        return _ALIKE.format(number=number)
    return _OTHER_NUMBER.format(number=number, phone=phone)


def killed_detail(pid: int, number: int) -> str:
    """A worker that a signal from outside has ended: a person, a service manager, the kernel for
    want of memory."""
    return _KILLED.format(pid=pid, number=number)


def outage_detail(what: str, minutes: float, count: int) -> str:
    """How long an instance tries in vain. what: the evidence for its latest cause, or ""."""
    said = _OUTAGE_WITH if what else _OUTAGE
    return said.format(what=what, minutes=int(minutes), count=count)


def measure_detail(rule: AlertRule, value: float, limit: float) -> str:
    """What was measured beyond its limit, in the units of `domain.alerts.facts.Measured`."""
    if rule in (AlertRule.SUCCESS, AlertRule.UPTIME):
        value, limit = 100 * value, round(100 * limit, 2)
    # Rounded down: what is just below its limit must not read as the limit itself.
    shown = f"{value:.1f}" if rule is AlertRule.DROPS else str(int(value + 1e-9))
    return _MEASURES[rule].format(value=shown, limit=f"{limit:g}")


def pattern_detail(name: str, count: int) -> str:
    """Which pattern was seen too often, and how often."""
    return _SEEN.format(name=name, count=count)


def search_detail(holder: str, suspects: Sequence[str], unread: int) -> str:
    """What the search for another client on this machine has found; see
    `manager.rivals.search.SearchResult`."""
    if holder:
        return _HELD_BY.format(what=holder)
    parts = [_SUSPECT.format(what=", ".join(suspects[:3])) if suspects else _NOBODY]
    if unread:
        parts.append((_ONE_UNREAD if unread == 1 else _UNREAD).format(count=unread))
    return _BETWEEN.join(parts)


def imported_detail(place: str, at: float | None) -> str:
    """Whence the session of an instance was brought, and when (UTC seconds); "" for one that was
    linked here: two programs that have it take it from each other."""
    return _IMPORTED.format(day=moment_text(at)[:10], what=place) if place and at else ""


def in_a_row(*details: str) -> str:
    """Several details as one, those that say nothing left out."""
    return _BETWEEN.join(filter(None, details))


def sibling_detail(name: str) -> str:
    """An instance of the same fleet has the session."""
    return _SIBLING.format(name=name)


@lru_cache(_MANY)
def as_phrase(detail: str) -> str:
    """A detail as a phrase of its template and the values in it, also when it is one of several
    in a row; any other text as it is."""
    said = _whole(detail)
    return said if isinstance(said, Phrase) else _in_parts(detail)


def _in_parts(detail: str) -> str:
    """The longest ones that are known, from the left; what is between them stays as it is."""
    parts = detail.split(_BETWEEN, _MOST_PARTS)
    said: list[str] = []
    while parts:
        for count in range(len(parts), 0, -1):
            one = _whole(_BETWEEN.join(parts[:count]))
            if isinstance(one, Phrase) or count == 1:
                said.append(one)
                del parts[:count]
                break
    return joined(_BETWEEN, said) if any(isinstance(one, Phrase) for one in said) else detail


def _whole(detail: str) -> str:
    for template, begins, ends in _ends():
        if not (detail.startswith(begins) and detail.endswith(ends)):
            # Its pattern is not compiled, which of all of them would take 15 ms of each start.
            continue
        if match := _pattern(template).fullmatch(detail):
            values = match.groupdict()
            if "what" in values:
                values["what"] = as_phrase(values["what"])
            return Phrase(template, **values)
    return detail


@cache
def _ends() -> tuple[tuple[str, str, str], ...]:
    """Each template, and what a text that was made of it begins and ends with."""
    return tuple(
        (each, each.partition("{")[0], each.rpartition("}")[2] if "{" in each else each)
        for each in TEMPLATES
    )


def detail_phrase(detail: str) -> Phrase:
    """A detail as a phrase, also one that is of none of our own words."""
    return as_it_is(as_phrase(detail))


def reason_phrase(reason: Reason, detail: str) -> Phrase:
    """A reason with its code, and the evidence for it, which must be inert."""
    said = Phrase(reason.sentence)
    if reason.code:
        said = Phrase("{what} ({code})", what=said, code=reason.code)
    return joined(": ", (said, as_phrase(detail))) if detail else said


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """A place takes one word, but `what`, which is a detail of its own."""
    pieces = (
        (r"(?P<what>.+)" if part == "{what}" else rf"(?P<{part[1:-1]}>\S+)")
        if part.startswith("{")
        else re.escape(part)
        for part in re.split(r"(\{\w+\})", template)
    )
    return re.compile("".join(pieces))
