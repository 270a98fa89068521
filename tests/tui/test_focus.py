"""One instance in full: what is known of it, its history, its log, and the codes that link it."""

import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from textual.widgets import Input

from tests.qrscan import decode_qr, read_codes
from tests.scriptedtools import LINK
from tests.tui.painted import shown
from tests.tui.scripted import (
    FAKE_CODE,
    FAKE_QR,
    HOSTILE,
    NOW,
    ScriptedFleet,
    connected,
    instance,
    pairing,
)
from waziterm.domain.fleet.api import FleetError, FleetView, InstanceView
from waziterm.domain.fleet.history import Moved
from waziterm.domain.lifecycle.instance import PairingCode, QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.tui.screens.instance import FocusScreen

MOVES = (
    Moved(NOW - 86_400 * 2, State.CONNECTED, Reason.ONLINE),
    Moved(NOW - 7200, State.COOLDOWN, Reason.CONFLICT, "python bot.py (pid 4121)"),
    Moved(NOW - 3600, State.CONNECTED, Reason.ONLINE),
)


class Remembering(ScriptedFleet):
    """moves: by name. reads: whose history was read, one after the other."""

    def __init__(self, *views: InstanceView, moves: Sequence[Moved] = MOVES) -> None:
        super().__init__(*views)
        self.moves = {view.name: tuple(moves) for view in views}
        self.reads: list[str] = []
        self.fails: Exception | None = None

    def snapshot(self) -> FleetView:
        return replace(super().snapshot(), library="0.5.2")

    async def timeline(self, name: str, since: float = 0.0, limit: int = 200) -> tuple[Moved, ...]:
        self.reads.append(name)
        if self.fails is not None:
            raise self.fails
        return self.moves[name][-limit:]


def with_phone(view: InstanceView) -> InstanceView:
    return replace(view, phone="+62812••••4411")


# -- what is known


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_it_shows_state_facts_history_and_log(size: tuple[int, int]) -> None:
    fleet = Remembering(connected("shop"))
    fleet.log("shop", "the newest line")
    async with shown(fleet, *size) as screen:
        await screen.press("enter")
        await screen.says(
            "● connected",
            "logged in",
            "number +62812••••4411",
            "health probe 80 ms · sent 3",
            "the newest line",
            "Sun 15 Jun 13:06 1 h 00 min",
            "440 another client took over this",
        )


async def test_where_there_is_room_no_fact_is_left_out() -> None:
    async with shown(Remembering(connected("shop")), 120, 40) as screen:
        await screen.press("enter")
        await screen.says(
            "session sessions/shop.db",
            "device waziterm, in the phone's list",
            "library neonize 0.5.2",
        )


@pytest.mark.parametrize("width", [60, 76, 80, 90, 99, 100, 120])
async def test_no_fact_is_cut(width: int) -> None:
    view = replace(connected("shop-with-quite-a-long-name"), proxy="socks5://proxy.example:1080")
    async with shown(Remembering(view), width, 40) as screen:
        await screen.press("enter")
        text = await screen.sees("socks5://proxy.example:1080", "sessions/")
        for value in (
            "+62812••••4411:7@s.whatsapp.net",
            "sessions/shop-with-quite-a-long-name.db",
            "waziterm, in the phone's list",
            "probe 80 ms · sent 3",
        ):
            assert value in text


async def test_a_conflict_in_the_history_has_its_evidence() -> None:
    async with shown(Remembering(connected("shop")), 200, 60) as screen:
        await screen.press("enter")
        await screen.says("440 another client took over this session · python bot.py (pid 4121)")


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
async def test_where_there_is_room_the_history_cuts_no_reason(size: tuple[int, int]) -> None:
    detail = "python bot.py (pid 4121)"
    moves = [
        Moved(NOW - 60, State.CONNECTING, Reason.PAIRED),
        Moved(NOW - 50, State.COOLDOWN, Reason.CONFLICT, detail),
    ]
    async with shown(Remembering(connected("shop"), moves=moves), *size) as screen:
        await screen.press("enter")
        await screen.sees("Sun 15 Jun 15:05 ▲ 1 min 00 s")
        lines = screen.text().splitlines()
        left = [line[: lines[1].index(" ─ log ")] for line in lines]
        said = " ".join(" ".join(left).split())
        paired = "515 paired; WhatsApp asks for a new connection"
        assert f"{paired} → 440 {Reason.CONFLICT.sentence} · {detail}" in said
        assert "…" not in said


