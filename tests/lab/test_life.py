"""A real neonize client pairs with the lab, logs in, sends, receives and comes back."""

import shutil
from pathlib import Path

import pytest

from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.lab.words import LabError, ReceiptMode, ScanOutcome

from .conftest import PATIENCE_S, pair, real_client

OTHER = "6281234567890"


async def test_pair_send_receive_resume(lab: Lab, tmp_path: Path) -> None:
    database = tmp_path / "one.db"
    async with real_client(lab, database) as client:
        phone = await pair(lab, client, "6281111111111")
        assert phone.jid == "6281111111111:1@s.whatsapp.net"
        session = await lab.wait_online(phone.jid, PATIENCE_S)
        assert (session.logins, session.dials) == (1, 1)

        await client.do("send", to=OTHER, text="a text with ünïcode")
        # A receipt may be told before the acknowledgement is.
        told = [await client.expect("sent", "receipt") for _ in range(3)]
        received = await lab.wait_message(OTHER, PATIENCE_S)
        assert (received.text, received.sender) == ("a text with ünïcode", phone.jid)
        delivered, read = (each for each in told if each["event"] == "receipt")
        assert delivered["ids"] == read["ids"] == [received.id]
        assert delivered["kind"] != read["kind"]

        await client.do("send", to=phone.number, text="to myself")
        await client.expect("sent")
        assert (await lab.wait_message(phone.number, PATIENCE_S)).text == "to myself"

    await lab.restart()
    async with real_client(lab, database, phone.jid) as client:
        await client.expect("connected")
        await lab.send_text(phone.jid, "from a phone", OTHER)
        assert (await client.expect("message"))["text"] == "from a phone"
        await lab.settings(receipts=ReceiptMode.NONE)
        await client.do("send", to=OTHER, text="an answer")
        await client.expect("sent")
        assert (await lab.wait_message(OTHER, PATIENCE_S)).text == "an answer"
    secrets = ("a text with", "to myself", "an answer", "from a phone", "2@")
    log = lab.file.with_name("lab.log").read_text()
    assert not [secret for secret in secrets if secret in log]


async def test_a_message_from_a_restored_database_is_asked_for_again(
    lab: Lab, tmp_path: Path
) -> None:
    database, backup = tmp_path / "one.db", tmp_path / "backup.db"
    async with real_client(lab, database) as client:
        phone = await pair(lab, client)
        await client.do("send", to=OTHER, text="first")
        await client.expect("sent")
    shutil.copy(database, backup)
    async with real_client(lab, database, phone.jid) as client:
        await client.expect("connected")
        await client.do("send", to=OTHER, text="second")
        await client.expect("sent")
    async with real_client(lab, backup, phone.jid) as client:
        await client.expect("connected")
        await client.do("send", to=OTHER, text="third, with keys used before")
        await lab.wait_message(OTHER, PATIENCE_S, nth=3)
    texts = [message.text for message in await lab.messages(OTHER)]
    assert texts == ["first", "second", "third, with keys used before"]


async def test_linked_devices_write_to_each_other_and_get_what_they_missed(
    lab: Lab, tmp_path: Path
) -> None:
    async with real_client(lab, tmp_path / "b.db") as receiver:
        there = await pair(lab, receiver)
    async with real_client(lab, tmp_path / "a.db") as sender:
        await pair(lab, sender)
        await sender.do("send", to=there.number, text="are you there?")
        await sender.expect("sent")
        async with real_client(lab, tmp_path / "b.db", there.jid) as receiver:
            assert (await receiver.expect("message"))["text"] == "are you there?"


async def test_pairing_with_a_code(lab: Lab, tmp_path: Path) -> None:
    async with real_client(lab, tmp_path / "one.db") as client:
        await client.expect("qr")
        await client.do("pair_code", number=OTHER)
        code = (await client.expect("pair_code"))["code"]
        wrong = "1111-1111" if code != "1111-1111" else "2222-2222"
        with pytest.raises(LabError, match="the pairing code is wrong"):
            await lab.enter_code(wrong, OTHER)
        phone = await lab.enter_code(code, OTHER)
        await client.expect("connected")
        await lab.wait_online(phone.jid, PATIENCE_S)


async def test_a_phone_sends_its_history_to_a_client_that_names_no_limit(
    lab: Lab, tmp_path: Path
) -> None:
    async with real_client(lab, tmp_path / "one.db") as client:
        phone = await pair(lab, client)
        await lab.restart()
        await lab.wait_online(phone.jid, PATIENCE_S)

        assert await lab.send_history(phone.jid, 1_000_000, part=100_000, days=280) == 10
        for _ in range(10):
            await client.expect("message")


async def test_scans_that_fail(lab: Lab, tmp_path: Path) -> None:
    await lab.settings(refs=2)
    with pytest.raises(LabError, match="not a linking QR code"):
        await lab.scan("https://example.com/")
    async with real_client(lab, tmp_path / "one.db") as client:
        code = (await client.expect("qr"))["code"]
        await lab.scan(code, outcome=ScanOutcome.NO_MULTIDEVICE)
        status = await client.expect("status")
        assert status["text"] == "err-scanned-without-multidevice"
    async with real_client(lab, tmp_path / "two.db") as client:
        code = (await client.expect("qr"))["code"]
        position = lab.position
        await lab.scan(code, outcome=ScanOutcome.WRONG_HMAC)
        assert (await client.expect("status"))["text"] == "error"
        await lab.wait_event(lambda e: e.kind is EventKind.CLOSE, PATIENCE_S, position=position)
        with pytest.raises(LabError, match="no connection shows this QR code"):
            await lab.scan(code)
    assert (await lab.counters())[EventKind.PAIRED] == 0
