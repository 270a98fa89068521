"""F49, F51: a library that tells nothing more, and strangers who try to make it so."""

import asyncio
import itertools
import re
import secrets
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest

from bench.terminal import RecordedTerminal
from tests.fleets import in_state, pair, shown
from tests.hostile import STRANGERS, Strangers, history_notice
from tests.programs import environment
from waziterm.config import Settings, load_settings
from waziterm.control.client.remote import attached
from waziterm.domain.fleet.api import Fleet
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import Scanned
from waziterm.manager.manager import SessionManager, open_manager

PACK = {"WAZITERM_FLEET__INSTANCES_PER_WORKER": "10"}
HEARD_S = 60.0
PAINTED_S = 15.0
SELECTED = re.compile(r"▌ \S+ (shop-\d)")
LATE_S = 0.5
"""The screen paints in 0.08 s on a machine that is its own (`bench/screen.py`); here the flood,
the lab, the worker and the test want the same cores."""
LINES_SLACK = 500
"""Old lines are deleted in batches."""


def fleet_on(lab: Lab, data: Path) -> AbstractAsyncContextManager[SessionManager]:
    settings = load_settings(data_dir=data, environ=PACK)
    return open_manager(data, settings, LabFile.parse(lab.file.read_text()))


async def linked(lab: Lab, data: Path, count: int) -> dict[str, Scanned]:
    """So many linked instances, to be resumed in one worker by the next manager; their phones."""
    names = [f"shop-{number}" for number in range(count)]
    async with fleet_on(lab, data) as fleet:
        phones = await asyncio.gather(*(pair(fleet, lab, name) for name in names))
    return dict(zip(names, phones, strict=True))


async def shared_worker(fleet: Fleet, names: Iterable[str]) -> int:
    """Wait until all are connected; the worker that they share."""
    for name in names:
        await in_state(fleet, name, State.CONNECTED)
    (pid,) = {view.pid for view in fleet.snapshot().instances}
    assert pid is not None
    return pid


async def said(fleet: Fleet, name: str, text: str, after: int) -> None:
    """Wait for a line with this text in an instance's log. Raises TimeoutError."""
    async with asyncio.timeout(HEARD_S), fleet.subscribe() as changes:
        while not any(line.seq > after and text in line.text for line in fleet.tail(name, 500)):
            await changes.next()


async def hears(fleet: Fleet, lab: Lab, name: str, phone: Scanned) -> None:
    """Wait until it has taken in all that came, and is told of one message more. Raises
    TimeoutError, as for a deaf one."""
    marker = f"MARK{secrets.token_hex(6).upper()}"
    sent = {"from": STRANGERS[0] + "@s.whatsapp.net", "id": marker, "t": "1764000000"}
    after = fleet.tail(name, 1)[-1].seq
    garbage = ("enc", {"v": "2", "type": "msg"}, "garbage")
    await lab.send_stanza(phone.jid, "message", {**sent, "type": "text"}, [garbage])
    await said(fleet, name, marker, after)
    after = fleet.tail(name, 1)[-1].seq
    await lab.send_text(phone.jid, "are you there?")
    await said(fleet, name, "message received", after)


@pytest.mark.soak
async def test_a_deaf_library_is_noticed_and_goes_on_in_a_new_worker(
    lab: Lab, folder: Path
) -> None:
    """F51: above 32 notices of a history that cannot be downloaded, nothing else is taken in for
    75 s each, while every probe is answered."""
    phones = await linked(lab, folder / "data", 3)
    async with fleet_on(lab, folder / "data") as fleet:
        phone, pid = phones["shop-0"], await shared_worker(fleet, phones)
        await lab.trouble(TroubleKind.MUTE, phone.jid, query="w:m")
        began = time.monotonic()
        for _ in range(40):
            await lab.send_message(phone.jid, history_notice(), phone.number)
        deaf = await shown(fleet, "shop-0", lambda view: view.reason is Reason.DEAF, 60)
        took_s = time.monotonic() - began
        assert took_s < 35, took_s
        assert deaf.state is State.RETRYING and "message for 30 s" in deaf.detail
        assert deaf.next_attempt is not None
        back = await in_state(fleet, "shop-0", State.CONNECTED)
        assert back.pid != pid
        for name in phones:
            await hears(fleet, lab, name, phones[name])
        others = [view for view in fleet.snapshot().instances if view.name != "shop-0"]
        assert {view.pid for view in others} == {pid}


async def floods(lab: Lab, jid: str, seed: int, count: int) -> None:
    strangers = Strangers(seed)
    for _ in range(count):
        await strangers.next().send(lab, jid)


def walks(screen: RecordedTerminal, over: threading.Event) -> list[float]:
    """Select the instance below and the one above, in turn; the seconds of each repaint."""
    took: list[float] = []
    name, keys = "shop-0", itertools.cycle((b"j", b"k"))
    while not over.wait(0.2):
        position = screen.position
        pressed = screen.press(next(keys))
        at, name = screen.painted(SELECTED, name, position, PAINTED_S)
        took.append(at - pressed)
    return took


def lines_of(data: Path) -> Counter[str]:
    """How many lines of each instance are stored."""
    with closing(sqlite3.connect(data / "waziterm.db")) as db:
        rows = db.execute("SELECT instance, count(*) FROM lines GROUP BY instance").fetchall()
    return Counter(dict(rows))


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1])
async def test_a_flood_of_strangers_leaves_nobody_deaf(lab: Lab, folder: Path, seed: int) -> None:
    """10,000 odd and hostile stanzas into a worker that ten share, under a screen that is used."""
    data = folder / "data"
    phones = await linked(lab, data, 10)
    command = [sys.executable, "-m", "waziterm", "--data-dir", str(data), "--lab", str(lab.file)]
    over = threading.Event()
    with RecordedTerminal(command, environment() | PACK) as screen:
        await asyncio.to_thread(screen.wait_bytes, b"shop-9", PAINTED_S)
        async with attached(data / "control.sock", lambda: screen.pid) as fleet:
            pid = await shared_worker(fleet, phones)
            before = {view.name: view.connected_at for view in fleet.snapshot().instances}
            walking = asyncio.create_task(asyncio.to_thread(walks, screen, over))
            began = time.monotonic()
            try:
                async with asyncio.TaskGroup() as tasks:
                    for number, phone in enumerate(phones.values()):
                        tasks.create_task(floods(lab, phone.jid, 100 * seed + number, 1000))
                sent_s = time.monotonic() - began
                for name, phone in phones.items():
                    await hears(fleet, lab, name, phone)
            finally:
                over.set()
                took = sorted(await walking)
            taken_s = time.monotonic() - began
            late_s, worst_s = took[len(took) * 95 // 100], took[-1]
            views = fleet.snapshot().instances
            print(f"\n10,000 sent in {sent_s:.1f} s, taken in after {taken_s:.1f} s")
            print(f"{sum(view.lost for view in views)} events lost")
            median_s = took[len(took) // 2]
            print(f"repaint: median {median_s:.3f}, p95 {late_s:.3f}, worst {worst_s:.3f} s")
            for name in phones:
                result = await fleet.send_test(name, None)
                assert result.ok, result
            assert {view.pid for view in views} == {pid}
            assert {view.name: view.connected_at for view in views} == before
            assert any(view.lost for view in views)
        assert late_s < LATE_S, took
        assert screen.end() == 0
    kept = lines_of(data)
    print(f"lines kept: {kept.total()}; program log: {(data / 'logs/waziterm.log').stat().st_size}")
    assert max(kept.values()) <= Settings().log.lines_kept + LINES_SLACK
