"""The sums of a real run: what `stats` tells is what the fleet was seen to go through."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.e2e.test_events_table import fleet_on
from tests.fleets import in_state, pair
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind


@pytest.mark.parametrize("run_s", [pytest.param(180.0, marks=pytest.mark.soak)])
async def test_a_real_run_adds_up(lab: Lab, folder: Path, run_s: float) -> None:
    """Connections are reset one after the other for so long; each time off is timed by the test.

    None of them lasts, so the wait before each next one grows; here up to eight seconds.
    """
    async with fleet_on(lab, folder, WAZITERM_LIMITS__BACKOFF_CAP_S="8") as fleet:
        jid = (await pair(fleet, lab, "shop")).jid
        await pair(fleet, lab, "calm")
        begun = time.monotonic()
        off: list[float] = []
        while time.monotonic() - begun < run_s:
            reset = time.monotonic()
            lost = asyncio.ensure_future(in_state(fleet, "shop", State.RETRYING))
            await asyncio.sleep(0)
            await lab.trouble(TroubleKind.TCP_RESET, jid)
            await lost
            await in_state(fleet, "shop", State.CONNECTED)
            off.append(time.monotonic() - reset)
        await fleet.send_test("calm")
        await fleet.usage.look()
        whole, calm, shop = await fleet.stats()
        passed = time.monotonic() - begun
        used = {each.instances: each for each in fleet.usage.workers}
        assert {name for names in used for name in names} == {"calm", "shop"}
        for told in (calm, shop):
            assert told.memory_bytes is not None and told.cpu_s is not None
            assert 1_000_000 < told.memory_bytes < 500_000_000 and told.cpu_s > 0.0
        assert (whole.cpu_s or 0.0) == pytest.approx(fleet.usage.cpu_s, abs=0.05)
        assert (shop.drops, shop.by_reason) == (len(off), {"dropped": len(off)})
        assert shop.uptime == pytest.approx(1 - sum(off) / passed, abs=0.1)
        half = sorted(off)[(len(off) - 1) // 2]
        assert shop.reconnect_p50_s == pytest.approx(half, rel=0.1, abs=0.3)
        assert (calm.drops, calm.sends, calm.acks, calm.success) == (0, 1, 1, 1.0)
        assert (whole.instance, whole.drops, whole.sends) == (None, len(off), 1)
