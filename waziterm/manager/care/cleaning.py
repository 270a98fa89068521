"""Clean, remove, restore: what leaves through the trash, and what comes back from there.

It works on whatever keeps the instances: a running manager, or the files alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from waziterm.domain.care.trash import Removal, TrashView, Why, new_act_id
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.fleet.naming import Taken
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance, new_id
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.messages.codes import Code
from waziterm.domain.names import InvalidNameError, check_name
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.manager.clock import Clock
from waziterm.manager.files.data_files import DataFiles
from waziterm.manager.files.trash import not_restored
from waziterm.manager.rivals.registry import Registry
from waziterm.store.errors import StoreError
from waziterm.store.sessionfile import device_key, devices_in
from waziterm.store.store import Store

if TYPE_CHECKING:
    from waziterm.manager.files.manifest import TrashEntry

log = logging.getLogger(__name__)


class Keeper(Protocol):
    """Whoever keeps the instances. All but `all` raise FleetError."""

    def all(self) -> tuple[Instance, ...]: ...

    @property
    def aliases(self) -> Mapping[str, str]:
        """By each name that an instance had before, its id."""
        ...

    async def tell(self, name: str, event: ev.Event) -> None:
        """Tell an instance something, and wait until it is stored and carried out."""
        ...

    async def adopt(self, instance: Instance) -> None:
        """Keep an instance that did not exist before."""
        ...

    async def forget(self, name: str) -> None:
        """Do not keep an instance any more."""
        ...

    async def logout(self, name: str) -> str:
        """Unlink an instance's device at WhatsApp; "" or why that was not possible."""
        ...


