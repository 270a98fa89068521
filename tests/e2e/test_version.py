"""WhatsApp refuses the library's version (405): a fleet finds another by itself, or stays down."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from waziterm.config import load_settings
from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.domain.version import Origin, version_text
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import PageMode
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.worker.library_file import compiled_number, installed

OWN = compiled_number(installed())
NEWER = OWN + 1_000_000


def fleet_on(
    lab: Lab, folder: Path, choice: str = "auto", **environ: str
) -> AbstractAsyncContextManager[SessionManager]:
    environ = {"WAZITERM_LIBRARY__WHATSAPP_VERSION": choice, **environ}
    settings = load_settings(data_dir=folder / "data", environ=environ)
    return open_manager(folder / "data", settings, LabFile.parse(lab.file.read_text()))


async def cut_off(lab: Lab, floor: int = NEWER) -> int:
    """WhatsApp refuses older versions from now on, and drops who is there; where the lab's events
    stood before."""
    position = lab.position
    await lab.trouble(TroubleKind.OLD_VERSION, code=floor)
    await lab.trouble(TroubleKind.TCP_RESET)
    return position


async def refusals(lab: Lab, position: int) -> Counter[str | None]:
    """How often each device was refused since a position."""
    seen: Counter[str | None] = Counter()
    # An event that comes after all that happened before.
    await lab.settings(refs=6)
    for event in lab.seen(position):
        if event.kind is EventKind.LOGIN_FAILED:
            assert event.detail == "405"
            seen[event.jid] += 1
    return seen


async def dials(lab: Lab) -> int:
    """Connections that were made for WhatsApp itself, not for its page."""
    counted = await lab.counters()
    return counted[EventKind.DIAL] - counted[EventKind.PAGE]


async def pages(lab: Lab) -> int:
    return (await lab.counters())[EventKind.PAGE]


async def survive(lab: Lab, folder: Path, count: int) -> float:
    """A cut-off of a fleet of `count`; the seconds until all are back."""
    names = [f"shop-{number:02}" for number in range(count)]
    await lab.settings(page=PageMode.REVISION, revision=NEWER)
    async with fleet_on(lab, folder) as fleet:
        for name in names:
            await pair(fleet, lab, name)
    async with fleet_on(lab, folder) as fleet:
        for name in names:
            await in_state(fleet, name, State.CONNECTED)
        assert await pages(lab) == 0, "something was read before a 405"
        assert not (folder / "data" / "library").exists()
        position, began = await cut_off(lab), time.monotonic()
        online: set[str] = set()
        async for event in lab.events(position):
            if event.kind is EventKind.LOGIN:
                assert event.detail == version_text(NEWER)
                online.add(event.jid or "")
                if len(online) == count:
                    break
        took_s = time.monotonic() - began
        for name in names:
            view = await in_state(fleet, name, State.CONNECTED)
            assert view.version is not None
            assert (view.version.number, view.version.origin) == (NEWER, Origin.READ)
        refused = await refusals(lab, position)
        assert len(refused) <= count and max(refused.values()) <= 2, refused
        assert await pages(lab) == 1
        version = fleet.snapshot().version
        assert version is not None and version.text == version_text(NEWER)
    copies = list((folder / "data" / "library").iterdir())
    assert [compiled_number(path) for path in copies] == [NEWER]
    assert (folder / "data" / "library").stat().st_mode & 0o777 == 0o700
    return took_s


async def test_a_fleet_of_three_comes_back_by_itself(lab: Lab, folder: Path) -> None:
    await survive(lab, folder, 3)


@pytest.mark.soak
async def test_a_fleet_of_twenty_comes_back_within_15_s(lab: Lab, folder: Path) -> None:
    took_s = await survive(lab, folder, 20)
    print(f"all 20 online again after {took_s:.1f} s")
    assert took_s <= 15, took_s


def telling(said: str) -> Callable[[InstanceView], bool]:
    return lambda view: said in view.detail


SAID = {
    PageMode.MISSING: "answers HTTP 404",
    PageMode.ABSURD: "absurd",
    PageMode.EMPTY: "tells no version",
    PageMode.ERROR: "answers HTTP 500",
    PageMode.REDIRECT: "answers HTTP 302",
    PageMode.SILENT: "no answer within 1 s",
    PageMode.HUGE: "longer than 8 MB",
}


async def test_a_page_of_no_use_leaves_the_fleet_outdated_and_without_a_dial(
    lab: Lab, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent, absurd, older …: only the page is read. A number that is refused too is dialled by
    one instance, once."""
    monkeypatch.setattr("waziterm.manager.version_page.PAGE_S", 1.0)
    monkeypatch.setattr("waziterm.manager.version.versions._PAUSE_S", 0.01)
    assert SAID.keys() | {PageMode.REVISION} == set(PageMode)
    answers = [(page, OWN, said) for page, said in SAID.items() if page is not PageMode.MISSING]
    answers += [
        (PageMode.REVISION, OWN - 1, "an older one"),
        (PageMode.REVISION, OWN, f"tells {version_text(OWN)} too"),
    ]
    names = ("one", "two")
    async with fleet_on(lab, folder) as fleet:
        phones = [await pair(fleet, lab, name) for name in names]
        position = await cut_off(lab, NEWER + 1)
        for name in names:
            await shown(fleet, name, telling(SAID[PageMode.MISSING]))
        refused, before = await refusals(lab, position), await dials(lab)
        assert refused and max(refused.values()) <= 2
        with pytest.raises(FleetError, match="outdated"):
            await fleet.start("one")
        for page, revision, said in answers:
            read = await pages(lab)
            await lab.settings(page=page, revision=revision)
            await fleet.reconnect("one", takeover=True)
            for name in names:
                view = await shown(fleet, name, telling(said))
                assert view.state is State.OUTDATED and version_text(OWN) in view.detail
            assert (await dials(lab), await pages(lab)) == (before, read + 1), page
        assert not list((folder / "data").glob("library/*"))
        await lab.settings(page=PageMode.REVISION, revision=NEWER)
        await fleet.reconnect("two", takeover=True)
        for name in names:
            view = await shown(fleet, name, telling("is refused too"))
            assert view.next_attempt is not None
        again = await refusals(lab, position)
        assert await dials(lab) == before + 1
        assert [again[phone.jid] - refused[phone.jid] for phone in phones] == [0, 1]


