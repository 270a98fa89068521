"""What a manager has webhooks told: states, once each, and what becomes of messages."""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_messages import accept
from tests.manager.test_supervising import JID, worker_of
from tests.manager.world import BEGIN
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.event import EventType
from waziterm.domain.webhooks.webhook_settings import Webhook
from waziterm.gateway import webhook_deliveries
from waziterm.manager.care.janitor import CALM_S

HOUR_S = 3600.0


@pytest.fixture
def fleet(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A manager with a connected instance, and a webhook that takes nothing yet."""

    async def run(_: object) -> None:
        await asyncio.Event().wait()

    # A world has no network.
    monkeypatch.setattr(webhook_deliveries.TargetDeliveries, "run", run)
    host.settings = told(host)
    host.prepare(Instance("shop", BEGIN, since=BEGIN, jid=JID))
    start(host)
    # A world does not wait for a file that is being opened; this does.
    host.world.run(host.fleet.queue.digest(b""))
    host.world.settle()
    return host


def told(host: Host, *events: EventType) -> Any:
    hook = Webhook("crm", Secret("https://h.example"), unsigned=True, events=frozenset(events))
    found = settings(host.root.parent, pacing__enabled="false")  # type: ignore[arg-type]
    return replace(found, webhooks=(hook,))


def start(host: Host) -> None:
    host.open()
    worker_of(host, "shop").say(ev.Connected(JID))
    host.world.settle()


def rows(host: Host, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(host.root / "messages.db")) as db:
        return db.execute(sql).fetchall()


def states(host: Host) -> list[str]:
    found = rows(host, "SELECT body FROM events WHERE type = 'instance.state' ORDER BY seq")
    return [json.loads(body)["state"] for (body,) in found]


def test_each_state_is_told_once_over_restarts(fleet: Host) -> None:
    assert states(fleet)[-1] == "connected"
    fleet.world.task(fleet.fleet.stop("shop")).result()
    fleet.world.settle()
    assert states(fleet)[-1] == "stopped"
    count = len(states(fleet))
    fleet.close()
    fleet.open()
    fleet.world.pass_time(10)
    assert len(states(fleet)) == count, "nothing has changed"
    data = json.loads(rows(fleet, "SELECT body FROM events ORDER BY seq DESC LIMIT 1")[0][0])
    assert set(data) == {"state", "reason", "code", "next_step", "since", "next_attempt"}
    assert [seq for (seq,) in rows(fleet, "SELECT seq FROM events ORDER BY seq")] == list(
        range(1, count + 1)
    )


def test_a_webhook_that_comes_with_a_reload_is_told_how_all_stand(host: Host) -> None:
    host.settings = settings(host.root.parent)
    host.prepare(Instance("shop", BEGIN, since=BEGIN, jid=JID))
    start(host)
    assert not (host.root / "messages.db").exists()
    host.fleet.apply(told(host, EventType.INSTANCE_STATE))
    host.world.settle()
    # A world does not wait for a file that is being opened; this does.
    host.world.run(host.fleet.queue.digest(b""))
    host.world.settle()
    assert states(host) == ["connected"]
    host.world.task(host.fleet.stop("shop")).result()
    host.world.settle()
    assert states(host)[-1] == "stopped"


def test_a_message_is_told_by_the_name_that_its_instance_has_now(fleet: Host) -> None:
    fleet.world.task(fleet.fleet.rename("shop", "bar")).result()
    worker_of(fleet, "bar").say(ev.Connected(JID))
    fleet.fleet.apply(
        replace(fleet.settings, webhooks=told(fleet, EventType.MESSAGE_SENT).webhooks)
    )
    fleet.world.settle()
    view = fleet.world.run(fleet.fleet.send_message("bar", "+4915112345678", "hello"))
    fleet.world.settle()
    sent = rows(fleet, "SELECT name, body ->> 'id' FROM events WHERE type = 'message.sent'")
    assert sent == [("bar", view.id)]


def test_what_waits_is_given_up_with_its_webhook_and_goes_with_time(fleet: Host) -> None:
    accept(fleet)
    waiting = "SELECT count(*) FROM deliveries WHERE state = 'pending'"
    assert rows(fleet, waiting)[0][0] > 0
    fleet.close()
    fleet.settings = replace(fleet.settings, webhooks=())
    start(fleet)
    fleet.world.pass_time(CALM_S + 600)
    assert rows(fleet, waiting) == [(0,)]
    assert rows(fleet, "SELECT count(*) FROM events WHERE body <> ''")[0][0] > 0
    # A clock that jumps makes nothing older.
    fleet.world.clock.set_by(1000 * HOUR_S)
    fleet.world.pass_time(CALM_S + 600)
    assert rows(fleet, "SELECT count(*) FROM events WHERE body <> ''")[0][0] > 0
    failed = fleet.world.run(fleet.fleet.failed_webhooks())
    assert failed and all(each.is_kept for each in failed)
    with closing(sqlite3.connect(fleet.root / "messages.db")) as db, db:
        db.execute("UPDATE events SET at = at - ?", (72 * HOUR_S,))
    fleet.world.pass_time(400)
    assert rows(fleet, "SELECT count(*) FROM events WHERE body <> ''") == [(0,)]
    assert not any(each.is_kept for each in fleet.world.run(fleet.fleet.failed_webhooks()))


def test_check_tells_what_is_late_and_what_was_given_up(fleet: Host, tmp_path: Path) -> None:
    accept(fleet)
    fleet.world.pass_time(700)
    with closing(sqlite3.connect(fleet.root / "messages.db")) as db, db:
        db.execute(
            "UPDATE deliveries SET state = 'failed', ended_at = due WHERE number ="
            " (SELECT max(number) FROM deliveries)"
        )
    found = {each.kind.value: each for each in fleet.world.run(fleet.fleet.check())}
    assert "its events wait (nothing was tried yet)" in found["webhook_late"].evidence
    assert found["webhook_failed"].evidence == "given up for the webhook crm: 1 of its events"
