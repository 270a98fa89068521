"""The program is replaced or removed on disk while a manager runs: nobody is harmed by it."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from tests.control.test_server import ask
from tests.e2e.test_process import pair, until_state
from tests.fleets import shown
from tests.programs import DEADLINE_S, Headless, headless
from tests.programs import verb as run_verb
from tests.sessions import session_of
from waziterm.control import protocol
from waziterm.control.client.remote import attached
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.program import UPGRADED
from waziterm.worker import protocol as wire

SOURCE = Path(__file__).parents[2] / "waziterm"
AT_ONCE = {
    "manager/files/program.py": (
        "LOOK_S = 60.0",
        "LOOK_S = 0.2",
        "SETTLED_S = 10.0",
        "SETTLED_S = 0.1",
    ),
    "cli/run/late.py": ("QUIET_S = 1.0", "QUIET_S = 0.0"),
}
OTHER = {
    "__init__.py": ('__version__ = "0.1.0"', '__version__ = "9.0.0"'),
    "control/protocol.py": (f"PROTOCOL = {protocol.PROTOCOL}", "PROTOCOL = 99"),
    "worker/protocol.py": (f"PROTOCOL = {wire.PROTOCOL}", "PROTOCOL = 99"),
}
"""A later program: it speaks other protocols, and its modules do not fit to those of today."""


def install(place: Path, changes: Mapping[str, tuple[str, ...]]) -> None:
    """A copy of the program with some of its words changed."""
    target = place / "waziterm"
    # What was compiled of files that stay as they are comes along: it is seconds of work.
    shutil.copytree(SOURCE, target, ignore=shutil.ignore_patterns("*.po"))
    for name, words in changes.items():
        text = (target / name).read_text()
        for old, new in zip(words[::2], words[1::2], strict=True):
            assert old in text, (name, old)
            text = text.replace(old, new)
        (target / name).write_text(text)


def replace_it(place: Path) -> None:
    remove_it(place)
    install(place, OTHER)


def remove_it(place: Path) -> None:
    shutil.rmtree(place / "waziterm")


def half_remove_it(place: Path) -> None:
    for file in sorted((place / "waziterm").rglob("*.py"))[::2]:
        file.unlink()


@pytest.fixture
def installed(folder: Path) -> Iterator[Path]:
    install(folder / "installed", AT_ONCE)
    yield folder / "installed"


def of(installed: Path) -> dict[str, str]:
    """The environment in which the program that is installed there is the one that runs."""
    return {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}


async def killed_and_back(program: Headless, name: str) -> None:
    """Kill an instance's worker: it comes back in another one."""
    async with program.fleet() as fleet:
        pid = fleet.view(name).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await shown(
            fleet, name, lambda view: view.state is State.CONNECTED and view.pid not in (None, pid)
        )


async def test_a_worker_comes_back_when_the_program_was_replaced(
    lab: Lab, folder: Path, installed: Path
) -> None:
    data = DataDir(folder / "data")
    async with headless(data.root, lab.file, **of(installed)) as program:
        assert str(installed) in str(psutil.Process(program.pid).environ())
        await pair(program, lab, "one")
        await asyncio.to_thread(replace_it, installed)
        await is_told(data)
        await killed_and_back(program, "one")
        for words in ("list", "stop one"):
            ended = await run_verb(*words.split(), data_dir=data.root, **of(installed))
            assert ended.code == 3 and "the service runs 0.1.0: restart it" in ended.stderr, ended
        assert (await program.verb("status", "one", "--json")).json["wanted"] == "running"
        assert await program.end(signal.SIGTERM) == 0
    assert UPGRADED in data.log.read_text() and "Traceback" not in data.log.read_text()


@pytest.mark.soak
@pytest.mark.parametrize("change", [replace_it, remove_it, half_remove_it])
async def test_a_fleet_goes_on_when_its_program_is_not_what_it_was(
    lab: Lab, folder: Path, installed: Path, change: Callable[[Path], None]
) -> None:
    data = DataDir(folder / "data")
    settings = of(installed) | {"WAZITERM_LIMITS__COOLDOWN_S": "1"}
    async with headless(data.root, lab.file, **settings) as program:
        numbers = {name: await pair(program, lab, name) for name in ("one", "two", "three")}
        assert not (await ask(data.socket, "GET", "/health")).json()["upgraded"]
        await asyncio.to_thread(change, installed)
        await is_told(data)
        # Whoever looks later is told too.
        await is_told(data)
        assert (await ask(data.socket, "GET", "/health")).json()["upgraded"] is True

        await killed_and_back(program, "one")
        worker = psutil.Process((await program.verb("status", "one", "--json")).json["pid"])
        zygote = worker.parent()
        assert zygote is not None and zygote.pid != program.pid
        zygote.kill()
        await killed_and_back(program, "one")

        two = next(each for each in await lab.sessions() if each.jid.startswith(numbers["two"]))
        await it_heals_and_tells(program, lab, data, two.jid)
        assert await program.end(signal.SIGTERM) == 0
    said = "".join(path.read_text() for path in data.log.parent.glob("waziterm.log*"))
    assert UPGRADED in said and "Traceback" not in said


async def is_told(data: DataDir) -> None:
    """Wait until a screen that attaches now is told of it."""
    async with (
        asyncio.timeout(DEADLINE_S),
        attached(data.socket, data.owner_pid) as screen,
        screen.subscribe() as changes,
    ):
        while UPGRADED not in {each.text for each in (await changes.next()).notices}:
            pass


async def it_heals_and_tells(program: Headless, lab: Lab, data: DataDir, two: str) -> None:
    """A conflict is met, its holder found; verbs, metrics and a reload answer as ever."""
    with session_of(data.root, "two").open("r+b"):
        await lab.trouble(TroubleKind.CONFLICT, two)
        held = await until_state(program, "two", State.HELD)
    assert held.reason is Reason.LOCAL_HOLDER and str(os.getpid()) in str(held.detail)

    found = (await program.verb("check", "--json")).json["findings"]
    told = {each["kind"]: each for each in found}
    assert told["upgraded"]["evidence"] == UPGRADED and told["upgraded"]["severity"] == "notice"
    assert "held" in told
    assert (await program.verb("fix", "--dry-run", "--json")).code in (0, 1)
    sent = await program.verb("test", "three", "--send", "--json")
    assert sent.json["layers"][-1]["verdict"] == "ok", sent
    cleaned = await program.verb("clean", "three", "--yes", "--json")
    assert cleaned.code == 0
    (entry,) = (await program.verb("trash", "--json")).json
    assert (await program.verb("restore", entry["id"])).code == 0
    await until_state(program, "three", State.CONNECTED)
    assert "waziterm_" in (await ask(data.socket, "GET", "/metrics")).text
    os.kill(program.pid, signal.SIGHUP)
    async with asyncio.timeout(DEADLINE_S):
        # Each question is a process, so there is no storm.
        while "reloaded" not in data.log.read_text():
            await program.verb("list")
    assert (await program.verb("restart", "--yes", "--json")).json["comebacks"]
