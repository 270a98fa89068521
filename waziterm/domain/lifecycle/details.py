"""What the rules themselves write into a reason's detail: sentences that a screen can translate.

A detail is stored as plain text; `as_phrase` finds the template again, of which it was made.
"""

import re

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.lifecycle.causes import CAUSES
from waziterm.domain.phrase import Phrase

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
}
_SEEN = "{name}, {count} times"

TEMPLATES = (
    *CAUSES,
    *(f"{said} (code {code})" for code, said in _BANS.items()),
    _CODE,
    _NO_CODE,
    _END_UNKNOWN,
    _OTHER_NUMBER,
    _KILLED,
    _AT_PROXY,
    _OUTAGE,
    _OUTAGE_WITH,
    *dict.fromkeys(_MEASURES.values()),
    _SEEN,
)
"""The templates of all of them, for the catalogs."""


def proxy_detail(place: str, what: str) -> str:
    """Which proxy it was that failed, and how. place: its `host:port`."""
    return _AT_PROXY.format(place=place, what=what)


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
    """Another phone than the one that was expected has scanned the code. Both are masked."""
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


def as_phrase(detail: str) -> str:
    """A detail as a phrase of its template and the values in it; any other text as it is."""
    for pattern, template, names in _PATTERNS:
        if match := pattern.fullmatch(detail):
            values = match.groupdict()
            if "what" in names:
                values["what"] = as_phrase(values["what"])
            return Phrase(template, **values)
    return detail


def _pattern(template: str) -> tuple[re.Pattern[str], str, tuple[str, ...]]:
    """A place takes one word, but `what`, which is a detail of its own."""
    parts = re.split(r"(\{\w+\})", template)
    names = tuple(part[1:-1] for part in parts if part.startswith("{"))
    pieces = (
        (r"(?P<what>.+)" if part == "{what}" else rf"(?P<{part[1:-1]}>\S+)")
        if part.startswith("{")
        else re.escape(part)
        for part in parts
    )
    return re.compile("".join(pieces)), template, names


_PATTERNS = tuple(_pattern(template) for template in TEMPLATES)
