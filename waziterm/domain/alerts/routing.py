"""Which sink gets which message, and when: what it wants, its quiet hours, its messages a minute.

What is critical is told at any hour. In quiet hours the rest is kept; what is over by their end is
told no more, and what goes on is told in one digest. So is what is beyond a sink's messages a
minute. The end of an incident is told to whoever was told of it, and is never part of a digest, so
that a receiver that goes by the incident's id can close what it has opened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from waziterm.domain.alerts.alert import Alert, AlertSeverity, AlertState
from waziterm.domain.alerts.alert_settings import Sink
from waziterm.domain.alerts.texts import Words, digest_text
from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment

_MINUTE_S = 60.0
_RANKS = tuple(AlertSeverity)


@dataclass(frozen=True, slots=True)
class Desk:
    """What is remembered of one sink. told: the ids of the incidents that go on and of which it was
    told. kept: what it has still to be told, the newest of each incident, the oldest first. sent:
    when it was sent something in the last minute."""

    told: tuple[str, ...] = ()
    kept: tuple[Alert, ...] = ()
    sent: tuple[Moment, ...] = ()

    def shifted(self, by: float) -> "Desk":
        """The same after the clock was set by so many seconds."""
        kept = tuple(replace(each, at=each.at + by, since=each.since + by) for each in self.kept)
        return replace(self, kept=kept, sent=tuple(at + by for at in self.sent))


Desks = Mapping[str, Desk]
"""The sinks' desks by their names."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """What is to be sent now, in order, each with the names of the sinks that get it."""

    desks: Desks
    sent: tuple[tuple[Alert, tuple[str, ...]], ...] = ()


def route(
    desks: Desks,
    alerts: Sequence[Alert],
    sinks: Sequence[Sink],
    per_minute: int,
    now: float,
    words: Words,
) -> Sorted:
    """Sort some messages, and what was kept, to the sinks. now: UTC seconds."""
    kept: dict[str, Desk] = {}
    sent: dict[Alert, list[str]] = {}
    for sink in sinks:
        desk = _taken(desks.get(sink.name, Desk()), alerts, sink, now)
        kept[sink.name], out = _sent(desk, alerts, sink, per_minute, now, words)
        for alert in out:
            sent.setdefault(alert, []).append(sink.name)
    return Sorted(kept, tuple((alert, tuple(names)) for alert, names in sent.items()))


def due(desks: Desks, sinks: Sequence[Sink], per_minute: int, now: float) -> float | None:
    """When something that is kept is to be sent, UTC seconds; None when nothing is kept. now: when
    it was sorted last."""
    moments = []
    for sink in sinks:
        desk = desks.get(sink.name, Desk())
        if not desk.kept:
            continue
        quiet_until = sink.quiet.until(now) if sink.quiet is not None else None
        waits_for_hours = quiet_until is not None and not any(map(_passes, desk.kept))
        free_at = desk.sent[-per_minute] + _MINUTE_S if len(desk.sent) >= per_minute else now
        moments.append(max(free_at, quiet_until or now) if waits_for_hours else free_at)
    return min(moments, default=None)


def _taken(desk: Desk, alerts: Sequence[Alert], sink: Sink, now: float) -> Desk:
    """The sink's desk with what it wants of the new messages."""
    kept = {each.id: each for each in desk.kept}
    for alert in alerts:
        if alert.state is AlertState.RESOLVED:
            waits = kept.pop(alert.id, None) is not None
            if alert.id in desk.told:
                kept[alert.id] = alert
            elif not waits:
                continue
        elif _wants(sink, alert):
            # The later message says all that the earlier one does.
            kept[alert.id] = alert
    recent = tuple(at for at in desk.sent if now - at < _MINUTE_S)
    return Desk(desk.told, tuple(kept.values()), recent)


def _wants(sink: Sink, alert: Alert) -> bool:
    severe = _rank(alert) >= _RANKS.index(sink.min_severity)
    return severe and (not sink.rules or alert.rule in sink.rules)


def _passes(alert: Alert) -> bool:
    """Whether it is told in quiet hours too."""
    return alert.severity is AlertSeverity.CRITICAL


def _sent(
    desk: Desk, fresh: Sequence[Alert], sink: Sink, per_minute: int, now: float, words: Words
) -> tuple[Desk, list[Alert]]:
    """The desk after what may be sent now was, and that. fresh: what was not kept before."""
    is_quiet = sink.quiet is not None and sink.quiet.until(now) is not None
    ready = [each for each in desk.kept if not is_quiet or _passes(each)]
    ends = [each for each in ready if each.state is AlertState.RESOLVED]
    news = [each for each in ready if each.state is AlertState.FIRING]
    late = [each for each in news if each not in fresh]
    soon = sorted((each for each in news if each in fresh), key=_rank, reverse=True)
    free = per_minute - len(desk.sent)
    done, out = ends[:free], ends[:free]
    if late and len(out) < free:
        done = done + late
        out = [*out, late[0] if len(late) == 1 else _digest(late, now, words)]
    more = soon[: max(0, free - len(out))]
    done, out = done + more, out + more
    told = dict.fromkeys(desk.told)
    for alert in done:
        if alert.state is AlertState.FIRING:
            told[alert.id] = None
        else:
            told.pop(alert.id, None)
    left = tuple(each for each in desk.kept if each not in done)
    return Desk(tuple(told), left, (*desk.sent, *(now for _ in out))), out


def _rank(alert: Alert) -> int:
    return _RANKS.index(alert.severity)


def _digest(alerts: Sequence[Alert], now: float, words: Words) -> Alert:
    """One message for several incidents. It has the rule, the reason and the advice of the worst
    of them, and an id of its own: it is no incident, and has no end."""
    worst = max(alerts, key=_rank)
    names = tuple(dict.fromkeys(name for each in alerts for name in each.instances))
    ordered = sorted(alerts, key=_rank, reverse=True)
    return replace(
        worst,
        id=f"digest-{alerts[0].id}-{alerts[-1].id}",
        at=now,
        instance=names[0] if len(names) == 1 else None,
        instances=names,
        number=worst.number if len(names) == 1 else None,
        since=min(each.since for each in alerts),
        text=digest_text([(each.rule, each.instances) for each in ordered], words),
        met=tuple(dict.fromkeys(identity for each in alerts for identity in each.met)),
    )
