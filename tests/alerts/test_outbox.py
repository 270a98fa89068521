"""The outbox of a manager: what is kept, over a reload, a restart, and SIGKILL at any moment."""

import asyncio
import contextlib
import json
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.alerts.delivering import (
    KEY,
    NUMBER,
    alert,
    becomes,
    delivering,
    last_error,
    put,
    settled,
    told_by,
    webhook,
    write,
)
from tests.alerts.receiver import OK, Answer, Receiver, Request, death, receiver, status
from tests.programs import Headless, headless, verb
from waziterm.config import load_settings
from waziterm.domain.alerts.alert import AlertState
from waziterm.domain.alerts.delivery import Delivery, Settled
from waziterm.domain.errors import FleetError
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.health.metrics import exposition
from waziterm.manager.manager import open_manager
from waziterm.store.records import Change
from waziterm.store.store import Store, open_store

FAST = 200.0
RIVAL = Incident(Reason.RIVAL, 1.0, 1.0, ("shop-a",), 1)


async def with_incident(store: Store) -> int:
    """An instance that is held; the number of its incident."""
    held = Instance("shop-a", created_at=1.0, since=1.0)
    await store.save(held, event="Added", at=1.0)
    met = replace(RIVAL, met=(held.id,))
    recorded = await store.record(Change(held, None, 1.0, incident=met))
    assert recorded.incident is not None
    return recorded.incident.id


def config(folder: Path, *sinks: tuple[str, str]) -> Path:
    """A config file with webhooks. sinks: name and URL of each."""
    file = folder / "config.toml"
    told = "".join(
        f'[[alerts.sinks]]\nname = "{name}"\nwebhook = "{url}"\nsecret = "{KEY}"\n'
        for name, url in sinks
    )
    file.write_text(told)
    file.chmod(0o600)
    return file


async def test_a_restart_sends_what_is_due_and_waits_for_what_is_not(folder: Path) -> None:
    async with receiver() as gone:
        sink = webhook(gone.url)
    async with open_store(folder / "waziterm.db") as store:
        await write(store, alert(1, "shop-a"), "ops")
        await write(store, alert(2, "shop-b"), "ops")
        (first, _) = await store.waiting("ops")
        later = Settled(Delivery.PENDING, 3600.0, 3600.0, 4, "HTTP 500")
        # As a clock that was set far ahead at the time has it: no wait is longer than it was meant.
        await store.settle(first.number, later, first.due + 10_000_000)
    async with receiver() as there:
        sink = webhook(there.url)
        began = time.monotonic()
        async with delivering(folder, sink, speed=3600.0) as (_, store):
            got = await there.until(2)
            await settled(store)
    assert [each.json["instance"] for each in got] == ["shop-b", "shop-a"]
    assert (got[1].at - began) * 3600.0 > 3600.0


async def test_what_waits_for_a_sink_that_is_gone_is_given_up_and_can_come_back(
    folder: Path,
) -> None:
    async with receiver() as there:
        sink = webhook(there.url)
        async with delivering(folder, replace(sink, name="other")) as (outbox, store):
            await put(outbox, store, alert(), "ops")
            outbox.apply(told_by(replace(sink, name="other")))
            failed = await becomes(store.failed_alerts)
            assert "no sink of the settings" in failed[0].error
            with pytest.raises(FleetError, match="no message that was given up"):
                await outbox.retry(failed[0].id)
            outbox.apply(told_by(sink))
            await outbox.retry(None)
            (got,) = await there.until(1)
            await settled(store)
            assert got.id == failed[0].id
            with pytest.raises(FleetError, match="no sink is called"):
                await outbox.test("other")


@pytest.mark.parametrize("damage", ["keys = 'no JSON'", "keys = '5'", "body = 'no JSON'"])
async def test_a_damaged_message_holds_no_other_one_back(folder: Path, damage: str) -> None:
    database = folder / "waziterm.db"
    async with open_store(database) as store:
        await write(store, alert(1, "shop-a"), "ops")
        await write(store, alert(2, "shop-b"), "ops")
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(f"UPDATE outbox SET {damage} WHERE incident = '1'")
    async with receiver() as there, delivering(folder, webhook(there.url)) as (_, store):
        (got,) = await there.until(1)
        assert got.json["instance"] == "shop-b"
        assert await store.damaged_history() == {"outbox": 1}
        assert await store.failed_alerts() == ()
        await settled(store)
        with closing(sqlite3.connect(database)) as db:
            rows = dict(db.execute("SELECT incident, state FROM outbox"))
        assert rows == {"1": "failed", "2": "sent"}, "nothing waits that nobody can send"
        (record,) = (await store.sink_records()).values()
        assert (record.pending, record.failed, record.last_error) == (0, 0, "")
        assert list(await store.told([1, 2])) == [2]
        # It ends with its age, as all do.
        await store.prune(time.time() + 60.0, await store.newest_rows())
        assert await store.damaged_history() == {}


