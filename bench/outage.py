"""WhatsApp goes away for all and comes back: no storm of ours, and everybody back soon.

A manager in this process keeps real workers. The lab is restarted once (down for about a
second: the library's own redials bring everybody back), then it drops everything and refuses
its port for `OUTAGE_S` seconds: longer than the library gets, so that the manager's own attempts
must end the outage.
Our dials in flight: the most `connecting` instances with a worker that were shown at any change,
and the most attempts that overlap in the database. All dials: connections that the lab took,
with those of whatsmeow's own redials, which nobody can hold back; the most of them that were
open and not yet logged in. Back: from the lab's return until all are shown as connected.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bench.attempts import overlapping, stored_attempts
from bench.figures import Figure
from bench.rig import Rig, Stage
from bench.watch import Watch
from waziterm.domain.lifecycle.states import State
from waziterm.lab.events import EventKind, LabEvent
from waziterm.lab.trouble import TroubleKind

TITLE = "a restart of the lab, and an outage"
BACK_S = 30.0
OUTAGE_S = 90.0
TIMEOUT_S = 240.0


@dataclass(frozen=True, slots=True)
class Return:
    """How a fleet came back. began: UTC seconds when the lab went away. shown: dials in flight."""

    began: float
    back_s: float
    shown: int
    dials: int
    in_flight: int


async def run(rig: Rig) -> list[Figure]:
    """A restart and an outage of the same fleet."""
    count = 20 if rig.quick else 50
    async with rig.stage(count, fresh=True) as stage:
        limit = stage.settings().fleet.connects_at_once
        async with stage.manager() as (_, watch):
            restart = await _restart(stage, watch)
            outage = await _outage(stage, watch)
        attempts = stored_attempts(stage.data.database)
    figures = []
    for told, what in ((restart, "restart"), (outage, f"outage of {OUTAGE_S:.0f} s")):
        later = outage.began if told is restart else float("inf")
        ours = [one for one in attempts if told.began <= one.began < later]
        figures += [
            Figure(
                f"{what}: our dials in flight, shown",
                told.shown,
                "",
                limit,
                note=f"{len(ours)} attempts of ours, {sum(one.ok is True for one in ours)} of them"
                " ended connected",
            ),
            Figure(f"{what}: our dials in flight, stored", overlapping(ours), "", limit),
            Figure(
                f"{what}: all dials that the lab took",
                told.dials,
                note=f"most at once before their login: {told.in_flight}",
            ),
            Figure(f"{what}: all {count} back after", told.back_s, "s", BACK_S),
        ]
    return figures


async def _restart(stage: Stage, watch: Watch) -> Return:
    position, began = stage.lab.position, time.time()
    await stage.lab.restart()
    return await _returned(stage, watch, position, began)


async def _outage(stage: Stage, watch: Watch) -> Return:
    position, began = stage.lab.position, time.time()
    await away(stage)
    return await _returned(stage, watch, position, began)


async def away(stage: Stage) -> None:
    """Let nobody reach WhatsApp for `OUTAGE_S` seconds."""
    await stage.lab.trouble(TroubleKind.OUTAGE)
    await asyncio.sleep(OUTAGE_S)
    await stage.lab.clear(TroubleKind.OUTAGE)


async def _returned(stage: Stage, watch: Watch, position: int, began: float) -> Return:
    """Wait until everybody is back, shown so and logged in at the lab."""
    returned = time.time()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            for jid in stage.jids.values():
                await stage.lab.wait_online(jid, TIMEOUT_S)
        back = await watch.all_in(State.CONNECTED, stage.jids, TIMEOUT_S) - returned
    except TimeoutError:
        back = float("nan")
    events = await stage.events_since(position)
    dials = sum(event.kind is EventKind.DIAL for event in events)
    return Return(began, back, watch.most_dialling(began), dials, _in_flight(events))


def _in_flight(events: Iterable[LabEvent]) -> int:
    """The most connections that were open at once and not yet logged in."""
    unfinished: set[int] = set()
    most = 0
    for event in events:
        if event.kind is EventKind.DIAL:
            unfinished.add(event.connection)
        elif event.kind in (EventKind.LOGIN, EventKind.LOGIN_FAILED, EventKind.CLOSE):
            unfinished.discard(event.connection)
        most = max(most, len(unfinished))
    return most
