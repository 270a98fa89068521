"""What a manager measures, in a world whose clock is the test's: told by the rules, and ended."""

import shutil
from types import SimpleNamespace

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_alerting import SINK, Outbox, again, go, told
from tests.manager.test_history import jid_of
from tests.manager.test_supervising import worker_of
from waziterm.domain.alerts.alert import AlertRule, AlertState
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.hours import hour_of
from waziterm.manager.workers.usage import ProcessUse

HOUR_S, DAY_S = 3600.0, 86_400.0
MB = 1_000_000


@pytest.fixture
def outbox(host: Host, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    room(monkeypatch, 10_000)
    (host.root.parent / "config.toml").write_text(SINK)
    host.settings = settings(host.root.parent)
    return Outbox()


def room(monkeypatch: pytest.MonkeyPatch, free_mb: int) -> None:
    """So much is free on the disk."""
    usage = SimpleNamespace(free=free_mb * MB)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)


def test_a_disk_that_fills_is_told_within_a_minute_or_two_and_its_end_too(
    host: Host, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(host, outbox, "a")
    host.world.pass_time(200.0)
    assert outbox.sent == []
    room(monkeypatch, 499)
    host.world.pass_time(61.0)
    assert told(outbox) == [("disk", "firing", ())]
    assert "499 MB left, less than 500 MB" in outbox.sent[0].text
    room(monkeypatch, 530)
    host.world.pass_time(1000.0)
    assert len(outbox.sent) == 1
    room(monkeypatch, 600)
    host.world.pass_time(125.0)
    assert told(outbox)[1:] == [("disk", "resolved", ())]


def test_a_disk_that_cannot_be_looked_at_ends_nothing(
    host: Host, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(host, outbox, "a")

    def refuse(path: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    host.world.pass_time(200.0)
    room(monkeypatch, 100)
    host.world.pass_time(61.0)
    assert told(outbox) == [("disk", "firing", ())]


def test_a_worker_that_needs_much_memory_is_told_for_those_in_it(
    host: Host, outbox: Outbox
) -> None:
    go(host, outbox, "a")
    pid = worker_of(host, "a").pid
    host.world.process_use = {pid: ProcessUse(1.0, 399 * MB)}.get
    host.world.pass_time(130.0)
    assert outbox.sent == []
    host.world.process_use = {pid: ProcessUse(2.0, 460 * MB)}.get
    host.world.pass_time(121.0)
    assert told(outbox) == [("memory", "firing", ("a",))]
    assert "460 MB, more than 400 MB" in outbox.sent[0].text
    host.world.process_use = {pid: ProcessUse(3.0, 399 * MB)}.get
    host.world.pass_time(200.0)
    assert len(outbox.sent) == 1
    worker_of(host, "a").die(-9)
    host.world.settle()
    host.world.pass_time(200.0)
    assert [each[1] for each in told(outbox) if each[0] == "memory"] == ["firing", "resolved"]


def test_a_phone_that_is_silent_is_told_after_its_days_until_its_next_sign(
    host: Host, outbox: Outbox
) -> None:
    host.world.on_connect = lambda worker: worker.say(ev.Connected(jid_of("a")))
    go(host, outbox, "a")
    worker_of(host, "a").say(ev.PhoneSeen(2 * DAY_S))
    host.world.pass_time(1.0)
    seen = host.view("a").phone_seen_at
    assert seen == pytest.approx(host.world.clock.now() - 2 * DAY_S, abs=2.0)
    host.world.jump(9 * DAY_S)
    host.world.pass_time(700.0)
    assert told(outbox) == [] and host.view("a").state is State.CONNECTED
    host.world.jump(DAY_S)
    host.world.pass_time(700.0)
    assert told(outbox) == [("phone", "firing", ("a",))]
    assert "no sign from the phone" in outbox.sent[0].text
    again(host, outbox)
    assert host.view("a").phone_seen_at == pytest.approx(seen, abs=1.0)
    host.world.pass_time(700.0)
    assert len(outbox.sent) == 1

    worker_of(host, "a").say(ev.PhoneSeen(0.0))
    host.world.pass_time(700.0)
    assert told(outbox)[1:] == [("phone", "resolved", ("a",))]
    assert not [each for each in host.query("SELECT event FROM transitions") if "PhoneSeen" in each]


def test_counts_that_cannot_be_stored_hide_no_memory_and_no_drops(
    host: Host, outbox: Outbox
) -> None:
    go(host, outbox, "a")
    host.query("UPDATE hours SET drops = 5")
    host.query("CREATE TRIGGER no BEFORE INSERT ON patterns BEGIN SELECT RAISE(ABORT, 'no'); END")
    worker_of(host, "a").print("Timed Out")
    host.world.process_use = {worker_of(host, "a").pid: ProcessUse(1.0, 460 * MB)}.get
    host.world.pass_time(601.0)
    assert {each[0] for each in told(outbox)} == {"memory", "drops"}


def counted(host: Host, name: str, days_ago: int, drops: int) -> None:
    """So often an instance dropped on a day before; it was connected all of it."""
    hour = hour_of(host.world.clock.now()) - days_ago * DAY_S
    host.query(
        "INSERT INTO hours VALUES (?, ?, ?, ?, ?, NULL, 0, 0, 0, NULL, NULL, 0, 0, 0, 0)",
        *(host.id(name), hour, 86_400_000, 86_400_000, drops),
    )


def drop(host: Host, name: str) -> None:
    worker_of(host, name).say(ev.Disconnected())
    host.world.pass_time(300.0)
    assert host.view(name).state is State.CONNECTED


def test_one_that_drops_more_than_it_uses_to_is_told_once_and_when_it_is_over(
    host: Host, outbox: Outbox
) -> None:
    host.world.on_connect = lambda worker: worker.say(ev.Connected(jid_of("a")))
    go(host, outbox, "a")
    for day in range(2, 9):
        counted(host, "a", day, drops=2)
    for _ in range(6):
        drop(host, "a")
    host.world.pass_time(400.0)
    # Three times as many are no more than that.
    assert outbox.sent == []
    drop(host, "a")
    host.world.pass_time(400.0)
    assert told(outbox) == [("drops", "firing", ("a",))]
    assert "3.5 times as many as usual" in outbox.sent[0].text
    host.world.jump(DAY_S)
    host.world.pass_time(500.0)
    assert told(outbox)[1:] == [("drops", "resolved", ("a",))]


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_of_a_scripted_week_is_told_what_the_rules_say(host: Host, outbox: Outbox) -> None:
    """Two drops a day; on the fourth day seven; on the sixth three that last an hour each."""
    host.world.on_connect = lambda worker: worker.say(ev.Connected(jid_of("a")))
    go(host, outbox, "a")
    begun = host.world.clock.now()

    def until(day: float) -> None:
        host.world.pass_time(begun + day * DAY_S - host.world.clock.now())

    for day in range(7):
        until(day + 0.5)
        for _ in range(7 if day == 3 else 2):
            drop(host, "a")
        if day == 5:
            host.world.on_connect = lambda worker: worker.say(ev.DialFailed("no route"))
            for _ in range(3):
                worker_of(host, "a").say(ev.Disconnected())
                host.world.pass_time(HOUR_S)
                host.world.on_connect = lambda worker: worker.say(ev.Connected(jid_of("a")))
                host.world.pass_time(700.0)
                assert host.view("a").state is State.CONNECTED
                host.world.on_connect = lambda worker: worker.say(ev.DialFailed("no route"))
            host.world.on_connect = lambda worker: worker.say(ev.Connected(jid_of("a")))
    until(7.0)
    of_rules = [each for each in told(outbox) if each[0] in ("drops", "uptime")]
    assert of_rules == [
        ("drops", "firing", ("a",)),
        ("drops", "resolved", ("a",)),
        ("uptime", "firing", ("a",)),
        ("uptime", "resolved", ("a",)),
    ]
    at = {(each.rule, each.state): (each.at - begun) / DAY_S for each in outbox.sent}
    assert 3.5 < at[AlertRule.DROPS, AlertState.FIRING] < 3.55
    assert 4.45 < at[AlertRule.DROPS, AlertState.RESOLVED] < 4.55
    assert 5.5 < at[AlertRule.UPTIME, AlertState.FIRING] < 5.7
    assert 6.4 < at[AlertRule.UPTIME, AlertState.RESOLVED] < 6.7


def test_many_texts_that_fail_are_told(host: Host, outbox: Outbox) -> None:
    go(host, outbox, "a")
    now = host.world.clock.now()
    for number in range(4):
        ok = number == 0
        host.world.run(host.fleet._store.add_send(host.id("a"), now, ok, 0.1, "" if ok else "479"))
    host.world.pass_time(400.0)
    assert told(outbox) == [("success", "firing", ("a",))]
    assert "25 % in the last day, less than 90 %" in outbox.sent[0].text
    host.world.run(host.fleet.stop("a"))
    host.world.pass_time(2.0)
    assert told(outbox)[1:] == [("success", "resolved", ("a",))]
    host.world.pass_time(700.0)
    assert len(outbox.sent) == 2


def test_a_backup_that_is_overdue_is_told(host: Host, outbox: Outbox) -> None:
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    text = f'\n[backup]\nevery = "6h"\ndirectory = "{host.root}-gone"\nrecipient = "{recipient}"\n'
    with (host.root.parent / "config.toml").open("a") as config:
        config.write(text)
    host.settings = settings(host.root.parent)
    go(host, outbox, "a")
    host.world.pass_time(11.9 * HOUR_S)
    assert outbox.sent == []
    host.world.pass_time(0.3 * HOUR_S)
    assert told(outbox) == [("backup", "firing", ())]
    assert "h ago, more than 12 h" in outbox.sent[0].text
