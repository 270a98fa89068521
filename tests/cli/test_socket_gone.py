"""F28: somebody takes the control socket away while a manager runs: it is made again, and a verb
that comes in between is answered as ever."""

import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.control.scripted import ScriptedFleet
from waziterm.control.client.call import PATIENCE_S, ControlClient
from waziterm.domain.errors import FleetError
from waziterm.manager.files.datadir import DataDir


def removed(path: Path) -> None:
    path.unlink()


def dead_one(path: Path) -> None:
    """A file of a socket that nobody answers, as a copy of a directory brings."""
    path.unlink()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def renamed(path: Path) -> None:
    path.rename(path.with_name("elsewhere.sock"))


@pytest.mark.parametrize("taken", [removed, dead_one, renamed])
def test_f28_a_socket_that_was_taken_away_is_made_again(
    call: Call, managed: DataDir, fleet: ScriptedFleet, taken: Callable[[Path], None]
) -> None:
    for _ in range(2):
        taken(managed.socket)
        began = time.monotonic()
        done = call("stop", "shop-a", "--data-dir", str(managed.root))
        assert (done.code, done.err) == (0, "")
        assert time.monotonic() - began < PATIENCE_S / 2
        assert stat.S_IMODE(managed.socket.stat().st_mode) == 0o600
    assert len(fleet.calls) == 2


def test_f28_what_lies_in_its_place_is_left_alone_until_it_is_gone(
    call: Call, managed: DataDir, caplog: pytest.LogCaptureFixture
) -> None:
    managed.socket.unlink()
    managed.socket.write_text("precious")
    with pytest.raises(FleetError, match="has not answered"):
        ControlClient(managed.socket, managed.owner_pid, patience_s=2.5).hello()
    assert managed.socket.read_text() == "precious"
    said = [each.getMessage() for each in caplog.records if "cannot reach" in each.getMessage()]
    assert len(said) == 1 and "is not a socket" in said[0]
    managed.socket.unlink()
    assert call("list", "--data-dir", str(managed.root)).code == 0