async def test_the_history_is_read_when_the_state_changes_and_for_the_neighbour() -> None:
    fleet = Remembering(connected("one"), connected("two"))
    async with shown(fleet, 120, 40) as screen:
        await screen.press("enter")
        await screen.sees("13:06 1 h 00 min")
        fleet.clock.advance(60)
        fleet.moves["one"] += (Moved(NOW + 60, State.STOPPED, Reason.BY_OPERATOR),)
        await screen.press("s")
        await screen.sees("15:07 ○ 0 s")
        await screen.press("right")
        await screen.until(lambda text: "two" in text and "15:07 ○" not in text)
        await screen.until(lambda _: fleet.reads[-1] == "two")
        assert fleet.reads.count("two") == 1
        fleet.clock.advance(60)
        await screen.until(lambda _: fleet.reads.count("two") == 2)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FleetError("the database is locked", "try again"), "the database is locked (try again)"),
        (RuntimeError("a bug"), "waziterm.log has the details"),
    ],
)
async def test_a_history_that_cannot_be_read_says_so_and_ends_nothing(
    error: Exception, said: str
) -> None:
    fleet = Remembering(connected("shop"))
    fleet.fails = error
    async with shown(fleet, 160, 40) as screen:
        await screen.press("enter")
        await screen.says("history cannot be read: " + said[:20])
        assert isinstance(screen.app.screen, FocusScreen)


async def test_hostile_details_in_the_history_are_inert() -> None:
    moves = [Moved(NOW - 60, State.HELD, Reason.RIVAL, text) for text in HOSTILE]
    async with shown(Remembering(connected("shop"), moves=moves), 120, 40) as screen:
        await screen.press("enter")
        await screen.sees("15:05 ✖ 1 min 00 s")
        for line in screen.text().splitlines():
            assert "\x1b" not in line and "\u202e" not in line and "\u200b" not in line
        assert all(len(row) == 120 for row in screen.cells())


@pytest.mark.parametrize("size", [(60, 20), (60, 24), (80, 24), (99, 30), (100, 20), (300, 100)])
async def test_no_size_breaks_it(size: tuple[int, int]) -> None:
    fleet = Remembering(
        instance("店-\U0001f600-shop", State.HELD, Reason.RIVAL, jid="+62811••••9083:1@lid"),
        with_phone(pairing("qr")),
    )
    for number in range(50):
        fleet.log("店-\U0001f600-shop", f"宽字 line {number} " + "x" * 60)
    async with shown(fleet, *size) as screen:
        await screen.press("enter")
        await screen.sees("line 49", "✖ held")
        assert all(len(row) == size[0] for row in screen.cells())
        await screen.press("right")
        await screen.until(lambda text: "2 of 6" in text or decode_qr(screen.cells()) == FAKE_QR)
        await screen.press("p")
        await screen.sees(" ".join(FAKE_CODE))
        assert all(len(row) == size[0] for row in screen.cells())


# -- the log


async def test_w_cuts_long_lines_and_wraps_them_again_for_the_neighbour_too() -> None:
    fleet = Remembering(connected("one"), connected("two"))
    for name in fleet.views:
        fleet.log(name, "begin " + "word " * 40 + "end-of-the-line")
    async with shown(fleet) as screen:
        await screen.press("enter")
        await screen.sees("begin word", "end-of-the-line")
        await screen.press("w")
        text = await screen.sees("…", "w shows whole lines")
        assert "begin word" in text and "end-of-the-line" not in text
        await screen.press("right")
        await screen.until(lambda text: "two" in text and "end-of-the-line" not in text)
        await screen.press("w")
        await screen.sees("end-of-the-line")


# -- copying


async def test_y_copies_the_newest_line_or_the_lowest_that_is_shown() -> None:
    fleet = Remembering(connected("shop"))
    async with shown(fleet) as screen:
        await screen.press("enter", "y")
        await screen.sees("✖ there is nothing to copy yet")
        for number in range(50):
            fleet.log("shop", f"line \x1b[31m{number}")
        await screen.sees("line 49")
        await screen.press("y")
        await screen.sees("✓ shop: copied the newest log line")
        assert screen.app.clipboard == "line 49"
        await screen.press("up", "y")
        await screen.sees("✓ shop: copied the lowest shown log line")
        assert screen.app.clipboard == "line 48"


async def test_y_copies_the_qr_codes_text_and_tells_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with shown(Remembering(pairing("shop"))) as screen:
        await screen.press("enter", "y")
        await screen.sees("✓ shop: copied the QR code's text")
        assert screen.app.clipboard == FAKE_QR
        assert FAKE_QR not in screen.text() and FAKE_QR not in caplog.text


