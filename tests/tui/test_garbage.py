"""Where a log line goes for each that comes, Python is told when to look for garbage."""

import gc
from collections.abc import Iterator

import pytest

from waziterm.tui.app.garbage import LINES, OLDER, LineGarbage


@pytest.fixture
def looks() -> Iterator[list[int]]:
    """The generations that were looked at."""
    found: list[int] = []

    def told(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            found.append(info["generation"])

    gc.collect()
    gc.disable()
    gc.callbacks.append(told)
    yield found
    gc.callbacks.remove(told)
    gc.enable()


def test_it_looks_once_for_so_many_lines(looks: list[int]) -> None:
    garbage = LineGarbage()
    garbage.came(LINES - 1)
    assert looks == []
    garbage.came(1)
    garbage.came(LINES - 1)
    assert looks == [0]


def test_older_ones_are_looked_at_less_often_and_the_oldest_never(looks: list[int]) -> None:
    garbage = LineGarbage()
    for _ in range(2 * OLDER):
        garbage.came(LINES)
    assert looks == [*[0] * (OLDER - 1), 1] * 2
