"""The doctor: each check can end well and badly, and says what to do."""

import asyncio
import os
import resource
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import Call
from tests.manager.world import write_library
from waziterm.cli.verbs import checks
from waziterm.cli.verbs.checks import Check, Status
from waziterm.cli.verbs.schema import schemas
from waziterm.domain.version import VersionChoice
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.lock import owned
from waziterm.manager.version.kept import KEPT, Kept
from waziterm.store.store import open_store


def test_this_machine_is_fit(call: Call, tmp_path: Path) -> None:
    root, loaded = tmp_path / "d", set(sys.modules)
    done = call("doctor", "--data-dir", str(root), "--json")
    assert done.code == 0, done.out
    found = done.document
    Draft202012Validator(schemas()["doctor"]).validate(found)
    assert found["ok"] is True
    assert [check["check"] for check in found["checks"]] == [
        *(
            "python",
            "libmagic",
            "neonize",
            "version",
            "open files",
            "terminal",
            "data directory",
            "disk",
        ),
    ]
    assert all(set(check) == {"check", "status", "detail", "act"} for check in found["checks"])
    assert not {"neonize", "magic"} & (set(sys.modules) - loaded)
    assert not root.exists()


def test_a_failed_check_is_exit_1_and_says_what_to_do(
    call: Call, data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Check("neonize", Status.FAIL, "cannot open shared object", "install it again")
    monkeypatch.setattr(checks, "neonize", lambda: broken)
    done = call("doctor", "--data-dir", str(data.root))
    assert done.code == 1
    assert "FAIL  neonize         cannot open shared object; install it again" in done.out


def test_a_library_that_does_not_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "magic.py").write_text("raise ImportError('failed to find libmagic')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = checks.libmagic()
    assert found.status is Status.FAIL
    assert found.detail == "ImportError: failed to find libmagic"
    assert found.act


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ((64, 64), Status.FAIL),
        ((64, 256), Status.WARN),
        ((64, 1024), Status.OK),
        ((1024, 1024), Status.OK),
        ((64, resource.RLIM_INFINITY), Status.OK),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), Status.OK),
    ],
)
def test_open_files(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], status: Status
) -> None:
    """A manager raises the soft limit to the hard one, so that is what counts."""
    monkeypatch.setattr(resource, "getrlimit", lambda what: limits)
    assert checks.descriptors().status is status


@pytest.mark.parametrize(
    ("free", "status"),
    [(10_000_000, Status.FAIL), (100_000_000, Status.WARN), (10**10, Status.OK)],
)
def test_free_space(data: DataDir, free: int, status: Status) -> None:
    assert checks.disk(data, free).status is status


def test_a_directory_that_others_can_read(data: DataDir) -> None:
    data.root.chmod(0o755)
    found = checks.directory(data)
    assert found.status is Status.WARN
    assert f"chmod 700 {data.root}" in found.act


def test_a_directory_that_a_manager_owns(data: DataDir) -> None:
    with owned(data.lock):
        assert checks.directory(data).detail.endswith(f"manager pid {os.getpid()}")


@pytest.mark.parametrize("name", ["what?", "a#b", "100%", "x" * 120])
def test_a_path_that_cannot_work(tmp_path: Path, name: str) -> None:
    found = checks.directory(DataDir(tmp_path / name))
    assert found.status is Status.FAIL
    assert "--data-dir" in found.act


def test_a_file_in_the_place_of_the_directory(data: DataDir) -> None:
    file = data.root / "file"
    file.touch()
    assert checks.directory(DataDir(file)).status is Status.FAIL
    assert checks.directory(DataDir(file / "below")).status is Status.FAIL


@pytest.mark.parametrize(
    ("environ", "size", "words"),
    [
        ({"TERM": "dumb"}, (80, 24), "set TERM"),
        ({"TERM": ""}, (80, 24), "set TERM"),
        ({"TERM": "xterm-256color"}, (60, 24), "enlarge it"),
        ({"TERM": "xterm-256color"}, (80, 24), ""),
    ],
)
def test_terminals(
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    size: tuple[int, int],
    words: str,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size(size))
    monkeypatch.setattr("locale.getencoding", lambda: "UTF-8")
    found = checks.terminal()
    assert found.status is (Status.WARN if words else Status.OK)
    assert words in found.act
    monkeypatch.setattr("locale.getencoding", lambda: "ANSI_X3.4-1968")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "UTF-8" in checks.terminal().act


def test_reaching_a_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert checks.reach(address).status is Status.OK
    found = checks.reach(address)
    assert found.status is Status.FAIL
    assert "refused" in found.detail and found.act


def test_the_version_that_the_library_tells_whatsapp(
    data: DataDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    auto, now = VersionChoice(), datetime(2026, 11, 27, tzinfo=UTC).timestamp()
    library = write_library(tmp_path / "library.so", 1047769893)
    monkeypatch.setattr(checks, "installed", lambda: library)
    fresh = checks.version(data, auto, now)
    assert (fresh.status, fresh.detail) == (
        Status.OK,
        "2.3000.1047769893 (neonize's own), about 67 days old;"
        " WhatsApp may refuse it from about 2027-01-21",
    )
    assert checks.version(data, auto, now + 30 * 86_400).status is Status.WARN
    old = checks.version(data, VersionChoice.parse("2.3000.1033287297"), now)
    assert old.status is Status.WARN and "(set)" in old.detail and "2026-06-11" in old.detail
    data.create()
    asyncio.run(_remember(data, Kept(refused=1047769893)))
    assert checks.version(data, auto, now).status is Status.FAIL
    asyncio.run(_remember(data, Kept(refused=1047769893, read=1050000000, read_at=now)))
    bridge = checks.version(data, auto, now)
    assert bridge.status is Status.OK and "2.3000.1050000000 (read from" in bridge.detail
    write_library(library)
    unknown = checks.version(data, auto, now)
    assert unknown.status is Status.WARN and "stands 0 times" in unknown.detail


async def _remember(data: DataDir, kept: Kept) -> None:
    async with open_store(data.database) as store:
        await store.set_meta(KEPT, kept.dump())
