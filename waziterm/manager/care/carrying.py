"""One instance leaves in a sealed file, or comes in one: session, settings, notes and history.

It works on whatever keeps the instances: a running manager, or the files alone. Nothing of it is
half done, whenever the program is killed: a session that came in lies beside the others under a
name that is nobody's until its instance is stored, see `SessionFiles.settle`.
"""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from waziterm import __version__
from waziterm.domain.care.evidence import Condition
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.tools import ExportFormat, SealedInstance
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance, OwnKey, new_id
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.moving.plan import ImportReport, ImportSource, SourceKind
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain, safe_line
from waziterm.domain.units import moment_of
from waziterm.manager.care.cleaning import Cleaning, Keeper
from waziterm.manager.care.importing import told_of_source, write_session
from waziterm.manager.clock import Clock
from waziterm.manager.files.data_files import DataFiles
from waziterm.manager.files.leaving import (
    Leaving,
    begin_leaving,
    drop,
    end_leaving,
    part_of,
    put,
)
from waziterm.manager.files.manifest import instance_of, told_of
from waziterm.manager.inputs import InputError, instance_name, own_values, phone_number, proxy_url
from waziterm.manager.rivals.registry import Registry
from waziterm.moving.baileys_out import folder_of
from waziterm.moving.bundle import Kind, Member, manifest_of, write_bundle
from waziterm.moving.process import Order, Work, carried_out, carry_out
from waziterm.moving.sealing import Key, about, is_sealed
from waziterm.moving.sources import Read, Reading
from waziterm.store.errors import StoreError
from waziterm.store.live_copy import copy_live
from waziterm.store.scratch import STAGING, scratch
from waziterm.store.session_rows import schema_version
from waziterm.store.sessionfile import device_key, devices_in, look_at, sync
from waziterm.store.store import Store

SESSION = "session.db"
HISTORY = "history.jsonl"
LEAST_PASSPHRASE = 8
_MOST_BYTES = 200_000_000
"""Of a sealed instance; a session has a few."""

log = logging.getLogger(__name__)


