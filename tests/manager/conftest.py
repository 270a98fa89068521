"""A manager in a world of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.world import World
from tests.texts.told import check_told
from waziterm.domain.fleet.api import Notice
from waziterm.manager.broadcast import Broadcast


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


@pytest.fixture(autouse=True)
def every_notice_is_translated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a manager tells in these tests can be said in each language of the screen."""
    told: list[Notice] = []
    tell = Broadcast.notice

    def notice(broadcast: Broadcast, each: Notice) -> None:
        told.append(each)
        tell(broadcast, each)

    monkeypatch.setattr(Broadcast, "notice", notice)
    yield
    for each in told:
        check_told(each.text)
