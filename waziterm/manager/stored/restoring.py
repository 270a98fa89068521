"""Bringing a whole data directory back from a backup, into one in which there is nothing yet."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.tools import RestoredBackup
from waziterm.domain.lifecycle.event_names import EventName
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.messages.codes import Code
from waziterm.domain.text import plain
from waziterm.manager.files.datadir import RESTORED, DataDir
from waziterm.manager.files.lock import owned
from waziterm.manager.files.restored import finish_restoring
from waziterm.moving.bundle import Kind
from waziterm.moving.process import Order, Work, carry_out
from waziterm.moving.sealing import Key, about, is_sealed
from waziterm.store.errors import StoreError
from waziterm.store.messages import hold_copy
from waziterm.store.scratch import STAGING, scratch
from waziterm.store.sessionfile import sync
from waziterm.store.store import open_store

_OURS = ("manager.lock", "control.sock", "logs", "library")
"""What a directory in which nothing was ever kept may have."""
_KEEPS_STATE = (State.LOGGED_OUT, State.HELD, State.BANNED, State.COOLDOWN)


async def restore_backup(data: DataDir, file: Path, key: Key) -> RestoredBackup:
    """Bring everything back; nobody is wanted to run any more. Raises FleetError, and then nothing
    has changed: code 3 when a manager runs there."""
    shown = plain(str(file), 300)
    try:
        if not await asyncio.to_thread(file.exists):
            raise FleetError(f"{shown}: there is no such file", code=2)
        if not await asyncio.to_thread(_is_file, file):
            raise FleetError(f"{shown} is no file in the age format", code=2)
    except OSError as error:
        raise FleetError(f"{shown} cannot be read: {error.strerror}", code=2) from error
    data.create()
    with owned(data.lock):
        try:
            return await _restored(data, file, key)
        except OSError as error:
            raise FleetError(
                f"{plain(str(error.filename or data.root), 300)}: {error.strerror or error}",
                "see the disk and the directory's mode; nothing was changed",
            ) from error


async def _restored(data: DataDir, file: Path, key: Key) -> RestoredBackup:
    # One that was killed when all was there.
    await asyncio.to_thread(finish_restoring, data.root)
    await asyncio.to_thread(_refuse_used, data)
    with scratch(STAGING, data.root) as staging:
        with about(file):
            manifest = await carry_out(Order(Work.OPEN, file, staging, key, Kind.BACKUP))
            names = await _stop_all(staging)
            await asyncio.to_thread(_hold_messages, staging / "messages.db")
        files = await asyncio.to_thread(_count, staging)
        await asyncio.to_thread(_commit, staging, data.root)
    await asyncio.to_thread(finish_restoring, data.root)
    return RestoredBackup(
        str(data.root),
        names,
        files,
        made=plain(_said(manifest, "made"), 40),
        host=plain(_said(manifest, "host"), 100),
        root=plain(_said(manifest, "root"), 300),
    )


async def _stop_all(staging: Path) -> tuple[str, ...]:
    """Let nobody of a database be wanted to run; their names. Raises FleetError where there is
    none."""
    database = staging / "waziterm.db"
    if not await asyncio.to_thread(database.is_file):
        raise FleetError("it is none of ours: it holds no waziterm.db", "nothing was changed")
    try:
        async with open_store(database) as store:
            instances = await store.instances()
            for each in instances:
                stopped = replace(each, wanted=Wanted.STOPPED, due=None, connected_at=None)
                if each.state not in _KEEPS_STATE:
                    stopped = replace(
                        stopped, state=State.STOPPED, reason=Reason.BY_OPERATOR, detail=""
                    )
                await store.save(stopped, event=EventName.STOP_ASKED, at=time.time())
    except StoreError as error:
        # What was unpacked lies where nobody finds it again.
        said = str(error).replace(f"{staging}/", "its ")
        raise FleetError(said, "nothing was changed") from error
    return tuple(each.name for each in instances)


def _hold_messages(path: Path) -> None:
    """Let whoever was written to since the backup was made not be written to again. Raises
    FleetError."""
    try:
        hold_copy(path, Code.RESTORED, time.time())
    except StoreError as error:
        raise FleetError(
            str(error).replace(f"{path.parent}/", "its "), "nothing was changed"
        ) from (error)


def _is_file(file: Path) -> bool:
    return file.is_file() and is_sealed(file)


def _refuse_used(data: DataDir) -> None:
    if data.holds_fleet:
        raise FleetError(
            f"there is a fleet in {data.root} already; nothing was changed",
            "name another directory with --data-dir, or move that one away",
        )
    for path in (*data.root.iterdir(), *data.sessions.iterdir(), *data.trash.iterdir()):
        folder = path in (data.sessions, data.trash) or path.name.startswith(STAGING)
        if not folder and path.name not in _OURS:
            raise FleetError(
                f"{plain(str(path), 300)} lies there; nothing was changed",
                "a backup is restored into an empty directory",
            )


def _count(staging: Path) -> int:
    return sum(each.is_file() for each in staging.rglob("*"))


def _commit(staging: Path, root: Path) -> None:
    for folder in (*(each for each in staging.rglob("*") if each.is_dir()), staging):
        sync(folder)
    staging.rename(root / RESTORED)
    sync(root)


def _said(manifest: Any, key: str) -> str:
    told = manifest.get(key) if isinstance(manifest, dict) else ""
    return told if isinstance(told, str) else ""
