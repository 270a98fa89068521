"""What a fleet does when WhatsApp refuses its version: who dials, what is read, what is told."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.manager import hosting
from tests.manager.hosting import Host
from tests.manager.world import BEGIN, FakeWorker, World, write_library
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.version import Origin
from waziterm.manager.version.versions import EVERY_S
from waziterm.worker.library_file import compiled_number

OWN, NEWER = 1_047_769_893, 1_050_000_000
HOUR_S = EVERY_S * 1.11
JID = "628123456789:{}@s.whatsapp.net"


def paired(name: str, device: int, **changed: object) -> Instance:
    wanted = changed.get("wanted", Wanted.RUNNING)
    proxy = changed.get("proxy")
    assert isinstance(wanted, Wanted) and (proxy is None or isinstance(proxy, str))
    return Instance(
        name,
        BEGIN,
        since=BEGIN,
        jid=JID.format(device),
        wanted=wanted,
        reason=Reason.BY_OPERATOR,
        proxy=proxy,
    )


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    world = World()
    world.library = write_library(folder / "library.so", OWN)
    try:
        yield world
    finally:
        world.close()


def host_of(world: World, folder: Path, choice: str = "auto", **changed: float) -> Host:
    environ = {"library__whatsapp_version": choice, **changed}
    return Host(world, folder / "data", hosting.settings(folder, **environ))  # type: ignore[arg-type]


@pytest.fixture
def host(world: World, folder: Path) -> Iterator[Host]:
    """Three linked instances that are online, and one that was stopped."""
    yield from opened(host_of(world, folder))


def opened(host: Host) -> Iterator[Host]:
    names = enumerate(("a", "b", "c"), 1)
    host.prepare(
        *(paired(name, device) for device, name in names), paired("s", 4, wanted=Wanted.STOPPED)
    )
    host.open()
    online(host)
    try:
        yield host
        assert not host.lies and not host.world.unhandled
        if host.runs:
            host.close()
    finally:
        host.abandon()


def online(host: Host) -> None:
    for worker in host.world.live():
        worker.say(ev.Connected(worker.jid or ""))
    host.world.settle()


def refuse(host: Host, *names: str) -> None:
    """WhatsApp answers 405 to these."""
    for name in names:
        host.world.live(name)[0].say(ev.ClientOutdated())
    host.world.settle()


def states(host: Host) -> dict[str, State]:
    return {view.name: view.state for view in host.fleet.snapshot().instances}


def library_of(worker: FakeWorker) -> int | None:
    path = worker.process.library
    return None if path is None else compiled_number(Path(path))


def test_before_a_refusal_nothing_is_read_and_nothing_copied(host: Host) -> None:
    host.world.pass_time(7200)
    assert host.world.page_reads == [] and not (host.root / "library").exists()
    version = host.fleet.snapshot().version
    assert version is not None
    assert (version.number, version.origin) == (OWN, Origin.COMPILED)
    assert host.view("a").version == version


def test_one_scout_tries_the_current_version_and_then_the_others(host: Host) -> None:
    world = host.world
    world.page = NEWER
    before = len(world.workers)
    refuse(host, "a", "b", "c")
    assert world.page_reads == [None], "the page is read once for the fleet"
    (scout,) = world.workers[before:]
    assert (scout.instance, library_of(scout)) == ("a", NEWER)
    assert states(host) == {
        "a": State.CONNECTING, "b": State.OUTDATED, "c": State.OUTDATED, "s": State.STOPPED,
    }  # fmt: skip
    told = host.view("b")
    assert told.reason is Reason.VERSION_AWAITED and "a tries" in told.detail
    scout.say(ev.Connected(scout.jid or ""))
    world.settle()
    assert [(w.instance, library_of(w)) for w in world.workers[before + 1 :]] == [
        ("b", NEWER), ("c", NEWER),
    ]  # fmt: skip
    online(host)
    assert set(states(host).values()) == {State.CONNECTED, State.STOPPED}
    host.world.run(host.fleet.start("s"))
    host.world.settle()
    assert library_of(host.world.live("s")[0]) == NEWER
    version = host.fleet.snapshot().version
    assert version is not None
    assert (version.number, version.origin, version.dated) == (NEWER, Origin.READ, BEGIN)


def test_who_is_connected_stays_so_and_its_later_refusal_is_no_news(host: Host) -> None:
    world = host.world
    world.page = NEWER
    refuse(host, "a")
    scout = world.live("a")[0]
    assert states(host)["b"] is State.CONNECTED
    scout.say(ev.Connected(scout.jid or ""))
    world.settle()
    refuse(host, "b")
    assert library_of(world.live("b")[0]) == NEWER
    assert states(host)["a"] is State.CONNECTED and world.page_reads == [None]


PAGES = [
    ("WhatsApp's page gave no answer within 10 s", "no answer within 10 s"),
    (OWN - 1, "an older one (2.3000.1047769892)"),
    (OWN, "tells 2.3000.1047769893 too"),
    (12, "an absurd number (12)"),
    (10**30, "an absurd number"),
]


@pytest.mark.parametrize(("page", "said"), PAGES)
def test_without_a_version_nobody_dials_and_the_page_is_read_hourly(
    host: Host, page: int | str, said: str
) -> None:
    world = host.world
    world.page = page
    refuse(host, "a", "b", "c")
    tried = len(world.workers)
    view = host.view("b")
    assert (view.state, view.reason) == (State.OUTDATED, Reason.VERSION_AWAITED)
    assert said in view.detail and "2.3000.1047769893 is neonize's own" in view.detail
    assert view.next_attempt is not None
    assert EVERY_S <= view.next_attempt - world.clock.now() <= HOUR_S
    for name in ("a", "b", "c", "s"):
        with pytest.raises(FleetError, match="outdated"):
            world.run(host.fleet.start(name))
    world.run(host.fleet.add("new"))
    world.settle()
    assert states(host)["new"] is State.OUTDATED
    world.pass_time(EVERY_S * 10)
    assert len(world.workers) == tried, "an outdated fleet dialled"
    assert 1 + 8 <= len(world.page_reads) <= 1 + 10
    assert not any(host.root.glob("library/*"))


def test_a_key_reads_the_page_again_and_it_is_not_read_twice_in_a_moment(host: Host) -> None:
    world = host.world
    world.page = "HTTP 500"
    refuse(host, "a", "b", "c")
    world.pass_time(60)
    world.page = NEWER
    for name in ("c", "b", "a"):
        world.run(host.fleet.reconnect(name, takeover=True))
    world.settle()
    assert len(world.page_reads) == 2
    assert library_of(world.live("c")[0]) == NEWER, "who asked is the scout"


def test_a_version_that_is_refused_too_is_tried_by_one_and_then_waited_with(host: Host) -> None:
    world = host.world
    world.page = NEWER
    refuse(host, "a", "b", "c")
    tried = len(world.workers)
    refuse(host, "a")
    assert len(world.workers) == tried
    detail = host.view("b").detail
    assert "2.3000.1047769893 is neonize's own" in detail
    assert "2.3000.1050000000 was read on 2023-11-14 and is refused too" in detail
    world.pass_time(60)
    world.run(host.fleet.reconnect("b", takeover=True))
    world.settle()
    assert len(world.workers) == tried, "the same number was tried again"
    world.page = NEWER + 5
    world.pass_time(HOUR_S)
    assert {library_of(worker) for worker in world.workers[tried:]} == {NEWER + 5}


@pytest.mark.parametrize("ending", ["drop", "stop", "remove", "conflict", "logged out"])
def test_a_scout_that_meets_something_else_is_followed_by_another(host: Host, ending: str) -> None:
    world = host.world
    world.page = NEWER
    refuse(host, "a", "b", "c")
    scout = world.live("a")[0]
    match ending:
        case "drop":
            scout.say(ev.DialFailed("no route to host"))
        case "stop":
            world.run(host.fleet.stop("a"))
        case "remove":
            world.run(host.fleet.remove("a"))
        case "conflict":
            scout.say(ev.StreamReplaced())
        case _:
            scout.say(ev.LoggedOut(True, 401))
    world.settle()
    second = world.live("b")[0]
    assert library_of(second) == NEWER and states(host)["c"] is State.OUTDATED
    second.say(ev.Connected(second.jid or ""))
    world.settle()
    assert library_of(world.live("c")[0]) == NEWER


def test_a_cool_down_is_not_shortened_by_another_version(host: Host) -> None:
    world = host.world
    world.page = "no answer"
    world.live("b")[0].say(ev.StreamReplaced())
    world.settle()
    refuse(host, "a")
    assert states(host)["b"] is State.OUTDATED
    world.page = NEWER
    world.run(host.fleet.reconnect("a", takeover=True))
    world.pass_time(6)
    world.run(host.fleet.reconnect("a", takeover=True))
    world.settle()
    online(host)
    assert states(host)["b"] is State.COOLDOWN
    world.pass_time(11)
    assert host.view("b").reason is Reason.GUARDED


def test_a_pairing_that_is_refused_goes_on_by_itself(world: World, folder: Path) -> None:
    for host in opened(host_of(world, folder)):
        world.page = NEWER
        world.run(host.fleet.add("new"))
        world.settle()
        world.live("new")[0].say(ev.PairFailed(ev.PairingEnd.CLIENT_OUTDATED))
        world.pass_time(1.0)
        scout = world.live("new")[0]
        assert library_of(scout) == NEWER
        scout.say(ev.QrShown("q" * 50, 1, 6, 60.0))
        world.settle()
        assert states(host)["new"] is State.PAIRING
        assert states(host)["a"] is State.CONNECTED


@pytest.mark.parametrize("choice", ["compiled", f"2.3000.{NEWER}"])
def test_a_version_that_was_chosen_is_used_and_nothing_is_read(
    world: World, folder: Path, choice: str
) -> None:
    for host in opened(host_of(world, folder, choice)):
        wanted = None if choice == "compiled" else NEWER
        assert {library_of(worker) for worker in world.live()} == {wanted}
        world.page = NEWER + 5
        refuse(host, "a", "b", "c")
        tried = len(world.workers)
        view = world.run(host.fleet.reconnect("a", takeover=True))
        world.pass_time(EVERY_S * 5)
        assert len(world.workers) == tried and world.page_reads == []
        assert view.state is State.OUTDATED and "upgrade neonize" in view.next_step
        assert "whatsapp_version is set" in host.view("b").detail


def test_another_setting_takes_effect_while_it_runs(world: World, folder: Path) -> None:
    for host in opened(host_of(world, folder, "compiled")):
        refuse(host, "a", "b", "c")
        other = host_of(world, folder, f"2.3000.{NEWER}").settings
        world.loop.call_soon(host.fleet.apply, other)
        world.settle()
        assert [library_of(worker) for worker in world.live()] == [NEWER] * 3
        online(host)
        assert set(states(host).values()) == {State.CONNECTED, State.STOPPED}


def test_the_number_outlives_the_manager_until_neonize_has_a_newer_one(
    host: Host, folder: Path
) -> None:
    world = host.world
    world.page = NEWER
    refuse(host, "a", "b", "c")
    online(host)
    host.close()
    tried = len(world.workers)
    host.open()
    assert {library_of(worker) for worker in world.workers[tried:]} == {NEWER}
    assert len(world.page_reads) == 1
    (copy,) = (host.root / "library").iterdir()
    copy.write_bytes(b"damaged")
    host.close()
    host.open()
    assert {library_of(worker) for worker in world.live()} == {NEWER}
    host.close()
    write_library(folder / "library.so", NEWER + 1)
    host.open()
    assert {library_of(worker) for worker in world.live()} == {None}
    assert not list((host.root / "library").iterdir()), "an old copy was kept"


def test_an_outdated_fleet_stays_so_over_a_restart_until_neonize_is_newer(
    host: Host, folder: Path
) -> None:
    world = host.world
    world.page = "no answer"
    refuse(host, "a", "b", "c")
    tried = len(world.workers)
    for _ in range(3):
        host.close()
        host.open()
        world.pass_time(60)
    assert len(world.workers) == tried and len(world.page_reads) == 1
    assert "no version" in host.view("b").detail
    host.close()
    write_library(folder / "library.so", OWN + 1)
    host.open()
    assert len(world.live()) == 3


def test_a_neonize_that_is_upgraded_meanwhile_is_told(host: Host, folder: Path) -> None:
    world = host.world
    world.page = "no answer"
    refuse(host, "a", "b", "c")
    write_library(folder / "library.so", OWN + 1).write_bytes(b"x" * 99)
    world.pass_time(HOUR_S)
    assert "neonize was upgraded meanwhile: start waziterm again" in host.view("a").detail
    assert len(world.page_reads) == 1


@pytest.mark.parametrize("trouble", ["trial", "two", "none", "folder"])
def test_a_library_that_cannot_be_copied_is_told_and_stays(
    host: Host, folder: Path, trouble: str
) -> None:
    world = host.world
    world.page = NEWER
    said = "cannot be used"
    match trouble:
        case "trial":
            world.trial = "cannot open shared object file"
            said = "cannot be loaded: cannot open shared object file"
        case "folder":
            (host.root / "library").write_text("in the way")
        case _:
            host.close()
            numbers = [OWN, OWN] if trouble == "two" else []
            write_library(folder / "library.so", *numbers)
            host.open()
            online(host)
            said = f"stands {len(numbers)} times"
    refuse(host, "a", "b", "c")
    tried = len(world.workers)
    world.pass_time(EVERY_S)
    assert said in host.view("b").detail and len(world.workers) == tried
    assert not list(host.root.glob("library/neonize*"))
    if trouble in ("two", "none"):
        assert world.page_reads == [], "a page was read that could be of no use"


def test_a_dead_proxy_does_not_keep_the_fleet_from_its_version(world: World, folder: Path) -> None:
    host = host_of(world, folder)
    secret = "http://me:secret@10.0.0.{}:8080"
    host.prepare(*(paired(str(n), n, proxy=secret.format(n)) for n in (1, 2, 3, 4)), paired("5", 5))
    host.open()
    world.page = "no answer"
    refuse(host, "3")
    assert world.page_reads == [secret.format(n) for n in (3, 1, 2)]
    assert "secret" not in json.dumps(host.query("SELECT * FROM lines"))
    host.close()


def test_what_another_program_remembered_there_is_as_nothing(host: Host) -> None:
    world = host.world
    host.close()
    for text in ('{"read": "x"}', "[]", "{", '{"read": 7, "refused": true, "read_at": "y"}'):
        host.query(
            "INSERT INTO meta VALUES ('whatsapp_version', ?), ('compiled_version', ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value", text, text,
        )  # fmt: skip
        host.open()
        assert {library_of(worker) for worker in world.live()} == {None}
        host.close()


def test_the_finding_tells_the_numbers(host: Host) -> None:
    world = host.world
    world.page = "HTTP 500"
    refuse(host, "a", "b", "c")
    (found,) = (each for each in world.run(host.fleet.check()) if each.kind.value == "outdated")
    assert "2.3000.1047769893 is neonize's own; HTTP 500" in found.evidence


@pytest.mark.parametrize("first", ["restore", "refuse"])
def test_a_rival_s_hold_outlives_a_clean_a_refusal_and_another_version(
    world: World, folder: Path, first: str
) -> None:
    """405 meets everybody and ends by itself; a hold of a conflict ends by a person alone."""
    host = host_of(world, folder)
    host.prepare(paired("a", 1), replace(paired("h", 2), hold=Reason.RIVAL))
    try:
        host.open()
        online(host)
        assert states(host)["h"] is State.HELD
        world.task(host.fleet.clean("h")).result()
        (entry,) = world.task(host.fleet.trash()).result()
        if first == "refuse":
            refuse(host, "a")
        world.task(host.fleet.restore(entry.id)).result()
        if first == "restore":
            refuse(host, "a")
        world.page = NEWER
        world.pass_time(HOUR_S)
        assert host.view("h").state is State.HELD and host.view("h").reason is Reason.RIVAL
        assert not world.live("h")
        host.close()
    finally:
        host.abandon()