async def test_a_refused_pairing_goes_on_with_the_current_version(lab: Lab, folder: Path) -> None:
    await lab.trouble(TroubleKind.OLD_VERSION, code=NEWER)
    await lab.settings(page=PageMode.REVISION, revision=NEWER + 1)
    async with fleet_on(lab, folder) as fleet:
        await pair(fleet, lab, "first")
        (session,) = await lab.sessions()
        assert session.version == version_text(NEWER + 1)


async def test_a_look_that_a_manager_s_end_broke_off_is_taken_by_the_next_one(
    lab: Lab, folder: Path
) -> None:
    async with fleet_on(lab, folder) as fleet:
        await pair(fleet, lab, "one")
        await lab.settings(page=PageMode.SILENT)
        await cut_off(lab)
        await shown(fleet, "one", telling("is being read"))
        await lab.wait_event(lambda event: event.kind is EventKind.PAGE, 10, position=0)
    await lab.settings(page=PageMode.REVISION, revision=NEWER)
    async with fleet_on(lab, folder) as fleet:
        await in_state(fleet, "one", State.CONNECTED)


async def test_without_auto_nothing_is_read(lab: Lab, folder: Path) -> None:
    await lab.settings(page=PageMode.REVISION, revision=NEWER)
    async with fleet_on(lab, folder, "compiled") as fleet:
        await pair(fleet, lab, "one")
        await cut_off(lab)
        await shown(fleet, "one", telling("whatsapp_version is set"))
        before = await dials(lab)
        await fleet.reconnect("one", takeover=True)
        assert (await dials(lab), await pages(lab)) == (before, 0)
    async with fleet_on(lab, folder, version_text(NEWER)) as fleet:
        view = await in_state(fleet, "one", State.CONNECTED)
        (session,) = await lab.sessions()
        assert session.version == version_text(NEWER) and await pages(lab) == 0
        assert view.version is not None and view.version.origin is Origin.SET
