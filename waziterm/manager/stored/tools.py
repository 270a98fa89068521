"""The emergency tools while no manager runs: on the files, under the data directory's lock."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import assert_never

from waziterm.config import Settings
from waziterm.domain.care.evidence import MessagesLook
from waziterm.domain.errors import UnwritableError
from waziterm.domain.fleet.api import FleetError, InstanceNotFoundError
from waziterm.domain.fleet.naming import current_name, names_of, refuse_alias, refuse_rename
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.actions import (
    Action,
    Claim,
    Dial,
    FindHolder,
    FreePlace,
    HoldPairing,
    KeepApart,
    LoggedIn,
    NetworkFailed,
    NetworkReached,
    NoteAddresses,
    Probe,
    Queue,
    ReadVersion,
    Release,
    ReportRefusedVersion,
    Restore,
    StopWorker,
    Tell,
    Trash,
    Unwatch,
    Watch,
)
from waziterm.domain.lifecycle.event_names import EventName
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.rules import decide
from waziterm.domain.messages.codes import Code
from waziterm.domain.phrase import Phrase
from waziterm.domain.webhooks.telling import Telling
from waziterm.manager.care.carrying import Carrying
from waziterm.manager.care.checkup import Checkup
from waziterm.manager.care.cleaning import Cleaning
from waziterm.manager.care.evidence import CheckSources
from waziterm.manager.care.facade import FacadeInstances
from waziterm.manager.care.importing import Importing
from waziterm.manager.clock import Clock, SystemClock
from waziterm.manager.files.data_files import DataFiles
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.leaving import finish_leaving
from waziterm.manager.files.lock import owned
from waziterm.manager.files.restored import finish_restoring
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.rivals.registry import Registry
from waziterm.manager.stored.fleet import PATIENCE_S
from waziterm.manager.version.kept import stored_version
from waziterm.manager.workers.launch import new_store
from waziterm.store.errors import StoreError
from waziterm.store.messages import hold_all, open_messages_to_look
from waziterm.store.store import Store, open_store, open_store_to_look

log = logging.getLogger(__name__)


class StoredInstances:
    """The instances as they are stored; see `manager.care.cleaning.Keeper`. Nobody
    connects here."""

    def __init__(
        self,
        store: Store,
        sessions: SessionFiles,
        settings: Settings,
        clock: Clock,
        instances: tuple[Instance, ...],
        aliases: Mapping[str, str],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._settings = settings
        self._clock = clock
        self._instances = {instance.name: instance for instance in instances}
        self.aliases = aliases
        """By each name that an instance had before, its id."""

    def all(self) -> tuple[Instance, ...]:
        return tuple(self._instances.values())

    def of(self, name: str) -> Instance:
        """The instance of this name. Raises InstanceNotFoundError."""
        found = self._instances.get(name)
        if found is None:
            raise InstanceNotFoundError(name, current_name(name, self.all(), self.aliases))
        return found

    async def tell(self, name: str, event: ev.Event) -> None:
        """As a supervisor does it. What is to connect waits for the next manager's start."""
        before = self.of(name)
        if isinstance(event, ev.Booted):
            return
        now = self._clock.now()
        limits = self._settings.limits_for(*names_of(before, self.aliases))
        decision = decide(before, event, now, 0.0, limits)
        if decision.refusal:
            raise FleetError(
                Phrase("{name} is {said}", name=name, said=decision.refusal), decision.hint
            )
        await self._store.save(decision.instance, event=decision.led_by, at=now)
        self._instances[name] = decision.instance
        try:
            for action in decision.actions:
                await self._carry_out(action, before.id, now)
        except OSError as error:
            await self._store.save(before, event=EventName.NOT_MOVED, at=now)
            self._instances[name] = before
            raise FleetError(
                f"{name}: its files cannot be moved: {error.strerror}",
                "they are where they were; see the disk and the directory's mode",
            ) from error

    async def _carry_out(self, action: Action, identity: str, now: float) -> None:
        """Move the session of the instance with this id."""
        match action:
            case Trash(why, restorable, was, act_id):
                await self._sessions.to_trash(
                    was, at=now, why=why, restorable=restorable, act_id=act_id
                )
            case Restore(entry):
                await self._sessions.from_trash(entry, identity)
            case (
                StopWorker()
                | Queue()
                | Dial()
                | Probe()
                | FindHolder()
                | ReportRefusedVersion()
                | ReadVersion()
                | LoggedIn()
                | KeepApart()
                | Claim()
                | Release()
                | NetworkFailed()
                | NetworkReached()
                | FreePlace()
                | HoldPairing()
                | NoteAddresses()
                | Watch()
                | Unwatch()
                | Tell()
            ):
                # Nobody connects here; who is wanted does so at the next manager's start.
                pass
            case _:
                assert_never(action)

    async def adopt(self, instance: Instance) -> None:
        refuse_alias(instance.name, self.all(), self.aliases)
        await self._store.save(instance, event=EventName.ADDED, at=self._clock.now())
        self._instances[instance.name] = instance

    async def rename(self, name: str, new: str, undone: int | None) -> None:
        """Give an instance another name. undone: the number of the edit that this undoes."""
        from waziterm.manager.history.audit import who  # noqa: PLC0415 - only here

        renamed = replace(self.of(name), name=new)
        self.aliases = await self._store.rename(renamed, self._clock.now(), who(), undone)
        self._instances = {
            renamed.name if each == name else each: renamed if each == name else instance
            for each, instance in self._instances.items()
        }

    async def forget(self, name: str) -> None:
        gone = self._instances.pop(name, None)
        if gone is not None:
            await self._store.remove(gone.id)

    async def logout(self, name: str) -> str:
        raise FleetError(
            f"{name} is not connected: no manager runs, so nothing was unlinked or cleaned",
            "start `waziterm`, or clean it without --logout and unlink it on the phone",
            code=3,
        )


