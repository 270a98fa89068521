"""A data directory, and a manager of scripted answers that owns it as a real one does."""

import asyncio
import json
import os
import pty
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.control.scripted import ScriptedFleet, connected_view, pairing_view, view
from waziterm.cli.main import run
from waziterm.control.server.app import serve_control
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.lock import owned


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a verb ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that it has to be."""
        return json.loads(self.out)


Call = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WAZITERM_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a verb in this process."""

    def invoke(*argv: str) -> Outcome:
        capsys.readouterr()
        code = run(argv)
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return invoke


@pytest.fixture
def data() -> Iterator[DataDir]:
    """A data directory that nobody owns; its path leaves room for a socket's name."""
    with TemporaryDirectory(prefix="wz") as name:
        yield DataDir(Path(name))


@pytest.fixture
def fleet() -> ScriptedFleet:
    return ScriptedFleet(connected_view("shop-a"), pairing_view("shop-b"), view("shop-c"))


@pytest.fixture
def managed(data: DataDir, fleet: ScriptedFleet) -> Iterator[DataDir]:
    """The same directory, owned and served while the test runs."""
    with served(data, fleet):
        yield data


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """An operator at a terminal who types a line."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal, os.fdopen(ours, "wb", buffering=0) as keyboard:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield lambda text: keyboard.write(text.encode() + b"\n")


@contextmanager
def served(data: DataDir, fleet: ScriptedFleet) -> Iterator[None]:
    """Serve a fleet from a thread with a loop of its own, under the directory's lock."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with serve_control(fleet, data.socket):
            ready.set()
            await over.wait()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    with owned(data.lock):
        thread = threading.Thread(target=work)
        thread.start()
        assert ready.wait(10)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(10)
