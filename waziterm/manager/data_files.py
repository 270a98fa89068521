"""Where the sessions of a data directory lie, in use and in the trash, and the tools for them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from waziterm.config import Settings
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.version import UsedVersion
from waziterm.manager.care.cleaning import Cleaning, Keeper
from waziterm.manager.clock import Clock
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.files.trash import Trash
from waziterm.manager.rivals.registry import Registry
from waziterm.store.store import Store

if TYPE_CHECKING:
    from waziterm.manager.care.evidence import CheckPlaces


@dataclass(frozen=True, slots=True)
class Shelf:
    """The sessions, the trash, and who else has some. keep_trash_s: seconds, 0 for ever."""

    data: DataDir
    sessions: SessionFiles
    trash: Trash
    registry: Registry
    keep_trash_s: float

    @classmethod
    def of(cls, data: DataDir, settings: Settings) -> "Shelf":
        """What belongs to a data directory."""
        trash = Trash(data.trash)
        registry = Registry(str(data.root.resolve()))
        sessions = SessionFiles(data.sessions, trash)
        return cls(data, sessions, trash, registry, settings.trash.keep_s)

    def cleaning(self, keeper: Keeper, store: Store, clock: Clock) -> Cleaning:
        """What cleans, removes and restores."""
        return Cleaning(
            keeper, store, self.sessions, self.trash, self.registry, clock, self.keep_trash_s
        )

    def places(
        self,
        store: Store,
        clock: Clock,
        *,
        instances: Callable[[], Sequence[Instance]],
        own_pids: Callable[[], frozenset[int]],
        keep_trash_s: Callable[[], float],
        version: Callable[[], UsedVersion | None],
        has_manager: bool,
        halted: Callable[[str], AbstractAsyncContextManager[None]],
        stuck: Callable[[], Mapping[str, str]],
        upgraded: Callable[[], bool] = lambda: False,
    ) -> "CheckPlaces":
        """What a check looks at; see `CheckPlaces`."""
        from waziterm.manager.care.evidence import CheckPlaces  # noqa: PLC0415 - see `Toolbox`

        return CheckPlaces(
            data=self.data,
            store=store,
            sessions=self.sessions,
            trash=self.trash,
            clock=clock,
            instances=instances,
            own_pids=own_pids,
            keep_trash_s=keep_trash_s,
            version=version,
            has_manager=has_manager,
            halted=halted,
            stuck=stuck,
            upgraded=upgraded,
        )
