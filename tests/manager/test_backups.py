"""The regular backup: made when it is due, kept as many as are wanted, told when it fails."""

from dataclasses import dataclass, replace
from pathlib import Path

import pyrage
import pytest

from tests.manager.hosting import settings
from waziterm.config import Settings
from waziterm.config.settings import Backup
from waziterm.domain.backup import BackupRecord
from waziterm.domain.care.diagnosis import diagnose
from waziterm.domain.care.evidence import Survey
from waziterm.domain.care.findings import Severity
from waziterm.domain.phrase import Phrase
from waziterm.manager.care.backups import META, Backups, record_in
from waziterm.manager.clock import SystemClock
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.fleet import StoredFleet
from waziterm.moving.process import Order, Work, carry_out
from waziterm.moving.sealing import Key
from waziterm.store.store import open_store

BEGIN, HOUR_S = 1_767_225_600.0, 3600.0


class Later(SystemClock):
    """A clock that shows what a test says."""

    at = BEGIN

    def now(self) -> float:
        return self.at


@dataclass
class Place:
    """A data directory, where its backups go, and the key that opens them."""

    data: DataDir
    target: Path
    key: pyrage.x25519.Identity

    def settings(self) -> Settings:
        backup = Backup(
            every_s=6 * HOUR_S, keep=2, directory=self.target, recipient=str(self.key.to_public())
        )
        return replace(settings(self.data.root.parent), backup=backup)

    def made(self) -> list[str]:
        return sorted(each.name for each in self.target.iterdir()) if self.target.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    data = DataDir(tmp_path / "data")
    data.create()
    return Place(data, tmp_path / "backups", pyrage.x25519.Identity.generate())


async def test_one_is_made_in_its_time_and_the_oldest_go(place: Place, tmp_path: Path) -> None:
    clock, said = Later(), list[Phrase]()
    async with open_store(place.data.database) as store:
        backups = Backups(place.data, store, clock, place.settings, said.append)

        async def severities() -> list[Severity]:
            record = await record_in(store)
            assert record is not None
            seen = Survey(now=clock.at, has_manager=True, backup=(record, 6 * HOUR_S))
            return [each.severity for each in diagnose(seen) if each.kind == "backup"]

        await backups.look()
        assert [str(each) for each in said] == [
            f"the backup failed: {place.target} is no directory"
        ]
        assert await severities() == [Severity.WARNING]
        place.target.mkdir()
        clock.at += 300
        await backups.look()
        assert place.made() == []
        clock.at += 301
        await backups.look()
        await backups.look()
        assert place.made() == ["waziterm-20260101T001001Z.age"] and await severities() == []
        (place.target / "mine.age").write_text("x")
        (place.target / ".waziterm-20260101T001001Z.age.0badc0de.part").write_text("x")
        for _ in range(2):
            clock.at += 6 * HOUR_S
            await backups.look()
        assert place.made() == [
            *("mine.age", "waziterm-20260101T061001Z.age", "waziterm-20260101T121001Z.age")
        ]
        clock.at += 13 * HOUR_S
        assert await severities() == [Severity.PROBLEM]
        assert len(said) == 1
    newest, into = place.target / place.made()[-1], tmp_path / "in"
    into.mkdir()
    await carry_out(Order(Work.OPEN, newest, into, Key(identity=str(place.key)), kind="backup"))
    assert [each.name for each in into.iterdir()] == ["waziterm.db"]
    assert newest.stat().st_mode & 0o077 == 0


async def test_one_made_by_hand_is_none_of_the_regular_ones(place: Place, tmp_path: Path) -> None:
    """It may lie anywhere, and be sealed with what only one person knows."""
    record = BackupRecord(BEGIN, failed=BEGIN, error="the disk is gone")
    async with open_store(place.data.database) as store:
        await store.set_meta(META, record.text)
    public, file = str(place.key.to_public()), tmp_path / "by-hand.age"
    await StoredFleet(place.data, place.settings).backup(str(file), recipient=public)
    assert file.exists()
    async with open_store(place.data.database) as store:
        assert await record_in(store) == record
