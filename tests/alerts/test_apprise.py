"""Apprise: a receiver of its JSON, one of mail, and services that say no or nothing."""

import asyncio
import logging
import threading
from dataclasses import replace
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

import waziterm.alerts.apprise as apprises
from tests.alerts.delivering import NUMBER, PLAIN, alert, delivering, put, settled
from tests.alerts.receiver import Receiver, receiver, silence, status
from waziterm.alerts.apprise import AppriseChannel
from waziterm.domain.alerts.alert import AlertState
from waziterm.domain.alerts.alert_settings import Numbers, Sink
from waziterm.domain.alerts.delivery import Arrived, Letter, NotYet, body_of
from waziterm.domain.secret import Secret

FAST = 200.0
LETTER = Letter("msg_1", 0.0, body_of(alert()))


def url(there: Receiver) -> str:
    return f"json://user:s3cretpass@127.0.0.1:{there.port}/s3cretpath?cto=2&rto=20"


def sink(there: Receiver, **changes: object) -> Sink:
    return replace(PLAIN, apprise=Secret(url(there)), **changes)  # type: ignore[arg-type]


async def test_a_receiver_of_its_json(folder: Path) -> None:
    async with (
        receiver(status(500)) as there,
        delivering(folder, sink(there), speed=FAST) as (outbox, store),
    ):
        await put(outbox, store, alert(), "ops")
        await put(outbox, store, alert(state=AlertState.RESOLVED), "ops")
        got = await there.until(3)
        await settled(store)
        first, again, over = (each.json for each in got)
        assert first["message"] == again["message"] == alert().text
        assert (again["title"], again["type"]) == ("waziterm: held shop-a", "failure")
        assert (over["title"], over["type"]) == ("waziterm: held shop-a (resolved)", "success")
        assert NUMBER[1:] not in str(got)


class Postbox:
    """Keeps the mail that comes."""

    def __init__(self) -> None:
        self.mail: list[Message] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mail.append(BytesParser().parsebytes(envelope.content))
        return "250 OK"


async def test_a_mail(folder: Path) -> None:
    box = Postbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        mailto = Secret(f"mailto://127.0.0.1:{port}?from=ops@example.org&to=me@example.org")
        mail = replace(PLAIN, apprise=mailto, numbers=Numbers.FULL)
        async with delivering(folder, mail, speed=FAST) as (outbox, store):
            await put(outbox, store, alert(), "ops")
            await settled(store)
            assert not await store.failed_alerts()
    (mail_got,) = box.mail
    assert mail_got["Subject"] == "waziterm: held shop-a" and "me@example.org" in mail_got["To"]
    texts = [part.get_payload(decode=True) for part in mail_got.walk() if not part.is_multipart()]
    assert any(isinstance(each, bytes) and NUMBER.encode() in each for each in texts)


@pytest.mark.parametrize("bad", ["nosuch://x", "json://"])
async def test_a_url_that_it_does_not_know(bad: str) -> None:
    channel = AppriseChannel("ops", Secret(bad), Numbers.MASKED)
    outcome = await channel.send(LETTER)
    await channel.close()
    assert isinstance(outcome, NotYet) and outcome.why


async def test_its_reasons_are_told_and_its_secrets_are_not(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "waziterm")
    caplog.set_level(logging.INFO)
    async with receiver(status(401, body="s3cretanswer")) as there:
        channel = AppriseChannel("ops", Secret(url(there)), Numbers.MASKED)
        outcome = await channel.send(LETTER)
        await channel.close()
        gone = Secret(url(there))
    assert isinstance(outcome, NotYet) and "401" in outcome.why
    channel = AppriseChannel("ops", gone, Numbers.MASKED)
    refused = await channel.send(LETTER)
    await channel.close()
    assert isinstance(refused, NotYet)
    for said in (outcome.why, refused.why, caplog.text):
        assert "s3cret" not in said and "user" not in said


async def test_a_service_that_hangs_costs_its_deadline_and_no_second_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apprises, "DEADLINE_S", 0.5)
    goes = asyncio.Event()

    async with receiver() as there:

        async def late(*_: object) -> None:
            await goes.wait()

        there.answers = [silence]
        channel = AppriseChannel("ops", Secret(url(there)), Numbers.MASKED)
        assert await channel.send(LETTER) == NotYet("no answer within 0 s")
        other = Letter("msg_2", 0.0, LETTER.body)
        assert await channel.send(other) == NotYet("it is still busy with another message")
        assert sum(thread.name == "alerts ops" for thread in threading.enumerate()) == 1
        assert len(there.got) == 1
    # The receiver is gone with the connection, so the first one is over.
    monkeypatch.setattr(apprises, "DEADLINE_S", 20.0)
    assert isinstance(await channel.send(LETTER), NotYet)
    await channel.close()


async def test_what_arrives_late_is_not_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprises, "DEADLINE_S", 0.3)
    goes = asyncio.Event()

    async def late(_request: object, writer: asyncio.StreamWriter) -> None:
        await goes.wait()
        writer.write(status(200))
        await writer.drain()

    async with receiver(late) as there:
        channel = AppriseChannel("ops", Secret(url(there)), Numbers.MASKED)
        while (first := await channel.send(LETTER)) != NotYet("no answer within 0 s"):
            raise AssertionError(first)
        goes.set()
        monkeypatch.setattr(apprises, "DEADLINE_S", 20.0)
        assert await channel.send(LETTER) == Arrived()
        assert len(there.got) == 1
        await channel.close()
