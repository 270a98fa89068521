"""A scripted fleet that has lived for a week: what it tells is summed up from what happened."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from tests.tui import scripted
from tests.tui.scripted import NOW, ScriptedFleet
from waziterm.domain.fleet.api import InstanceView, LogLine, Source
from waziterm.domain.fleet.history import Attempt, AttemptKind, Moved
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.hours import (
    Hour,
    Step,
    bucket_of,
    hour_of,
    passed,
    quantile,
    stepped,
    tally,
)
from waziterm.domain.stats.strips import DAY_CELLS, DAYS, Recent, Stood, cells_of, first_cell
from waziterm.domain.stats.sums import Stats, StatsBy, stats_of

_DAY_S = 86_400.0
_AT_ONCE = 100


class Lived(ScriptedFleet):
    """courses: by name, the moves of its instances. asked: for whose week, one after the other."""

    def __init__(
        self, *views: InstanceView, courses: Mapping[str, tuple[Moved, ...]], lab: bool = False
    ) -> None:
        super().__init__(*views, lab=lab)
        self.courses = courses
        self.tried = tuple(
            Attempt(move.at - took, name, AttemptKind.RETRY, took, True)
            for name, moves in courses.items()
            for move in moves
            if move.state is State.CONNECTED
            for took in (0.4 + (move.at % 17) / 5,)
        )
        self.happened, self.fought = (), ()
        self.asked: list[str] = []

    def _hours(self, name: str) -> dict[tuple[str, int], Hour]:
        hours: dict[tuple[str, int], Hour] = {}
        standing = None
        for move in self.courses.get(name, ()):
            standing = stepped(
                hours, standing, Step(name, move.at, move.state, move.reason, ""), None
            )
        if standing is not None:
            passed(hours, name, standing, self.clock())
        return hours

    async def stats(
        self, since: float = 0.0, name: str | None = None, by: StatsBy | None = None
    ) -> tuple[Stats, ...]:
        if name is None:
            return ()
        whole = Hour()
        for (_, begin), hour in self._hours(name).items():
            if begin >= hour_of(since):
                hour.drops_at = {begin: hour.drops} if hour.drops else {}
                whole.add(hour)
        for each in await self.attempts(since, name):
            tally(whole.connects, {bucket_of(each.took_s or 0): 1})
        whole.memory_bytes = 5_100_000
        return (stats_of(name, since, whole, Counter()),)

    async def recent(
        self, after: str = "", name: str | None = None, *, days: int = 1
    ) -> tuple[Recent, ...]:
        if name is not None:
            self.asked.append(name)
        names = sorted(each for each in self.views if name in (None, each))
        few = [each for each in names if each > after or name is not None][:_AT_ONCE]
        return tuple(self._recent(each, days) for each in few)

    def _recent(self, name: str, days: int) -> Recent:
        now = self.clock()
        begin = first_cell(now, days * DAY_CELLS)
        moves = [Stood(move.at, move.state) for move in self.courses.get(name, ())]
        hours = self._hours(name)
        drops = [0] * DAYS
        for (_, at), hour in hours.items():
            back = (_day(now) - _day(at)).days
            if back < DAYS:
                drops[-1 - back] += hour.drops
        last = [hour for (_, at), hour in hours.items() if at > now - _DAY_S]
        seen = sum(hour.seen_s for hour in hours.values())
        up = sum(hour.up_s for hour in hours.values())
        return Recent(
            name,
            begin,
            cells_of(moves, begin, now, days * DAY_CELLS),
            sum(hour.up_s for hour in last),
            sum(hour.seen_s for hour in last),
            up / seen if seen else None,
            tuple(drops),
            sum(drops[:-1]) / 6,
            quantile(
                {bucket_of(each.took_s or 0): 1 for each in self.tried if each.instance == name},
                0.5,
            ),
        )


def _day(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def unhappy(name: str, *, at: float = NOW, drops: int = 46) -> tuple[Moved, ...]:
    """A week in which the connection ended so often, more each day, most often in the evening."""
    chance = random.Random(name)
    begins = sorted(at - 7 * _DAY_S * chance.random() ** 2.5 for _ in range(drops))
    moves = [Moved(at - 8 * _DAY_S, State.CONNECTED, Reason.ONLINE)]
    for begin in begins:
        if begin < moves[-1].at + 60:
            continue
        reason = chance.choices(
            (Reason.DROPPED, Reason.CONNECT_TIMEOUT, Reason.CONFLICT), (6, 2, 1)
        )[0]
        conflict = reason is Reason.CONFLICT
        state = State.COOLDOWN if conflict else State.RETRYING
        detail = "python bot.py (pid 4121)" if conflict else ""
        took = chance.choice((11.0, 71.0, 640.0, 2700.0))
        again = Reason.GUARDED if conflict else Reason.RETRY
        moves += [
            Moved(begin, state, reason, detail),
            Moved(begin + took - 1, State.CONNECTING, again),
            Moved(begin + took, State.CONNECTED, Reason.ONLINE),
        ]
    return tuple(move for move in moves if move.at < at - 60)


def happy(at: float = NOW) -> tuple[Moved, ...]:
    return (Moved(at - 9 * _DAY_S, State.CONNECTED, Reason.ONLINE),)


def lived(count: int = 12) -> Lived:
    """A fleet of one in each state and more that are connected, with a week behind them; the first
    ones share a proxy and a worker."""
    views = [*scripted.every_state(lab=False).views.values()]
    views += [
        scripted.connected(f"shop-{number:02}", f"{2300 + number}") for number in range(count)
    ]
    views = [
        replace(view, proxy="socks5://id-7.proxy.example:1080", pid=41211)
        if view.state is State.CONNECTED and place % 3 == 0
        else view
        for place, view in enumerate(views)
    ]
    courses = {
        view.name: unhappy(view.name, drops=6 + 40 * (place == 0) + 7 * (place == 14))
        if place % 2 == 0
        else happy()
        for place, view in enumerate(views)
        if view.state is State.CONNECTED
    }
    fleet = Lived(*views, courses=courses)
    for place, name in enumerate(fleet.views):
        fleet.logs[name] = [
            LogLine(seq, NOW - 60 + 9 * seq + place / 3, Source.LIBRARY, f"probe {seq} answered")
            for seq in range(1, 5)
        ]
    return fleet
