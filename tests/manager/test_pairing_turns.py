"""F44: how many pairings are under way at once; the others wait, and say so."""

from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_supervising import worker_of
from waziterm.config import load_settings
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.handling import HISTORY_BEGINS_S, HISTORY_GOES_ON_S
from waziterm.domain.lifecycle.states import State
from waziterm.manager.workers.pairing_turns import HISTORY_LIMIT_S

NAMES = ("one", "two", "three")
WAITS = "waiting for its turn; pairings under way: 2"
PART = ev.HistoryCame(50, is_last=False)
LAST = ev.HistoryCame(100, is_last=True)


@pytest.fixture
def waiting(host: Host, folder: Path) -> Host:
    """Two instances show a code; the third waits."""
    host.settings = settings(folder, fleet__pairings_at_once=2)
    host.open()
    for name in NAMES:
        host.world.task(host.fleet.add(name))
        host.world.pass_time(1.0)
    for name in NAMES[:2]:
        worker_of(host, name).say(ev.QrShown("2@secret", 1, 6, 60.0))
    host.world.settle()
    return host


def link(host: Host, name: str) -> None:
    """A phone scans the code of an instance."""
    jid = f"62812345678{NAMES.index(name)}:1@s.whatsapp.net"
    worker_of(host, name).say(ev.PairSucceeded(jid, "1@lid", "android"))
    worker_of(host, name).say(ev.Connected(jid))
    host.world.settle()


def say(host: Host, name: str, part: ev.HistoryCame) -> None:
    worker_of(host, name).say(part)
    host.world.settle()


def is_waiting(host: Host, name: str = "three") -> bool:
    """Whether an instance waits for its turn; else it must have a worker."""
    view = host.view(name)
    assert view.state is State.CONNECTING
    if view.detail == WAITS:
        assert not host.world.live(name)
        return True
    assert view.detail == "" and len(host.world.live(name)) == 1
    return False


def test_f44_who_waits_for_its_turn_says_so(waiting: Host) -> None:
    assert is_waiting(waiting)
    asked = waiting.world.task(waiting.fleet.pairing_code("three", "+628123456789"))
    waiting.world.settle()
    error = asked.exception()
    assert isinstance(error, FleetError) and WAITS in str(error) and error.hint
    with pytest.raises(FleetError, match=WAITS):
        waiting.fleet.snapshot().qr("three")
    moves = waiting.world.run(waiting.fleet.timeline("three"))
    assert WAITS in [moved.detail for moved in moves]


def test_f44_the_next_one_begins_when_the_history_has_come(waiting: Host) -> None:
    link(waiting, "one")
    say(waiting, "one", PART)
    waiting.world.pass_time(HISTORY_GOES_ON_S - 1)
    say(waiting, "one", PART)
    waiting.world.pass_time(HISTORY_GOES_ON_S - 1)
    assert is_waiting(waiting)
    say(waiting, "one", LAST)
    waiting.world.pass_time(1.0)
    assert not is_waiting(waiting)
    assert waiting.view("one").state is State.CONNECTED


def test_f44_a_phone_that_sends_nothing_lets_nobody_wait_for_long(waiting: Host) -> None:
    link(waiting, "two")
    waiting.world.pass_time(HISTORY_BEGINS_S - 1)
    assert is_waiting(waiting)
    waiting.world.pass_time(2.0)
    assert not is_waiting(waiting)


def test_f44_nor_does_one_that_stops_in_the_middle(waiting: Host) -> None:
    link(waiting, "two")
    say(waiting, "two", PART)
    waiting.world.pass_time(HISTORY_GOES_ON_S - 1)
    assert is_waiting(waiting)
    waiting.world.pass_time(2.0)
    assert not is_waiting(waiting)


def test_f44_nor_does_one_that_never_comes_to_an_end(waiting: Host) -> None:
    link(waiting, "one")
    passed_s = 0.0
    while passed_s < HISTORY_LIMIT_S - 20:
        say(waiting, "one", PART)
        waiting.world.pass_time(20.0)
        passed_s += 20.0
        # The other one's codes must not be what ends.
        worker_of(waiting, "two").say(ev.QrShown("2@secret", 2, 6, 60.0))
        waiting.world.settle()
    assert is_waiting(waiting)
    say(waiting, "one", PART)
    waiting.world.pass_time(22.0)
    assert not is_waiting(waiting)


@pytest.mark.parametrize("how", ["nobody scanned", "stopped", "removed"])
def test_f44_a_pairing_that_ends_lets_the_next_one_begin(waiting: Host, how: str) -> None:
    match how:
        case "nobody scanned":
            worker_of(waiting, "one").say(ev.PairFailed(ev.PairingEnd.TIMEOUT))
        case "stopped":
            waiting.world.task(waiting.fleet.stop("one"))
        case "removed":
            waiting.world.task(waiting.fleet.remove("one"))
    waiting.world.pass_time(1.0)
    assert not is_waiting(waiting)


def test_f44_who_is_stopped_while_it_waits_takes_nobodys_turn(waiting: Host) -> None:
    waiting.world.task(waiting.fleet.stop("three"))
    waiting.world.settle()
    waiting.world.task(waiting.fleet.add("four"))
    waiting.world.pass_time(1.0)
    assert is_waiting(waiting, "four")
    link(waiting, "one")
    say(waiting, "one", LAST)
    waiting.world.pass_time(1.0)
    assert not is_waiting(waiting, "four")


def test_f44_more_at_once_are_let_in_at_once(host: Host, folder: Path) -> None:
    file = folder / "config.toml"
    file.write_text("[fleet]\npairings_at_once = 1\n")
    host.settings = load_settings(environ={}, data_dir=folder / "data", file=file)
    host.open()
    for name in NAMES:
        host.world.task(host.fleet.add(name))
        host.world.pass_time(1.0)
    assert [len(host.world.live(name)) for name in NAMES] == [1, 0, 0]
    file.write_text("[fleet]\npairings_at_once = 3\n")
    assert host.world.run(host.fleet.reload()).changed == ("fleet.pairings_at_once",)
    host.world.pass_time(1.0)
    assert [len(host.world.live(name)) for name in NAMES] == [1, 1, 1]


def test_f44_what_is_linked_waits_for_no_pairing(waiting: Host) -> None:
    link(waiting, "one")
    waiting.world.task(waiting.fleet.reconnect("one"))
    waiting.world.pass_time(1.0)
    assert len(waiting.world.live("one")) == 1
