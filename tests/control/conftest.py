"""A served fleet on a real unix socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.scripted import ScriptedFleet, connected_view, pairing_view, view
from waziterm.control.server.app import serve_control


@pytest.fixture
def fleet() -> ScriptedFleet:
    return ScriptedFleet(connected_view("shop-a"), pairing_view("shop-b"), view("shop-c"))


@pytest.fixture
async def socket_path(fleet: ScriptedFleet, folder: Path) -> AsyncIterator[Path]:
    path = folder / "control.sock"
    async with serve_control(fleet, path):
        yield path
