"""Backups of the whole data directory: by hand, and regularly to where the settings say.

What packs and seals is a process of its own; see `waziterm.moving.process`. The regular ones are
sealed for a public key, so that nothing here could open them.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from waziterm.config import Settings
from waziterm.domain.backup import BackupRecord, backup_name, check_recipient, surplus
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.tools import BackedUp
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.manager.care.carrying import check_passphrase, checked_target
from waziterm.manager.clock import Clock
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.leaving import drop, part_of, put
from waziterm.manager.inputs import InputError
from waziterm.moving.process import Order, Work, carried_out
from waziterm.moving.sealing import Key
from waziterm.store.store import Store

META = "backup"
"""Under which the store remembers how it stands."""
EVERY_S = 60.0
"""Seconds between two looks whether one is due."""

log = logging.getLogger(__name__)


async def back_up(data: DataDir, file: str, passphrase: str, recipient: str) -> BackedUp:
    """See `domain.fleet.protocol.Fleet.backup`."""
    target = checked_target(file)
    if bool(passphrase) == bool(recipient):
        raise InputError(
            Phrase("a backup is sealed with a passphrase or for a recipient, one of both")
        )
    if passphrase:
        check_passphrase(passphrase)
    if recipient:
        try:
            check_recipient(recipient)
        except ValueError as error:
            raise InputError(Phrase("the recipient {why}", why=error.args[0])) from error
    part = part_of(target)
    try:
        key = Key(passphrase=passphrase, recipient=recipient)
        order = Order(Work.BACKUP, data.root, part, key, shown=str(target))
        async with carried_out(order) as (told, _):
            await asyncio.to_thread(put, part, target)
    except OSError as error:
        why = error.strerror or str(error)
        raise FleetError(
            Phrase("{path}: {why}", path=plain(str(error.filename or target), 300), why=why),
            Phrase("see the disk and the directory's mode"),
        ) from error
    finally:
        await asyncio.to_thread(drop, part)
    return BackedUp(str(target), told["bytes"], told["files"], tuple(told["unread"]))


class Backups:
    """Makes the regular ones. settings: as they are. announce: says a sentence to whoever
    watches."""

    def __init__(
        self,
        data: DataDir,
        store: Store,
        clock: Clock,
        settings: Callable[[], Settings],
        announce: Callable[[Phrase], None],
    ) -> None:
        self._data = data
        self._store = store
        self._clock = clock
        self._settings = settings
        self._announce = announce

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                # It is looked again in a minute; it is no reason to end the fleet.
                log.exception("whether a backup is due cannot be told")
            await self._clock.sleep(EVERY_S)

    async def look(self) -> None:
        """Make one if it is due. Raises StoreError."""
        backup, now = self._settings().backup, self._clock.now()
        if backup.planned_every_s is None or backup.directory is None:
            return
        record = await record_in(self._store)
        if record is None:
            record = BackupRecord(now)
            await self._store.set_meta(META, record.text)
        if not record.is_due(now, backup.every_s):
            return
        try:
            await asyncio.to_thread(_refuse_missing, backup.directory)
            file = str(backup.directory / backup_name(now))
            made = await back_up(self._data, file, "", backup.recipient)
            await asyncio.to_thread(_prune, backup.directory, backup.keep)
        except FleetError as error:
            said = plain(f"{error}", 300)
            if record.error != said:
                self._announce(Phrase("the backup failed: {why}", why=error.told))
            log.error("the backup failed: %s", said)
            record = replace(record, failed=now, error=said)
        else:
            log.info("backup: %s, %d files, %d bytes", made.file, made.files, made.bytes)
            record = replace(record, made=now, failed=None, error="")
        await self._store.set_meta(META, record.text)


async def record_in(store: Store) -> BackupRecord | None:
    """How the regular backup stands; None when there was never to be one. Raises StoreError."""
    return BackupRecord.of(await store.get_meta(META))


def _refuse_missing(directory: Path) -> None:
    if not directory.is_dir():
        # It is not made: what is to be mounted there may be missing.
        raise FleetError(
            Phrase("{path} is no directory", path=plain(str(directory), 300)),
            Phrase("mount it, or make it"),
        )


def _prune(directory: Path, keep: int) -> None:
    """Delete the oldest ones, and what was half made when the machine went down."""
    parts = (each.name for each in directory.glob(".waziterm-*Z.age.*.part"))
    for name in (*parts, *surplus((each.name for each in directory.iterdir()), keep)):
        try:
            (directory / name).unlink()
        except OSError as error:
            log.warning("the old backup %s stays: %s", name, error)
