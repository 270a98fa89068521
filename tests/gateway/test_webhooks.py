"""Webhooks of messages, against receivers that fail, hang, redirect, ask for patience and die."""

import asyncio
import logging
import os
import signal
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

import waziterm.alerts.webhook as posting
from tests.alerts.delivering import KEY, OLD_KEY, becomes
from tests.alerts.receiver import OK, Answer, Request, death, receiver, silence, status
from tests.gateway.telling import NUMBER, TEXT, target, telling
from tests.store.files import query
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.delivery import delay_s
from waziterm.domain.errors import FleetError
from waziterm.domain.webhooks.event import MOST_BODY
from waziterm.domain.webhooks.target import Form
from waziterm.store import events_rows
from waziterm.store.errors import StoreError

FAST = 200.0


async def test_an_event_is_signed_as_standard_webhooks_say(tmp_path: Path) -> None:
    async with receiver() as there, telling(tmp_path, target(there.url)) as here:
        await here.take()
        (got,) = await there.until(1)
        body = Verifier(KEY).verify(got.body, dict(got.headers))
        assert got.id.startswith("evt_") and got.headers["content-type"] == "application/json"
        assert (body["type"], body["instance"], body["seq"]) == ("message.received", "shop-1", 1)
        assert set(body) == {"type", "timestamp", "instance", "seq", "data"}
        assert body["data"] == {
            **{"id": "ID1", "chat": "123456789012345@lid", "number": "+62812••••7890"},
            **{"sender": "+62812••••7890@s.whatsapp.net", "push_name": "\x1b[31mred\u202e"},
            **{"at": "2023-11-14T22:13:20.000Z", "kind": "text", "text": TEXT, "is_cut": False},
            **{"is_group": False, "is_own": False, "reply_to": "", "edit_of": "", "media": None},
        }
        with pytest.raises(WebhookVerificationError):
            Verifier(OLD_KEY).verify(got.body, dict(got.headers))
        view = await here.settled()
        assert (view.failed, view.last_error, view.last_sent_at is not None) == (0, "", True)
        assert await here.events.after("i1", 0, 10) == ()


async def test_numbers_are_in_full_for_whom_wants_them(tmp_path: Path) -> None:
    async with receiver() as there:
        full = replace(target(there.url), numbers=Numbers.FULL)
        async with telling(tmp_path, full) as here:
            await here.take()
            (got,) = await there.until(1)
    assert got.json["data"]["number"] == NUMBER
    assert got.json["data"]["sender"] == f"{NUMBER}@s.whatsapp.net"


async def test_a_large_text_is_cut_and_said_to_be(tmp_path: Path) -> None:
    async with receiver() as there, telling(tmp_path, target(there.url)) as here:
        await here.take(text="\x00" * 60_000)
        (got,) = await there.until(1)
    assert got.json["data"]["is_cut"] and len(got.body) <= MOST_BODY


async def test_a_client_of_waziper_is_told_in_its_words(tmp_path: Path) -> None:
    async with receiver() as there:
        old = replace(target(there.url), form=Form.WAZIPER, secrets=())
        async with telling(tmp_path, old, called={"i1": "ABCDEF0123456"}) as here:
            await here.take()
            (got,) = await there.until(1)
            await here.take("i2")
            _, other = await there.until(2)
    assert got.json["instance_id"] == "ABCDEF0123456"
    assert other.json["instance_id"] == "shop-2"
    assert got.json["data"]["event"] == "messages.upsert"
    assert "webhook-signature" not in got.headers


async def test_it_is_tried_until_it_arrives_with_one_id(tmp_path: Path) -> None:
    answers: list[Answer] = [
        status(500),
        death,
        status(302, "Location: http://127.0.0.1/x"),
        status(429),
    ]
    async with (
        receiver(*answers) as there,
        telling(tmp_path, target(there.url), speed=FAST) as here,
    ):
        await here.take()
        got = await there.until(5)
        await here.settled()
    assert len({each.id for each in got}) == 1 and len({each.body for each in got}) == 1
    waits = [(b.at - a.at) * FAST for a, b in pairwise(got)]
    assert all(waited >= delay_s(tries, 0.0) for tries, waited in enumerate(waits))


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 422])
async def test_what_is_refused_for_good_is_given_up_and_the_next_one_goes(
    tmp_path: Path, code: int
) -> None:
    async with receiver(status(code)) as there, telling(tmp_path, target(there.url)) as here:
        await here.take(count=2)
        await there.until(2)
        view = await here.settled()
        assert (view.failed, len(there.got)) == (1, 2)
        (failed,) = await here.webhooks.failed()
        assert (failed.error, failed.tries, failed.is_kept) == (f"HTTP {code}", 1, True)
        (again,) = await here.webhooks.retry(failed.id)
        assert again.id == failed.id
        got = await there.until(3)
        assert got[2].id == failed.id and (await here.settled()).failed == 0
        with pytest.raises(FleetError, match="no event that was given up"):
            await here.webhooks.retry("evt_nobody")


