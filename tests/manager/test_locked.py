"""F52: while another program keeps the database locked, all is acted on, and stored later."""

import sqlite3
import time
from contextlib import closing

from tests.manager.hosting import Host
from tests.manager.test_supervising import worker_of
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import State, Wanted

NAMES = tuple(f"shop-{number:02}" for number in range(10))
"""Each of them waited for five seconds once."""
SOON_S = 12.0


def test_f52_a_fleet_acts_at_once_and_stores_it_when_it_can(host: Host) -> None:
    jids = {name: f"62812345678{at:02}:1@s.whatsapp.net" for at, name in enumerate(NAMES)}
    host.prepare(*(Instance(name, 1.0, since=1.0, jid=jid) for name, jid in jids.items()))
    host.open()
    for name, jid in jids.items():
        host.world.pass_time(10.0)
        worker_of(host, name).say(ev.Connected(jid))
    host.world.settle()
    path = host.root / "waziterm.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        for name in NAMES:
            worker_of(host, name).say(ev.StreamReplaced())
        host.world.settle()
        assert time.monotonic() - began < SOON_S
        assert {host.view(name).state for name in NAMES} == {State.COOLDOWN}
        assert not host.world.live()
        # A person is told at once that it was not done.
        error = host.world.task(host.fleet.add("new")).exception()
        assert isinstance(error, FleetError) and "keeps" in str(error) and "locked" in str(error)
        assert {row["state"] for row in host.query("SELECT state FROM instances")} == {"connected"}
        other.execute("ROLLBACK")
    host.world.pass_time(6.0)
    assert {row["state"] for row in host.query("SELECT state FROM instances")} == {"cooldown"}
    host.lies.clear()  # what was locked out cannot be stored before it is shown


def test_f52_a_start_is_obeyed_as_a_stop_is_and_a_takeover_is_not(host: Host) -> None:
    host.prepare(*(Instance(name, 1.0, since=1.0, wanted=Wanted.STOPPED) for name in "abc"))
    host.open()
    ask, fleet = host.world.task, host.fleet
    ask(fleet.start("a")).result()
    with closing(sqlite3.connect(host.root / "waziterm.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for act in (fleet.stop("a"), fleet.start("b"), fleet.reconnect("c")):
            ask(act).result()
        assert (host.view("a").state, host.view("a").wanted) == (State.STOPPED, Wanted.STOPPED)
        host.world.pass_time(1.0)
        for name in "bc":
            assert host.view(name).wanted is Wanted.RUNNING and worker_of(host, name)
        for name in "abc":
            said = [line.text for line in fleet.tail(name)]
            assert any("not stored: another program keeps" in text for text in said), name
        error = ask(fleet.reconnect("a", takeover=True)).exception()
        assert isinstance(error, FleetError) and "locked" in str(error)
        assert host.view("a").state is State.STOPPED
        other.execute("ROLLBACK")
    host.world.pass_time(6.0)
    stored = {row["name"]: row["wanted"] for row in host.query("SELECT * FROM instances")}
    assert stored == {"a": "stopped", "b": "running", "c": "running"}
    host.lies.clear()
