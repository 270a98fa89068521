"""Whether a manager sees that its own files are not what they were, and what it says then."""

import os
import shutil
import sys
from pathlib import Path

import pytest

import waziterm
from waziterm.domain.fleet.api import FleetView, Notice
from waziterm.domain.phrase import Phrase, as_it_is
from waziterm.manager import world as worlds
from waziterm.manager.broadcast import Broadcast
from waziterm.manager.clock import SystemClock
from waziterm.manager.files.program import LOOK_S, SETTLED_S, UPGRADED, Program, watch
from waziterm.manager.version_page import PageError, read_version
from waziterm.manager.workers import zygote_line


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A package of two folders."""
    root = tmp_path / "waziterm"
    (root / "worker" / "__pycache__").mkdir(parents=True)
    for name in ("__init__.py", "worker/__init__.py", "worker/serve.py", "words.po"):
        (root / name).write_text("x = 1\n")
    return root


def rewrite(root: Path) -> None:
    (root / "worker" / "serve.py").write_text("x = 22\n")


def touch(root: Path) -> None:
    os.utime(root / "__init__.py", (1.0, 1.0))


def remove_one(root: Path) -> None:
    (root / "worker" / "serve.py").unlink()


def remove(root: Path) -> None:
    shutil.rmtree(root)


def add(root: Path) -> None:
    (root / "new.py").touch()


@pytest.mark.parametrize("change", [rewrite, touch, remove_one, remove, add])
def test_it_is_upgraded_once_the_change_has_stood_still(installed: Path, change: object) -> None:
    program = Program(installed)
    assert not program.look(0.0) and not program.is_changed()
    assert callable(change)
    change(installed)
    assert program.is_changed()
    # An edit, or an upgrade that goes on just now.
    assert not program.look(100.0)
    assert not program.look(100.0 + SETTLED_S - 0.1)
    assert not program.upgraded
    assert program.look(100.0 + SETTLED_S)
    assert program.upgraded


def test_a_change_that_goes_on_is_waited_for(installed: Path) -> None:
    program = Program(installed)
    for moment in range(5):
        (installed / f"new{moment}.py").touch()
        assert not program.look(moment * LOOK_S)
    assert program.look(5 * LOOK_S)


def test_compiled_files_and_catalogs_are_no_change(installed: Path) -> None:
    program = Program(installed)
    (installed / "worker" / "__pycache__" / "serve.cpython-311.pyc").touch()
    (installed / "worker" / "__pycache__" / "odd.py").touch()
    (installed / "words.mo").touch()
    assert not program.is_changed()


def test_the_package_itself_is_looked_at_quickly() -> None:
    program = Program()
    assert len(program._was) > 200
    assert str(Path(waziterm.__file__)) in program._was
    assert not program.look(0.0)


class Steps(SystemClock):
    """A clock on which a wait takes no time; the program is replaced after a while."""

    def __init__(self, root: Path) -> None:
        self.at = 0.0
        self._root = root

    def elapsed(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        if self.at == 3 * LOOK_S:
            rewrite(self._root)


async def test_it_is_told_once_within_two_minutes(
    installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, told = Steps(installed), []
    await watch(Program(installed), clock, lambda: told.append(clock.at))
    assert told == [4 * LOOK_S]
    assert [each.getMessage() for each in caplog.records] == [UPGRADED]


async def test_whoever_subscribes_later_is_told_too() -> None:
    broadcast, notice = Broadcast(), Notice(1.0, Phrase(UPGRADED))
    broadcast.lasting(notice)
    for _ in range(2):
        async with broadcast.subscribe(lambda: FleetView(0.0, False, ())) as reader:
            assert (await reader.next()).notices == (notice,)


async def test_what_nobody_heard_is_kept_where_it_is_wanted() -> None:
    for broadcast, kept in (
        (Broadcast(), ()),
        (Broadcast(keeps_unheard=True), (Notice(1.0, as_it_is("x")),)),
    ):
        broadcast.notice(Notice(1.0, as_it_is("x")))
        for expected in (kept, ()):
            async with broadcast.subscribe(lambda: FleetView(0.0, False, ())) as reader:
                assert (await reader.next()).notices == expected


async def test_a_changed_program_is_not_executed_for_a_worker(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_there(*_: object) -> None:
        raise FileNotFoundError(2, "No such file")

    monkeypatch.setattr(worlds, "Program", lambda: Program(installed))
    monkeypatch.setattr(zygote_line, "launch", nothing_there)
    async with worlds.real_world(None) as world:
        rewrite(installed)
        with pytest.raises(OSError) as caught:
            await world.spawn(None)
    assert caught.value.strerror == UPGRADED


@pytest.mark.parametrize(
    ("said", "changed", "told"),
    [
        ("", True, ""),
        ("no such module", False, "no such module"),
        ("no such module", True, UPGRADED),
    ],
)
async def test_a_trial_that_fails_in_a_changed_program_tells_that(
    installed: Path, monkeypatch: pytest.MonkeyPatch, said: str, changed: bool, told: str
) -> None:
    async def trial(_library: Path) -> str:
        return said

    monkeypatch.setattr(worlds, "Program", lambda: Program(installed))
    monkeypatch.setattr(worlds, "trial", trial)
    async with worlds.real_world(None) as world:
        if changed:
            rewrite(installed)
        assert await world.trial(installed) == told


async def test_the_page_is_not_read_by_what_is_not_there_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(PageError, match=UPGRADED):
        await read_version(None, None)
