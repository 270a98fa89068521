"""A served facade."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.facade.served import Served, serving_facade


@pytest.fixture
async def served(folder: Path) -> AsyncIterator[Served]:
    async with serving_facade(folder, "shop", "bar") as running:
        yield running