# -- a scan from far away


async def test_w_asks_makes_a_link_shows_it_and_copies_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet = Remembering(pairing("shop", 600))
    async with shown(fleet, 100, 30) as screen:
        await screen.press("enter", "W")
        await screen.says("Make a link for shop?", "A link that was made for it before ends.")
        await screen.press("n", "W", "y")
        await screen.says("A link for shop", LINK, "for 10 min at most", "y copies it")
        assert fleet.calls == [("make_link", "shop", "600")]
        await screen.press("y")
        await screen.until(lambda _: screen.app.clipboard == LINK)
        await screen.press("escape")
        text = await screen.sees("✓ shop: copied the link")
        assert LINK not in text and LINK not in caplog.text
        await screen.press("H")
        assert LINK not in await screen.says("copied the link")


async def test_w_says_why_no_link_was_made() -> None:
    fleet = Remembering(pairing("shop", 600), connected("done"))
    async with shown(fleet) as screen:
        fleet.refuse = FleetError("the scan page is not set up", "set address in [web]")
        await screen.press("enter", "W", "y")
        await screen.says("shop: no link was made: the scan page is not set up")
        fleet.refuse = RuntimeError("a bug")
        await screen.press("W", "y")
        await screen.says("failed inside the program")
        await screen.press("right", "W")
        await screen.says("done is linked already")
    async with shown(Remembering(pairing("shop", 600)), read_only=True) as screen:
        await screen.press("enter", "W")
        await screen.says("was not carried out")


# -- pairing by code


async def test_p_asks_for_a_code_shows_it_with_its_time_and_goes_back() -> None:
    fleet = Remembering(with_phone(pairing("shop", 600)))
    fleet.gate.clear()
    async with shown(fleet) as screen:
        await screen.press("enter", "p", "p")
        await screen.sees("asking WhatsApp for a pairing code …")
        fleet.gate.set()
        await screen.sees(" ".join(FAKE_CODE), "pairing code for +62812••••4411, 2:30 left")
        await screen.says("Link with phone number instead", "type this code")
        assert fleet.calls == [("pairing_code", "shop", "")]
        fleet.clock.advance(30)
        await screen.sees("2:00 left")
        await screen.press("y")
        await screen.sees("✓ shop: copied the pairing code")
        assert screen.app.clipboard == FAKE_CODE
        await screen.press("p")
        await screen.until(lambda _: decode_qr(screen.cells()) == FAKE_QR)
        await screen.press("p")
        await screen.sees(" ".join(FAKE_CODE))
        await screen.press("escape")
        await screen.until(lambda _: decode_qr(screen.cells()) == FAKE_QR)
        assert len(fleet.calls) == 1
        fleet.clock.advance(130)
        await screen.press("p")
        await screen.until(lambda _: len(fleet.calls) == 2)


async def test_a_code_that_expires_says_so_and_p_asks_anew() -> None:
    view = replace(with_phone(pairing("shop", 600)), code=PairingCode("OLDC-ODE0", NOW + 10))
    fleet = Remembering(view)
    async with shown(fleet) as screen:
        await screen.press("enter", "p")
        await screen.sees("O L D C - O D E 0", "0:10 left")
        assert fleet.calls == []
        fleet.clock.advance(11)
        text = await screen.sees("the code has expired; p asks for a new one")
        assert "O L D C" not in text
        await screen.press("p")
        await screen.sees(" ".join(FAKE_CODE))


async def test_the_code_leaves_the_screen_when_the_phone_took_it() -> None:
    fleet = Remembering(with_phone(pairing("shop", 600)))
    async with shown(fleet) as screen:
        await screen.press("enter", "p")
        await screen.sees(" ".join(FAKE_CODE))
        fleet.show(connected("shop"))
        text = await screen.sees("● connected", "logged in")
        assert " ".join(FAKE_CODE) not in text


async def test_a_number_that_is_not_known_is_asked_for_and_kept_while_it_is_wrong() -> None:
    fleet = Remembering(pairing("shop", 600))
    async with shown(fleet) as screen:
        await screen.press("enter", "p")
        await screen.sees("Pairing code for shop", "+62 812 3456 7890")
        fleet.refuse = FleetError("'+62' is too short", "write all of it", 2)
        await screen.press(*"+62", "enter")
        await screen.says("✖ '+62' is too short (write all of it)")
        fleet.refuse = RuntimeError("a bug")
        await screen.press("enter")
        await screen.says("✖ failed inside the program")
        await screen.press(*"812", "enter")
        await screen.sees(" ".join(FAKE_CODE))
        assert fleet.calls[-1] == ("pairing_code", "shop", "+62812")


