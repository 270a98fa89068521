"""A served fleet on a real unix socket."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.control.scripted import ScriptedFleet, connected_view, pairing_view, view
from waziterm.control.server.app import serve_control


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name; tmp_path may be too long."""
    with TemporaryDirectory(prefix="wz") as name:
        yield Path(name)


@pytest.fixture
def fleet() -> ScriptedFleet:
    return ScriptedFleet(connected_view("shop-a"), pairing_view("shop-b"), view("shop-c"))


@pytest.fixture
async def socket_path(fleet: ScriptedFleet, short_dir: Path) -> AsyncIterator[Path]:
    path = short_dir / "control.sock"
    async with serve_control(fleet, path):
        yield path