async def test_a_sink_that_is_changed_goes_on_where_it_is_now(folder: Path) -> None:
    async with receiver(*[status(500)] * 9) as old, receiver() as new:  # noqa: SIM117 (a URL)
        async with delivering(folder, webhook(old.url)) as (outbox, store):
            await put(outbox, store, alert(), "ops")
            (tried,) = await old.until(1)
            assert await last_error(store) == "HTTP 500"
            outbox.apply(told_by(webhook(new.url)))
            assert outbox.counts[0].name == "ops"
            # Its wait does not end with the change: five seconds after the try.
            (got,) = await new.until(1)
            assert got.id == tried.id and got.at - tried.at > 4.0


async def test_a_disk_that_refuses_makes_no_message_twice(folder: Path) -> None:
    async with (
        receiver() as there,
        delivering(folder, webhook(there.url), speed=50.0) as (
            outbox,
            store,
        ),
    ):
        await put(outbox, store, alert(), "ops")
        await there.until(1)
        await settled(store)
        await write(store, alert(2), "ops")
        locker = sqlite3.connect(folder / "waziterm.db", isolation_level=None)
        with closing(locker):
            there.judge = lambda _: (locker.execute("BEGIN IMMEDIATE"), OK)[1]
            outbox.wake()
            await there.until(2)
            await asyncio.to_thread(_refused, store, asyncio.get_running_loop())
            locker.execute("ROLLBACK")
        await settled(store)
        assert len(there.got) == 2


def _refused(store: Store, loop: asyncio.AbstractEventLoop) -> None:
    """Wait until the store has refused to write at least once: others are refused as well then."""
    asking = asyncio.run_coroutine_threadsafe(store.set_meta("x", "y"), loop)
    assert isinstance(asking.exception(20), FleetError)


async def test_the_janitor_s_limit_takes_what_is_over_and_nothing_that_waits(folder: Path) -> None:
    async with open_store(folder / "waziterm.db") as store:
        for number in range(3):
            await write(store, alert(number, f"shop-{number}", at=100.0), "ops")
        first, second, _ = await store.waiting("ops")
        await store.settle(first.number, Settled(Delivery.SENT, 0, 0, 1, ""), 100.0)
        await store.settle(second.number, Settled(Delivery.FAILED, 0, 0, 1, "no"), 100.0)
        await store.prune(200.0, await store.newest_rows())
        assert not await store.failed_alerts()
        assert len(await store.waiting("ops")) == 1


async def test_a_manager_tells_who_was_told_and_counts_it(folder: Path) -> None:
    async with receiver() as there, receiver(*[status(500)] * 99) as bad:
        file = config(folder, ("ops", there.url), ("bad", bad.url))
        settings = load_settings(data_dir=folder / "data", file=file)
        async with open_manager(folder / "data", settings, None) as fleet:
            number = await with_incident(fleet._store)
            await put(fleet.outbox, fleet._store, alert(number), "ops", "bad")
            await asyncio.gather(there.until(1), bad.until(1))
            await settled(fleet._store, "ops")
            (incident,) = await fleet.incidents()
            assert [(each.sink, each.ok) for each in incident.told] == [
                ("ops", True),
                ("bad", None),
            ]
            shown = {sink.name: sink for sink in (await fleet.alerts()).sinks}
            assert shown["ops"].last_sent_at and shown["ops"].where == there.url.removesuffix(
                "/hook/s3cret-path"
            )
            assert shown["bad"].pending == 1
            tests = {each.sink: each for each in await fleet.test_alerts()}
            assert tests["ops"].ok and tests["bad"].error == "HTTP 500"
            assert (await there.until(2))[1].json["rule"] == "test"
            metrics = exposition(fleet.snapshot()).decode()
            assert 'waziterm_alerts_sent_total{sink="ops"} 1.0' in metrics
            assert 'waziterm_alerts_pending{sink="bad"} 1.0' in metrics
            config(folder, ("ops", there.url))
            assert (await fleet.reload()).errors == ()
            assert await becomes(fleet.failed_alerts)
            assert (
                'waziterm_alerts_pending{sink="bad"} 0.0' in exposition(fleet.snapshot()).decode()
            )


# -- the whole program ------------------------------------------------------------------------


def lab_file(folder: Path) -> Path:
    """A lab that nobody of an empty fleet will look for."""
    file = folder / "lab.json"
    (folder / "ca.pem").touch()
    told = {
        "proxy": "http://127.0.0.1:9",
        "ca_file": str(folder / "ca.pem"),
        "noise_root_key": "ab" * 32,
    }
    file.write_text(json.dumps(told))
    return file


def program(folder: Path) -> contextlib.AbstractAsyncContextManager[Headless]:
    """A headless manager with the folder's config."""
    return headless(folder / "data", lab_file(folder), XDG_CONFIG_HOME=str(folder / "home"))