async def test_an_instance_that_fails_holds_no_other_and_keeps_its_order(tmp_path: Path) -> None:
    fails = True

    def judge(request: Request) -> bytes:
        return status(503) if fails and request.json["instance"] == "shop-1" else OK

    async with receiver() as there, telling(tmp_path, target(there.url), speed=FAST) as here:
        there.judge = judge
        for instance in ("i1", "i2", "i1", "i2"):
            await here.take(instance, 5)
        await becomes(lambda: _count(there.got, "shop-2", 10))
        assert {each.json["seq"] for each in there.got if each.json["instance"] == "shop-1"} == {1}
        fails = False
        await here.settled()
    for name in ("shop-1", "shop-2"):
        seqs = [each.json["seq"] for each in there.got if each.json["instance"] == name]
        assert sorted(set(seqs)) == list(range(1, 11)) and seqs == sorted(seqs)


async def _count(got: list[Request], instance: str, count: int) -> bool:
    return [each.json["instance"] for each in got].count(instance) >= count


async def test_retry_after_holds_all_of_a_target(tmp_path: Path) -> None:
    answers = [status(503, "Retry-After: 100")]
    async with (
        receiver(*answers) as there,
        telling(tmp_path, target(there.url), speed=FAST) as here,
    ):
        await here.take("i1")
        await there.until(1)
        await here.error()
        await here.take("i2")
        got = await there.until(3)
        await here.settled()
    assert (got[1].at - got[0].at) * FAST >= 99


async def test_a_dead_receiver_delays_no_other_and_several_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "DEADLINE_S", 1.0)
    async with receiver() as slow, receiver() as well:
        slow.judge = lambda _: silence
        targets = target(slow.url, "slow"), target(well.url, "well")
        async with telling(tmp_path, *targets) as here:
            for number in range(30):
                await here.take(f"i{number}")
            await well.until(30, 5)
            await slow.until(20, 5)
            assert (await here.view("slow")).pending == 30


