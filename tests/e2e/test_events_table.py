"""The table of codes, events and reactions, row by row, with the real neonize on the lab."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from tests.programs import packing
from tests.sessions import session_of
from waziterm.config import load_settings
from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import PageMode, ScanOutcome
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.worker.library_file import compiled_number, installed

SHORT = {
    "WAZITERM_LIMITS__COOLDOWN_S": "1",
    "WAZITERM_LIMITS__KEEPALIVE_S": "1",
    "WAZITERM_LIMITS__PROBE_TIMEOUT_S": "1",
    "WAZITERM_LIMITS__KEEPALIVE_MISSES": "2",
    "WAZITERM_LIMITS__CRASH_BUDGET": "2",
}


def fleet_on(lab: Lab, folder: Path, **environ: str) -> AbstractAsyncContextManager[SessionManager]:
    settings = load_settings(data_dir=folder / "data", environ=SHORT | packing() | environ)
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
    """Logins are refused with a `<failure reason=…>`."""

    async def make(at: At) -> None:
        await at.lab.trouble(TroubleKind.LOGIN_FAILURE, at.jid, code=code)
        await at.lab.trouble(TroubleKind.TCP_RESET, at.jid)

    return make


async def banned(at: At) -> None:
    await at.lab.trouble(TroubleKind.LOGIN_FAILURE, at.jid, code=402, ban_code=102, expire_s=4)
    await at.lab.trouble(TroubleKind.TCP_RESET, at.jid)


async def removed(at: At) -> None:
    await at.lab.remove_device(at.jid)


async def malformed(at: At) -> None:
    """A frame without a byte in it is beyond the library (seen: 5 of 300 at random are)."""
    await at.lab.send_frame(at.jid, b"")


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


async def rival(at: At) -> None:
    """Another client takes the session after each of our logins."""
    await at.lab.trouble(TroubleKind.RIVAL, at.jid, delay_s=0.2)
    await at.lab.trouble(TroubleKind.TCP_RESET, at.jid)


async def killed_again(at: At) -> None:
    await killed(at)
    await in_state(at.fleet, at.name, State.RETRYING)
    await in_state(at.fleet, at.name, State.CONNECTED)
    await killed(at)


@dataclass(frozen=True)
class Row:
    """A row of the table: its code, what happens, and what must be shown then.

    shown: the code on the screen. back: whether it comes back without a person.
    instead: another reason that is as true, because a race decides what the library sees.
    """

    code: str
    what: str
    make: Making
    state: State
    reason: Reason
    shown: str
    back: bool
    detail: str = ""
    instead: Reason | None = None


T = TroubleKind
ROWS = (
    Row("440", "conflict", stream(T.CONFLICT), State.COOLDOWN, Reason.CONFLICT, "440", True),
    Row("440", "closed at once", stream(T.CONFLICT_ABRUPT), State.COOLDOWN, Reason.CONFLICT, "440",
        True, instead=Reason.DROPPED),
    Row("440", "a living rival", rival, State.HELD, Reason.RIVAL, "440", False),
    Row("401", "stream error", removed, State.LOGGED_OUT, Reason.UNLINKED, "401", False),
    Row("401", "failure", refusal(401), State.LOGGED_OUT, Reason.UNLINKED, "401", False),
    Row("402", "failure", banned, State.BANNED, Reason.TEMPORARY_BAN, "402", True, "code 102"),
    Row("403", "failure", refusal(403), State.LOGGED_OUT, Reason.LOCKED, "403", False),
    Row("406", "failure", refusal(406), State.LOGGED_OUT, Reason.ACCOUNT_BANNED, "406", False),
    Row("408", "silence", stream(T.SILENT), State.DEGRADED, Reason.KEEPALIVE_MISSED, "408", True),
    *(Row(str(code), "failure", refusal(code), State.RETRYING, Reason.LOGIN_REFUSED, "", True,
          f"code {code}") for code in (400, 413, 414, 418, 429, 500, 503)),
    Row("–", "failure without a code", refusal(0), State.RETRYING, Reason.LOGIN_REFUSED, "", True,
        "no code told"),
    Row("409", "failure", refusal(409), State.HELD, Reason.REFUSED, "409", False, "code 409"),
    Row("428", "TCP reset", stream(T.TCP_RESET), State.RETRYING, Reason.DROPPED, "428", True),
    Row("428", "websocket close", stream(T.WS_CLOSE), State.RETRYING, Reason.DROPPED, "428", True),
    Row("500", "stream error", stream(T.STREAM_ERROR, 500), State.RETRYING, Reason.STREAM_ERROR,
        "5xx", True, "code 500"),
    Row("503", "stream error", stream(T.STREAM_ERROR, 503), State.RETRYING, Reason.STREAM_ERROR,
        "5xx", True, "code 503"),
    Row("516", "stream error", stream(T.STREAM_ERROR, 516), State.RETRYING, Reason.STREAM_ERROR,
        "5xx", True, "code 516"),
    Row("–", "worker died", killed, State.RETRYING, Reason.WORKER_DIED, "", True, "signal 9"),
    Row("–", "malformed binary XML", malformed, State.RETRYING, Reason.WORKER_DIED, "", True,
        "panic: runtime error"),
    Row("–", "crash loop", killed_again, State.HELD, Reason.CRASH_LOOP, "", False, "signal 9"),
    Row("–", "file gone", file_gone, State.HELD, Reason.SESSION_MISSING, "", False),
    Row("–", "file broken", file_broken, State.HELD, Reason.SESSION_BROKEN, "500", False),
)  # fmt: skip


async def play(fleet: SessionManager, lab: Lab, name: str, data: Path, row: Row) -> None:
    """Let a row happen to an instance of its own. Raises AssertionError."""
    phone = await pair(fleet, lab, name)
    at = At(fleet, lab, name, phone.jid, session_of(data, name))

    def reached(view: InstanceView) -> bool:
        same = (view.state, view.reason) == (row.state, row.reason)
        return same or (row.instead is not None and view.reason is row.instead)

    seen = asyncio.create_task(shown(fleet, name, reached, 60))
    try:
        await row.make(at)
        view = await seen
    finally:
        seen.cancel()
    assert row.detail in view.detail, view
    if view.reason is row.reason:
        assert view.reason.code == row.shown, view
    if row.state in (State.COOLDOWN, State.BANNED) and view.state is row.state:
        assert view.next_attempt is not None, view
    if not row.back:
        assert view.next_attempt is None, view
        return
    if row.state is State.DEGRADED:
        await shown(fleet, name, lambda view: view.state is State.RETRYING, 60)
    await lab.clear(jid=phone.jid)
    back = await in_state(fleet, name, State.CONNECTED, 60)
    assert view.next_attempt is None or back.since >= view.next_attempt, (view, back)


async def test_every_row_leads_where_the_table_says(lab: Lab, folder: Path) -> None:
    failed: list[str] = []
    few_at_once = asyncio.Semaphore(6)
    async with fleet_on(lab, folder) as fleet:

        async def one(number: int, row: Row) -> None:
            name = f"row-{number}"
            try:
                async with few_at_once:
                    await play(fleet, lab, name, folder / "data", row)
            except (AssertionError, FleetError) as error:
                failed.append(f"{row.code} {row.what}: {error}")

        async with asyncio.TaskGroup() as rows:
            for number, row in enumerate(ROWS):
                rows.create_task(one(number, row))
    assert not failed, "\n".join(failed)


async def test_411_says_so_and_shows_a_new_code(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        await fleet.add("shop")
        first = await shown(fleet, "shop", lambda view: view.qr is not None)
        assert first.qr is not None
        said = asyncio.create_task(
            shown(fleet, "shop", lambda view: view.reason is Reason.NO_MULTIDEVICE)
        )
        await lab.scan(first.qr.payload, outcome=ScanOutcome.NO_MULTIDEVICE)
        view = await said
        assert view.reason.code == "411" and "update WhatsApp" in view.next_step
        again = await shown(fleet, "shop", lambda view: view.qr not in (None, first.qr))
        assert again.qr is not None
        # It stands beside the new code, and after it, when nobody scans that.
        assert (again.state, again.reason) == (State.PAIRING, Reason.NO_MULTIDEVICE)
        await lab.scan(again.qr.payload)
        await in_state(fleet, "shop", State.CONNECTED)


async def test_a_first_dial_that_is_refused_waits_and_tries_again(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        await pair(fleet, lab, "shop")
        await fleet.stop("shop")
        await lab.trouble(TroubleKind.REFUSE_CONNECT)
        await fleet.start("shop")
        view = await shown(fleet, "shop", lambda view: view.reason is Reason.DIAL_FAILED)
        assert view.state is State.RETRYING and view.reason.code == "408"
        assert view.next_attempt is not None and "the proxy does not reach WhatsApp" in view.detail
        await lab.clear()
        back = await in_state(fleet, "shop", State.CONNECTED)
        assert back.since >= view.next_attempt


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
        with pytest.raises(FleetError, match="outdated"):
            await fleet.start("idle")
        await in_state(fleet, "online", State.CONNECTED)
        await lab.clear()
        # A takeover asks for no second look while the first one is under way.
        await shown(fleet, "met", lambda view: "answers HTTP 404" in view.detail)
        current = compiled_number(installed()) + 1
        await lab.settings(page=PageMode.REVISION, revision=current)
        await fleet.reconnect("met", takeover=True)
        await in_state(fleet, "met", State.CONNECTED)


async def test_a_ban_outlives_a_restart_and_nothing_is_tried_before_its_end(
    lab: Lab, folder: Path
) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        # Once would not do: the library's own redial may meet it while it is taken away.
        await lab.trouble(TroubleKind.LOGIN_FAILURE, phone.jid, code=402, ban_code=101, expire_s=8)
        await lab.trouble(TroubleKind.TCP_RESET, phone.jid)
        before = await in_state(fleet, "shop", State.BANNED)
        await lab.clear()
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
            fleet,
            "shop",
            lambda view: view.reason is Reason.QR_EXPIRED and view.pid is None,
            timeout_s=200,
        )
        assert view.state is State.STOPPED


@pytest.mark.soak
async def test_the_librarys_own_missed_keepalives_show_as_degraded(lab: Lab, folder: Path) -> None:
    settings = {"WAZITERM_LIMITS__KEEPALIVE_S": "600"}
    async with fleet_on(lab, folder, **settings) as fleet:
        phone = await pair(fleet, lab, "shop")
        await lab.trouble(TroubleKind.NO_PONG, phone.jid)
        await in_state(fleet, "shop", State.DEGRADED, 90)
        await lab.clear()
        await in_state(fleet, "shop", State.CONNECTED, 90)
