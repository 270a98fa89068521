"""The socket's file: private from its first moment, stale ones replaced, ours removed."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waziterm.domain.fleet.api import FleetError
from waziterm.manager.files.listener import LONGEST_PATH, listener


@pytest.fixture
def bind_seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The modes that socket files had right after their bind, before anything else ran."""
    modes: list[int] = []
    real: Callable[[socket.socket, Any], None] = socket.socket.bind

    class Watched(socket.socket):
        def bind(self, address: Any) -> None:
            real(self, address)
            modes.append(stat.S_IMODE(Path(address).stat().st_mode))

    monkeypatch.setattr(socket, "socket", Watched)
    return modes


def test_the_socket_is_private_from_its_first_moment(folder: Path, bind_seen: list[int]) -> None:
    path = folder / "control.sock"
    mask = os.umask(0)
    try:
        with listener(path):
            assert bind_seen == [0o600]
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert os.umask(0) == 0, "the process's own mask is back"
    finally:
        os.umask(mask)


def test_its_file_is_gone_at_the_end(folder: Path) -> None:
    path = folder / "control.sock"
    with listener(path):
        assert path.is_socket()
    assert not path.exists()


def test_a_socket_that_a_dead_manager_left_is_replaced(folder: Path) -> None:
    path = folder / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with listener(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_that_somebody_answers_is_left_alone(folder: Path) -> None:
    path = folder / "control.sock"
    with listener(path):
        with pytest.raises(FleetError, match="still answers") as caught, listener(path):
            pass
        assert caught.value.code == 3
        assert path.is_socket()


def test_a_file_in_the_way_is_left_alone(folder: Path) -> None:
    path = folder / "control.sock"
    path.write_text("precious")
    with pytest.raises(FleetError, match="not a socket"), listener(path):
        pass
    assert path.read_text() == "precious"


def test_a_successor_of_our_file_is_not_removed(folder: Path) -> None:
    path = folder / "control.sock"
    with listener(path):
        path.unlink()
        path.write_text("somebody else's")
    assert path.read_text() == "somebody else's"


def test_a_path_that_the_kernel_cannot_take_gets_one_clear_line(folder: Path) -> None:
    path = folder / ("x" * LONGEST_PATH) / "control.sock"
    with pytest.raises(FleetError, match=f"allows {LONGEST_PATH}") as caught, listener(path):
        pass
    assert "\n" not in str(caught.value)


def test_the_longest_path_works(folder: Path) -> None:
    path = folder / ("x" * (LONGEST_PATH - len(str(folder)) - 1))
    with listener(path):
        assert path.is_socket()


def test_a_directory_that_is_missing_gets_one_clear_line(folder: Path) -> None:
    path = folder / "none" / "control.sock"
    with pytest.raises(FleetError, match="cannot listen"), listener(path):
        pass


def test_what_the_body_raises_is_not_ours_to_explain(folder: Path) -> None:
    with pytest.raises(OSError, match="disk"), listener(folder / "control.sock"):
        raise OSError("disk")
