"""What is told of what happens to a fleet, and when. Pure.

An incident is told at once, its growth once in a while, its end once; one cause that meets many is
one incident. How it went on is kept in a `Memory`, so that a manager that begins tells nothing
again: it compares how its instances stand with what was told of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import assert_never

from waziterm.domain.alerts.alert import Alert, AlertRule, AlertState
from waziterm.domain.alerts.alert_memory import MACHINE, Known, Member, Memory, Open
from waziterm.domain.alerts.alert_rules import (
    MEASURED,
    cause_of,
    fleet_threshold,
    is_bad,
    is_of_all,
    is_well,
    rule_of,
    severity_of,
)
from waziterm.domain.alerts.facts import Changed, Fact, Measured, PatternSeen, Removed, Stood
from waziterm.domain.alerts.texts import (
    Words,
    firing_text,
    goes_on,
    next_said,
    nothing_to_do,
    removed,
    resolved_text,
)
from waziterm.domain.frozen import dataclass
from waziterm.domain.incidents.incident import TOGETHER_S
from waziterm.domain.incidents.kinds import IncidentKind
from waziterm.domain.jid import Jid
from waziterm.domain.lifecycle.details import measure_detail, pattern_detail
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.memory import cause_of_outage
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.phrase import Phrase

_TRIES = (State.CONNECTING, State.RETRYING, State.DEGRADED)
_PASSING = (State.RETRYING, State.DEGRADED)
_ENDING = (Reason.BY_OPERATOR, Reason.CLEANED, Reason.RESTORED, Reason.NEW)
"""Of a stopped instance: a person wants it so, and nothing more is to be told of it."""
_BY_NUMBER = "s.whatsapp.net"


@dataclass(frozen=True, slots=True)
class Telling:
    """How it is told. down_after_s: one that is not connected for longer is told. growth_every_s:
    the least time between two tales of one incident's growth. flap_s: so long must all be well
    before an end is told. silences: until when nothing is told of an instance, by its id."""

    down_after_s: float = 600.0
    growth_every_s: float = 600.0
    flap_s: float = 60.0
    silences: Mapping[str, float] = field(default_factory=dict)
    words: Words = field(default_factory=Words)


@dataclass(frozen=True, slots=True)
class Ended:
    """An incident of the store is over. row: its number."""

    row: int
    at: float


@dataclass(frozen=True, slots=True)
class Step:
    """What a step leads to. told: the messages, each with the key of its incident, in order; the
    id of one whose incident has no row yet is "". grown: the keys of those whose rows are ours and
    have to be stored. ended: those rows that are over."""

    memory: Memory
    told: tuple[tuple[int, Alert], ...] = ()
    grown: tuple[int, ...] = ()
    ended: tuple[Ended, ...] = ()


def step(memory: Memory, facts: Sequence[Fact], now: float, telling: Telling) -> Step:
    """What is told after some facts, or after some time. now: UTC seconds."""
    work = _Work(memory, now, telling)
    for fact in facts:
        work.take(fact)
    work.find_down()
    work.let_go()
    work.settle_outages()
    work.find_outages()
    work.tell()
    return work.done()


def due(memory: Memory, now: float, telling: Telling) -> float | None:
    """When the next step is due though nothing happens, UTC seconds; None: only a fact can
    matter. now: when the last step was."""
    moments = [until for until in telling.silences.values() if until > now]
    covered: set[str] = set()
    for incident in memory.open.values():
        wells = [each.well_at for each in incident.members.values() if each.well_at is not None]
        moments += [well + telling.flap_s for well in wells]
        grows = incident.told_at + telling.growth_every_s
        if _has_grown(incident, _heard(incident, telling, grows)):
            moments.append(grows)
        if _tells_of_down(incident):
            covered.update(incident.members)
    for identity, known in memory.known.items():
        if identity not in covered and (falls := _down_at(memory.up_since, known, telling)):
            moments.append(falls)
    return min(moments, default=None)


def numbered(outcome: Step, rows: Mapping[int, int]) -> Step:
    """The same with the numbers that rows were given in the store. rows: by key."""
    kept = dict(outcome.memory.open)
    for key, row in rows.items():
        if key in kept:
            kept[key] = replace(kept[key], row=row, is_ours=True)
    told = tuple(
        (key, replace(alert, id=str(rows[key])) if not alert.id and key in rows else alert)
        for key, alert in outcome.told
    )
    return replace(outcome, memory=replace(outcome.memory, open=kept), told=told)


def known_of(instance: Instance, at: float, before: Known | None = None) -> Known:
    """An instance as it stands. at: since when it stands so. before: how it stood last."""
    rule = rule_of(instance)
    passing = rule is not None or instance.state in _PASSING
    well = instance.state is State.CONNECTED
    reason, detail = instance.reason, instance.detail
    cause: IncidentKind | None = None
    since = at
    if passing:
        cause = cause_of(reason)
    elif before is not None and not (well or _is_ended(instance)):
        cause = before.cause
    if before is not None and cause is not None and before.cause is cause:
        since = before.since
    tries = instance.state in _TRIES and instance.wanted is Wanted.RUNNING and instance.is_paired
    return Known(
        name=instance.name,
        number=_number(instance),
        rule=rule,
        reason=reason,
        detail=detail,
        cause_reason=cause_of_outage(instance)[0],
        runs=instance.wanted is Wanted.RUNNING and instance.is_paired,
        tries=tries,
        well=well,
        cause=cause,
        since=since,
        down_since=instance.down_since,
        incident=before.incident if before is not None and cause is not None else 0,
        banned_until=instance.banned_until,
    )


class _Work:
    """One step, in the making."""

    def __init__(self, memory: Memory, now: float, telling: Telling) -> None:
        self._before = memory
        self._now = now
        self._telling = telling
        self._up_since = memory.up_since
        self._next_key = memory.next_key
        self._known = dict(memory.known)
        self._open = dict(memory.open)
        self._told: list[tuple[int, Alert]] = []
        self._ended: list[Ended] = []
        self._closing: dict[int, str] = {}

    def done(self) -> Step:
        grown = tuple(
            key
            for key, incident in self._open.items()
            if (incident.is_ours or not incident.row)
            and _row_of(incident) != _row_of(self._before.open.get(key))
        )
        memory = Memory(self._up_since, self._next_key, self._known, self._open)
        return Step(memory, tuple(self._told), grown, tuple(self._ended))

    # -- the facts ----------------------------------------------------------------------------

    def take(self, fact: Fact) -> None:
        match fact:
            case Stood(instances):
                self._stood(instances)
            case Changed(instance, incident):
                known = known_of(instance, self._now, self._known.get(instance.id))
                self._saw(instance, replace(known, incident=incident) if incident else known)
            case Removed(identity):
                self._known.pop(identity, None)
                self._leave_all(identity, removed())
            case Measured(rule, subject, value, limit):
                identity = MACHINE if subject is None else subject
                if is_bad(rule, value, limit):
                    self._meet(identity, rule, measure_detail(rule, value, limit))
                elif (measured := self._measured(identity, rule, "")) is not None:
                    well_at = measured.members[identity].well_at
                    if well_at is None and is_well(rule, value, limit):
                        self._well(measured, identity, self._now)
            case PatternSeen(name, identity, count, window_s):
                detail = pattern_detail(name, count)
                seen = self._meet(identity, AlertRule.PATTERN, detail, subject=name)
                if seen is not None:
                    self._well(seen, identity, self._now + window_s)
            case _:
                assert_never(fact)

    def _stood(self, instances: Iterable[Instance]) -> None:
        """A manager begins: what was told of those who are gone is over."""
        self._up_since = self._now
        self._known = {}
        for incident in tuple(self._open.values()):
            if incident.rule not in MEASURED:
                # It is to last under this manager.
                for identity in incident.members:
                    self._well(incident, identity, None)
        here = {MACHINE}
        for instance in instances:
            here.add(instance.id)
            at = instance.since if instance.trouble_at is None else instance.trouble_at
            self._saw(instance, known_of(instance, at))
        for incident in tuple(self._open.values()):
            for identity in incident.members:
                if identity not in here:
                    self._leave_all(identity, removed())

    def _saw(self, instance: Instance, known: Known) -> None:
        identity = instance.id
        self._known[identity] = known
        self._name(identity, known.name)
        if known.rule is not None:
            self._place(identity, known)
            return
        incident = self._state_incident(identity)
        if known.well:
            if incident is not None:
                self._well(incident, identity, incident.members[identity].well_at or self._now)
            return
        if _is_ended(instance):
            self._leave_all(identity, Phrase(instance.reason.sentence))
            return
        if incident is not None:
            self._well(incident, identity, None)
        elif instance.state in _PASSING and (fleet := self._fleet_of(known.cause)) is not None:
            self._join(fleet, identity)

    def _name(self, identity: str, name: str) -> None:
        """What is told of an instance names it as it is called now."""
        for incident in tuple(self._open.values()):
            if incident.met.get(identity, name) == name:
                continue
            members = dict(incident.members)
            if identity in members:
                members[identity] = replace(members[identity], name=name)
            met = {**incident.met, identity: name}
            self._open[incident.key] = replace(incident, members=members, met=met)

    def _place(self, identity: str, known: Known) -> None:
        """An instance whose state means a rule by itself comes into the incident of that."""
        assert known.rule is not None
        rule, reason, detail = known.rule, known.reason, known.detail
        incident = self._state_incident(identity)
        if incident is None:
            fleet = self._fleet_of(known.cause)
            if fleet is not None and not is_of_all(rule):
                self._join(fleet, identity)
            else:
                self._join_like(identity, rule, reason, detail)
            return
        self._well(incident, identity, None)
        incident = self._open[incident.key]
        is_same = incident.rule is rule and incident.reason is reason
        is_fleet = incident.rule is AlertRule.FLEET and cause_of(incident.reason) is known.cause
        if is_same or is_fleet:
            if len(incident.met) == 1 and detail:
                self._open[incident.key] = replace(incident, detail=detail)
        elif reason is Reason.DEAF and incident.rule is AlertRule.DOWN:
            # It passes, and that it lasts was told.
            return
        else:
            self._move(incident, identity, rule, reason, detail)

    def _move(
        self, incident: Open, identity: str, rule: AlertRule, reason: Reason, detail: str
    ) -> None:
        """An instance's incident goes on by another rule: the same when nobody else was in it."""
        if len(incident.met) == 1:
            self._open[incident.key] = replace(
                incident, rule=rule, reason=reason, detail=detail, last_at=self._now
            )
        else:
            self._leave(incident, identity, goes_on(reason))
            self._join_like(identity, rule, reason, detail)

    # -- who is in which incident -------------------------------------------------------------

    def _state_incident(self, identity: str) -> Open | None:
        """The incident of an instance's state, if it is in one."""
        return next(
            (
                each
                for each in self._open.values()
                if each.rule not in MEASURED and identity in each.members
            ),
            None,
        )

    def _measured(self, identity: str, rule: AlertRule, subject: str) -> Open | None:
        return next(
            (
                each
                for each in self._open.values()
                if each.rule is rule and each.subject == subject and identity in each.members
            ),
            None,
        )

    def _fleet_of(self, cause: IncidentKind | None) -> Open | None:
        if cause is None:
            return None
        return next(
            (
                each
                for each in self._open.values()
                if each.rule is AlertRule.FLEET and cause_of(each.reason) is cause
            ),
            None,
        )

    def _meet(self, identity: str, rule: AlertRule, detail: str, subject: str = "") -> Open | None:
        """What was measured is beyond its limit. None: there is no such instance."""
        if identity != MACHINE and identity not in self._known:
            return None
        incident = self._measured(identity, rule, subject)
        if incident is None:
            return self._join_like(identity, rule, MEASURED[rule], detail, subject)
        self._well(incident, identity, None)
        incident = self._open[incident.key]
        if len(incident.met) == 1:
            incident = self._open[incident.key] = replace(incident, detail=detail)
        return incident

    def _join_like(
        self, identity: str, rule: AlertRule, reason: Reason, detail: str, subject: str = ""
    ) -> Open:
        """Into the incident with the same rule and reason that has just grown, or a new one."""
        for incident in self._open.values():
            alike = (incident.rule, incident.reason, incident.subject) == (rule, reason, subject)
            grows = incident.key not in self._closing and self._now - incident.last_at <= TOGETHER_S
            if alike and grows:
                return self._join(incident, identity)
        return self._begin(identity, rule, reason, detail, subject)

    def _begin(
        self, identity: str, rule: AlertRule, reason: Reason, detail: str, subject: str = ""
    ) -> Open:
        key, self._next_key = self._next_key, self._next_key + 1
        known = self._known.get(identity)
        row = known.incident if known is not None and rule not in MEASURED else 0
        if any(each.row == row for each in self._open.values()):
            row = 0
        began = self._began(known) if rule not in MEASURED else self._now
        incident = Open(
            *(key, rule, reason, detail, began, self._now, {}, {}), subject=subject, row=row
        )
        return self._join(incident, identity)

    def _join(self, incident: Open, identity: str) -> Open:
        known = self._known.get(identity)
        name = known.name if known is not None else ""
        number = known.number if known is not None else None
        began = self._began(known) if incident.rule not in MEASURED else self._now
        member = Member(name, number, began)
        joined = replace(
            incident,
            members={**incident.members, identity: member},
            met={**incident.met, identity: name},
            last_at=self._now,
            began_at=min(incident.began_at, began),
        )
        self._open[incident.key] = joined
        self._closing.pop(incident.key, None)
        return joined

    def _began(self, known: Known | None) -> float:
        """Since when an instance is in its trouble."""
        if known is None:
            return self._now
        since = self._now if known.cause is None else known.since
        return min(self._now, since if known.down_since is None else min(since, known.down_since))

    def _well(self, incident: Open, identity: str, at: float | None) -> None:
        """A member is well again since a moment; None: it is not."""
        member = self._open[incident.key].members[identity]
        if member.well_at != at:
            members = {**self._open[incident.key].members, identity: replace(member, well_at=at)}
            self._open[incident.key] = replace(self._open[incident.key], members=members)

    def _leave(self, incident: Open, identity: str, why: str = "") -> None:
        """A member is out of it. why: what ended it when that was no recovery, else ""."""
        incident = self._open[incident.key]
        members = {each: one for each, one in incident.members.items() if each != identity}
        self._open[incident.key] = replace(incident, members=members)
        if not members:
            self._closing[incident.key] = why

    def _leave_all(self, identity: str, why: str) -> None:
        for incident in tuple(self._open.values()):
            if identity in incident.members:
                self._leave(incident, identity, why)

    # -- what time brings ---------------------------------------------------------------------

    def find_down(self) -> None:
        """Those who try in vain for long."""
        for identity, known in tuple(self._known.items()):
            falls = _down_at(self._up_since, known, self._telling)
            if falls is None or falls > self._now:
                continue
            incident = self._state_incident(identity)
            reason = known.cause_reason
            if incident is None:
                self._join_like(identity, AlertRule.DOWN, reason, "")
            elif not _tells_of_down(incident):
                self._move(incident, identity, AlertRule.DOWN, reason, "")

    def let_go(self) -> None:
        """Those who are well for long enough; and the fleet's outage when most of them are."""
        for incident in tuple(self._open.values()):
            for identity, member in incident.members.items():
                well_at = member.well_at
                if well_at is not None and self._now - well_at >= self._telling.flap_s:
                    self._leave(incident, identity)
            left = self._open[incident.key].members
            is_over = incident.rule is AlertRule.FLEET and 2 * len(left) < incident.threshold
            if left and is_over:
                self._close(self._open[incident.key], "")
                for identity in left:
                    known = self._known.get(identity)
                    if known is not None and known.rule is not None:
                        self._place(identity, known)

    def settle_outages(self) -> None:
        """The fleet's outage in which most have come to one same end is what that means."""
        for incident in tuple(self._open.values()):
            if incident.rule is not AlertRule.FLEET:
                continue
            ends = Counter(
                (known.rule, known.reason)
                for known in (self._known.get(each) for each in incident.members)
                if known is not None and known.rule is not None and not known.tries
            )
            for (rule, reason), count in ends.most_common(1):
                is_other = rule is not None and reason is not incident.reason
                if is_other and 2 * count > len(incident.members):
                    self._open[incident.key] = replace(
                        incident, rule=rule, reason=reason, last_at=self._now
                    )

    def find_outages(self) -> None:
        """What one cause does to many within a minute is the fleet's."""
        running = sum(each.runs for each in self._known.values())
        threshold = fleet_threshold(running)
        met: dict[IncidentKind, list[str]] = {}
        for identity, known in self._known.items():
            of_all = known.rule is not None and is_of_all(known.rule)
            fresh = known.cause is not None and self._now - known.since <= TOGETHER_S
            place = self._state_incident(identity) if fresh else None
            was_told = place is not None and AlertRule.FLEET in place.told
            if known.cause is not None and fresh and not of_all and not was_told:
                met.setdefault(known.cause, []).append(identity)
        for cause, identities in met.items():
            if len(identities) >= threshold and self._fleet_of(cause) is None:
                self._outage(identities, threshold)

    def _outage(self, identities: Sequence[str], threshold: int) -> None:
        places = {each: self._state_incident(each) for each in identities}
        keys = Counter(one.key for one in places.values() if one is not None)
        base = self._open[keys.most_common(1)[0][0]] if keys else None
        reason = Counter(
            self._known[each].reason if self._known[each].rule else self._known[each].cause_reason
            for each in identities
        ).most_common(1)[0][0]
        if base is None:
            first = identities[0]
            base = self._begin(first, AlertRule.FLEET, reason, "")
            # It is stored with the first of them that made it one.
            rows = Counter(self._known[each].incident for each in identities)
            taken = {0, *(each.row for each in self._open.values())}
            free = [row for row, _ in rows.most_common() if row not in taken]
            base = replace(base, row=base.row or next(iter(free), 0))
        base = replace(base, rule=AlertRule.FLEET, reason=reason, detail="", threshold=threshold)
        self._open[base.key] = base
        for identity in identities:
            place = places[identity]
            if place is None or place.last_rule is None:
                if place is not None and place.key != base.key:
                    self._leave(place, identity)
                if identity not in self._open[base.key].members:
                    self._join(self._open[base.key], identity)

    # -- what is told -------------------------------------------------------------------------

    def tell(self) -> None:
        for key, why in self._closing.items():
            if key in self._open and not self._open[key].members:
                self._close(self._open[key], why)
        for incident in tuple(self._open.values()):
            self._tell(incident)

    def _tell(self, incident: Open) -> None:
        heard = _heard(incident, self._telling, self._now)
        if not heard:
            return
        last = incident.told.get(incident.rule)
        every = self._telling.growth_every_s
        if incident.last_rule is not incident.rule:
            if last is not None and self._now - last < every:
                # What goes to and fro is told once.
                self._open[incident.key] = replace(incident, last_rule=incident.rule)
                return
        elif not (_has_grown(incident, heard) and self._now - incident.told_at >= every):
            return
        words, now, fleet = self._telling.words, self._now, len(self._known)
        ends = {self._known[each].banned_until for each in heard if each in self._known}
        until = ends.pop() if len(ends) == 1 else None
        text = firing_text(incident, heard, fleet, until, now, words)
        names = {each: member.name for each, member in heard.items()}
        number = next(iter(heard.values())).number if len(heard) == 1 else None
        next_step = next_said(incident.rule, incident.reason, tuple(names.values()), words)
        self._say(incident, AlertState.FIRING, names, number, text, next_step)
        self._open[incident.key] = replace(
            incident,
            told={**incident.told, incident.rule: now},
            last_rule=incident.rule,
            told_at=now,
            told_met=tuple(dict.fromkeys((*incident.told_met, *heard))),
        )

    def _close(self, incident: Open, why: str) -> None:
        del self._open[incident.key]
        if incident.row and incident.is_ours:
            self._ended.append(Ended(incident.row, self._now))
        if incident.last_rule is None:
            return
        met = {each: incident.met[each] for each in incident.told_met}
        words = self._telling.words
        numbers = {each: self._known[each].number for each in met if each in self._known}
        text = resolved_text(incident, met, numbers, len(self._known), why, self._now, words)
        number = next(iter(numbers.values()), None) if len(met) == 1 else None
        next_step = words.said(nothing_to_do())
        self._say(incident, AlertState.RESOLVED, met, number, text, next_step)

    def _say(
        self,
        incident: Open,
        state: AlertState,
        met: Mapping[str, str],
        number: str | None,
        text: str,
        next_step: str,
    ) -> None:
        names = tuple(name for each, name in met.items() if each != MACHINE)
        alert = Alert(
            id=str(incident.row) if incident.row else "",
            at=self._now,
            rule=incident.rule,
            severity=severity_of(incident.rule, incident.reason),
            state=state,
            instance=names[0] if len(names) == 1 else None,
            instances=names,
            number=number,
            reason=incident.reason.slug,
            code=incident.reason.code,
            since=incident.began_at,
            text=text,
            next=next_step,
            met=tuple(each for each in met if each != MACHINE),
        )
        self._told.append((incident.key, alert))


