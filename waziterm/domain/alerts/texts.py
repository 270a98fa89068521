"""What an alert says: what happened, to whom, since when, what the program does, what to do.

A text is composed of templates that are in the catalogs, so that it can be said in the language
that the settings name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import chain

from waziterm.domain import moments
from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.alerts.alert_memory import MACHINE, Member, Open
from waziterm.domain.alerts.delivery import NOTHING, TRIAL
from waziterm.domain.frozen import dataclass
from waziterm.domain.incidents.outcome import span_of
from waziterm.domain.jid import mask_number
from waziterm.domain.lifecycle.details import as_phrase
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.phrase import Phrase, joined, said_in
from waziterm.domain.text import safe_line

LONGEST = 240
"""Characters of an alert's text."""
_DETAIL = 70
_NAMES = 3

_FIRING = "{who}: {what}, since {when}. {does} To do: {next}."
_SHORT = "{who}: {what}, since {when}. To do: {next}."
_RESOLVED = "{who}: recovered after {span}. It was: {what}, since {when}. Nothing to do."
_MOST_WELL = (
    "{who}: most recovered after {span}, {left} have not yet. It was: {what}, since {when}."
)
_ENDED = "{who}: {why}. It was: {what}, since {when}."
_NUMBERED = "{name} ({number})"
_SEVERAL = "{count} instances ({names})"
_COUNT = "{count} instances"
_OF_FLEET = "{count} of {fleet} instances ({names})"
_MACHINE = "this machine"
_WHAT_DOWN = "not connected, {what}"
_DIGEST = "{count} incidents are open: {told}."
_REMOVED = "removed by an operator"
_GOES_ON = "it goes on as {what}"

_BANNED_UNTIL = "The program does not try before {until}."
_COMMANDS: Mapping[str, str] = {
    "(r)": "(`waziterm reconnect {name} --takeover`)",
    "(s)": "(`waziterm start {name}`)",
    "(c)": "(`waziterm clean {name}`)",
}
"""What a phone is told in the place of a key of the screen."""
_STOPPED_TRYING = "The program has stopped trying."
_DOES: Mapping[AlertRule, str] = {
    AlertRule.HELD: _STOPPED_TRYING,
    AlertRule.CONFLICT: "The program waits, then tries once.",
    AlertRule.LOGGED_OUT: "It stays off until it is linked again.",
    AlertRule.BANNED: "The program does not try.",
    AlertRule.OUTDATED: "The program does not try.",
    AlertRule.VERSION: "The program looks for WhatsApp's current version and tries that.",
    AlertRule.PASSKEY: "It is not linked.",
    AlertRule.DEAF: "The program makes a new connection.",
    AlertRule.CRASH_LOOP: _STOPPED_TRYING,
    AlertRule.DOWN: "The program goes on trying.",
    AlertRule.FLEET: "The program goes on by itself.",
    AlertRule.SUCCESS: "The program goes on trying.",
    AlertRule.UPTIME: "The program connects again each time.",
    AlertRule.DROPS: "The program connects again each time.",
    AlertRule.DISK: "Without free space nothing can be stored.",
    AlertRule.MEMORY: "The program goes on.",
    AlertRule.PHONE: "WhatsApp unlinks devices after about 14 days without the phone.",
    AlertRule.PATTERN: "The program goes on.",
    AlertRule.BACKUP: "The program tries again.",
}
_NEXT: Mapping[AlertRule, str] = {
    AlertRule.CONFLICT: "find the other client (`waziterm conflicts`)",
    AlertRule.DOWN: "check the network and the proxy (`waziterm test`)",
    AlertRule.FLEET: "check the network (`waziterm incidents`)",
}
"""What to do, where the reason's own next step is what the program does."""
_NEXT_BY_REASON: Mapping[Reason, str] = {
    Reason.DEAF: "nothing yet; it is told when that does not help",
    Reason.TEMPORARY_BAN: "wait for the end; send less",
}
_LABELS: Mapping[AlertRule, str] = {
    AlertRule.HELD: "held",
    AlertRule.CONFLICT: "conflict",
    AlertRule.LOGGED_OUT: "logged out",
    AlertRule.BANNED: "banned",
    AlertRule.OUTDATED: "outdated",
    AlertRule.VERSION: "version refused",
    AlertRule.PASSKEY: "passkey asked",
    AlertRule.DEAF: "library silent",
    AlertRule.CRASH_LOOP: "worker dies again and again",
    AlertRule.DOWN: "not connected",
    AlertRule.SUCCESS: "messages not acknowledged",
    AlertRule.UPTIME: "connected too seldom",
    AlertRule.DROPS: "many drops",
    AlertRule.DISK: "disk nearly full",
    AlertRule.MEMORY: "much memory",
    AlertRule.PHONE: "no sign from the phone",
    AlertRule.PATTERN: "pattern seen",
    AlertRule.BACKUP: "no backup",
    AlertRule.FLEET: "many at once",
}
TEMPLATES = (
    *(
        _FIRING,
        _SHORT,
        _RESOLVED,
        _MOST_WELL,
        _ENDED,
        _NUMBERED,
        _SEVERAL,
        _COUNT,
        _OF_FLEET,
        _MACHINE,
    ),
    *(_WHAT_DOWN, _DIGEST, NOTHING, _REMOVED, _GOES_ON, TRIAL),
    *dict.fromkeys(_DOES.values()),
    _BANNED_UNTIL,
    *_NEXT.values(),
    *_NEXT_BY_REASON.values(),
    *_LABELS.values(),
)
"""What the texts are made of, besides reasons, their details and spans."""