class Carrying:
    """Lets instances leave and come in. paused: while the context of a name lasts, nothing uses its
    session. new_store: makes an empty store of the installed library at a path."""

    def __init__(
        self,
        keeper: Keeper,
        store: Store,
        cleaning: Cleaning,
        files: DataFiles,
        registry: Registry,
        clock: Clock,
        paused: Callable[[str], AbstractAsyncContextManager[None]],
        new_store: Callable[[Path], Awaitable[None]],
    ) -> None:
        self._keeper = keeper
        self._store = store
        self._cleaning = cleaning
        self._files = files
        self._registry = registry
        self._clock = clock
        self._paused = paused
        self._new_store = new_store

    # -- out ----------------------------------------------------------------------------------

    async def export(
        self, name: str, to: str, passphrase: str, form: ExportFormat | None
    ) -> SealedInstance:
        """See `domain.fleet.protocol.Fleet.export`."""
        instance = self._of(name)
        target = checked_target(to)
        as_folder = form is ExportFormat.BAILEYS
        if as_folder and passphrase:
            raise InputError(Phrase("the folder of Baileys is not sealed: it takes no passphrase"))
        if not as_folder:
            check_passphrase(passphrase)
        if instance.jid is None or not self._files.sessions.exists(instance.id):
            raise FleetError(Phrase("{name} is not linked: there is nothing to export", name=name))
        part = part_of(target)
        async with self._paused(name):
            instance = self._of(name)
            was_held = instance.hold is Reason.EXPORTED
            await begin_leaving(self._store, Leaving(instance.id, part, target, was_held))
            try:
                if as_folder:
                    size = await self._unpacked(instance, part)
                    await self._put(instance, part, target)
                else:
                    size = await self._sealed(instance, part, target, Key(passphrase=passphrase))
            finally:
                await asyncio.to_thread(drop, part)
                await end_leaving(self._store)
        return SealedInstance(name, str(target), size)

    async def _put(self, was: Instance, part: Path, target: Path) -> None:
        """Give the file its name, when nothing here uses the session any more."""
        await self._keeper.tell(was.name, ev.ExportAsked(plain(str(target), 200)))
        try:
            await asyncio.to_thread(put, part, target)
        except OSError as error:
            await self._keeper.tell(was.name, ev.NotMoved(was))
            raise _unwritable(target, error) from error

    async def _sealed(self, instance: Instance, part: Path, target: Path, key: Key) -> int:
        history = await self._store.history_of(instance.id)
        async with _staging(self._files.data.root) as staging:
            bundle = staging / "bundle"
            await asyncio.to_thread(self._pack, instance, history, staging, bundle)
            order = Order(Work.SEAL, bundle, part, key, shown=str(target))
            async with carried_out(order) as (told, keep):
                size: int = told
                # From here on the store knows what becomes of it, see `finish_leaving`.
                keep()
                await self._put(instance, part, target)
        return size

    async def _unpacked(self, instance: Instance, part: Path) -> int:
        """Write the folder of Baileys; how large it is."""
        async with _staging(self._files.data.root, written=part) as staging:
            empty = staging / "empty.db"
            await self._new_store(empty)
            return await asyncio.to_thread(self._as_baileys, instance, staging, empty, part)

    def _as_baileys(self, instance: Instance, staging: Path, empty: Path, part: Path) -> int:
        copy = staging / SESSION
        copy_live(self._files.sessions.path(instance.id), copy)
        with Reading(staging, schema_version(empty)) as reading:
            found = [each.device for each in reading.read(copy)]
        rows = found[0].rows if len(found) == 1 and found[0] is not None else None
        if rows is None or rows.device.jid != instance.jid:
            raise FleetError(
                Phrase("{name}: its session file does not hold its device", name=instance.name),
                Phrase("see `waziterm check`; nothing was exported"),
            )
        part.mkdir(mode=0o700)
        size = 0
        for name, told in folder_of(rows, self._clock.now()).items():
            text = json.dumps(told).encode()
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            with os.fdopen(os.open(part / f"{name}.json", flags, 0o600), "wb") as stream:
                stream.write(text)
            size += len(text)
        for path in (*part.iterdir(), part):
            sync(path)
        return size

    def _pack(self, instance: Instance, history: bytes, staging: Path, bundle: Path) -> None:
        copy = staging / SESSION
        copy_live(self._files.sessions.path(instance.id), copy)
        if [jid for jid, _ in devices_in(copy)] != [instance.jid]:
            raise FleetError(
                Phrase("{name}: its session file does not hold its device", name=instance.name),
                Phrase("see `waziterm check`; nothing was exported"),
            )
        first = manifest_of(
            Kind.INSTANCE, __version__, self._clock.now(), {"instance": told_of(instance)}
        )
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        with os.fdopen(os.open(bundle, flags, 0o600), "wb") as stream:
            write_bundle(stream, (first, Member(SESSION, copy), Member(HISTORY, history)))

    # -- in -----------------------------------------------------------------------------------

    async def take_in(
        self, file: str, passphrase: str, name: str | None, *, start: bool, dry_run: bool
    ) -> ImportReport:
        """See `domain.fleet.protocol.Fleet.take_in`."""
        source = Path(file)
        await asyncio.to_thread(_check_sealed, source)
        with about(source):
            told = await self._opened(source, passphrase, name, dry_run=dry_run)
        if dry_run:
            return ImportReport((told,))
        if start:
            await self._started(told.name)
        return ImportReport((told,), (told.name,))

    async def _started(self, made: str) -> None:
        """Start the one that has come in. What stood against its device here stands against it too,
        and is no reason to bring it in once more."""
        try:
            await self._keeper.tell(made, ev.StartAsked())
        except FleetError as error:
            said = Phrase("{name} was imported; {why}", name=made, why=error.told)
            raise FleetError(said, error.hint, error.code) from error

    async def _opened(
        self, source: Path, passphrase: str, name: str | None, *, dry_run: bool
    ) -> ImportSource:
        async with _staging(self._files.data.root) as staging:
            key = Key(passphrase=passphrase)
            order = Order(Work.OPEN, source, staging, key, Kind.INSTANCE)
            manifest = await carry_out(order)
            was = _instance_in(manifest)
            name = name or was.name
            empty, copy = staging / "empty.db", staging / SESSION
            await self._new_store(empty)
            newest = await asyncio.to_thread(schema_version, empty)
            with Reading(staging, newest) as reading:
                # A session that another box had is as foreign as any: a bad row ends a worker.
                read = await asyncio.to_thread(_only_one, reading, copy)
                lid = await self._refuse(was, copy, name)
                if not dry_run:
                    origin = safe_line(str(source), 300)
                    made_at = _made_at(manifest)
                    instance = await self._instance(was, name, lid, origin, made_at)
                    history = await asyncio.to_thread((staging / HISTORY).read_bytes)
                    await self._bring_in(instance, read, empty, history)
            return told_of_source(replace(read, path=source, kind=SourceKind.SEALED), name)

    async def _refuse(self, was: Instance, copy: Path, name: str) -> str:
        """The LID of the device in a session. Raises FleetError when it cannot come in."""
        known = self._keeper.all()
        if any(each.name == name for each in known):
            raise FleetError(
                Phrase("{name} exists already", name=name), Phrase("name another one with --name")
            )
        jid, lid = await asyncio.to_thread(_device_of, copy)
        if jid != was.jid:
            raise FleetError(Phrase("it is none of ours: its session is of another device"))
        for each in known:
            if each.jid == jid:
                raise FleetError(
                    Phrase("its device is in use as {name}; nothing was imported", name=each.name),
                    Phrase("`waziterm remove {name}` first, which can be undone", name=each.name),
                )
        await self._refuse_live(copy, jid)
        return lid

    async def _instance(
        self, was: Instance, name: str, lid: str, origin: str, made_at: float | None
    ) -> Instance:
        """What comes in of one that has left. made_at: when it was sealed, UTC seconds."""
        kept = any(each.id == was.id for each in self._keeper.all())
        identity = new_id() if kept or self._files.sessions.files(was.id) else was.id
        now = self._clock.now()
        instance = Instance(
            *(name, was.created_at, was.phone, was.proxy),
            since=now,
            note=was.note,
            tags=was.tags,
            device_name=was.device_name,
            isolate=was.isolate,
            receipts=was.receipts,
            id=identity,
            state=State.STOPPED,
            reason=Reason.IMPORTED,
            detail=origin,
            wanted=Wanted.STOPPED,
            jid=was.jid,
            lid=lid or None,
            crashes=was.crashes,
            imported_from=origin,
            imported_at=now,
            untried=True,
        ).with_barriers_of(was)
        return await self._cleaning.with_barriers(instance, made_at)

    async def _bring_in(self, instance: Instance, read: Read, empty: Path, history: bytes) -> None:
        """Write its session and its history, and keep it."""
        assert read.device is not None
        identity, sessions = instance.id, self._files.sessions
        part = sessions.part(identity)
        try:
            await asyncio.to_thread(write_session, empty, part, read.device.rows, read.copied)
            await self._store.take_history(identity, history)
            await self._keeper.adopt(instance)
        except BaseException:
            if all(each.id != identity for each in self._keeper.all()):
                await asyncio.to_thread(drop, part)
            raise
        # From here on it has happened; `settle` would do the rest.
        await asyncio.to_thread(sessions.take_part, identity)

    async def _refuse_live(self, session: Path, jid: str) -> None:
        try:
            key = await asyncio.to_thread(device_key, session, jid)
        except StoreError as error:
            raise FleetError(Phrase("it is none of ours: its session cannot be read")) from error
        peer = await asyncio.to_thread(self._registry.holder, key) if key else None
        if peer is not None:
            raise FleetError(
                Phrase("its device is live in {peer}", peer=str(peer)),
                Phrase("stop it there first; nothing was imported"),
            )

    def _of(self, name: str) -> Instance:
        return next(each for each in self._keeper.all() if each.name == name)


