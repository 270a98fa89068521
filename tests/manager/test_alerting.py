"""What a manager tells of its fleet, in a world whose clock is the test's."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_supervising import JID, no_more, online, worker_of
from tests.manager.world import BEGIN, FakeWorker
from waziterm.domain.alerts.alert import Alert, AlertRule
from waziterm.domain.alerts.facts import Measured
from waziterm.domain.fleet.audit import Person, Via, audited
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State

SINK = '[[alerts.sinks]]\nname = "ops"\ncommand = ["true"]\n'


class Outbox:
    """Takes the messages of one manager after the other. sent: what was put in and woken for."""

    def __init__(self) -> None:
        self.sent: list[Alert] = []
        self._put: list[Alert] = []

    def join(self, host: Host) -> None:
        """Be the outbox of the manager that runs."""
        host.fleet._alerting.post = self.post
        host.fleet._alerting.wake_outbox = self.wake

    def post(self, db: sqlite3.Connection, alert: Alert, sinks: Sequence[str]) -> None:
        assert db.in_transaction and list(sinks) == ["ops"]
        self._put.append(alert)

    def wake(self) -> None:
        self.sent += self._put
        self._put.clear()


@pytest.fixture
def outbox(host: Host) -> Outbox:
    (host.root.parent / "config.toml").write_text(SINK)
    host.settings = settings(host.root.parent)
    return Outbox()


def go(host: Host, outbox: Outbox, *names: str) -> FakeWorker:
    """Begin with these instances, the first one online."""
    worker = online(host, *names)
    outbox.join(host)
    host.world.pass_time(1.0)
    assert outbox.sent == []
    return worker


def again(host: Host, outbox: Outbox) -> None:
    """The next manager."""
    host.close()
    host.open()
    outbox.join(host)
    host.world.pass_time(1.0)


def soon(host: Host) -> None:
    """Let what was said happen, and half a second pass."""
    host.world.settle()
    host.world.pass_time(0.5)


def told(outbox: Outbox) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.rule.value, each.state.value, each.instances) for each in outbox.sent]


def test_a_conflict_that_ends_held_is_two_messages_within_a_second_each(
    host: Host, outbox: Outbox
) -> None:
    go(host, outbox, "shop").say(ev.StreamReplaced())
    soon(host)
    assert told(outbox) == [("conflict", "firing", ("shop",))]
    host.world.pass_time(12.0)
    guarded = worker_of(host, "shop")
    guarded.say(ev.Connected(JID))
    host.world.pass_time(30.0)
    guarded.say(ev.StreamReplaced())
    soon(host)
    assert told(outbox)[1:] == [("held", "firing", ("shop",))]
    assert len({each.id for each in outbox.sent}) == 1
    (stored,) = host.world.run(host.fleet.incidents())
    assert str(stored.id) == outbox.sent[0].id
    again(host, outbox)
    assert len(outbox.sent) == 2
    host.world.run(host.fleet.reconnect("shop", takeover=True))
    host.world.pass_time(2.0)
    worker_of(host, "shop").say(ev.Connected(JID))
    host.world.settle()
    host.world.pass_time(61.0)
    assert told(outbox)[2:] == [("held", "resolved", ("shop",))]
    host.world.pass_time(86_400.0)
    assert len(outbox.sent) == 3


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        (ev.StreamReplaced(), "conflict"),
        (ev.TemporaryBan(101, 3600.0), "banned"),
        (ev.LoggedOut(on_connect=False, code=401), "logged_out"),
    ],
    ids=["440", "402", "401"],
)
@pytest.mark.parametrize("behind_s", [0.0, 0.1, None], ids=["at once", "soon", "while it ends"])
def test_what_comes_with_the_end_of_the_manager_is_one_incident(
    host: Host, outbox: Outbox, said: ev.WorkerEvent, rule: str, behind_s: float | None
) -> None:
    worker = go(host, outbox, "shop")
    host.world.pass_time(60.0)
    if behind_s is None:
        worker.last = said
    else:
        worker.say(said)
        host.world.settle()
        host.world.pass_time(behind_s)
    ended_at = host.world.clock.now()
    again(host, outbox)
    host.world.pass_time(5.0)
    (incident,) = host.world.run(host.fleet.incidents())
    assert incident.began_at == pytest.approx(ended_at, abs=1.0)
    assert told(outbox) == [(rule, "firing", ("shop",))]


def test_200_that_drop_in_one_second_are_one_message_and_one_end(
    host: Host, outbox: Outbox
) -> None:
    names = [f"shop-{number:03}" for number in range(200)]
    host.prepare(
        *(
            Instance(name, BEGIN, since=BEGIN, jid=f"62812345{number:04}:1@s.whatsapp.net")
            for number, name in enumerate(names)
        )
    )
    host.world.on_connect = lambda worker: worker.say(ev.Connected(worker.jid or JID))
    host.open()
    outbox.join(host)
    host.world.pass_time(120.0)
    assert host.view("shop-199").state is State.CONNECTED and outbox.sent == []
    host.world.on_connect = lambda worker: worker.say(ev.DialFailed("connection refused"))
    for number, name in enumerate(names):
        worker_of(host, name).say(ev.Disconnected(ev.DropKind.DIED, "reset"))
        if number % 20 == 0:
            host.world.pass_time(0.1)
    host.world.pass_time(30.0)
    ((rule, state, met),) = told(outbox)
    assert (rule, state) == ("fleet", "firing") and 50 <= len(met) <= 200
    host.world.on_connect = lambda worker: worker.say(ev.Connected(worker.jid or JID))
    for name in names:
        for worker in host.world.live(name):
            worker.say(ev.Connected(worker.jid or JID))
    host.world.pass_time(300.0)
    assert [each[:2] for each in told(outbox)] == [("fleet", "firing"), ("fleet", "resolved")]
    assert outbox.sent[0].id == outbox.sent[1].id


def test_one_that_stays_down_is_told_after_a_while_and_by_one_row(
    host: Host, outbox: Outbox
) -> None:
    worker = go(host, outbox, "shop")
    host.world.on_connect = lambda worker: worker.say(ev.DialFailed("connection refused"))
    worker.say(ev.Disconnected(ev.DropKind.DIED, "reset"))
    host.world.pass_time(595.0)
    assert outbox.sent == []
    host.world.pass_time(10.0)
    assert told(outbox) == [("down", "firing", ("shop",))]
    host.world.pass_time(300.0)
    again(host, outbox)
    host.world.pass_time(1200.0)
    assert len(outbox.sent) == 1
    (stored,) = host.world.run(host.fleet.incidents())
    assert str(stored.id) == outbox.sent[0].id and stored.closed_at is None
    assert "not connected for" in stored.detail
    host.world.on_connect = lambda worker: worker.say(ev.Connected(JID))
    host.world.pass_time(700.0)
    assert told(outbox)[1:] == [("down", "resolved", ("shop",))]
    (stored,) = host.world.run(host.fleet.incidents())
    assert stored.closed_at is not None


def test_what_a_measure_tells_is_an_incident_too(host: Host, outbox: Outbox) -> None:
    go(host, outbox, "shop")
    host.fleet._alerting.hear(Measured(AlertRule.DISK, None, 300.0, 500.0))
    soon(host)
    (stored,) = host.world.run(host.fleet.incidents())
    assert (stored.reason, stored.names, stored.closed_at) == (Reason.DISK_LOW, (), None)
    assert stored.kind == "limit" and stored.who == "this machine" and stored.done == ""
    host.world.run(host.fleet.acknowledge(stored.id))
    again(host, outbox)
    host.fleet._alerting.hear(Measured(AlertRule.DISK, None, 900.0, 500.0))
    host.world.settle()
    host.world.pass_time(62.0)
    assert told(outbox) == [("disk", "firing", ()), ("disk", "resolved", ())]
    (stored,) = host.world.run(host.fleet.incidents())
    assert stored.closed_at is not None and stored.acknowledged_at is not None


def test_what_could_not_be_stored_is_told_later(host: Host, outbox: Outbox) -> None:
    worker = go(host, outbox, "shop")
    with no_more(host, "INSERT ON alerts_open"):
        worker.say(ev.LoggedOut(False, 401))
        host.world.settle()
        host.world.pass_time(7.0)
        assert outbox.sent == []
        outbox._put.clear()  # It was rolled back.
    host.world.pass_time(6.0)
    assert told(outbox) == [("logged_out", "firing", ("shop",))]


def test_a_manager_that_died_before_it_told_leaves_that_to_the_next(
    host: Host, outbox: Outbox
) -> None:
    go(host, outbox, "shop").say(ev.LoggedOut(False, 401))
    host.world.settle()
    assert host.view("shop").state is State.LOGGED_OUT and outbox.sent == []
    again(host, outbox)
    assert told(outbox) == [("logged_out", "firing", ("shop",))]


def test_who_is_silenced_is_told_of_when_that_is_over_also_by_the_next_manager(
    host: Host, outbox: Outbox
) -> None:
    worker = go(host, outbox, "shop")
    # Who asks at the socket, not whose the manager's process is.
    sari = Person("sari", 1000, 77, Via.VERB)
    asked = audited(host.fleet, host.fleet.audit_log, sari)
    silence = host.world.run(asked.silence("shop", 7200))
    assert silence.until - silence.at == 7200.0 and silence.who == "sari"
    assert host.view("shop").silenced(silence.at) == silence.until
    assert host.world.run(host.fleet.alerts()).silences == (silence,)
    worker.say(ev.LoggedOut(False, 401))
    host.world.settle()
    host.world.pass_time(600.0)
    again(host, outbox)
    assert host.world.run(host.fleet.silences()) == (silence,) and outbox.sent == []
    assert host.view("shop").silenced(silence.at) == silence.until
    host.world.pass_time(6600.0)
    assert told(outbox) == [("logged_out", "firing", ("shop",))]
    assert host.world.run(host.fleet.silences()) == ()


def test_a_silence_is_told_to_who_watches_and_keeps_its_length_when_the_clock_is_set(
    host: Host, outbox: Outbox
) -> None:
    go(host, outbox, "shop")

    async def watched() -> float | None:
        async with host.fleet.subscribe() as changes:
            await changes.next()
            await host.fleet.silence("shop", 7200)
            (view,) = (await changes.next()).changed
            return view.silenced_until

    until = host.world.run(watched())
    assert until == host.fleet.now() + 7200
    host.world.clock.set_by(-3600.0)
    assert host.view("shop").silenced_until == until - 3600.0
    host.world.pass_time(1.0)
    assert host.view("shop").silenced_until == until - 3600.0


def test_a_silence_is_ended(host: Host, outbox: Outbox) -> None:
    worker = go(host, outbox, "shop")
    host.world.run(host.fleet.silence("shop", 7200))
    worker.say(ev.LoggedOut(False, 401))
    soon(host)
    host.world.run(host.fleet.silence("shop", 0))
    soon(host)
    assert told(outbox) == [("logged_out", "firing", ("shop",))]
    assert host.query("SELECT * FROM silences") == []


def test_who_is_removed_or_stopped_is_told_as_ended(host: Host, outbox: Outbox) -> None:
    go(host, outbox, "shop").say(ev.LoggedOut(False, 401))
    soon(host)
    host.world.run(host.fleet.remove("shop"))
    soon(host)
    assert [each[1] for each in told(outbox)] == ["firing", "resolved"]
    said = outbox.sent[1].text
    assert any(word in said for word in ("operator", "trash", "not linked"))


def test_a_clock_that_is_set_ends_nothing_sooner(host: Host, outbox: Outbox) -> None:
    worker = go(host, outbox, "shop")
    worker.say(ev.StreamReplaced())
    host.world.pass_time(12.0)
    worker_of(host, "shop").say(ev.Connected(JID))
    host.world.pass_time(20.0)
    host.world.clock.set_by(86_400.0)
    host.world.pass_time(30.0)
    assert told(outbox) == [("conflict", "firing", ("shop",))]
    host.world.pass_time(30.0)
    assert [each[1] for each in told(outbox)] == ["firing", "resolved"]


def test_it_is_told_in_the_language_of_the_settings_from_a_reload_on(
    host: Host, outbox: Outbox
) -> None:
    worker = go(host, outbox, "shop")
    file = host.root.parent / "config.toml"
    file.write_text(f'[alerts]\nlanguage = "id"\n{SINK}')
    assert host.world.run(host.fleet.reload()).errors == ()
    worker.say(ev.StreamReplaced())
    soon(host)
    (told_of,) = outbox.sent
    assert "klien lain mengambil alih sesi ini (440)" in told_of.text
    assert "cari klien lain itu" in told_of.next


@pytest.mark.parametrize(
    "body", ["{}", "null", "no JSON", "[" * 100_000], ids=["empty", "null", "text", "deep"]
)
def test_what_was_told_and_cannot_be_read_ends_no_manager(
    host: Host, outbox: Outbox, body: str
) -> None:
    go(host, outbox, "shop")
    host.query("INSERT INTO alerts_open VALUES (900, ?)", body)
    host.query("INSERT INTO alert_desks VALUES ('ops', ?)", body)
    again(host, outbox)
    assert host.runs and outbox.sent == []


def test_a_language_that_is_not_installed_costs_no_alert(
    host: Host,
    outbox: Outbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (host.root.parent / "config.toml").write_text(f'[alerts]\nlanguage = "id"\n{SINK}')
    host.settings = settings(host.root.parent)
    with monkeypatch.context() as patched:
        patched.setattr("waziterm.lang.LOCALES", tmp_path)
        go(host, outbox, "shop").say(ev.StreamReplaced())
        soon(host)
    assert "another client took over this session" in outbox.sent[0].text
    assert "the texts of the language 'id' are not installed" in caplog.text