def _same(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Words:
    """How an alert is said. translate: a template in another language. zone: that of the hours;
    None: the machine's."""

    translate: Callable[[str], str] = _same
    zone: tzinfo | None = None

    def said(self, text: str) -> str:
        """A phrase in the language; any other text as it is."""
        return said_in(text, self.translate)

    def hour(self, at: float, now: float) -> str:
        """A moment as a person on the spot reads it: the hour, with the day unless it is today."""
        local, today = (
            datetime.fromtimestamp(each, UTC).astimezone(self.zone).timetuple()
            for each in (at, now)
        )
        return moments.moment(local, today, self.translate)


def next_of(rule: AlertRule, reason: Reason) -> Phrase:
    """What a person has to do."""
    return Phrase(_NEXT_BY_REASON.get(reason) or _NEXT.get(rule) or reason.next_step)


def next_said(rule: AlertRule, reason: Reason, names: Sequence[str], words: Words) -> str:
    """The same as it is told: with commands in the place of keys. names: of those that it is
    about."""
    said, name = words.said(next_of(rule, reason)), names[0] if len(names) == 1 else "NAME"
    for key, command in _COMMANDS.items():
        said = said.replace(key, command.format(name=name))
    return said


def nothing_to_do() -> Phrase:
    """What a person has to do when all is well again."""
    return Phrase(NOTHING)


def firing_text(
    incident: Open,
    members: Mapping[str, Member],
    fleet: int,
    until: float | None,
    now: float,
    words: Words,
) -> str:
    """What is told while an incident goes on. members: those whom it names. fleet: how many
    instances there are. until: the end of their ban, None where none is known. now: UTC seconds."""
    does = Phrase(_DOES[incident.rule])
    if incident.reason is Reason.DEAF_AGAIN:
        does = Phrase(_STOPPED_TRYING)
    elif incident.reason is Reason.TEMPORARY_BAN and until is not None:
        does = Phrase(_BANNED_UNTIL, until=words.hour(until, now))
    who = [(member.name, member.number) for each, member in members.items() if each != MACHINE]
    steps = (
        next_said(incident.rule, incident.reason, [name for name, _ in who], words),
        next_of(incident.rule, incident.reason),
    )
    values = {"when": words.hour(incident.began_at, now), "does": does}
    variants = (
        _variants(template, incident, who, fleet, {**values, "next": step})
        for template in (_FIRING, _SHORT)
        for step in steps
    )
    return _fitting(words, chain.from_iterable(variants))


def resolved_text(
    incident: Open,
    met: Mapping[str, str],
    numbers: Mapping[str, str | None],
    fleet: int,
    why: str,
    now: float,
    words: Words,
) -> str:
    """What is told at the end of an incident. met: the names of those whom it met, by id. numbers:
    theirs, as far as they are known. why: what ended it when that was no recovery, else ""."""
    left = [each for each in incident.members if each in met]
    values: dict[str, str | int] = {
        "when": words.hour(incident.began_at, now),
        "span": span_of(max(1.0, now - incident.began_at)),
        "why": why,
        "left": len(left),
    }
    who = [(name, numbers.get(each)) for each, name in met.items() if each != MACHINE]
    template = _ENDED if why else _MOST_WELL if left else _RESOLVED
    return _fitting(words, _variants(template, incident, who, fleet, values))


def digest_text(parts: Sequence[tuple[AlertRule, Sequence[str]]], words: Words) -> str:
    """What is told of several incidents at once. parts: their rules, and the names that they
    met."""
    told = []
    for rule, names in parts:
        who = ", ".join(names[:2]) + (f" +{len(names) - 2}" if len(names) > 2 else "")
        told.append(f"{who or words.translate(_MACHINE)}: {words.translate(_LABELS[rule])}")
    for shown in range(len(told), 0, -1):
        rest = "; …" if shown < len(told) else ""
        phrase = Phrase(_DIGEST, count=len(parts), told="; ".join(told[:shown]) + rest)
        if len(said := words.said(phrase)) <= LONGEST:
            return said
    return said[: LONGEST - 1] + "…"


def removed() -> Phrase:
    """Why an incident ends whose instance is no more."""
    return Phrase(_REMOVED)


def goes_on(reason: Reason) -> Phrase:
    """Why an incident ends whose last instance has come into another one."""
    return Phrase(_GOES_ON, what=Phrase(reason.sentence))


def _variants(
    template: str,
    incident: Open,
    who: Sequence[tuple[str, str | None]],
    fleet: int,
    values: Mapping[str, str | int],
) -> Iterator[Phrase]:
    """The same said at more length and at less."""
    for detail, names in ((_DETAIL, _NAMES), (0, _NAMES), (0, 1), (0, 0)):
        what = _what(incident, detail)
        yield Phrase(template, **values, who=_who(incident, who, fleet, names), what=what)


def _fitting(words: Words, phrases: Iterator[Phrase]) -> str:
    said = ""
    for phrase in phrases:
        if len(said := words.said(phrase)) <= LONGEST:
            # A screen says it again, in its own language.
            return phrase.said(said)
    return said[: LONGEST - 1] + "…"


def _who(incident: Open, who: Sequence[tuple[str, str | None]], fleet: int, most: int) -> Phrase:
    if not who:
        return Phrase(_MACHINE)
    if len(who) == 1:
        name, number = who[0]
        if number is None:
            return Phrase("{name}", name=name)
        return Phrase(_NUMBERED, name=name, number=mask_number(number))
    if not most:
        return Phrase(_COUNT, count=len(who))
    names = ", ".join(name for name, _ in who[:most]) + (", …" if len(who) > most else "")
    if incident.rule is AlertRule.FLEET:
        return Phrase(_OF_FLEET, count=len(who), fleet=fleet, names=names)
    return Phrase(_SEVERAL, count=len(who), names=names)


def _what(incident: Open, most: int) -> Phrase:
    reason = incident.reason
    parts: list[str] = [Phrase(reason.sentence)]
    if reason.code:
        parts = [Phrase("{what} ({code})", what=parts[0], code=reason.code)]
    if incident.detail and most:
        detail = as_phrase(incident.detail)
        parts.append(detail if isinstance(detail, Phrase) else safe_line(detail, most))
    what = joined(": ", parts)
    return Phrase(_WHAT_DOWN, what=what) if incident.rule is AlertRule.DOWN else what