@asynccontextmanager
async def _staging(root: Path, written: Path | None = None) -> AsyncIterator[Path]:
    """A folder in which something is put together; see `store.scratch`.

    written: what the block writes beside it, which an error without a path is of. Raises FleetError
    for what cannot be written, by the block too.
    """
    made, shown = scratch(STAGING, root), root
    try:
        folder = await asyncio.to_thread(made.__enter__)
        shown = written or folder
        try:
            yield folder
        finally:
            await asyncio.to_thread(made.__exit__, None, None, None)
    except OSError as error:
        raise _unwritable(shown, error) from error


def checked_target(to: str) -> Path:
    """Where a new file goes. Raises FleetError, code 2 for what is no place for one."""
    target = Path(to)
    if not target.is_absolute():
        raise InputError(Phrase("{path} is no whole path", path=repr(plain(to, 200))))
    shown = plain(to, 300)
    try:
        if target.exists() or target.is_symlink():
            raise FleetError(
                Phrase("{path} exists already; nothing was written", path=shown),
                Phrase("name another file"),
            )
        if not target.parent.is_dir():
            raise InputError(Phrase("{path} is no directory", path=plain(str(target.parent), 300)))
    except OSError as error:
        raise _unwritable(target, error) from error
    return target


def check_passphrase(passphrase: str) -> None:
    """Raises InputError for one that is too short."""
    if len(passphrase) < LEAST_PASSPHRASE:
        raise InputError(
            Phrase("a passphrase has at least {count} characters", count=LEAST_PASSPHRASE)
        )


