"""What a manager counts in its life: true, and never less than before."""

import re

import pytest

from tests.manager.hosting import Host
from tests.manager.test_history import connect, online, opened
from tests.manager.test_supervising import worker_of
from waziterm.domain.fleet.counts import CONNECT_BOUNDS_S, Counts
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.reasons import Reason


def counts(host: Host, name: str) -> Counts:
    return host.fleet.snapshot().counts[name]


def test_what_happens_is_counted(host: Host) -> None:
    opened(host, "a", "b")
    host.world.pass_time(4.0)
    connect(host, "a")
    begun = counts(host, "a")
    assert (begun.attempts, begun.attempts_ok, begun.drops, begun.conflicts) == (1, 1, {}, 0)
    assert begun.connects[CONNECT_BOUNDS_S.index(5.0)] == sum(begun.connects) == 1
    assert begun.connects_s == pytest.approx(4.0, abs=0.2)
    host.world.pass_time(60.0)
    worker_of(host, "a").say(ev.Disconnected())
    host.world.settle()
    connect(host, "a")
    assert counts(host, "a").drops == {Reason.DROPPED: 1}
    host.world.task(host.fleet.send_test("a")).result()
    said = [line.text for line in host.fleet.tail("a") if "test sent" in line.text]
    assert re.fullmatch(r"test sent, acknowledged after \d+ ms", said[-1]), said
    worker_of(host, "a").answers = "error"
    host.world.task(host.fleet.send_test("a")).result()
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    found = counts(host, "a")
    assert (found.sends_ok, found.sends_failed, found.conflicts) == (1, 1, 1)
    assert found.drops == {Reason.DROPPED: 1, Reason.CONFLICT: 1}
    assert counts(host, "b").drops == {}


def test_a_removal_takes_nothing_away(host: Host) -> None:
    online(host, "a", "b")
    host.world.task(host.fleet.send_test("a")).result()
    before, fleet = counts(host, "a"), host.fleet.snapshot()
    host.world.task(host.fleet.remove("a")).result()
    gone = host.fleet.snapshot()
    assert "a" not in {each.name for each in gone.instances}
    assert gone.counts["a"].sends_ok == 1
    assert gone.attempts >= fleet.attempts and gone.attempts_ok >= fleet.attempts_ok
    host.world.task(host.fleet.add("a")).result()
    again = counts(host, "a")
    assert (again.sends_ok, host.view("a").sent) == (before.sends_ok, 1)
    assert again.attempts >= before.attempts