class Cleaning:
    """Moves sessions to the trash and back. keep_s: seconds for which they stay, 0 for ever. hold:
    lets the messages of the instance with an id wait for a person, and says why, by a `Code`."""

    def __init__(
        self,
        keeper: Keeper,
        store: Store,
        files: DataFiles,
        registry: Registry,
        clock: Clock,
        keep_s: float,
        hold: Callable[[str, Code], Awaitable[None]],
    ) -> None:
        self._hold = hold
        self._keeper = keeper
        self._store = store
        self._sessions = files.sessions
        self._trash = files.trash
        self._registry = registry
        self._clock = clock
        self.keep_s = keep_s

    async def clean(self, name: str, *, logout: bool, act_id: str = "") -> None:
        """Move an instance's session to the trash; see `domain.fleet.api.Fleet.clean`."""
        error = await self._keeper.logout(name) if logout else ""
        unlinked = logout and not error
        await self._keeper.tell(
            name, ev.CleanAsked(unlinked, note=_not_unlinked(error), act_id=act_id)
        )
        # Whoever links it next may have another number.
        await self._hold(self._id_of(name), Code.CLEANED)

    async def remove(self, name: str, *, logout: bool, act_id: str = "") -> Removal:
        """Clean an instance and forget it."""
        error = await self._keeper.logout(name) if logout else ""
        asked = ev.CleanAsked(logout and not error, removing=True, act_id=act_id)
        await self._keeper.tell(name, asked)
        identity = self._id_of(name)
        await self._keeper.forget(name)
        await self._hold(identity, Code.REMOVED)
        entries = await self._trash.entries()
        entry = next(
            entry.id
            for entry in reversed(entries)
            if entry.instance == name and entry.why is Why.REMOVED
        )
        return Removal(entry, _not_unlinked(error))

    async def clean_all(self, count: int, *, logout: bool) -> tuple[str, ...]:
        """Clean all that have a session; their names. Raises FleetError unless it is `count`."""
        names, act_id = self.expect(count), new_act_id()
        for name in names:
            await self.clean(name, logout=logout, act_id=act_id)
        return names

    def expect(self, count: int) -> tuple[str, ...]:
        """The instances with a session. Raises FleetError unless there are `count` of them."""
        names = self.with_session()
        if count != len(names):
            raise FleetError(
                Phrase(
                    "there are {count} sessions, not {given}; nothing was cleaned",
                    count=len(names),
                    given=count,
                ),
                Phrase("look with `waziterm list`"),
                code=2,
            )
        return names

    def with_session(self) -> tuple[str, ...]:
        """The instances that have something to clean."""
        files = self._sessions.identities()
        kept = self._keeper.all()
        return tuple(each.name for each in kept if each.is_paired or each.id in files)

    async def trash(self) -> tuple[TrashView, ...]:
        """What lies in the trash, the newest first."""
        entries = await self._trash.entries()
        newest = tuple(reversed(entries))
        from waziterm.manager.care.ages import trash_views  # noqa: PLC0415 - not before the first paint

        views = await trash_views(self._store, newest, self.keep_s, self._clock.now())
        return views + await self._trash.damaged()

    async def names_taken(self, aliases: Mapping[str, str]) -> Taken:
        """What names are in use for. aliases: see there."""
        kept = self._keeper.all()
        trashed = {
            each.id: (each.instance, None if each.was is None else each.was.id)
            for each in await self._trash.entries()
            if each.restorable
        }
        strays = self._sessions.identities() - {each.id for each in kept}
        return Taken(kept, aliases, trashed, strays)

    async def restore(self, identity: str) -> str:
        """Bring an entry back, and its instance; the instance's name. Raises FleetError."""
        entry = await self._entry(identity)
        kept = self._kept(entry)
        name = entry.instance if kept is None else kept.name
        if entry.files and kept is not None and self._sessions.files(kept.id):
            raise FleetError(
                Phrase("{name} has a session already; nothing was restored", name=name),
                Phrase("`waziterm clean {name}` moves that one to the trash first", name=name),
            )
        was = replace(await self._as_it_was(entry), name=name)
        if was.jid is not None:
            await self._refuse_live_elsewhere(was.jid, name, entry)
        if kept is None:
            now = self._clock.now()
            await self._keeper.adopt(
                Instance(
                    *(name, was.created_at, was.phone, was.proxy),
                    since=now,
                    note=was.note,
                    tags=was.tags,
                    device_name=was.device_name,
                    isolate=was.isolate,
                    receipts=was.receipts,
                    id=new_id() if self._is_taken(was.id) else was.id,
                )
            )
        try:
            await self._keeper.tell(name, ev.SessionRestored(entry.id, was))
        except FleetError:
            if kept is None:
                await self._keeper.forget(name)
            raise
        await self._keeper.tell(name, ev.Booted())
        return name

    def _id_of(self, name: str) -> str:
        return next(each.id for each in self._keeper.all() if each.name == name)

    def _kept(self, entry: TrashEntry) -> Instance | None:
        """The instance that an entry comes back to: the one that it was, whatever that is called
        now, else the one that has its name."""
        kept, was = self._keeper.all(), entry.was
        same = (each for each in kept if was is not None and each.id == was.id)
        return next(same, None) or next(
            (each for each in kept if each.name == entry.instance), None
        )

    def _is_taken(self, identity: str) -> bool:
        """Whether somebody else has this id, or a file of nobody lies where its session would."""
        taken = any(each.id == identity for each in self._keeper.all())
        return taken or bool(self._sessions.files(identity))

    async def _entry(self, identity: str) -> TrashEntry:
        entry = await self._trash.entry(identity)
        if entry is None and any(each.id == identity for each in await self._trash.damaged()):
            raise FleetError(
                Phrase(
                    "{entry} cannot be restored: its manifest cannot be read",
                    entry=plain(identity, 80),
                ),
                Phrase("its files are in the trash as they were"),
            )
        if entry is None:
            said = Phrase("the trash holds no {entry}", entry=repr(identity[:80]))
            raise FleetError(said, Phrase("see `waziterm trash`"), code=2)
        if not entry.restorable:
            raise FleetError(
                Phrase(
                    "{entry} cannot be restored: its device is no longer linked",
                    entry=identity,
                ),
                Phrase(
                    "`waziterm start {name}`, then `waziterm qr {name}`, links it again",
                    name=entry.instance,
                ),
            )
        return entry

    async def _as_it_was(self, entry: TrashEntry) -> Instance:
        """The instance that comes back; for files that belonged to none, one made for them."""
        try:
            check_name(entry.instance)
        except InvalidNameError as error:
            raise FleetError(
                Phrase("the manifest of {entry} is not ours: {why}", entry=entry.id, why=str(error))
            ) from error
        was = entry.was or Instance(entry.instance, created_at=self._clock.now())
        if was.jid is None:
            async with self._database(entry) as database:
                devices = await asyncio.to_thread(devices_in, database) if database else ()
            if len(devices) == 1:
                was = replace(was, jid=devices[0][0], lid=devices[0][1] or None)
        return await self.with_barriers(was)

    async def with_barriers(self, was: Instance, made_at: float | None = None) -> Instance:
        """With what stood against its device in any entry: an older one must pass no barrier.

        made_at: when what comes in was made, UTC seconds: what is newer than the export of its
        device is what became of that elsewhere, and is not held for it.
        """
        for entry in await self._trash.entries():
            if entry.was is not None and was.is_paired and entry.was.jid == was.jid:
                was = was.with_barriers_of(_not_exported(entry.was, made_at))
        return was

    async def _refuse_live_elsewhere(self, jid: str, name: str, entry: TrashEntry) -> None:
        for other in self._keeper.all():
            if other.jid == jid and other.name != name:
                raise FleetError(
                    Phrase("its device is in use as {name}; nothing was restored", name=other.name),
                    Phrase(
                        "`waziterm remove {name}` first, which can be undone too", name=other.name
                    ),
                )
        try:
            async with self._database(entry) as database:
                key = await asyncio.to_thread(device_key, database, jid) if database else None
        except StoreError as error:
            # What cannot be read cannot be connected with either.
            log.warning("whether %s is live elsewhere cannot be told: %s", name, error)
            return
        peer = await asyncio.to_thread(self._registry.holder, key) if key else None
        if peer is not None:
            raise FleetError(
                Phrase("its device is live in {peer}", peer=str(peer)),
                Phrase("stop it there first; nothing was restored"),
            )

    @asynccontextmanager
    async def _database(self, entry: TrashEntry) -> AsyncIterator[Path | None]:
        """The database of an entry, to be read; a copy of it where a killed worker left something
        unfinished beside it: to read it takes that back, and what comes back is what went. Raises
        FleetError."""
        files = self._trash.files(entry)
        database = next((file for file in files if file.suffix == ".db"), None)
        if database is None or len(files) == 1:
            yield database
            return
        async with self._sessions.scratch() as folder:
            try:
                await self._trash.copy_to(entry, folder)
            except OSError as error:
                raise not_restored(entry.instance, entry.id, error) from error
            yield folder / database.name


def _not_exported(was: Instance, made_at: float | None) -> Instance:
    """The same, without the hold of an export that was over when something was made."""
    left_at = was.trouble_at if was.trouble is Reason.EXPORTED else None
    if was.hold is not Reason.EXPORTED or made_at is None or left_at is None or made_at <= left_at:
        return was
    return replace(was, hold=None, trouble=None, trouble_detail="", trouble_at=None)


def _not_unlinked(error: str) -> str:
    return f"not unlinked at WhatsApp: {error}; do it on the phone" if error else ""