async def test_the_question_for_a_number_names_its_field_and_keys_over_the_screen() -> None:
    async with shown(ScriptedFleet(pairing("shop", 600)), 120, 40) as screen:
        await screen.press("enter", "p")
        text = await screen.says("Phone", "enter ask for a code", "esc cancel")
        assert "waziterm" in text and "◐ pairing" in text
        (field,) = screen.app.screen.query(Input)
        row = screen.cells()[field.region.y]
        assert row[field.region.x].bg != row[field.region.x - 1].bg
        await screen.press("enter")
        await screen.says("✖ a number is needed")


async def test_escape_leaves_the_number_unasked() -> None:
    fleet = Remembering(pairing("shop", 600))
    async with shown(fleet) as screen:
        await screen.press("enter", "p", *"+62", "escape")
        await screen.until(lambda _: decode_qr(screen.cells()) == FAKE_QR)
        assert fleet.calls == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FleetError("no answer within 60 s", "see its log"), "refused: no answer within 60 s"),
        (RuntimeError("a bug"), "failed inside the program"),
    ],
)
async def test_a_refused_code_is_told_and_the_qr_code_is_back(error: Exception, said: str) -> None:
    fleet = Remembering(with_phone(pairing("shop", 600)))
    fleet.refuse = error
    async with shown(fleet) as screen:
        await screen.press("enter", "p")
        await screen.says(f"✖ shop: pairing code {said}")
        await screen.until(lambda _: decode_qr(screen.cells()) == FAKE_QR)
        await screen.press("p")
        await screen.sees(" ".join(FAKE_CODE))


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (connected("shop"), "shop is connected: it is linked already"),
        (instance("shop", State.STOPPED, Reason.QR_EXPIRED), "shop is stopped: press s, then p"),
    ],
)
async def test_p_says_why_it_does_nothing(view: InstanceView, said: str) -> None:
    fleet = Remembering(view)
    async with shown(fleet) as screen:
        await screen.press("enter", "p")
        await screen.says(f"✖ {said}")
        assert fleet.calls == []


# -- a picture of the QR code


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def pictures(temp: Path) -> list[Path]:
    return list(temp.glob("waziterm-*/qr.png"))


async def test_a_code_that_does_not_fit_names_the_ways_and_its_picture_scans(temp: Path) -> None:
    fleet = Remembering(with_phone(pairing("shop", 600)))
    async with shown(fleet, 60, 20) as screen:
        await screen.press("enter")
        await screen.says("QR code needs 33 columns and 22 rows", "p for a code", "P for a picture")
        await screen.press("P")
        await screen.says("✓ shop: QR code saved, for 600 s, as")
        (path,) = pictures(temp)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        with Image.open(path) as image:
            assert read_codes(image.convert("L")) == [FAKE_QR]
        await screen.press("P")
        await screen.until(lambda _: path not in pictures(temp) and len(pictures(temp)) == 1)
        await screen.press("q", "q")
        await screen.ended()
    assert not pictures(temp)


async def test_a_picture_goes_when_its_code_expires(temp: Path) -> None:
    code = QrCode(FAKE_QR, 1, 6, NOW + 0.3)
    fleet = Remembering(instance("shop", State.PAIRING, Reason.QR_SHOWN, qr=code))
    async with shown(fleet, 100, 30) as screen:
        await screen.press("enter", "P")
        await screen.says("QR code saved")
        await screen.until(lambda _: not pictures(temp), "deleted picture")
        fleet.clock.advance(1)
        await screen.press("P")
        await screen.says("✖ no QR code is shown; s starts a new pairing")


async def test_a_picture_that_cannot_be_written_is_told(
    temp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temp / "missing"))
    async with shown(Remembering(pairing("shop", 600)), 100, 30) as screen:
        await screen.press("enter", "P")
        await screen.says("✖ shop: no picture was written: No such file or directory")


async def test_connect_times_and_conflicts_of_the_week_are_drawn() -> None:
    fleet = ScriptedFleet(connected("shop-b"), connected("shop-z"))
    async with shown(fleet, 120, 34) as screen:
        await screen.press("enter")
        await screen.sees("connects", "up to 1.2 s", "440", "1 conflict")
        await screen.press("right")
        await screen.until(lambda text: "connects" not in text and "440" not in text)
