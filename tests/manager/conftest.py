"""A manager in a world of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.world import World


@pytest.fixture
def host(folder: Path) -> Iterator[Host]:
    """A data directory and its world; whatever still runs at the end is ended."""
    world = World()
    here = Host(world, folder / "data", settings(folder))
    try:
        yield here
    finally:
        here.abandon()
        world.close()
