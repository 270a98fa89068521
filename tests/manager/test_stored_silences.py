"""Who is silenced, as the files tell it while no manager runs."""

import time
from pathlib import Path

from waziterm.config import load_settings
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.fleet import StoredFleet
from waziterm.store.store import open_store


async def test_a_silence_is_in_the_list_and_beside_the_sinks_until_it_ends(tmp_path: Path) -> None:
    data, now = DataDir(tmp_path / "data"), time.time()
    data.create()
    async with open_store(data.database) as store:
        for name, ends in (("shop-a", now + 600), ("shop-b", now - 1)):
            shop = Instance(name, now, since=now, id=name)
            await store.save(shop, event=None, at=now)
            await store.silence(Silence(name, now - 60, ends, "sari", shop.id))
    fleet = StoredFleet(data, load_settings)
    until = {each.name: each.silenced(now) for each in (await fleet.snapshot()).instances}
    assert until == {"shop-a": now + 600, "shop-b": None}
    assert [each.instance for each in (await fleet.alerts()).silences] == ["shop-a"]