def _row_of(incident: Open | None) -> object:
    """What of an incident stands in its row."""
    if incident is None:
        return None
    return incident.reason, incident.detail, tuple(incident.met), incident.began_at, incident.rule


def _heard(incident: Open, telling: Telling, at: float) -> dict[str, Member]:
    """The members of which something may be told at a moment: who is silenced is left out."""
    return {
        each: member
        for each, member in incident.members.items()
        if telling.silences.get(each, 0.0) <= at
    }


def _has_grown(incident: Open, heard: Iterable[str]) -> bool:
    """Whether an incident that was told has met others since."""
    return incident.last_rule is not None and not set(incident.told_met).issuperset(heard)


def _down_at(up_since: float, known: Known, telling: Telling) -> float | None:
    """When an instance is not connected for so long that it is told; None: never, as it stands."""
    if not (known.runs and known.tries) or known.rule is not None or known.down_since is None:
        return None
    return max(known.down_since, up_since) + telling.down_after_s


def _is_ended(instance: Instance) -> bool:
    """Whether a person has ended whatever it was in."""
    stopped = instance.state is State.STOPPED and instance.reason in _ENDING
    return stopped or instance.reason is Reason.EXPORTED


def _tells_of_down(incident: Open) -> bool:
    """Whether it says of its instances that they are not connected for long."""
    return incident.rule in (AlertRule.FLEET, AlertRule.DOWN) or AlertRule.DOWN in incident.told


def _number(instance: Instance) -> str | None:
    """Its phone number in full, with a plus sign; None where that is not known."""
    try:
        jid = None if instance.jid is None else Jid.parse(instance.jid)
    except ValueError:
        jid = None
    if jid is not None and jid.server == _BY_NUMBER:
        return f"+{jid.user}"
    return instance.phone
