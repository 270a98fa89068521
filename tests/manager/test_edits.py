"""What is set of one instance in a fleet that runs: it lasts, meets nobody else, and is undone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_pool import NAMES, ONLINE, jid, pids, states, worker_of
from tests.manager.world import BEGIN, World
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import DEVICE_NAME, Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State

DEAD = "http://sari:hunter2@127.0.0.1:9"
"""A proxy on a port of this machine that nobody listens on: it fails at once."""


@pytest.fixture
def host(folder: Path) -> Iterator[Host]:
    world = World()
    here = Host(world, folder / "data", settings(folder, fleet__instances_per_worker=4))
    here.prepare(*(Instance(name, BEGIN, since=BEGIN, jid=jid(name)) for name in NAMES))
    here.open()
    for name in NAMES:
        worker_of(here, name).say(ev.Connected(jid(name)))
    world.settle()
    try:
        yield here
    finally:
        here.abandon()
        world.close()


def edit(host: Host, name: str, **values: str) -> InstanceView:
    return host.world.run(host.fleet.edit(name, **values))


def undo(host: Host) -> InstanceView:
    newest = host.world.run(host.fleet.edits())[0]
    return host.world.run(host.fleet.undo_edit(newest.instance, newest.id))


def test_a_note_and_tags_last_and_nobody_is_reconnected(host: Host) -> None:
    before = pids(host)
    view = edit(host, "a", note="paid until May", tags="vip, jakarta")
    assert (view.note, view.tags) == ("paid until May", ("vip", "jakarta"))
    assert pids(host) == before and states(host) == ONLINE
    host.close()
    host.open()
    assert (host.view("a").note, host.view("a").tags) == (view.note, view.tags)
    assert host.view("b").tags == ()
    assert edit(host, "a", tags="").tags == ()
    assert host.view("a").note == "paid until May", "what is not named stays"


def test_one_that_is_isolated_gets_a_worker_of_its_own_and_the_others_stay(host: Host) -> None:
    shared = pids(host)["a"]
    view = edit(host, "a", isolate="true")
    assert view.isolated and view.reason is Reason.EDITED
    host.world.settle()
    assert worker_of(host, "a").command.alone and pids(host)["a"] != shared
    assert {pids(host)[name] for name in "bcd"} == {shared}
    worker_of(host, "a").say(ev.Connected(jid("a")))
    host.world.settle()
    assert states(host) == ONLINE and not host.lies
    events = [row["event"] for row in host.query("SELECT event FROM transitions WHERE id > 16")]
    assert events.count("EditAsked") == 1
    assert undo(host).isolated is False


def test_the_device_name_is_told_to_the_next_pairing(host: Host) -> None:
    edit(host, "a", device_name="Toko Jakarta")
    host.world.run(host.fleet.add("new"))
    host.world.settle()
    assert worker_of(host, "new").command.device_name == DEVICE_NAME
    edit(host, "new", device_name="Toko Baru")
    assert worker_of(host, "new").command.device_name == DEVICE_NAME, "no code is shown yet"
    worker_of(host, "new").say(ev.QrShown("2@a-secret", 1, 6, 60.0))
    host.world.settle()
    edit(host, "new", device_name="Toko Lama")
    host.world.pass_time(2.0)
    assert worker_of(host, "new").command.device_name == "Toko Lama"


def test_a_proxy_that_fails_its_test_changes_nothing(host: Host) -> None:
    before = pids(host), host.query("SELECT * FROM instances"), host.query("SELECT * FROM edits")
    with pytest.raises(FleetError) as refused:
        edit(host, "a", proxy=DEAD, note="new proxy")
    said = f"{refused.value} {refused.value.hint}"
    assert "nothing was changed" in said and "failed the test at tcp" in said
    assert "127.0.0.1:9" in said and "hunter2" not in said and "sari" not in said
    after = pids(host), host.query("SELECT * FROM instances"), host.query("SELECT * FROM edits")
    assert after == before and states(host) == ONLINE


def test_edits_are_undone_one_by_one_the_newest_first(host: Host) -> None:
    edit(host, "a", note="one")
    edit(host, "a", note="two", tags="vip")
    edit(host, "b", note="other")
    assert edit(host, "b", note="other").note == "other"
    edits = host.world.run(host.fleet.edits())
    assert [(each.instance, *each.keys) for each in edits] == [
        ("b", "note"), ("a", "note", "tags"), ("a", "note"),
    ]  # fmt: skip
    with pytest.raises(FleetError, match="set again after"):
        host.world.run(host.fleet.undo_edit("a", edits[2].id))
    assert undo(host).note == ""
    view = undo(host)
    assert (view.note, view.tags) == ("one", ())
    assert undo(host).note == "" and host.world.run(host.fleet.edits()) == ()
    with pytest.raises(FleetError, match="no edit"):
        host.world.run(host.fleet.undo_edit("a", edits[0].id))


def test_a_wrong_value_is_one_line_that_says_what_is_allowed(host: Host) -> None:
    for values, said in (
        ({"tags": "a:b"}, "cannot be a tag: up to 10 tags"),
        ({"isolate": "yes"}, "isolate is true or false"),
        ({"receipts": "1"}, "receipts is true or false"),
        ({"proxy": "proxy.example:1080"}, "a proxy URL starts with"),
        ({"device_name": "x" * 41}, "cannot be a device's name: 1 to 40"),
        ({"note": "x" * 301}, "at most 300 characters"),
    ):
        with pytest.raises(FleetError, match=said) as wrong:
            edit(host, "a", **values)
        assert wrong.value.code == 2
    with pytest.raises(FleetError, match="no instance is called 'nobody'"):
        edit(host, "nobody", note="x")


def test_receipts_are_heard_from_the_next_connect_on(host: Host) -> None:
    assert not worker_of(host, "a").command.receipts
    words = worker_of(host, "a").command.opt_out_words
    assert words == ("stop", "berhenti")
    view = edit(host, "a", receipts="true")
    assert view.receipts and view.reason is Reason.EDITED
    host.world.settle()
    assert worker_of(host, "a").command.receipts
    assert undo(host).receipts is False


def test_a_cool_down_stays_as_long_as_it_is(host: Host) -> None:
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    due = host.view("a").next_attempt
    view = edit(host, "a", isolate="true", note="who is it?")
    assert (view.state, view.next_attempt) == (State.COOLDOWN, due)
    assert not host.world.live("a")


def test_what_was_set_goes_to_the_trash_and_comes_back(host: Host) -> None:
    edit(host, "a", note="paid", tags="vip", isolate="true", device_name="Toko")
    removal = host.world.run(host.fleet.remove("a"))
    assert not [each for each in host.world.run(host.fleet.edits()) if each.instance == "a"]
    host.world.run(host.fleet.restore(removal.entry))
    view = host.view("a")
    assert (view.note, view.tags, view.isolated, view.device_name) == (
        *("paid", ("vip",), True, "Toko"),
    )


def test_a_fleets_proxy_is_gone_by_where_an_instance_has_none(folder: Path, host: Host) -> None:
    config = folder / "config.toml"
    config.write_text(
        '[fleet]\nproxy = "http://u:secret@fleet.example:3128"\n'
        '[instances.b]\nproxy = "socks5://b.example:1080"\ndevice_name = "B"\n'
    )
    host.world.run(host.fleet.reload())
    assert host.view("a").proxy == "http://•••@fleet.example:3128"
    assert (host.view("b").proxy, host.view("b").device_name) == ("socks5://b.example:1080", "B")
    host.world.run(host.fleet.reconnect("a"))
    host.world.settle()
    assert worker_of(host, "a").command.proxy == "http://u:secret@fleet.example:3128"
    assert worker_of(host, "c").command.proxy is None, "an open connection goes on as it was"
    said = host.world.run(host.fleet.lines("a"))
    assert not [line for line in said if "secret" in line.text]