def configured(folder: Path, there: Receiver) -> None:
    home = folder / "home" / "waziterm"
    home.mkdir(parents=True)
    config(home, ("ops", there.url))


@pytest.mark.parametrize(
    "kills", [pytest.param(3, id="3"), pytest.param(50, id="50", marks=pytest.mark.soak)]
)
async def test_a_kill_at_any_moment_loses_none_and_renames_none(folder: Path, kills: int) -> None:
    random = Random(kills)

    async def slow(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(random.uniform(0.0, 0.15))
        writer.write(OK)
        await writer.drain()

    def judge(_: Request) -> Answer:
        return random.choices((slow, death), (30, 1))[0]

    data, written = folder / "data", dict[str, tuple[str, int]]()
    data.mkdir(mode=0o700)
    async with receiver() as there:
        there.judge = judge
        configured(folder, there)
        for turn in range(kills + 1):
            async with open_store(data / "waziterm.db") as store:
                for number in range(6):
                    name = f"shop-{number % 3}"
                    made = alert(number % 3, name, code=f"{turn * 10 + number:05d}")
                    await write(store, made, "ops")
            with closing(sqlite3.connect(data / "waziterm.db")) as db:
                for message, body in db.execute("SELECT message, body FROM outbox"):
                    if body:
                        told = json.loads(body)
                        written[message] = (told["instance"], int(told["code"]))
            async with program(folder) as running:
                if turn == kills:
                    there.judge = None
                    await until_empty(data)
                else:
                    await asyncio.sleep(random.uniform(0.0, 0.4))
                    assert await running.end(signal.SIGKILL) == -signal.SIGKILL
    arrived = {each.id for each in there.got}
    assert len(written) == 6 * (kills + 1)
    assert arrived == set(written), "one was lost, or came under a new id"
    for name in ("shop-0", "shop-1", "shop-2"):
        codes = [int(each.json["code"]) for each in there.got if each.json["instance"] == name]
        news = [code for place, code in enumerate(codes) if code not in codes[:place]]
        assert news == sorted(news), f"{name}'s came out of order: {codes}"
    with closing(sqlite3.connect(data / "waziterm.db")) as db:
        assert not db.execute("SELECT * FROM outbox WHERE state != 'sent'").fetchall()


async def until_empty(data: Path) -> None:
    """Wait until the manager has nothing to send any more."""
    with closing(sqlite3.connect(data / "waziterm.db")) as db:

        async def is_empty() -> bool:
            return not db.execute("SELECT 1 FROM outbox WHERE state = 'pending'").fetchone()

        await becomes(is_empty, 60.0)


async def test_no_secret_and_no_number_is_in_what_the_program_writes(folder: Path) -> None:
    (folder / "data").mkdir(mode=0o700)
    async with receiver(status(500), status(404)) as there:
        configured(folder, there)
        async with open_store(folder / "data" / "waziterm.db") as store:
            await write(store, alert(1, "shop-a"), "ops")
            await write(store, alert(2, "shop-b", state=AlertState.RESOLVED), "ops")
        async with program(folder) as running:
            await there.until(2)
            home = {"XDG_CONFIG_HOME": str(folder / "home")}
            said = [
                await verb(*line.split(), data_dir=folder / "data", **home)
                for line in ("alerts --json", "alerts test", "alerts retry --json")
            ]
            assert await running.end(signal.SIGTERM) == 0
    for each in said:
        assert each.code == 0, each
        for secret in ("s3cret", KEY, NUMBER[1:]):
            assert secret not in each.stdout + each.stderr
    log = (folder / "data" / "logs" / "waziterm.log").read_text()
    assert "sink ops: HTTP 500" in log and "is given up: HTTP 404" in log
    for path in (folder / "data").rglob("*"):
        if path.is_file() and path.suffix != ".sock":
            text = path.read_bytes()
            assert b"s3cret" not in text and KEY.encode() not in text
            assert NUMBER[1:].encode() not in text or path.name.startswith("waziterm.db")
    for request in there.got:
        assert NUMBER[1:].encode() not in request.body


async def test_a_hanging_receiver_does_not_hold_up_the_end(folder: Path) -> None:
    (folder / "data").mkdir(mode=0o700)
    stuck = asyncio.Event()

    async def hang(_request: Request, _writer: asyncio.StreamWriter) -> None:
        stuck.set()
        await asyncio.sleep(3600)

    async with receiver(hang) as there:
        configured(folder, there)
        async with open_store(folder / "data" / "waziterm.db") as store:
            await write(store, alert(), "ops")
        async with program(folder) as running:
            await stuck.wait()
            async with asyncio.timeout(5):
                assert await running.end(signal.SIGTERM) == 0
    async with open_store(folder / "data" / "waziterm.db") as store:
        (waiting,) = await store.waiting("ops")
    assert waiting.id == there.got[0].id and waiting.tries == 0
