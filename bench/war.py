"""The war: two clients with copies of one session, each of which would like to have it.

Four pairs fight on the same lab at the same time, each over a session of its own:
blind: two real managers (`waziterm headless`) with data directories and run-time directories of
their own, so that neither can see the other; the second starts when the first is online.
seeing: the same with one run-time directory; once one after the other, once at the same moment.
naive: two clients under the rule "reconnect after 10 s, for ever" (`bench/naive.py`).
Kicks are counted by the lab, from the second client's start on for `WAR_S` seconds; the states
are those that the managers tell over their sockets at the end.
"""

import asyncio
import shutil
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from bench.naive import NaiveClient
from bench.programs import Headless, headless
from bench.rig import BOOT_TIMEOUT_S, Rig, Stage
from tests.sessions import session_of
from waziterm.lab.events import EventKind

TITLE = "the war: two clients with copies of one session"
WAR_S = 120.0
QUICK_WAR_S = 60.0
BLIND_KICKS = 4
SEEING_KICKS = 1


@dataclass(frozen=True, slots=True)
class War:
    """How one ended. kicks: moments in seconds after its start. ends: the two last states."""

    kicks: tuple[float, ...]
    ends: tuple[str, str]

    @property
    def note(self) -> str:
        moments = ", ".join(f"{at:.0f}" for at in self.kicks)
        return (
            "at the end: " + " | ".join(self.ends) + (f"; kicks at {moments} s" if moments else "")
        )

    @property
    def settled(self) -> bool:
        """Whether one is connected, and the other held."""
        return sorted(end.split(",")[0] for end in self.ends) == ["connected", "held"]


async def run(rig: Rig) -> list[Figure]:
    """All four wars at once."""
    seconds = QUICK_WAR_S if rig.quick else WAR_S
    async with rig.stage(4) as stage, asyncio.TaskGroup() as tasks:
        wars = [
            tasks.create_task(_managers(rig, stage, 0, seconds, sees=False, at_once=False)),
            tasks.create_task(_managers(rig, stage, 1, seconds, sees=True, at_once=False)),
            tasks.create_task(_managers(rig, stage, 2, seconds, sees=True, at_once=True)),
            tasks.create_task(_naive(stage, 3, seconds)),
        ]
    blind, seeing, at_once, naive = (war.result() for war in wars)
    named = ((blind, "blind"), (seeing, "seeing"), (at_once, "seeing, at once"))
    settled = [
        Figure(f"one connected, the other held: {what}", war.settled, "", 1, at_least=True)
        for war, what in named
    ]
    span = f"in {seconds:.0f} s"
    return [
        Figure(f"kicks {span}, blind", len(blind.kicks), "", BLIND_KICKS, note=blind.note),
        Figure(f"kicks {span}, seeing", len(seeing.kicks), "", SEEING_KICKS, note=seeing.note),
        Figure(
            f"kicks {span}, seeing, both started at once",
            len(at_once.kicks),
            "",
            SEEING_KICKS,
            note=at_once.note,
        ),
        *settled,
        Figure(f"kicks {span}, the naive rule", len(naive.kicks), note=naive.note),
    ]


async def _managers(
    rig: Rig, stage: Stage, number: int, seconds: float, *, sees: bool, at_once: bool
) -> War:
    """Two managers fight over instance `number`."""
    name = list(stage.jids)[number]
    folder = stage.folder / f"war-{number}"
    folder.mkdir()
    ours = [
        await rig.data_copy(folder / side, 1, skip=number, fresh=True) for side in ("one", "two")
    ]
    async with AsyncExitStack() as stack:

        async def start(side: int) -> Headless:
            return await stack.enter_async_context(
                headless(ours[side], stage.lab.file, "" if sees else f"side-{side}")
            )

        position, began = stage.lab.position, time.time()
        if at_once:
            async with asyncio.TaskGroup() as tasks:
                starting = [tasks.create_task(start(side)) for side in (0, 1)]
            one, two = (task.result() for task in starting)
        else:
            one = await start(0)
            await stage.lab.wait_online(stage.jids[name], BOOT_TIMEOUT_S)
            position, began = stage.lab.position, time.time()
            two = await start(1)
        await asyncio.sleep(max(0.0, began + seconds - time.time()))
        kicks = await _kicks(stage, name, position, began)
        ends = [await manager.instance(name) for manager in (one, two)]
        told = [f"{end['state']}, {end['reason']}" for end in ends]
        return War(kicks, (told[0], told[1]))


async def _naive(stage: Stage, number: int, seconds: float) -> War:
    """Two naive clients fight over instance `number`."""
    name = list(stage.jids)[number]
    copies = [stage.folder / f"naive-{side}.db" for side in ("one", "two")]
    for copy in copies:
        await asyncio.to_thread(shutil.copy2, session_of(stage.data.root, name), copy)
    one, two = (_naive_client(stage, name, copy) for copy in copies)
    tasks = [asyncio.create_task(one.run())]
    try:
        await stage.lab.wait_online(stage.jids[name], BOOT_TIMEOUT_S)
        position, began = stage.lab.position, time.time()
        tasks.append(asyncio.create_task(two.run()))
        await asyncio.sleep(seconds)
        kicks = await _kicks(stage, name, position, began)
        ends = ["connected" if one.connected.is_set() else "waits" for one in (one, two)]
        return War(kicks, (ends[0], ends[1]))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _naive_client(stage: Stage, name: str, session: Path) -> NaiveClient:
    return NaiveClient(str(session), stage.jids[name], stage.lab_file)


async def _kicks(stage: Stage, name: str, position: int, began: float) -> tuple[float, ...]:
    events = await stage.events_since(position)
    return tuple(
        event.at - began
        for event in events
        if event.kind is EventKind.KICK and event.jid == stage.jids[name]
    )
