"""Webhooks, against a receiver that fails, hangs, redirects, asks for patience and dies."""

import asyncio
import email.utils
import itertools
import logging
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

import waziterm.alerts.webhook as webhooks
from tests.alerts.delivering import (
    KEY,
    NUMBER,
    OLD_KEY,
    alert,
    becomes,
    delivering,
    last_error,
    put,
    settled,
    webhook,
)
from tests.alerts.receiver import OK, Request, death, receiver, silence, status
from waziterm.alerts.webhook import Webhook
from waziterm.domain.alerts.alert import AlertState
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.delivery import Letter, NotYet, body_of
from waziterm.domain.secret import Secret

FAST = 200.0


async def test_a_message_is_signed_as_standard_webhooks_say(folder: Path) -> None:
    async with receiver() as there, delivering(folder, webhook(there.url)) as (outbox, store):
        await put(outbox, store, alert(), "ops")
        (got,) = await there.until(1)
        body = Verifier(KEY).verify(got.body, dict(got.headers))
        assert body["instance"] == "shop-a" and body["state"] == "firing"
        assert got.headers["content-type"] == "application/json"
        assert got.path == "/hook/s3cret-path"
        with pytest.raises(WebhookVerificationError):
            Verifier(KEY).verify(got.body + b" ", dict(got.headers))
        with pytest.raises(WebhookVerificationError):
            Verifier(OLD_KEY).verify(got.body, dict(got.headers))
        await settled(store)


