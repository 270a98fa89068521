"""Fixtures for all tests: a lab of one's own, short-lived folders with short paths."""

import gc
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from waziterm.lab.client import Lab, run_lab

# A test measures no speed: on a busy machine an example takes as long as it takes. The examples are
# the same each time, or new ones where `--hypothesis-profile=new` asks for them.
settings.register_profile("new", deadline=None, derandomize=False)
settings.register_profile("same", deadline=None, derandomize=True, database=None)
settings.load_profile("same")

# A third of the tests' time went into looking through all that is loaded for garbage.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    """What is loaded now stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for the name of a unix socket."""
    with tempfile.TemporaryDirectory(prefix="wt-") as path:
        yield Path(path)


@pytest.fixture
async def lab(folder: Path) -> AsyncIterator[Lab]:
    """A local WhatsApp in a process of its own."""
    async with run_lab(folder / "lab") as running:
        yield running