@dataclass(frozen=True, slots=True)
class StoredTools:
    """Those tools that need no connection."""

    keeper: StoredInstances
    cleaning: Cleaning
    checkup: Checkup
    carrying: Carrying
    importing: Importing

    async def rename(
        self, name: str, new: str, *, take: bool = False, undone: int | None = None
    ) -> None:
        """See `domain.fleet.protocol.Fleet.rename`. undone: the number of the edit that this
        undoes."""
        instance = self.keeper.of(name)
        taken = await self.cleaning.names_taken(self.keeper.aliases)
        refuse_rename(instance, new, taken, take=take)
        await self.keeper.rename(name, new, undone)


@asynccontextmanager
async def open_tools(
    data: DataDir, settings: Settings, *, to_look: bool = False
) -> AsyncIterator[StoredTools]:
    """The tools on the files of a data directory that no manager owns.

    to_look: nothing is to be changed, so a directory that cannot be written is no hindrance.
    Raises FleetError: code 3 when a manager owns it, 2 when nothing was ever kept there, 1 when
    its database is refused.
    """
    if not data.holds_fleet:
        raise FleetError(f"there is no fleet in {data.root}", "see --data-dir", code=2)
    clock = SystemClock()
    files = DataFiles.of(data)
    async with AsyncExitStack() as opened:
        try:
            data.create()
            opened.enter_context(owned(data.lock, wait_s=PATIENCE_S))
            finish_restoring(data.root)
            stored = open_store(data.database, lines_kept=settings.log.lines_kept)
            store = await opened.enter_async_context(stored)
            instances = await store.instances()
            await files.sessions.settle(instances)
            await finish_leaving(store, instances)
        except UnwritableError:
            if not to_look:
                raise
            store = await opened.enter_async_context(open_store_to_look(data.database))
            instances = await store.instances()
        aliases = await store.aliases()
        keeper = StoredInstances(store, files.sessions, settings, clock, instances, aliases)
        choice = settings.library.whatsapp_version
        version = await stored_version(store, choice, clock.now())
        keep_s = settings.trash.keep_s
        sources = CheckSources(
            files=files,
            store=store,
            clock=clock,
            instances=keeper.all,
            own_pids=frozenset,
            keep_trash_s=lambda: keep_s,
            version=lambda: version,
            has_manager=False,
            halted=lambda name: nullcontext(),
            stuck=dict,
            secret_files=lambda: settings.all_secret_files,
            silent=lambda: settings.silent,
            configured=lambda: settings.instances,
            backup_every_s=lambda: settings.backup.planned_every_s,
            messages=partial(_looked_at_messages, data, clock),
        )
        registry = Registry(files.identity)

        async def hold(identity: str, code: Code) -> None:
            telling = Telling(
                tuple(each.target for each in settings.webhooks),
                {each.id: each.name for each in keeper.all()},
            )
            await asyncio.to_thread(hold_all, data.messages, identity, code, clock.now(), telling)

        cleaning = Cleaning(keeper, store, files, registry, clock, keep_s, hold)
        call = FacadeInstances(store, clock.now, keeper.all).bind
        importing = Importing(keeper, cleaning, files, clock, registry, new_store, frozenset, call)
        carrying = Carrying(
            keeper, store, cleaning, files, registry, clock, lambda name: nullcontext(), new_store
        )
        yield StoredTools(keeper, cleaning, Checkup(sources), carrying, importing)


async def _looked_at_messages(data: DataDir, clock: Clock) -> Mapping[str, MessagesLook]:
    """Whose messages somebody should look at. A file that cannot be read is told by the next
    manager."""
    if not data.messages.exists():
        return {}
    from waziterm.gateway.queue import messages_look  # noqa: PLC0415 - most fleets send nothing

    try:
        async with open_messages_to_look(data.messages) as store:
            return await messages_look(store, clock.now())
    except StoreError as error:
        log.warning("messages.db is not looked at: %s", error)
        return {}
