"""The test of a connection with the real library on the lab: each trouble at its layer."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from tests.programs import verb
from waziterm.config import load_settings
from waziterm.control.server.app import serve_control
from waziterm.domain.care.layers import LayerName, TestReport, Verdict
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import SessionManager, open_manager

SHORT = {
    "WAZITERM_LIMITS__PROBE_TIMEOUT_S": "2",
    "WAZITERM_LIMITS__QUERY_TIMEOUT_S": "5",
    "WAZITERM_LIMITS__KEEPALIVE_S": "600",
}
Trouble = Callable[[Lab, str], Awaitable[object]]


def fleet_on(lab: Lab, folder: Path) -> AbstractAsyncContextManager[SessionManager]:
    settings = load_settings(data_dir=folder / "data", environ=SHORT)
    return open_manager(folder / "data", settings, LabFile.parse(lab.file.read_text()))


def failing(report: TestReport) -> LayerName | None:
    return report.failed.name if report.failed else None


async def test_a_healthy_connection_is_well_in_every_layer(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        started = time.monotonic()
        report = await fleet.test("shop", send=True)
        assert time.monotonic() - started < 15
        assert report.ok, report
        assert [layer.name for layer in report.layers] == list(LayerName)
        assert {layer.verdict for layer in report.layers} == {Verdict.OK}
        message = await lab.wait_message(phone.number, 10)
        assert message.text.startswith("waziterm test ")
        unsent = await fleet.test("shop")
        assert unsent.ok and unsent.layers[-1].verdict is Verdict.SKIPPED
        other = await pair(fleet, lab, "other")
        assert (await fleet.test("shop", f"+{other.number}")).ok
        assert (await lab.wait_message(other.number, 10)).text.startswith("waziterm test ")
        assert len(await lab.messages(phone.number)) == 1, "the second test sent nothing"
        assert phone.number not in str(report)


def on(kind: TroubleKind) -> Trouble:
    """Trouble of one session."""
    return lambda lab, jid: lab.trouble(kind, jid)


def of_all(kind: TroubleKind) -> Trouble:
    return lambda lab, _jid: lab.trouble(kind)


@pytest.mark.parametrize(
    ("trouble", "layer", "still_open"),
    [
        (on(TroubleKind.SILENT), LayerName.QUERY, True),
        (on(TroubleKind.DROP_ACKS), LayerName.SEND, True),
        (of_all(TroubleKind.REFUSE_CONNECT), LayerName.TLS, True),
        (of_all(TroubleKind.OUTAGE), LayerName.TCP, False),
    ],
    ids=["silent", "drop acks", "refuse connect", "outage"],
)
async def test_a_trouble_is_named_at_its_layer(
    lab: Lab, folder: Path, trouble: Trouble, layer: LayerName, still_open: bool
) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        await trouble(lab, phone.jid)
        if not still_open:
            await in_state(fleet, "shop", State.RETRYING)
        report = await fleet.test("shop", send=True)
        assert failing(report) is layer, report
        assert report.failed is not None and report.failed.detail and report.failed.act
        login = report.layers[3]
        assert (login.verdict is Verdict.OK) == still_open
        if layer is LayerName.TLS:
            assert "the proxy does not reach web.whatsapp.com: 502" in report.failed.detail
            assert report.layers[5].verdict is Verdict.OK, "the open connection still does"
        await lab.clear()
        if layer is LayerName.SEND:
            # The library would send nothing more before it has given this message up.
            await shown(fleet, "shop", lambda view: view.reason is Reason.SEND_UNANSWERED)
        await in_state(fleet, "shop", State.CONNECTED)
        assert (await fleet.test("shop", send=True)).ok


async def test_a_session_that_is_out_is_named_at_the_login(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        removed, taken = await pair(fleet, lab, "removed"), await pair(fleet, lab, "taken")
        await lab.remove_device(removed.jid)
        await lab.trouble(TroubleKind.CONFLICT, taken.jid)
        await in_state(fleet, "removed", State.LOGGED_OUT)
        await in_state(fleet, "taken", State.COOLDOWN)
        for name, said in (("removed", "unlinked on the phone (401)"), ("taken", "(440)")):
            report = await fleet.test(name)
            assert failing(report) is LayerName.LOGIN, report
            assert said in report.layers[3].detail and report.layers[3].act
            assert [layer.verdict for layer in report.layers] == [
                *[Verdict.OK] * 3, Verdict.FAILED, *[Verdict.SKIPPED] * 2,
            ]  # fmt: skip
        (conflict,) = await fleet.conflicts()
        assert (conflict.instance, conflict.reason.code) == ("taken", "440")


async def test_full_on_a_healthy_fleet_of_ten(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet, serve_control(fleet, folder / "data/control.sock"):
        phones = {name: await pair(fleet, lab, name) for name in map("shop-{}".format, range(10))}
        started = time.monotonic()
        ended = await verb("full", "--json", data_dir=folder / "data")
        took_s = time.monotonic() - started
        # How old the installed neonize is depends on the day of the test.
        aged = any(each["kind"] == "version_old" for each in ended.json["check"]["findings"])
        wanted = (1, "problems") if aged else (0, "healthy")
        assert (ended.code, ended.json["verdict"]) == wanted, ended
        assert took_s <= 15
        print("TOOK", took_s)
        assert len(ended.json["test"]["instances"]) == 10
        assert ended.json["test"]["api"]["answered"] == 5
        await lab.trouble(TroubleKind.SILENT, phones["shop-3"].jid)
        ended = await verb("full", "--report", str(folder / "t.md"), data_dir=folder / "data")
        assert ended.code == 1 and "shop-3: FAILED at query" in ended.stdout, ended
        assert ended.stdout.endswith("verdict: problems\n")
        assert "last lines of shop-3:" in ended.stdout
        report = (folder / "t.md").read_text()
        assert "| shop-3 | failed | query: " in report
        assert not any(phone.number in report for phone in phones.values())