async def test_a_huge_answer_is_not_read(tmp_path: Path) -> None:
    async def pours(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with receiver(pours) as there, telling(tmp_path, target(there.url)) as here:
        await here.take(count=2)
        await there.until(2)
        assert (await here.settled()).failed == 0


async def test_one_connection_serves_many_events(tmp_path: Path) -> None:
    connections = Counter[int]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            except asyncio.IncompleteReadError:
                writer.close()
                return
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            await reader.readexactly(int(length))
            connections[writer.get_extra_info("peername")[1]] += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, telling(tmp_path, target(f"http://127.0.0.1:{port}/")) as here:
        await here.take(count=20)
        await here.settled()
    assert list(connections.values()) == [20]


async def test_a_restart_goes_on_and_what_waits_for_one_that_is_gone_is_given_up(
    tmp_path: Path,
) -> None:
    async with receiver() as there:
        made = target(there.url)
        async with telling(
            tmp_path, replace(made, instances=("nobody",)), target("http://x/", "b")
        ):
            pass
        async with telling(tmp_path, target("http://127.0.0.1:9/", "crm")) as here:
            await here.take(count=3)
            await here.error()
        async with telling(tmp_path, made) as here:
            got = await there.until(3)
            assert [each.json["seq"] for each in got] == [1, 2, 3]
            await here.settled()
            here.webhooks.apply([replace(made, instances=("shop-1",), url=made.url)])
        async with telling(tmp_path, target("http://127.0.0.1:9/", "crm")) as here:
            await here.take()
            here.webhooks.apply([])

            async def given_up() -> bool:
                return bool(await here.webhooks.failed())

            await becomes(given_up)
            (failed,) = await here.webhooks.failed()
            assert failed.error == events_rows.GONE
            here.webhooks.apply([made])
            assert len(await here.webhooks.retry(None)) == 1
            await there.until(4)
            await here.settled()


async def test_a_test_is_a_signed_post_that_tells_nothing(tmp_path: Path) -> None:
    async with receiver(status(500)) as there:
        made = target(there.url), target("http://127.0.0.1:9/", "dead")
        async with telling(tmp_path, *made) as here:
            bad, dead = await here.webhooks.test(None)
            assert (bad.webhook, bad.ok, bad.error) == ("crm", False, "HTTP 500")
            assert dead.error == "cannot connect: Connection refused"
            (good,) = await here.webhooks.test("crm")
            assert (
                good.ok
                and Verifier(KEY).verify(there.got[1].body, dict(there.got[1].headers))["type"]
                == "test"
            )
            with pytest.raises(FleetError, match="no webhook is called 'x'"):
                await here.webhooks.test("x")
            here.webhooks.apply([])
            with pytest.raises(FleetError, match="no webhook is set"):
                await here.webhooks.test(None)
    assert not (tmp_path / "messages.db").exists()


async def test_no_secret_and_no_text_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    answers: list[Answer] = [status(500, body=TEXT), death, status(410)]
    async with (
        receiver(*answers) as there,
        telling(tmp_path, target(there.url), speed=FAST) as here,
    ):
        await here.take()
        await there.until(3)
        await here.settled()
    for secret in (TEXT, NUMBER, KEY, "s3cret-path"):
        assert secret not in caplog.text
    assert "webhook crm: evt_" in caplog.text


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.gateway.telling import target, telling

async def main():
    async with telling(Path(sys.argv[1]), target(sys.argv[2])) as here:
        print("begun", flush=True)
        for number in range(100_000):
            await here.take(f"i{number % 5}")

asyncio.run(main())
"""


async def test_a_kill_at_any_moment_loses_none_and_renames_none(tmp_path: Path) -> None:
    async with receiver() as there:
        for wait_s in (0.2, 0.35, 0.5):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", KILLED, str(tmp_path), there.url),
                stdout=asyncio.subprocess.PIPE,
                env=dict(os.environ, PYTHONPATH=str(Path.cwd())),
            )
            assert process.stdout is not None
            assert await process.stdout.readline() == b"begun\n"
            await asyncio.sleep(wait_s)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        async with telling(tmp_path, target(there.url)) as here:
            await here.settled()
        seen: dict[tuple[str, int], set[str]] = {}
        for each in there.got:
            seen.setdefault((each.json["instance"], each.json["seq"]), set()).add(each.id)
        assert all(len(ids) == 1 for ids in seen.values())
        last = query(tmp_path / "messages.db", "SELECT name, seq FROM seqs")
        assert len(last) == 5 and len(seen) == sum(seq for _, seq in last) > 10


async def test_a_file_that_refuses_has_no_event_told_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, aside = tmp_path / "messages.db", tmp_path / "aside.db"

    async def moves(_: Request, writer: asyncio.StreamWriter) -> None:
        # From the moment on at which the receiver has it, nothing can be written.
        path.rename(aside)
        writer.write(OK)
        await writer.drain()

    async with receiver(moves) as there, telling(tmp_path, target(there.url), speed=FAST) as here:
        await here.take(count=2)
        await there.until(1)
        with pytest.raises(StoreError, match="moved, deleted or replaced"):
            await here.take("i2")

        async def said() -> bool:
            return "moved, deleted or replaced" in caplog.text

        await becomes(said)
        assert len(there.got) == 1
        aside.rename(path)
        await here.take("i2")
        await here.settled()
    got = [(each.json["instance"], each.json["seq"]) for each in there.got]
    assert sorted(got) == [("shop-1", 1), ("shop-1", 2), ("shop-2", 1)]


async def test_a_full_disk_takes_nothing_and_goes_on(tmp_path: Path) -> None:
    async with receiver() as there, telling(tmp_path, target(there.url), speed=FAST) as here:
        await here.take()
        await here.settled()
        assert here.file.store is not None
        connection = here.file.store._connection

        async def limit(pages: int) -> None:
            sql = f"PRAGMA max_page_count = {pages}"
            await connection.read(lambda db: db.execute(sql).fetchone())

        await limit(1)
        with pytest.raises(StoreError, match="the disk is full, nothing was written"):
            for _ in range(50):
                await here.take("i2", count=20)
        await limit(1_000_000)
        before = await here.events.read_to("i2".rjust(16, "0"))
        here.taken.pop("i2", None)
        await here.take("i2")
        await here.settled()
    got = [(each.json["instance"], each.json["seq"]) for each in there.got]
    assert len(got) == len(set(got)) == 2 + before
