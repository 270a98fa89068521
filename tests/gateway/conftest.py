"""A queue in a world of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.phones import Bench
from tests.manager.world import World


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A queue that sends without pacing, and an instance `shop` that can send."""
    world = World()
    here = Bench(world, tmp_path)
    here.phones.of("shop")
    here.open()
    here.apply(enabled=False)
    try:
        yield here
        here.close()
        assert world.unhandled == []
    finally:
        for task in here.tasks:
            task.cancel()
        world.settle()
        world.close()
