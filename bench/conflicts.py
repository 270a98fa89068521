"""100 conflicts on 100 fresh histories: all come back soon after the cool-down, none before.

A manager in this process keeps real workers, with a database in which nothing has ever happened
(copies of the same sessions serve for the next one) and the default cool-down of 10 s. The lab
tells each device once that another client has taken its session (conflict, type replaced).
Late: from the cool-down's end as the manager drew and showed it, until it shows `connected`.
Early: a login that the lab sees between its conflict and that end.
Half of the conflicts come alone, one a second; the others to ten instances at the same moment.
"""

import asyncio
import time
from dataclasses import dataclass

from bench.figures import Figure, percentile
from bench.rig import Rig, Stage
from bench.watch import Watch
from waziterm.domain.lifecycle.states import State
from waziterm.lab.events import EventKind
from waziterm.lab.trouble import TroubleKind

TITLE = "conflicts on fresh histories, default cool-down"
LATE_S = 1.5
PAUSE_S = 1.0
TOGETHER = 10
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One conflict. hit_at, due, back_at: UTC seconds; back_at is None when it stayed away."""

    name: str
    hit_at: float
    due: float | None
    back_at: float | None

    @property
    def late_s(self) -> float | None:
        return None if self.due is None or self.back_at is None else self.back_at - self.due


async def run(rig: Rig) -> list[Figure]:
    """Half of the conflicts alone, on one manager; half by tens, on another."""
    count = 10 if rig.quick else 50
    alone, early = await _round(rig, count, together=1)
    by_ten, more = await _round(rig, count, together=TOGETHER)
    both = alone + by_ten
    back = sum(outcome.back_at is not None for outcome in both)
    return [
        Figure("conflicts that came back by themselves", back, "", len(both), at_least=True),
        Figure("logins before the cool-down's end", early + more, "", 0),
        _late("late after the cool-down, p95 of all", both, LATE_S),
        _late(f"late, p95 of {len(alone)} that came alone", alone, None),
        _late(f"late, p95 of {len(by_ten)} that came by tens", by_ten, None),
    ]


def _late(what: str, outcomes: list[Outcome], limit: float | None) -> Figure:
    late = [outcome.late_s for outcome in outcomes if outcome.late_s is not None]
    worst = max(late, default=float("nan"))
    note = f"of {len(late)}: median {percentile(late, 0.5):.2f} s, worst {worst:.2f} s"
    return Figure(what, percentile(late, 0.95), "s", limit, note=note)


async def _round(rig: Rig, count: int, *, together: int) -> tuple[list[Outcome], int]:
    """One conflict for each of `count` instances; the outcomes, and how many came early."""
    async with rig.stage(count, fresh=True) as stage, stage.manager() as (_, watch):
        position = stage.lab.position
        names = list(stage.jids)
        async with asyncio.TaskGroup() as tasks:
            waiting: list[asyncio.Task[Outcome]] = []
            for first in range(0, count, together):
                batch = [
                    tasks.create_task(_conflict(stage, watch, name))
                    for name in names[first : first + together]
                ]
                waiting += batch
                if together > 1:
                    await asyncio.wait(batch)
                await asyncio.sleep(PAUSE_S)
        outcomes = [task.result() for task in waiting]
        return outcomes, await _early(stage, position, outcomes)


async def _conflict(stage: Stage, watch: Watch, name: str) -> Outcome:
    hit_at = time.time()
    await stage.lab.trouble(TroubleKind.CONFLICT, stage.jids[name])
    due = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            cooling = await watch.seen(name, lambda view: view.state is State.COOLDOWN, hit_at)
            due = cooling.view.next_attempt
            back = await watch.seen(name, lambda view: view.state is State.CONNECTED, cooling.at)
    except TimeoutError:
        return Outcome(name, hit_at, due, None)
    return Outcome(name, hit_at, due, back.at)


async def _early(stage: Stage, position: int, outcomes: list[Outcome]) -> int:
    """Logins that the lab saw while a device had to wait."""
    forbidden = {stage.jids[one.name]: (one.hit_at, one.due) for one in outcomes}
    early = 0
    for event in await stage.events_since(position):
        if event.kind is EventKind.LOGIN and event.jid in forbidden:
            hit_at, due = forbidden[event.jid]
            early += due is not None and hit_at < event.at < due
    return early
