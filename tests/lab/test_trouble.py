"""Each trouble, as the real client sees it."""

import shutil
from pathlib import Path

import pytest

from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import LabError

from .conftest import PATIENCE_S, pair, real_client

OTHER = "6281234567890"


async def test_conflicts(lab: Lab, tmp_path: Path) -> None:
    database, copy = tmp_path / "one.db", tmp_path / "copy.db"
    async with real_client(lab, database) as older:
        phone = await pair(lab, older)
        shutil.copy(database, copy)
        position = lab.position
        async with real_client(lab, copy, phone.jid) as newer:
            await newer.expect("connected")
            await older.expect("stream_replaced")
            kick = await lab.wait_event(
                lambda e: e.kind is EventKind.KICK, PATIENCE_S, position=position
            )
            assert (kick.jid, kick.detail) == (phone.jid, "newer login")
            assert (await lab.sessions())[0].logins == 2

            assert await lab.trouble(TroubleKind.CONFLICT, phone.jid) == 1
            await newer.expect("stream_replaced")
            assert await lab.sessions() == ()
            with pytest.raises(LabError, match="has no open connection"):
                await lab.trouble(TroubleKind.CONFLICT, phone.jid)

    await lab.trouble(TroubleKind.RIVAL, phone.number, times=1, delay_s=0.1)
    for seen in ("stream_replaced", "connected"):
        async with real_client(lab, database, phone.jid) as client:
            await client.expect(seen)

    position = lab.position
    async with real_client(lab, database, phone.jid) as client:
        await client.expect("connected")
        await lab.trouble(TroubleKind.CONFLICT_ABRUPT, phone.jid)
        # The client may lose the node: then it sees a plain drop.
        await client.expect("stream_replaced", "disconnected")
        kick = await lab.wait_event(
            lambda e: e.kind is EventKind.KICK, PATIENCE_S, position=position
        )
        assert kick.jid == phone.jid


async def test_a_removed_device(lab: Lab, tmp_path: Path) -> None:
    database, copy = tmp_path / "one.db", tmp_path / "copy.db"
    async with real_client(lab, database) as client:
        phone = await pair(lab, client, OTHER)
        shutil.copy(database, copy)
        await lab.remove_device(phone.jid)
        assert "OnConnect: true" not in (await client.expect("logged_out"))["text"]
    await lab.restart()
    async with real_client(lab, copy, phone.jid) as client:
        assert "OnConnect: true" in (await client.expect("logged_out"))["text"]
    async with real_client(lab, tmp_path / "two.db") as client:
        again = await pair(lab, client, OTHER)
        assert again.jid == "6281234567890:2@s.whatsapp.net"
        await lab.trouble(TroubleKind.DEVICE_REMOVED, again.jid)
        await client.expect("logged_out")


async def test_login_failures(lab: Lab, tmp_path: Path) -> None:
    database = tmp_path / "one.db"
    async with real_client(lab, database) as client:
        phone = await pair(lab, client)
    seen = {
        401: ("logged_out", "LOGGED_OUT"),
        402: ("ban", ""),
        403: ("logged_out", "MAIN_DEVICE_GONE"),
        405: ("outdated", ""),
        406: ("logged_out", "UNKNOWN_LOGOUT"),
        409: ("failure", 'text: "409"'),
    }
    for code, (event, word) in seen.items():
        copy = tmp_path / f"{code}.db"
        shutil.copy(database, copy)
        await lab.trouble(
            TroubleKind.LOGIN_FAILURE, phone.jid, code=code, ban_code=102, expire_s=60
        )
        async with real_client(lab, copy, phone.jid) as client:
            told = await client.expect(event)
            # neonize counts the ban reasons 101, 102, … from 1.
            assert code != 402 or (told["code"], told["expire"]) == (2, 60)
            assert word in told.get("text", "")
    for code in (500, 503):
        await lab.clear()
        await lab.trouble(TroubleKind.LOGIN_FAILURE, phone.jid, code=code, times=1)
        position = lab.position
        async with real_client(lab, database, phone.jid) as client:
            await client.expect("connected")
        failed = await lab.wait_event(
            lambda e: e.kind is EventKind.LOGIN_FAILED, PATIENCE_S, position=position
        )
        assert failed.detail == str(code)


