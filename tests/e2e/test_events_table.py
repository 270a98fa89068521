"""The table of codes, events and reactions, row by row, with the real neonize on the lab."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from waziterm.config import load_settings
from waziterm.domain.fleet import FleetError
from waziterm.domain.labfile import LabFile
from waziterm.domain.reasons import Reason
from waziterm.domain.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import SessionManager, open_manager

SHORT = {
    "WAZITERM_LIMITS__COOLDOWN_S": "1",
    "WAZITERM_LIMITS__KEEPALIVE_S": "1",
    "WAZITERM_LIMITS__PROBE_TIMEOUT_S": "1",
    "WAZITERM_LIMITS__KEEPALIVE_MISSES": "2",
}


def fleet_on(lab: Lab, folder: Path, **environ: str):  # type: ignore[no-untyped-def]
    settings = load_settings(data_dir=folder / "data", environ=SHORT | environ)
    return open_manager(folder / "data", settings, LabFile.parse(lab.file.read_text()))


@dataclass(frozen=True)
class At:
    """Where a row happens."""

    fleet: SessionManager
    lab: Lab
    name: str
    jid: str
    session: Path


Making = Callable[[At], Awaitable[object]]


def stream(kind: TroubleKind, code: int | None = None) -> Making:
    """Trouble on the open connection."""
    return lambda at: at.lab.trouble(kind, at.jid, code=code)


def refusal(code: int) -> Making:
    """The next login is refused with a `<failure reason=…>`."""

    async def make(at: At) -> None:
        await at.lab.trouble(TroubleKind.LOGIN_FAILURE, at.jid, code=code, times=1)
        await at.lab.trouble(TroubleKind.TCP_RESET, at.jid)

    return make


async def banned(at: At) -> None:
    await at.lab.trouble(
        TroubleKind.LOGIN_FAILURE, at.jid, code=402, ban_code=102, expire_s=4, times=1
    )
    await at.lab.trouble(TroubleKind.TCP_RESET, at.jid)


async def removed(at: At) -> None:
    await at.lab.remove_device(at.jid)


async def killed(at: At) -> None:
    (view,) = (view for view in at.fleet.snapshot().instances if view.name == at.name)
    assert view.pid is not None
    os.kill(view.pid, signal.SIGKILL)


async def file_gone(at: At) -> None:
    await at.fleet.stop(at.name)
    at.session.unlink()
    await at.fleet.start(at.name)


async def file_broken(at: At) -> None:
    await at.fleet.stop(at.name)
    at.session.write_bytes(b"no database" * 100)
    await at.fleet.start(at.name)


@dataclass(frozen=True)
class Row:
    """What happens, the state and reason that must be shown, and whether it comes back."""

    what: str
    make: Making
    state: State
    reason: Reason
    back: bool
    detail: str = ""


ROWS = (
    Row("440", stream(TroubleKind.CONFLICT), State.COOLDOWN, Reason.CONFLICT, True),
    Row("401", removed, State.LOGGED_OUT, Reason.UNLINKED, False),
    Row("failure 401", refusal(401), State.LOGGED_OUT, Reason.UNLINKED, False),
    Row("402", banned, State.BANNED, Reason.TEMPORARY_BAN, True, "code 102"),
    Row("403", refusal(403), State.LOGGED_OUT, Reason.LOCKED, False),
    Row("406", refusal(406), State.LOGGED_OUT, Reason.ACCOUNT_BANNED, False),
    Row("409", refusal(409), State.HELD, Reason.REFUSED, False, "code 409"),
    Row("428", stream(TroubleKind.TCP_RESET), State.RETRYING, Reason.DROPPED, True),
    Row("failure 500", refusal(500), State.RETRYING, Reason.DROPPED, True),
    Row("failure 503", refusal(503), State.RETRYING, Reason.DROPPED, True),
    Row("503", stream(TroubleKind.STREAM_ERROR, 503), State.RETRYING, Reason.DROPPED, True),
    Row(
        "516", stream(TroubleKind.STREAM_ERROR, 516), State.RETRYING, Reason.STREAM_ERROR, True,
        "code 516",
    ),
    Row("408 silent", stream(TroubleKind.SILENT), State.DEGRADED, Reason.KEEPALIVE_MISSED, True),
    Row("worker died", killed, State.RETRYING, Reason.WORKER_DIED, True, "signal 9"),
    Row("file gone", file_gone, State.HELD, Reason.SESSION_MISSING, False),
    Row("file broken", file_broken, State.HELD, Reason.SESSION_BROKEN, False),
)  # fmt: skip


async def test_every_row_leads_where_the_table_says(lab: Lab, folder: Path) -> None:
    failed: list[str] = []
    async with fleet_on(lab, folder) as fleet:

        async def play(number: int, row: Row) -> None:
            name = f"row-{number}"
            try:
                phone = await pair(fleet, lab, name)
                at = At(fleet, lab, name, phone.jid, folder / "data" / "sessions" / f"{name}.db")

                def reached(view):  # type: ignore[no-untyped-def]
                    return (view.state, view.reason) == (row.state, row.reason)

                seen = asyncio.create_task(shown(fleet, name, reached, 40))
                await row.make(at)
                view = await seen
                assert row.detail in view.detail, view
                waits = (State.COOLDOWN, State.BANNED)
                assert (view.next_attempt is not None) or view.state not in waits
                if row.back:
                    await lab.clear(jid=phone.jid)
                    await in_state(fleet, name, State.CONNECTED, 40)
            except (AssertionError, FleetError) as error:
                failed.append(f"{row.what}: {error}")

        async with asyncio.TaskGroup() as rows:
            for number, row in enumerate(ROWS):
                rows.create_task(play(number, row))
    assert not failed, "\n".join(failed)


async def test_515_is_never_an_alert(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        position = lab.position
        await lab.trouble(TroubleKind.STREAM_ERROR, phone.jid, code=515)
        await lab.wait_event(lambda event: event.kind == "login", 10, position=position)
        await in_state(fleet, "shop", State.CONNECTED)
        said = " ".join(line.text for line in fleet.tail("shop") if line.source == "manager")
        assert "stream with an error" not in said and "conflict" not in said


async def test_405_stops_the_whole_fleet_but_not_who_is_connected(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "met")
        await pair(fleet, lab, "online")
        await pair(fleet, lab, "idle")
        await fleet.stop("idle")
        await lab.trouble(TroubleKind.LOGIN_FAILURE, phone.jid, code=405)
        await lab.trouble(TroubleKind.TCP_RESET, phone.jid)
        view = await shown(
            fleet, "met", lambda view: view.state is State.OUTDATED and view.pid is None
        )
        assert view.reason.code == "405" and "upgrade neonize" in view.next_step
        with pytest.raises(FleetError, match="upgrade"):
            await fleet.start("idle")
        await in_state(fleet, "online", State.CONNECTED)
        await lab.clear()
        await fleet.reconnect("met", takeover=True)
        await in_state(fleet, "met", State.CONNECTED)


async def test_a_ban_outlives_a_restart_and_nothing_is_tried_before_its_end(
    lab: Lab, folder: Path
) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        await lab.trouble(
            TroubleKind.LOGIN_FAILURE, phone.jid, code=402, ban_code=101, expire_s=8, times=1
        )
        await lab.trouble(TroubleKind.TCP_RESET, phone.jid)
        before = await in_state(fleet, "shop", State.BANNED)
    dials = await lab.counters()
    async with fleet_on(lab, folder) as fleet:
        after = await in_state(fleet, "shop", State.BANNED)
        assert after.next_attempt == before.next_attempt
        for refused in (
            fleet.reconnect("shop"), fleet.reconnect("shop", takeover=True), fleet.send_test("shop")
        ):  # fmt: skip
            with pytest.raises(FleetError, match="ban"):
                await refused
        assert await lab.counters() == dials
        back = await in_state(fleet, "shop", State.CONNECTED)
        assert before.next_attempt is not None and back.since >= before.next_attempt


async def test_a_dial_that_fails_is_retried_and_an_outage_of_many_is_one_incident(
    lab: Lab, folder: Path
) -> None:
    async with fleet_on(lab, folder, WAZITERM_FLEET__SCOUT_S="1") as fleet:
        names = ("one", "two", "three", "four")
        for name in names:
            await pair(fleet, lab, name)
            await fleet.stop(name)
        async with fleet.subscribe() as changes:
            await lab.trouble(TroubleKind.OUTAGE)
            for name in names:
                await fleet.start(name)
            said = ""
            async with asyncio.timeout(30):
                while "one attempt at a time" not in said or "3 of 4" not in said:
                    said += " ".join(notice.text for notice in (await changes.next()).notices)
        await lab.clear()
        for name in names:
            await in_state(fleet, name, State.CONNECTED)


@pytest.mark.soak
async def test_a_code_that_nobody_scans_ends_without_an_alert(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        await fleet.add("shop")
        view = await shown(
            fleet, "shop", lambda view: view.reason is Reason.QR_EXPIRED, timeout_s=200
        )
        assert view.state is State.STOPPED and view.pid is None


@pytest.mark.soak
async def test_the_librarys_own_missed_keepalives_show_as_degraded(lab: Lab, folder: Path) -> None:
    settings = {"WAZITERM_LIMITS__KEEPALIVE_S": "600"}
    async with fleet_on(lab, folder, **settings) as fleet:
        phone = await pair(fleet, lab, "shop")
        await lab.trouble(TroubleKind.NO_PONG, phone.jid)
        await in_state(fleet, "shop", State.DEGRADED, 90)
        await lab.clear()
        await in_state(fleet, "shop", State.CONNECTED, 90)
