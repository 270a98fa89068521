"""By what the facade's clients call instances, and what becomes of that in time."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.manager.test_importing import auth, data, fleet, sample
from tests.moving.foreign import aged
from waziterm.config import load_settings
from waziterm.config.settings import Address
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.facade import name_for, new_waziper_id, waziper_id
from waziterm.domain.moving.plan import Verdict
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.target import Form, Target
from waziterm.manager.care.facade import FacadeInstances
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager
from waziterm.manager.stored.fleet import StoredFleet
from waziterm.store.store import open_store

__all__ = ["auth", "data", "fleet", "sample"]

CALLED = "609ACF28300AB"
URL = "https://hooks.example/?key=the-url-nobody-logs"


def moved(auth: Path, there: Path) -> Path:
    """The folder of a session, with the name that it has on a box with Waziper."""
    there.parent.mkdir(exist_ok=True)
    auth.rename(there)
    aged(there)
    return there


def holding(data: Path, text: str) -> set[str]:
    """The files that have a text in them, by their names."""
    files = [path for path in data.rglob("*") if path.is_file()]
    return {path.name for path in files if text.encode() in path.read_bytes()}


def test_an_id() -> None:
    assert waziper_id("609acf28300ab") == CALLED
    for other in (
        "",
        "609ACF28300A",
        "609ACF28300ABC",
        "609ACF28300AG",
        "６09ACF28300AB",
        "\n" * 13,
    ):
        assert waziper_id(other) is None
    made = {new_waziper_id() for _ in range(100)}
    assert len(made) == 100 and all(waziper_id(each) == each for each in made)


@pytest.mark.parametrize(
    ("patterns", "name"),
    [
        (("*",), "609acf28300ab"),
        (("shop-*",), "shop-609acf28300ab"),
        (("bar", "shop-[ab]-*", "*-shop"), "609acf28300ab-shop"),
        (("bar",), None),
        (("s?op-*x*",), None),
        ((f"{'a' * 30}*",), None),
        (("-*",), None),
        ((), None),
    ],
)
def test_the_name_of_a_new_one_is_one_that_its_token_is_for(
    patterns: tuple[str, ...], name: str | None
) -> None:
    assert name_for(CALLED, patterns) == name


async def test_an_import_brings_the_id_along(
    auth: Path, data: Path, fleet: StoredFleet, folder: Path
) -> None:
    there = moved(auth, folder / "sessions" / CALLED)
    dry = await fleet.import_sessions(str(there.parent), prefix="shop-", dry_run=True)
    assert [each.why for each in dry.sources] == [""]
    report = await fleet.import_sessions(str(there.parent), prefix="shop-")
    assert report.imported == ("shop-609acf28300ab",)
    await fleet.rename("shop-609acf28300ab", "bandung")
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, None) as manager:
        for called in (CALLED, CALLED.lower(), "bandung"):
            found = await manager.facade.find(called)
            assert found is not None and found.name == "bandung"
        for called in ("", "shop-609acf28300ab", "609ACF28300AC", "Bandung"):
            assert await manager.facade.find(called) is None
        # Another session with that id while this one is there: the id stays where it is.
        await manager.remove("bandung")
        assert await manager.facade.find(CALLED) is None
        report = await manager.import_sessions(str(there), name="again")
        found = await manager.facade.find(CALLED)
        assert found is not None and found.name == "again", "the other one is gone"


async def test_an_id_of_another_one_stays_with_it(
    auth: Path, data: Path, fleet: StoredFleet, folder: Path
) -> None:
    await fleet.add("old")
    async with open_store(data / "waziterm.db") as store:
        kept = await store.instances()
        instances = FacadeInstances(store, lambda: 0.0, lambda: kept)
        assert await instances.bind(CALLED, kept[0].id)
    there = moved(auth, folder / CALLED)
    (found,) = (await fleet.import_sessions(str(there), name="new")).sources
    assert found.verdict is Verdict.OK and CALLED in found.why and "another instance" in found.why


async def test_webhooks_of_clients(data: Path) -> None:
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, None) as manager:
        await manager.add_all("name\nshop\nbar\n")
        shop, bar = manager.view("shop").id, manager.view("bar").id
        assert await manager.facade.bind(CALLED, shop)
        assert [await manager.facade.called(each) for each in (shop, bar)] == [CALLED, ""]
        await manager.facade.set_webhook(shop, "https://old.example", "web")
        await manager.facade.set_webhook(shop, URL, "web")
        await manager.facade.set_webhook(bar, URL, "web")
        await manager.facade.set_webhook(bar, None, "web")
        assert await manager.facade.targets() == (), "there is no such token"
        await manager.add_token("web", "shop,pub")
        await manager.rename("shop", "elsewhere")
        assert await manager.facade.targets() == (), "the token is not for that name"
        await manager.rename("elsewhere", "pub")
        assert await manager.facade.targets() == (
            Target(
                f"facade/{shop}",
                Secret(URL),
                instances=("pub",),
                numbers=Numbers.FULL,
                form=Form.WAZIPER,
                must_be_public=True,
            ),
        )
        assert URL not in repr(await manager.facade.targets())
        await manager.remove("pub")
        assert await manager.facade.targets() == ()
    assert holding(data, URL) <= {"waziterm.db", "waziterm.db-wal"}


async def test_whether_clients_may_set_webhooks_goes_by_the_start(data: Path) -> None:
    """As the setting says: the facade itself takes in what it has read then, too."""
    settings = load_settings(data_dir=data, environ={})
    off = replace(settings.facade, address=Address("127.0.0.1", 1))
    on = replace(off, set_webhook=True)
    async with open_manager(data, settings, None) as manager:
        await manager.add_all("name\nshop\n")
        await manager.add_token("web", "shop")
        await manager.facade.set_webhook(manager.view("shop").id, URL, "web")
    for began, later, told in ((on, off, True), (off, on, False)):
        async with open_manager(data, replace(settings, facade=began), None) as manager:
            manager.apply(replace(settings, facade=later))
            await manager.webhooks_changed()
            assert [each.from_client for each in await manager.webhooks()] == [True] * told


async def test_what_leads_nowhere_goes_in_the_end(data: Path) -> None:
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, None) as manager:
        await manager.add_all("name\nshop\n")
        await manager.facade.bind(CALLED, manager.view("shop").id)
        await manager.facade.bind("609ACF28300AC", "0123456789abcdef")
        assert await manager.facade.unlinked_of("") == 1
        assert await manager.facade.unlinked_of("web") == 0
    async with open_store(data / "waziterm.db") as store:
        await store.prune(0.0, {})
    with closing(sqlite3.connect(data / "waziterm.db")) as db:
        assert db.execute("SELECT id FROM facade_ids").fetchall() == [(CALLED,)]


async def test_a_damaged_row_is_none(data: Path) -> None:
    DataDir(data).create()
    async with open_store(data / "waziterm.db"):
        pass
    with closing(sqlite3.connect(data / "waziterm.db")) as db, db:
        db.execute("INSERT INTO facade_ids VALUES (?, 'x', '', 1e300)", (CALLED,))
        db.execute("INSERT INTO facade_webhooks VALUES ('x', cast(x'ff' AS TEXT), '', 1.0)")
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, None) as manager:
        assert await manager.facade.find(CALLED) is None
        assert await manager.facade.targets() == ()