async def test_drops_from_which_the_client_comes_back(lab: Lab, tmp_path: Path) -> None:
    async with real_client(lab, tmp_path / "one.db") as client:
        phone = await pair(lab, client)
        for kind, code, seen in (
            (TroubleKind.TCP_RESET, None, "disconnected"),
            (TroubleKind.WS_CLOSE, None, "disconnected"),
            (TroubleKind.STREAM_ERROR, 503, "disconnected"),
            (TroubleKind.STREAM_ERROR, 516, "stream_error"),
            (TroubleKind.STREAM_ERROR, 515, "connected"),
        ):
            position = lab.position
            assert await lab.trouble(kind, phone.number, code=code) == 1
            told = await client.expect(seen)
            assert code != 516 or told["code"] == "516"
            if seen != "connected":
                await client.expect("connected")
            await lab.wait_event(lambda e: e.kind is EventKind.LOGIN, PATIENCE_S, position=position)
        assert (await lab.wait_online(phone.jid, PATIENCE_S)).logins == 6


async def test_answers_that_stay_away_or_come_late(lab: Lab, tmp_path: Path) -> None:
    async with real_client(lab, tmp_path / "one.db") as client:
        phone = await pair(lab, client)
        await lab.trouble(TroubleKind.SLOW, phone.jid, delay_s=0.4)
        await client.do("probe", id="slow")
        assert (await client.expect("probed"))["seconds"] >= 0.4
        await lab.clear(TroubleKind.SLOW)

        await lab.trouble(TroubleKind.SILENT, phone.jid)
        position = lab.position
        await client.do("probe", id="unanswered")
        await lab.wait_event(lambda e: e.kind is EventKind.PROBE, PATIENCE_S, position=position)
        await lab.clear()

        await lab.trouble(TroubleKind.DROP_ACKS, phone.jid)
        await client.do("send", to=OTHER, text="taken, not acknowledged")
        await lab.wait_message(OTHER, PATIENCE_S)
        await client.do("probe", id="answered")
        told = await client.expect("probed", "sent")
        assert (told["event"], told["id"]) == ("probed", "answered")


async def test_refusal_and_outage(lab: Lab, tmp_path: Path) -> None:
    database = tmp_path / "one.db"
    async with real_client(lab, database) as client:
        phone = await pair(lab, client)
    await lab.trouble(TroubleKind.REFUSE_CONNECT)
    async with real_client(lab, database, phone.jid) as client:
        assert "Bad Gateway" in (await client.expect("connect_error"))["text"]
    await lab.clear()
    async with real_client(lab, database, phone.jid) as client:
        await client.expect("connected")
        await lab.trouble(TroubleKind.OUTAGE)
        await client.expect("disconnected")
        async with real_client(lab, database, phone.jid) as other:
            assert "connection refused" in (await other.expect("connect_error"))["text"]
        await lab.clear(TroubleKind.OUTAGE)
        await client.expect("connected")


@pytest.mark.parametrize(
    ("kind", "jid", "options", "line"),
    [
        (TroubleKind.OUTAGE, OTHER, {}, "outage is for all"),
        (TroubleKind.STREAM_ERROR, None, {}, "stream-error needs a code"),
        (TroubleKind.SLOW, OTHER, {"delay_s": 0.0}, "slow needs a delay"),
        (TroubleKind.SILENT, OTHER, {"times": 2}, "silent cannot happen 2 times"),
        (TroubleKind.CONFLICT, "nobody", {}, "not a JID"),
        (TroubleKind.MUTE, OTHER, {}, "mute needs a query"),
        (TroubleKind.EARLY_ERROR, None, {"delay_s": 1.0}, "early-error needs a code"),
        (TroubleKind.RESETS, None, {}, "resets needs a delay"),
        (TroubleKind.SEND_REFUSED, OTHER, {}, "send-refused needs a code"),
        (TroubleKind.CODE_REFUSED, OTHER, {}, "code-refused needs a code"),
        (TroubleKind.TIME_LOCK, OTHER, {}, "time-lock needs its seconds"),
        (TroubleKind.FLAPPING, OTHER, {"delay_s": 1.0}, "flapping is for all"),
    ],
)
async def test_trouble_that_makes_no_sense(
    lab: Lab, kind: TroubleKind, jid: str | None, options: dict[str, float], line: str
) -> None:
    with pytest.raises(LabError, match=line):
        await lab.trouble(kind, jid, **options)  # type: ignore[arg-type]


@pytest.mark.soak
@pytest.mark.parametrize("kind", [TroubleKind.NO_PONG, TroubleKind.SILENT])
async def test_pings_without_an_answer(lab: Lab, tmp_path: Path, kind: TroubleKind) -> None:
    async with real_client(lab, tmp_path / "one.db") as client:
        phone = await pair(lab, client)
        await lab.trouble(kind, phone.jid)
        await client.expect("keepalive_timeout", timeout_s=45)
        await lab.clear()
        await client.do("probe", id="after")
        assert (await client.expect("probed"))["id"] == "after"