def _check_sealed(source: Path) -> None:
    """Raises FleetError for what is no file that `export` has made."""
    shown = plain(str(source), 300)
    try:
        if not source.exists():
            raise FleetError(Phrase("{path}: there is no such file", path=shown), code=2)
        if not source.is_file() or not is_sealed(source):
            raise FleetError(
                Phrase("{path} is no file that `export` has made", path=shown),
                Phrase("other sources of `import` take no passphrase"),
                code=2,
            )
        size = source.stat().st_size
    except OSError as error:
        raise FleetError(
            Phrase("{path} cannot be read: {why}", path=shown, why=error.strerror or str(error)),
            code=2,
        ) from error
    if size > _MOST_BYTES:
        raise FleetError(
            Phrase("{path} is too large to be one instance", path=shown),
            Phrase("nothing was changed"),
        )


def _instance_in(manifest: Any) -> Instance:
    """The instance of a bundle, each of its values checked as if a person had typed it."""
    try:
        was = instance_of(manifest["instance"])
        values = own_values(note=was.note, tags=",".join(was.tags), device_name=was.device_name)
        instance_name(was.name)
        if not (len(was.id) == 16 and set(was.id) <= set("0123456789abcdef")):
            was = replace(was, id=new_id())
        phone = None if was.phone is None else phone_number(was.phone)
        proxy = None if was.proxy is None else proxy_url(was.proxy)
    except (ValueError, KeyError, TypeError, FleetError) as error:
        raise FleetError(Phrase("it is none of ours: its manifest cannot be read")) from error
    if was.jid is None:
        raise FleetError(Phrase("it is none of ours: it holds no linked instance"))
    hold = None if was.hold is Reason.EXPORTED else was.hold
    return replace(
        was.with_own({key: each for key, each in values.items() if key is not OwnKey.PROXY}),
        phone=phone,
        proxy=proxy,
        hold=hold,
        trouble_detail=plain(was.trouble_detail),
    )


def _device_of(session: Path) -> tuple[str, str]:
    look = look_at(session)
    if look is None or look.condition is not Condition.SOUND or len(look.devices) != 1:
        raise FleetError(Phrase("it is none of ours: its session is damaged, or holds no device"))
    return look.devices[0]


def _only_one(reading: Reading, session: Path) -> Read:
    """The device of a session. Raises FleetError for what holds none, or several."""
    reads = tuple(reading.read(session))
    if len(reads) != 1:
        raise FleetError(Phrase("it is none of ours: its session is damaged, or holds no device"))
    if reads[0].device is None:
        raise FleetError(Phrase("it is none of ours: {why}", why=reads[0].why))
    return reads[0]


def _made_at(manifest: Any) -> float | None:
    """When a bundle was made, UTC seconds; None where it does not say so."""
    try:
        return moment_of(manifest["made"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _unwritable(path: Path, error: OSError) -> FleetError:
    why = error.strerror or str(error)
    return FleetError(
        Phrase("{path}: {why}", path=plain(str(error.filename or path), 300), why=why),
        Phrase("see the disk and the directory's mode; nothing was changed"),
    )
