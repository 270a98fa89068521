"""The demo's stage with the real neonize: the lab's phones scan what the fleet shows."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from jsonschema import Draft202012Validator

from tests.fleets import in_state
from waziterm.cli.demo.plan import Act, Turn
from waziterm.cli.demo.play import playing
from waziterm.cli.demo.verb import report, stage
from waziterm.cli.verbs.schema import schemas
from waziterm.domain.fleet.api import Fleet, FleetView
from waziterm.domain.lifecycle.states import State
from waziterm.lab.events import EventKind

DEADLINE_S = 60


async def until_connected(fleet: Fleet, count: int) -> FleetView:
    async with fleet.subscribe() as subscription:
        while True:
            await subscription.next()
            view = fleet.snapshot()
            if [one.state for one in view.instances] == [State.CONNECTED] * count:
                return view


@pytest.mark.timeout(DEADLINE_S + 30)
async def test_phones_scan_trouble_comes_and_the_report_tells() -> None:
    # Those that come before the pairing have no victim and are left out.
    acts = [Act(at_s, Turn.TCP_DROP, 0) for at_s in (0.0, 4.0, 12.0, 24.0, 40.0)]
    with TemporaryDirectory(prefix="wz") as directory:
        async with asyncio.timeout(DEADLINE_S), stage(Path(directory)) as (fleet, lab):
            start = lab.position
            async with playing(fleet, lab, ["shop-a"], acts) as play:
                first = report(fleet.snapshot(), play, 1, 0.0)
                await lab.wait_event(
                    lambda event: event.kind is EventKind.TROUBLE, DEADLINE_S, position=start
                )
                dropped = lab.position
                await lab.wait_event(
                    lambda event: event.kind is EventKind.LOGIN, DEADLINE_S, position=dropped
                )
                last = report(await until_connected(fleet, 1), play, 1, 9.0)
                (online,) = await lab.sessions()
                await fleet.stop("shop-a")
                await in_state(fleet, "shop-a", State.STOPPED)
                for turn in (Turn.TCP_DROP, Turn.SERVER_RESTART, Turn.CONFLICT, Turn.SEND_TEST):
                    # Whoever watches may stop one that has its turn.
                    await play._one(turn, "shop-a", online.jid)
    assert first["ok"] is False, "nothing was added yet"
    assert (last["ok"], last["connected"], last["expected"]) == (True, 1, 1)
    told = [(one["turn"], one["instance"]) for one in last["happened"]]
    assert told and set(told) == {("tcp-drop", "shop-a")}
    assert last["happened"][0]["at_s"] > 0
    assert [one["name"] for one in last["instances"]] == ["shop-a"]
    Draft202012Validator(schemas()["demo"]).validate(last)
