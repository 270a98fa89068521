"""Screens attached to a real headless manager on the lab: they come, go and die, nobody notices."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from tests.fleets import in_state, pair, shown
from tests.programs import Headless, headless, verb
from tests.qrscan import decode_qr
from tests.terminal import Terminal
from waziterm.config import load_settings
from waziterm.control.client.remote import RemoteFleet, attached
from waziterm.control.server.app import serve_control
from waziterm.domain.fleet.api import Changes
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager

NAMES = ("one", "two")
DEADLINE_S = 20.0


@asynccontextmanager
async def far_fleet(data: Path) -> AsyncIterator[RemoteFleet]:
    where = DataDir(data)
    async with attached(where.socket, where.owner_pid) as far:
        yield far


@asynccontextmanager
async def running(lab: Lab, data: Path) -> AsyncIterator[Headless]:
    """A headless manager with two linked instances that are connected, one after a drop."""
    async with headless(data, lab.file) as program:
        async with far_fleet(data) as far:
            for name in NAMES:
                phone = await pair(far, lab, name)
            before = far.snapshot().instance(name).since
            await lab.trouble(TroubleKind.WS_CLOSE, phone.jid)
            await shown(
                far, name, lambda view: view.state is State.CONNECTED and view.since > before
            )
        yield program


def transitions(data: Path) -> list[tuple[Any, ...]]:
    """The history of the whole fleet."""
    with closing(sqlite3.connect(f"file:{data / 'waziterm.db'}?mode=ro", uri=True)) as db:
        return db.execute("SELECT * FROM transitions ORDER BY rowid").fetchall()


async def workers(data: Path) -> dict[str, int | None]:
    async with far_fleet(data) as far:
        return {view.name: view.pid for view in far.snapshot().instances}


def screen(data: Path, *words: str, columns: int = 100, rows: int = 30) -> Terminal:
    command = [sys.executable, "-m", "waziterm", *words, "--data-dir", str(data)]
    return Terminal(command, columns=columns, rows=rows)


async def test_a_killed_screen_is_no_event_for_any_instance(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    async with running(lab, data) as program:
        before, pids, sessions = transitions(data), await workers(data), await lab.sessions()
        for by in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
            with screen(data, "attach") as terminal:
                await terminal.until(lambda text: "● 2" in text, what="the fleet")
                terminal.signal(by)
                assert terminal.wait_exit() == (0 if by is signal.SIGTERM else -by)
        with screen(data, "attach") as terminal:
            await terminal.until(lambda text: "● 2" in text, what="the fleet")
            terminal.hang_up()
            assert terminal.wait_exit() == 0
        assert transitions(data) == before
        assert await workers(data) == pids
        assert await lab.sessions() == sessions
        assert (await program.verb("list", "--json")).code == 0


async def test_plain_waziterm_offers_it_and_q_leaves_without_a_question(
    lab: Lab, folder: Path
) -> None:
    data = folder / "data"
    async with running(lab, data) as program:
        with screen(data) as terminal:
            question = f"a manager (pid {program.pid}) runs here; attach to it? [Y/n]"
            await terminal.until(lambda text: question in text, what="the question")
            terminal.send("n", "enter")
            assert terminal.wait_exit() == 3
            assert "another manager" in terminal.text()
        with screen(data) as terminal:
            await terminal.until(lambda text: question in text, what="the question")
            terminal.send("enter")
            await terminal.until(lambda text: "● connected" in text, what="the fleet")
            assert "READ-ONLY" not in terminal.text()
            terminal.send("s")
            await terminal.until(lambda text: "stopped" in text, what="the stop")
            terminal.send("q")
            assert terminal.wait_exit() == 0
            assert terminal.is_sane()
        stopped = [row["name"] for row in (await program.verb("list", "--json")).json
                   if row["state"] == State.STOPPED]  # fmt: skip
        assert stopped == ["one"]


async def test_whoever_wants_a_lab_is_not_put_on_real_sessions(lab: Lab, folder: Path) -> None:
    settings = load_settings(data_dir=folder / "data", environ={})
    async with (
        open_manager(folder / "data", settings, None) as fleet,
        serve_control(fleet, folder / "data" / "control.sock"),
    ):
        with screen(folder / "data", "--lab", str(lab.file)) as terminal:
            await terminal.until(lambda text: "[Y/n]" in text, what="the question")
            terminal.send("enter")
            await terminal.until(lambda text: "not a lab" in text, what="the refusal")
            assert terminal.wait_exit() == 2


async def test_read_only_shows_all_and_changes_nothing(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    async with running(lab, data):
        before = transitions(data)
        with screen(data, "attach", "--read-only", columns=80, rows=24) as terminal:
            await terminal.until(lambda text: "READ-ONLY" in text and "LAB" in text)
            for key in "sr":
                terminal.send(key)
                await terminal.until(lambda text: "only watches" in text, what="the refusal")
            terminal.send("q")
            assert terminal.wait_exit() == 0
        assert transitions(data) == before


def colours_of_panels(terminal: Terminal) -> set[str]:
    return {cell.fg for line in terminal.cells()[1:-4] for cell in line if cell.text > " "}


async def test_f9_a_screen_whose_manager_is_gone_shows_nothing_as_live(
    lab: Lab, folder: Path
) -> None:
    data = folder / "data"
    async with running(lab, data) as program:
        with screen(data, "attach") as terminal:
            await terminal.until(lambda text: "● 2" in text, what="the fleet")
            await program.end(signal.SIGKILL)
            await terminal.until(
                lambda text: (
                    "this is old data" in text
                    and "● " not in text
                    and len(colours_of_panels(terminal)) == 1
                ),
                what="a grey screen",
            )
            stopped = [line for line in terminal.text().splitlines() if "as of" in line]
            terminal.send("s")
            await terminal.until(
                lambda text: (
                    "stop was not carried out" in text or "start/stop was not carried out" in text
                ),
                what="the refusal",
            )
            assert stopped == [line for line in terminal.text().splitlines() if "as of" in line]
            async with headless(data, lab.file):
                await terminal.until(lambda text: "● 2" in text, what="the fleet")
                assert "as of" not in terminal.text()
                terminal.send("s")
                await terminal.until(lambda text: "○ stopped" in text, what="the stop")
                terminal.send("q")
                assert terminal.wait_exit() == 0


async def test_an_attached_screen_draws_the_qr(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    async with headless(data, lab.file) as program:
        assert (await program.verb("add", "shop")).code == 0
        with screen(data, "attach") as terminal:
            await terminal.until(lambda text: "code 1 of 6" in text, what="the QR line")
            terminal.send("enter")
            await terminal.until(
                lambda _: decode_qr(terminal.cells()) is not None, what="a QR code"
            )
            payload = decode_qr(terminal.cells())
            assert payload is not None
            await lab.scan(payload)
            await terminal.until(lambda text: "connected" in text, what="connected")


async def test_two_at_once_agree_and_find_the_manager_again(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    async with far_after_a_restart(lab, data) as (one, other, gone):
        for far in (one, other):
            for name in NAMES:
                await in_state(far, name, State.CONNECTED)
            assert far.pid != gone
        await one.stop("one")
        for far in (one, other):
            await in_state(far, "one", State.STOPPED)
        await agree(one, other)


@asynccontextmanager
async def far_after_a_restart(
    lab: Lab, data: Path
) -> AsyncIterator[tuple[RemoteFleet, RemoteFleet, int]]:
    """Two attached fleets whose manager was killed and started anew; the first one's pid."""
    async with running(lab, data) as program, far_fleet(data) as one, far_fleet(data) as other:
        await agree(one, other)
        gone = program.pid
        async with one.subscribe() as subscription:
            await subscription.next()
            await program.end(signal.SIGKILL)
            lost = await _noticed(subscription.next)
            assert f"the manager (pid {gone}) is gone" in lost
            assert {view.name for view in one.snapshot().instances} == set(NAMES)
            silent_since = one.silent_since
            assert silent_since is not None and 0 <= one.now() - silent_since < DEADLINE_S
            async with headless(data, lab.file) as again:
                back = await _noticed(subscription.next)
                assert back == f"the manager is back (pid {again.pid})"
                assert one.silent_since is None
                await shown(other, "one", lambda _: other.pid == again.pid)
                yield one, other, gone


