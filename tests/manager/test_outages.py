"""F18: one that tries in vain for long is an incident, which grows and ends; a quarrel is one."""

from collections.abc import Mapping
from typing import Any

from tests.manager.hosting import Host
from tests.manager.test_supervising import JID, online, worker_of
from tests.manager.world import FakeWorker
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State


def incidents(host: Host) -> list[Mapping[str, Any]]:
    return host.query(
        "SELECT reason, (SELECT json_group_array(names.name) FROM json_each(incidents.instances)"
        " AS met JOIN names ON names.id = met.value) AS names, detail, last_at - began_at AS s"
        " FROM incidents"
    )


def refuse(host: Host, code: int = 503) -> None:
    """From now on every login is refused, the socket closes after it, as the library tells it."""

    def refused(worker: FakeWorker) -> None:
        worker.say(ev.ConnectFailure(code))
        worker.say(ev.Disconnected())

    host.world.on_connect = refused


def test_f18_one_that_is_refused_for_long_is_one_incident_with_that_reason(host: Host) -> None:
    worker = online(host, "shop")
    refuse(host)
    worker.say(ev.Disconnected(ev.DropKind.ERROR, "code 503"))
    host.world.pass_time(540.0)
    assert incidents(host) == []
    host.world.pass_time(780.0)
    (told,) = incidents(host)
    assert told["reason"] == Reason.LOGIN_REFUSED.slug
    assert told["detail"].startswith("code 503; not connected for 2") and told["s"] > 1200
    (shown,) = host.world.run(host.fleet.incidents())
    assert shown.is_serious and shown.acknowledged_at is None
    found = next(each for each in host.world.run(host.fleet.check()) if each.instance == "shop")
    assert found.severity == "problem"
    assert "WhatsApp refused the login: code 503" in found.evidence


def test_f18_it_goes_on_with_the_next_manager_and_ends_when_a_connection_lasts(host: Host) -> None:
    worker = online(host, "shop")
    refuse(host)
    worker.say(ev.Disconnected(ev.DropKind.ERROR, "code 503"))
    host.world.pass_time(900.0)
    host.close()
    host.open()
    host.world.pass_time(300.0)
    assert len(incidents(host)) == 1
    host.world.on_connect = lambda worker: worker.say(ev.Connected(JID))
    host.world.pass_time(600.0)
    assert host.view("shop").state is State.CONNECTED
    (shown,) = host.world.run(host.fleet.incidents())
    assert "connected after" in shown.done
    # The next one is another.
    refuse(host)
    worker_of(host, "shop").say(ev.Disconnected(ev.DropKind.ERROR, "code 503"))
    host.world.pass_time(900.0)
    assert len(incidents(host)) == 2


def test_f18_connections_that_do_not_last_end_nothing(host: Host) -> None:
    def flap(worker: FakeWorker) -> None:
        worker.say(ev.Connected(JID))
        host.world.loop.call_later(5.0, worker.say, ev.Disconnected(ev.DropKind.DIED, "reset"))

    worker = online(host, "shop")
    host.world.on_connect = flap
    worker.say(ev.Disconnected(ev.DropKind.DIED, "reset"))
    host.world.pass_time(1500.0)
    told = [each["detail"] for each in incidents(host)]
    assert sum("not connected for" in detail for detail in told) == 1
    # That it drops above its habit is another thing than that it is not connected.
    assert len(told) == 2 and any("times as many as usual" in detail for detail in told)


def test_f18_what_meets_many_for_long_is_one_incident(host: Host) -> None:
    host.world.on_connect = lambda worker: worker.say(ev.DialFailed("connection refused"))
    names = [f"shop-{number}" for number in range(5)]
    host.prepare(
        *(
            Instance(n, 1e9, since=1e9, jid=f"62812345678{i}:1@s.whatsapp.net")
            for i, n in enumerate(names)
        )
    )
    host.open()
    host.world.pass_time(1500.0)
    assert len(incidents(host)) == 1


def test_f18_an_outage_of_several_tells_the_cause_that_it_has_now(host: Host) -> None:
    names = [f"shop-{number}" for number in range(3)]
    host.prepare(
        *(
            Instance(n, 1e9, since=1e9, jid=f"62812345678{i}:1@s.whatsapp.net")
            for i, n in enumerate(names)
        )
    )
    host.world.on_connect = lambda worker: worker.say(ev.Connected())
    host.open()
    host.world.pass_time(120.0)
    assert {host.view(name).state for name in names} == {State.CONNECTED}
    for name in names:
        worker_of(host, name).say(ev.Disconnected(detail="reset by peer"))
    host.world.pass_time(2.0)
    assert incidents(host)[0]["detail"] == "reset by peer"
    for name in names:
        worker_of(host, name).say(ev.DialFailed("connection refused"))
    host.world.pass_time(2.0)
    assert {host.view(name).reason for name in names} == {Reason.DIAL_FAILED}
    (incident,) = incidents(host)
    assert (incident["reason"], incident["detail"]) == ("dial_failed", "connection refused")


def test_f18_what_an_operator_stopped_or_has_to_scan_is_none(host: Host) -> None:
    worker = online(host, "shop")
    refuse(host)
    worker.say(ev.Disconnected())
    host.world.pass_time(300.0)
    host.world.run(host.fleet.stop("shop"))
    host.world.pass_time(1500.0)
    assert incidents(host) == []


def test_two_conflicts_are_one_incident(host: Host) -> None:
    worker = online(host, "shop")
    worker.say(ev.StreamReplaced())
    host.world.pass_time(12.0)
    guarded = worker_of(host, "shop")
    guarded.say(ev.Connected(JID))
    host.world.pass_time(100.0)
    guarded.say(ev.StreamReplaced())
    host.world.pass_time(60.0)
    assert host.view("shop").state is State.HELD
    (told,) = incidents(host)
    assert told["reason"] == Reason.RIVAL.slug
    (shown,) = host.world.run(host.fleet.incidents())
    assert shown.done == "cool-down, one guarded attempt, waits for an operator"
