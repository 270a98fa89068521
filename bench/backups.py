"""A backup of the whole data directory while fifty instances run: how long it takes, and who
notices it.

`waziterm backup` for a public key is asked of the manager that has them all online. Meanwhile each
of them is watched, and the manager's own loop.
"""

import asyncio
import time
from pathlib import Path

import pyrage

from bench.figures import Figure
from bench.rig import Rig
from waziterm.domain.lifecycle.states import State
from waziterm.lab.events import EventKind
from waziterm.moving.bundle import Kind
from waziterm.moving.process import Order, Work, carry_out
from waziterm.moving.sealing import Key

TITLE = "a backup while the fleet runs"
COUNT = 50
QUICK_COUNT = 10
TICK_S = 0.01
LOOP_LIMIT_S = 0.05


async def run(rig: Rig) -> list[Figure]:
    """Back up, look who was disturbed, and open what was made."""
    count = QUICK_COUNT if rig.quick else COUNT
    key = pyrage.x25519.Identity.generate()
    async with rig.stage(count) as stage:
        file, into = stage.folder / "fleet.age", stage.folder / "in"
        async with stage.manager() as (fleet, _):
            before = {name: len(await fleet.timeline(name)) for name in stage.jids}
            position = stage.lab.position
            late: list[float] = []
            ticking = asyncio.create_task(_tick(late))
            began = time.monotonic()
            made = await fleet.backup(str(file), recipient=str(key.to_public()))
            took = time.monotonic() - began
            ticking.cancel()
            views = fleet.snapshot().instances
            online = sum(each.state is State.CONNECTED for each in views)
            after = {name: len(await fleet.timeline(name)) for name in stage.jids}
            happened = await stage.events_since(position)
        noticed = sum(after[name] != before[name] for name in stage.jids) + count - online
        lost = [each for each in happened if each.kind not in (EventKind.PROBE, EventKind.PAGE)]
        into.mkdir()
        order = Order(Work.OPEN, file, into, Key(identity=str(key)), Kind.BACKUP)
        await carry_out(order)
        sessions = await asyncio.to_thread(_sessions, into)
    note = f"{made.files} files, {made.bytes / 1e6:.1f} MB"
    return [
        Figure("made and read back", took, "s", note=note),
        Figure("instances with an event", noticed, limit=0),
        Figure("connections opened or lost", len(lost), limit=0),
        Figure("longest wait of the manager's loop", max(late, default=0.0), "s", LOOP_LIMIT_S),
        Figure("sessions in it", sessions, limit=count, at_least=True),
    ]


async def _tick(late: list[float]) -> None:
    """Note by how much the loop comes later than it was asked to."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TICK_S
        await asyncio.sleep(TICK_S)
        late.append(loop.time() - due)


def _sessions(folder: Path) -> int:
    return len(list((folder / "sessions").glob("*.db")))
