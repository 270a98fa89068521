"""Instances have ids: what is kept of one is found by its id, whatever it is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.manager.hosting import Host
from tests.manager.test_supervising import worker_of
from tests.manager.world import BEGIN
from waziterm.domain.care.trash import Why
from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance, first_id
from waziterm.domain.lifecycle.states import State
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.files.trash import Trash

JID = "6281234567890:1@s.whatsapp.net"
SHOP = Instance("shop", BEGIN, jid=JID)
OTHER = Instance("other", BEGIN)
PARTS = {"": b"keys", "-journal": b"hot", "-wal": b"more"}


class KilledError(BaseException):
    """Stands for the end of the process: nothing of the program catches it."""


def killed_at(patch: pytest.MonkeyPatch, number: int) -> Callable[[], bool]:
    """Let the program end at its rename of this number; whether it came so far."""
    rename, left = Path.rename, [number]

    def renamed(path: Path, target: Path) -> Path:
        if left[0] == 0:
            raise KilledError
        left[0] -= 1
        return rename(path, target)

    patch.setattr(Path, "rename", renamed)
    return lambda: left[0] == 0


def laid(folder: Path, stem: str) -> None:
    for end, content in PARTS.items():
        (folder / f"{stem}.db{end}").write_bytes(content)


def there(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def parts(stem: str) -> dict[str, bytes]:
    return {f"{stem}.db{end}": content for end, content in PARTS.items()}


@pytest.fixture
def sessions(folder: Path) -> Path:
    for name in ("sessions", "trash"):
        (folder / name).mkdir(mode=0o700)
    return folder / "sessions"


def files_of(sessions: Path) -> SessionFiles:
    """As a program has them that has just begun."""
    return SessionFiles(sessions, Trash(sessions.parent / "trash"))


# -- the files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", range(len(PARTS) + 1))
async def test_a_program_that_is_killed_while_it_names_them_by_ids_loses_nothing(
    sessions: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    laid(sessions, "shop")
    with monkeypatch.context() as patch:
        killed = killed_at(patch, at)
        try:
            await files_of(sessions).settle([SHOP, OTHER])
        except KilledError:
            assert at < len(PARTS)
        assert killed()
    assert sorted(there(sessions).values()) == sorted(PARTS.values())
    for _ in range(2):
        await files_of(sessions).settle([SHOP, OTHER])
        assert there(sessions) == parts(SHOP.id)
    assert len(files_of(sessions).files(SHOP.id)) == len(PARTS)


async def test_what_cannot_be_named_anew_is_told_and_stays(
    sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid(sessions, "shop")

    def refused(path: Path, target: Path) -> Path:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refused)
        with pytest.raises(FleetError, match="cannot be arranged: Read-only file system"):
            await files_of(sessions).settle([SHOP])
    assert there(sessions) == parts("shop")


async def test_a_file_of_a_name_replaces_no_session_and_is_no_other_s(sessions: Path) -> None:
    laid(sessions, "shop")
    (sessions / f"{SHOP.id}.db").write_bytes(b"its own")
    (sessions / "nobody.db").write_bytes(b"an orphan")
    before = there(sessions)
    # Whoever is named like the id of another does not get his session.
    await files_of(sessions).settle([SHOP, replace(OTHER, name=SHOP.id)])
    assert there(sessions) == before
    assert files_of(sessions).identities() == {"shop", SHOP.id, "nobody"}


async def test_a_part_of_a_session_is_never_put_beside_another_one(sessions: Path) -> None:
    laid(sessions, "shop")
    (sessions / f"{SHOP.id}.db-journal").write_bytes(b"of another")
    before = there(sessions)
    await files_of(sessions).settle([SHOP])
    assert there(sessions) == before


@pytest.mark.parametrize("at", range(len(PARTS)))
@pytest.mark.parametrize("kept", [SHOP, replace(SHOP, id="0" * 16)])
async def test_a_restore_that_is_killed_is_brought_to_its_end(
    sessions: Path, monkeypatch: pytest.MonkeyPatch, kept: Instance, at: int
) -> None:
    """Also into an instance that was added anew under that name, which has another id."""
    laid(sessions, SHOP.id)
    entry = await files_of(sessions).to_trash(SHOP, at=BEGIN, why=Why.CLEANED, restorable=True)
    assert entry is not None and there(sessions) == {}
    lies = sessions.parent / "trash" / entry.id
    assert {name for name in there(lies) if name != "manifest.json"} == set(parts("shop"))
    with monkeypatch.context() as patch:
        killed_at(patch, at)
        with pytest.raises(KilledError):
            await files_of(sessions).from_trash(entry.id, kept.id)
    await files_of(sessions).settle([kept])
    if not at:
        await files_of(sessions).from_trash(entry.id, kept.id)
    assert there(sessions) == parts(kept.id) and not lies.exists()


@pytest.mark.parametrize("at", range(1, len(PARTS)))
async def test_a_clean_that_is_killed_is_taken_back(
    sessions: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    laid(sessions, SHOP.id)
    with monkeypatch.context() as patch:
        killed_at(patch, at)
        with pytest.raises(KilledError):
            await files_of(sessions).to_trash(SHOP, at=BEGIN, why=Why.CLEANED, restorable=True)
    await files_of(sessions).settle([SHOP])
    assert there(sessions) == parts(SHOP.id)


async def test_what_an_older_program_half_moved_comes_together_and_gets_the_id(
    sessions: Path,
) -> None:
    migrated = replace(SHOP, id=first_id("shop"))
    laid(sessions, migrated.id)
    entry = await files_of(sessions).to_trash(migrated, at=BEGIN, why=Why.CLEANED, restorable=True)
    assert entry is not None
    lies = sessions.parent / "trash" / entry.id
    manifest = json.loads((lies / "manifest.json").read_text())
    del manifest["was"]["id"]
    (lies / "manifest.json").write_text(json.dumps(manifest))
    (lies / "shop.db").rename(sessions / "shop.db")
    await files_of(sessions).settle([migrated])
    assert there(sessions) == parts(migrated.id) and not lies.exists()


# -- the fleet -------------------------------------------------------------------------------------


def online(host: Host, name: str) -> None:
    host.prepare(Instance(name, BEGIN, since=BEGIN, jid=JID))
    host.open()
    worker_of(host, name).say(ev.Connected(JID))
    host.world.settle()
    assert host.view(name).state is State.CONNECTED


def remembered(host: Host, name: str) -> tuple[int, int, int, set[str]]:
    """How much there is of an instance: moves, attempts, log lines; and what a check tells."""
    fleet, run = host.fleet, host.world.run
    return (
        len(run(fleet.timeline(name))),
        len(run(fleet.attempts(0.0, name))),
        len(run(fleet.lines(name, limit=1000))),
        {each.kind.value for each in run(fleet.check()) if each.instance == name},
    )


def test_who_is_added_under_a_name_that_was_removed_is_another_one(host: Host) -> None:
    online(host, "a")
    worker_of(host, "a").say(ev.StreamReplaced())
    host.world.settle()
    first, before = host.id("a"), remembered(host, "a")
    assert before[0] > 1 and before[1] == 1 and before[2] > 1
    assert "recent_conflicts" in before[3]
    removal = host.world.task(host.fleet.remove("a")).result()
    assert {each.instance for each in host.world.run(host.fleet.attempts())} == {"a"}
    host.world.task(host.fleet.add("a")).result()
    host.world.settle()
    assert host.id("a") != first
    moves, attempts, _, found = remembered(host, "a")
    assert moves <= 2 and attempts == 1 and "recent_conflicts" not in found
    said = {line.text for line in host.world.run(host.fleet.lines("a", limit=1000))}
    assert not any("moved to the trash" in text for text in said)
    (conflict,) = host.world.run(host.fleet.conflicts())
    assert (conflict.instance, conflict.instance_id) == ("a", first)
    host.world.task(host.fleet.remove("a")).result()
    host.world.task(host.fleet.restore(removal.entry)).result()
    assert host.id("a") == first
    assert (
        host.session("a") == host.root / "sessions" / f"{first}.db" and host.session("a").exists()
    )
    moves, attempts, lines, found = remembered(host, "a")
    assert (moves, attempts, lines) > before[:3] and "recent_conflicts" in found
    assert not host.lies


def test_a_session_is_restored_into_who_has_its_name_now(host: Host) -> None:
    online(host, "a")
    first, content = host.id("a"), host.session("a").read_bytes()
    removal = host.world.task(host.fleet.remove("a")).result()
    host.world.task(host.fleet.add("a")).result()
    host.world.task(host.fleet.stop("a")).result()
    host.world.task(host.fleet.restore(removal.entry)).result()
    assert host.id("a") != first
    assert host.session("a").read_bytes() == content and host.view("a").paired
    assert not (host.root / "sessions" / f"{first}.db").exists()


def test_an_id_that_somebody_s_file_is_named_by_is_not_used_again(host: Host) -> None:
    online(host, "a")
    first, content = host.id("a"), host.session("a").read_bytes()
    removal = host.world.task(host.fleet.remove("a")).result()
    (host.root / "sessions" / f"{first}.db").write_bytes(b"dropped here")
    host.world.task(host.fleet.restore(removal.entry)).result()
    assert host.id("a") != first and host.session("a").read_bytes() == content
    assert (host.root / "sessions" / f"{first}.db").read_bytes() == b"dropped here"


def test_a_file_of_its_name_is_taken_up_by_who_has_none(host: Host) -> None:
    online(host, "a")
    session = host.session("a")
    by_name = host.root / "sessions" / "a.db"
    host.close()
    session.rename(by_name)
    host.open()
    assert session.exists() and not by_name.exists()
    worker_of(host, "a").say(ev.Connected(JID))
    host.world.settle()
    assert host.view("a").state is State.CONNECTED
    by_name.write_bytes(session.read_bytes())
    orphans = [
        each for each in host.world.run(host.fleet.check()) if each.kind.value == "orphan_session"
    ]
    assert [Path(each.subject).name for each in orphans] == ["a.db"]
    assert orphans[0].remedy is not None
