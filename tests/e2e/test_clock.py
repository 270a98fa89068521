"""F4, F14: the machine's wall clock is set while a manager runs, and while none does."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from tests.programs import Headless, headless
from tests.wallclock import WallClock
from waziterm.control.client.remote import RemoteFleet, attached
from waziterm.domain.care.findings import FindingKind
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.upkeep.janitor import ActKind
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind

COOLDOWN_S = 2.0
LONGEST_S = COOLDOWN_S * 1.1
SLACK_S = 5.0
"""What a loaded machine may need for the way from one process to the other."""
HOUR_S = 3600.0
DAY_S = 86_400.0


@asynccontextmanager
async def running(
    data: Path, lab: Lab, wall: WallClock
) -> AsyncIterator[tuple[Headless, RemoteFleet]]:
    """A headless manager whose wall clock is the test's, and its fleet as an attached screen
    sees it, which has the right time."""
    limits = {"WAZITERM_LIMITS__COOLDOWN_S": str(COOLDOWN_S)}
    async with (
        headless(data, lab.file, **limits, **wall.environment) as program,
        attached(data / "control.sock", lambda: program.pid) as fleet,
    ):
        yield program, fleet


async def conflict(fleet: RemoteFleet, lab: Lab, wall: WallClock, name: str, jid: str) -> float:
    """A conflict, and a clock that is set by `wall.set_by` in the midst of its cool-down: for how
    many seconds it lasted. What the screen counts down is no longer than the cool-down."""
    loop = asyncio.get_running_loop()
    await lab.trouble(TroubleKind.CONFLICT, jid)
    view = await in_state(fleet, name, State.COOLDOWN)
    began = loop.time()
    assert view.next_attempt is not None
    assert view.next_attempt - fleet.now() <= LONGEST_S + 0.5
    wall.set_by(-HOUR_S if wall.ahead_s == 0.0 else 2 * HOUR_S)
    counted: list[float] = []
    async with asyncio.timeout(LONGEST_S + SLACK_S), fleet.subscribe() as changes:
        while (view := view_of(fleet, name)).state is State.COOLDOWN:
            assert view.next_attempt is not None
            counted.append(view.next_attempt - fleet.now())
            await changes.next()
    took_s = loop.time() - began
    # A frame that was under way in the moment of the step may have told of one clock by the other.
    wrong = [left_s for left_s in counted if left_s > LONGEST_S + 0.5]
    assert len(wrong) <= 2 and counted[-1] <= LONGEST_S + 0.5, counted
    await in_state(fleet, name, State.CONNECTED)
    return took_s


def view_of(fleet: RemoteFleet, name: str) -> InstanceView:
    return next(view for view in fleet.snapshot().instances if view.name == name)


@pytest.mark.soak
async def test_f4_a_wait_is_as_long_as_it_is_whatever_is_done_to_the_clock(
    lab: Lab, folder: Path
) -> None:
    wall = WallClock(folder / "shim")
    async with running(folder / "data", lab, wall) as (program, fleet):
        phones = {name: (await pair(fleet, lab, name)).jid for name in ("one", "two")}
        for name, jid in phones.items():
            took_s = await conflict(fleet, lab, wall, name, jid)
            assert took_s >= COOLDOWN_S - 0.5, f"the cool-down lasted only {took_s} s"
            # Whoever is added now does not wait for a moment of the old clock.
            await fleet.add(f"after-{name}")
            seen = await shown(
                fleet, f"after-{name}", lambda view: view.qr is not None, LONGEST_S + SLACK_S
            )
            assert seen.qr is not None and 0.0 < seen.qr.expires_at - fleet.now() <= 60.5
        assert wall.ahead_s == HOUR_S
        assert abs(view_of(fleet, "two").since - fleet.now()) < 60.0
        lines = [line.text for line in fleet.tail("one")]
        assert sum("guarded" in text for text in lines) == 1, lines
        found = await fleet.check()
        assert not [each for each in found if each.kind is FindingKind.STUCK]
        # The next manager comes up at a time that its predecessor has called the future.
        wall.set_by(-3 * HOUR_S)
        assert await program.end(signal.SIGTERM) == 0
    async with running(folder / "data", lab, wall) as (_, fleet):
        for name in phones:
            view = await in_state(fleet, name, State.CONNECTED)
            assert view.reason is Reason.ONLINE and view.since <= fleet.now() + 1.0


async def test_f14_a_clock_that_is_wrong_never_empties_the_trash(lab: Lab, folder: Path) -> None:
    wall = WallClock(folder / "shim")
    async with running(folder / "data", lab, wall) as (program, fleet):
        await fleet.add("one")
        await shown(fleet, "one", lambda view: view.qr is not None)
        await fleet.clean("one")
        (entry,) = await fleet.trash()
        for ahead_s in (40 * DAY_S, -40 * DAY_S, 400 * DAY_S):
            wall.set_by(ahead_s)
            assert ActKind.DELETE_TRASH not in [act.kind for act in await fleet.tidy_up()]
            assert [each.id for each in await fleet.trash()] == [entry.id]
        assert await program.end(signal.SIGTERM) == 0
    async with running(folder / "data", lab, wall) as (program, fleet):
        for _ in range(2):
            assert ActKind.DELETE_TRASH not in [act.kind for act in await fleet.tidy_up()]
        (still,) = await fleet.trash()
        assert still.id == entry.id and still.expires_at is not None
        assert still.expires_at - fleet.now() > 29 * DAY_S
        assert await fleet.restore(entry.id) == "one"