async def agree(one: RemoteFleet, other: RemoteFleet) -> None:
    """Wait until both show the same, whichever of them is ahead."""

    async def until_same(far: RemoteFleet) -> None:
        async with far.subscribe() as subscription:
            while one.snapshot().instances != other.snapshot().instances:
                await subscription.next()
            for name in NAMES:
                while one.tail(name)[-1:] != other.tail(name)[-1:]:
                    await subscription.next()

    waiting = [asyncio.create_task(until_same(far)) for far in (one, other)]
    done, late = await asyncio.wait(
        waiting, timeout=DEADLINE_S, return_when=asyncio.FIRST_COMPLETED
    )
    for task in late:
        task.cancel()
    assert done, "they never agreed"


async def _noticed(coming: Any) -> str:
    """The next notice."""
    changes = Changes()
    async with asyncio.timeout(DEADLINE_S):
        while not changes.notices:
            changes = await coming()
    return changes.notices[0].text


@pytest.mark.parametrize("words", [("attach",), ("attach", "--read-only")])
async def test_without_a_manager_or_a_terminal(folder: Path, lab: Lab, words: Any) -> None:
    ended = await verb(*words, data_dir=folder / "data")
    assert ended.code == 3 and "no manager runs" in ended.stderr
    async with headless(folder / "data", lab.file) as program:
        ended = await program.verb(*words)
        assert ended.code == 2 and "terminal" in ended.stderr
