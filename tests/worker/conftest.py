"""One lab, and one device linked to it, for all tests of a module."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.worker.hand import Hand, connecting, pair
from waziterm.lab.client import Lab, run_lab
from waziterm.lab.words import Scanned

CUSTOMER = "628999000111"
DEADLINE_S = 15.0


@dataclass(frozen=True)
class Linked:
    """A linked device: its lab, its phone, and a session file of its own for this test."""

    lab: Lab
    phone: Scanned
    session: Path

    @property
    def inbox(self) -> Path:
        """Where the journal of messages in is written to."""
        return self.session.with_name("inbox") / "1a2b.journal"

    def resume(self, *, listens: bool = False) -> AbstractAsyncContextManager[Hand]:
        """listens: messages in are written to the journal."""
        inbox = str(self.inbox) if listens else ""
        return connecting(self.lab, self.session, self.phone.jid, inbox)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_lab() -> AsyncIterator[Lab]:
    """A local WhatsApp; what a test does to it must end with the test."""
    with tempfile.TemporaryDirectory(prefix="wt-") as folder:
        async with run_lab(Path(folder) / "lab") as lab:
            yield lab


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paired_once(
    shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Scanned, Path]:
    """Pairing takes a second of work, so it is done once; each test copies the file."""
    session = tmp_path_factory.mktemp("paired") / "session.db"
    async with connecting(shared_lab, session) as hand:
        phone = await pair(shared_lab, hand)
    return phone, session


@pytest_asyncio.fixture(loop_scope="module")
async def linked(
    shared_lab: Lab, paired_once: tuple[Scanned, Path], tmp_path: Path
) -> AsyncIterator[Linked]:
    """A linked device that is offline."""
    phone, session = paired_once
    yield Linked(shared_lab, phone, Path(shutil.copy(session, tmp_path)))
    await shared_lab.clear()
    # A receipt that its worker had no time for: the next test's would be brought the message.
    await shared_lab.drop_messages(phone.jid)
