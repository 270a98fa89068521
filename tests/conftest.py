"""Fixtures for all tests: a lab of one's own, short-lived folders with short paths."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from waziterm.lab.client import Lab, run_lab


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