async def test_what_a_message_needs_is_there_before_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading it takes a second on a busy machine, which the first message would be late by."""
    monkeypatch.delitem(sys.modules, "httpx")
    async with receiver() as there, delivering(folder, webhook(there.url), speed=FAST) as (_, _):
        await becomes(_has_httpx)
        assert there.got == []


async def _has_httpx() -> bool:
    return "httpx" in sys.modules


async def test_both_secrets_are_good_while_one_is_changed(folder: Path) -> None:
    async with (
        receiver() as there,
        delivering(folder, webhook(there.url, "ops", KEY, OLD_KEY)) as (outbox, store),
    ):
        await put(outbox, store, alert(), "ops")
        (got,) = await there.until(1)
        for key in (KEY, OLD_KEY):
            assert Verifier(key).verify(got.body, dict(got.headers))


async def test_a_sink_that_is_unsigned_has_no_signature(folder: Path) -> None:
    async with receiver() as there:
        sink = replace(webhook(there.url), secrets=(), unsigned=True)
        async with delivering(folder, sink) as (outbox, store):
            await put(outbox, store, alert(), "ops")
            (got,) = await there.until(1)
            assert "webhook-signature" not in got.headers and got.id.startswith("msg_")


async def test_it_is_told_until_it_arrives_with_one_id_and_a_new_timestamp(folder: Path) -> None:
    async with (
        receiver(status(500), death, status(503), status(302, "Location: /elsewhere")) as there,
        delivering(folder, webhook(there.url), speed=FAST) as (outbox, store),
    ):
        await put(outbox, store, alert(), "ops")
        got = await there.until(5)
        await settled(store)
        assert len({each.id for each in got}) == 1
        assert {each.path for each in got} == {"/hook/s3cret-path"}, "a redirect was followed"
        assert len({each.body for each in got}) == 1
        moments = [int(each.headers["webhook-timestamp"]) for each in got]
        assert moments == sorted(set(moments))
        waits = [(b.at - a.at) * FAST for a, b in itertools.pairwise(got)]
        for wait, least in zip(waits, (4.5, 9, 18, 36), strict=True):
            assert wait >= least
        assert outbox.counts[0].sent == 1 and outbox.counts[0].pending == 0


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 422])
async def test_what_is_refused_for_good_is_not_told_again(folder: Path, code: int) -> None:
    async with (
        receiver(status(code)) as there,
        delivering(folder, webhook(there.url), speed=FAST) as (outbox, store),
    ):
        await put(outbox, store, alert(), "ops")
        await there.until(1)
        await settled(store)
        (failed,) = await store.failed_alerts()
        assert (failed.error, failed.tries, failed.sink) == (f"HTTP {code}", 1, "ops")
        assert failed.text == alert().text
        # It can be tried anew, and keeps its id.
        assert await outbox.retry(failed.id) == (failed,)
        got = await there.until(2)
        await settled(store)
        assert {each.id for each in got} == {failed.id}
        assert not await store.failed_alerts()


@pytest.mark.parametrize("dated", [False, True])
async def test_retry_after_holds_the_sink(folder: Path, dated: bool) -> None:
    asked = email.utils.formatdate(time.time() + 100, usegmt=True) if dated else "100"
    async with (
        receiver(status(429, f"Retry-After: {asked}")) as there,
        delivering(folder, webhook(there.url), speed=FAST) as (outbox, store),
    ):
        await put(outbox, store, alert(1, "shop-a"), "ops")
        await there.until(1)
        await put(outbox, store, alert(2, "shop-b"), "ops")
        got = await there.until(3)
        await settled(store)
        assert (got[1].at - got[0].at) * FAST >= (90 if dated else 99)
        assert got[1].id != got[2].id, "both came, after the pause"


async def test_a_sink_that_hangs_delays_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "DEADLINE_S", 0.5)
    async with (
        receiver(silence) as slow,
        receiver() as well,
        delivering(folder, webhook(slow.url, "slow"), webhook(well.url, "well"), speed=FAST) as (
            outbox,
            store,
        ),
    ):
        for number in range(5):
            await put(outbox, store, alert(number, f"shop-{number}"), "slow", "well")
        await well.until(5, 0.5 + 5.0)
        await settled(store, "slow")
        assert len({each.id for each in slow.got}) == 5 and len(slow.got) == 6
        assert {each.id for each in slow.got}.isdisjoint(each.id for each in well.got)


async def test_a_name_that_is_looked_up_in_vain_holds_up_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhooks, "CONNECT_S", 0.5)
    asked, over = [], threading.Event()

    def hang(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        over.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    letter = Letter("msg_1", time.time(), body_of(alert()))
    # More than the program's pool of threads has, by which it reads its files.
    sinks = [
        Webhook(Secret(f"http://sink-{number}.example/"), (), Numbers.MASKED)
        for number in range(40)
    ]
    try:
        for _ in range(2):
            outcomes = await asyncio.gather(*(sink.send(letter) for sink in sinks))
            assert set(outcomes) == {NotYet("its name is still being looked up")}
        assert len(asked) == len(sinks), "one look-up for each, not one for each try"
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: 7) == 7
    finally:
        over.set()
    outcomes = await asyncio.gather(*(sink.send(letter) for sink in sinks))
    assert set(outcomes) == {NotYet("cannot connect: Temporary failure in name resolution")}


async def test_nobody_listens(folder: Path) -> None:
    async with receiver() as there:
        sink = webhook(there.url)
    async with delivering(folder, sink) as (outbox, store):
        await put(outbox, store, alert(), "ops")
        assert await last_error(store) == "cannot connect: Connection refused"


async def test_messages_of_one_instance_keep_their_order_and_others_pass(folder: Path) -> None:
    failing = {"shop-a"}

    def judge(request: Request) -> bytes:
        return status(500) if request.json["instance"] in failing else OK

    async with (
        receiver() as there,
        delivering(folder, webhook(there.url), speed=FAST) as (outbox, store),
    ):
        there.judge = judge
        await put(outbox, store, alert(1, "shop-a"), "ops")
        await put(outbox, store, alert(1, "shop-a", state=AlertState.RESOLVED), "ops")
        await put(outbox, store, alert(2, "shop-b"), "ops")
        await there.until(3)
        failing.clear()
        await settled(store)
        told = [(each.json["instance"], each.json["state"]) for each in there.got]
        first_resolved = told.index(("shop-a", "resolved"))
        assert told.index(("shop-b", "firing")) < first_resolved
        assert ("shop-a", "firing") not in told[first_resolved:]


async def test_numbers_are_masked_unless_the_sink_wants_them(folder: Path) -> None:
    async with receiver() as masked, receiver() as full:
        sinks = (webhook(masked.url, "a"), replace(webhook(full.url, "b"), numbers=Numbers.FULL))
        async with delivering(folder, *sinks) as (outbox, store):
            await put(outbox, store, alert(), "a", "b")
            (shown,), (told,) = await masked.until(1), await full.until(1)
    assert NUMBER[1:].encode() not in shown.body and shown.json["number"] == "+62812••••7890"
    assert told.json["number"] == NUMBER
    assert shown.id != told.id


async def test_a_long_answer_is_not_read(folder: Path) -> None:
    sent = 0

    async def flood(_request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()

    async with (
        receiver(flood) as there,
        delivering(folder, webhook(there.url)) as (outbox, store),
    ):
        await put(outbox, store, alert(), "ops")
        await there.until(1)
        await settled(store)
        assert outbox.counts[0].sent == 1
    assert sent < 20_000_000


async def test_no_secret_is_logged_or_kept(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    async with receiver(status(500), death, status(401, body="s3cret-answer")) as there:  # noqa: SIM117 (a URL)
        async with delivering(folder, webhook(there.url), speed=FAST) as (outbox, store):
            await put(outbox, store, alert(), "ops")
            await there.until(3)
            await settled(store)
            await put(outbox, store, alert(2), "ops")
            await there.until(4)
            await settled(store)
    kept = b"".join(path.read_bytes() for path in folder.iterdir())  # noqa: ASYNC240
    for secret in ("s3cret", KEY.removeprefix("whsec_")):
        assert secret not in caplog.text
        assert secret.encode() not in kept
    assert "is given up: HTTP 401" in caplog.text
    assert NUMBER[1:] not in caplog.text
