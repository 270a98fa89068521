"""The look before a check judges: files, processes, history and machine, seen at one moment."""

import asyncio
import math
import os
import socket
import stat
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from waziterm.domain.backup import BackupRecord
from waziterm.domain.care.evidence import MessagesLook, OpenPath, SessionLook, Survey, WebhookLook
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.states import State
from waziterm.domain.listeners import SilentListener
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.domain.version import UsedVersion
from waziterm.manager.care.ages import trash_views
from waziterm.manager.care.backups import record_in
from waziterm.manager.clock import Clock
from waziterm.manager.descriptors import descriptors
from waziterm.manager.files.data_files import DataFiles
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.history.conflicts import conflicts_in
from waziterm.manager.rivals.search import holders_of, opened
from waziterm.store.sessionfile import LONG_S, SHORT_S, look_at
from waziterm.store.store import Store

_ONLINE = (State.CONNECTED, State.DEGRADED)
_DAY_S = 86_400.0
_HOUR_S = 3_600.0
_MOST = 100_000
_LONGEST_PATH = 4096
_ANSWER_S = 1.0


async def _no_messages() -> Mapping[str, MessagesLook]:
    return {}


async def _no_webhooks() -> tuple[WebhookLook, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class CheckSources:
    """What a check looks at and a fix puts in order.

    own_pids: the workers of this fleet. keep_trash_s: seconds for which a trash entry stays now, 0
    for ever. has_manager: whether the fleet runs. halted: while the context of a name lasts,
    nobody of ours uses its session; afterwards it goes on. stuck: by name, why an instance is
    longer in its state than its limit says. version: that which the library tells WhatsApp.
    connect_limit_s: by how many seconds a connect has come to its end. phone_days: after so many
    without a sign of its phone an instance is named. secret_files: of the settings, those that hold
    a secret.
    silent, webhooks: see `Survey`.
    configured: the names that the config has tables for. backup_every_s: seconds between two
    regular backups, None where none is to be made.
    messages: by id, whose messages out need somebody. queue: see `Survey`, after that was asked.
    inbox: see `Survey`.
    upgraded: looks whether the program's files are of another version than the manager; called in
    a thread.
    """

    files: DataFiles
    store: Store
    clock: Clock
    instances: Callable[[], Sequence[Instance]]
    own_pids: Callable[[], frozenset[int]]
    keep_trash_s: Callable[[], float]
    version: Callable[[], UsedVersion | None]
    has_manager: bool
    halted: Callable[[str], AbstractAsyncContextManager[None]]
    stuck: Callable[[], Mapping[str, Phrase]]
    secret_files: Callable[[], Sequence[Path]]
    upgraded: Callable[[], bool] = lambda: False
    connect_limit_s: Callable[[], float] = lambda: Limits().connect_timeout_s
    phone_days: Callable[[], float] = lambda: math.inf
    configured: Callable[[], Collection[str]] = tuple
    backup_every_s: Callable[[], float | None] = lambda: None
    silent: Callable[[], tuple[SilentListener, ...]] = tuple
    messages: Callable[[], Awaitable[Mapping[str, MessagesLook]]] = _no_messages
    queue: Callable[[], tuple[Phrase, Phrase] | None] = lambda: None
    inbox: Callable[[], Mapping[str, str]] = dict
    webhooks: Callable[[], Awaitable[tuple[WebhookLook, ...]]] = _no_webhooks


@dataclass(frozen=True, slots=True)
class _Disk:
    """What only the disk and the process table can tell."""

    looks: dict[str, SessionLook]
    open_paths: tuple[OpenPath, ...]
    open_secrets: tuple[OpenPath, ...]
    holders: dict[str, str]
    unwritable: tuple[str, ...]
    replaced: tuple[str, ...]
    stale_socket: str | None
    free: int | None
    is_upgraded: bool


def shown(path: Path) -> str:
    """A path as inert text: a file's name may be anybody's."""
    return plain(str(path), _LONGEST_PATH)


async def inspect(sources: CheckSources) -> Survey:
    """See all that a check judges; changes nothing. Raises StoreError when the history cannot
    be read, and OSError when a directory cannot."""
    now = sources.clock.now()
    instances = tuple(sources.instances())
    live = {each.id for each in instances if each.state.is_live}
    # Without a manager, `connected` is what the last one left: nobody has the file open.
    online = {each.id for each in instances if sources.has_manager and each.state in _ONLINE}
    ours = sources.own_pids()
    disk = await asyncio.to_thread(_disk, sources, frozenset(live), frozenset(online), ours)
    history = await sources.store.transitions(since=now - _HOUR_S, limit=_MOST)
    conflicts = await conflicts_in(sources.store, now - _DAY_S)
    entries = await sources.files.trash.entries()
    trash = await trash_views(sources.store, entries, sources.keep_trash_s(), now)
    trash += await sources.files.trash.damaged()
    aliases, configured = await sources.store.aliases(), sources.configured()
    old_tables: dict[str, tuple[str, ...]] = {}
    for name, identity in aliases.items():
        if name in configured:
            old_tables[identity] = (*old_tables.get(identity, ()), name)
    # The clock may have been set meanwhile; the instances' moments are what it says now.
    now = sources.clock.now()
    return Survey(
        now=now,
        has_manager=sources.has_manager,
        instances=tuple(sources.instances()),
        is_lost=not sources.instances(),
        sessions=disk.looks,
        paths={each: shown(sources.files.sessions.path(each)) for each in disk.looks},
        open_paths=disk.open_paths,
        open_secrets=disk.open_secrets,
        holders=disk.holders,
        unwritable=disk.unwritable,
        # A worker that came meanwhile was not looked into.
        replaced=disk.replaced if sources.own_pids() == ours else (),
        stale_socket=disk.stale_socket,
        conflicts=Counter(each.instance_id for each in conflicts),
        retries=Counter(
            each.instance_id
            for each in history
            if each.to_state is State.RETRYING and each.from_state in _ONLINE
        ),
        disk_free=disk.free,
        is_upgraded=disk.is_upgraded,
        descriptors=descriptors(),
        trash=trash,
        locked_database=(
            shown(sources.files.data.database) if await sources.store.is_locked() else ""
        ),
        damaged_rows=await sources.store.damaged_rows(),
        damaged_history=await sources.store.damaged_history(),
        stuck=sources.stuck(),
        connect_limit_s=sources.connect_limit_s(),
        phone_limit_s=sources.phone_days() * _DAY_S,
        version=sources.version(),
        old_tables=old_tables,
        backup=await _backup(sources),
        silent=sources.silent(),
        messages=await sources.messages(),
        queue=sources.queue(),
        inbox=sources.inbox(),
        webhooks=await sources.webhooks(),
    )


async def _backup(sources: CheckSources) -> tuple[BackupRecord, float] | None:
    every_s = sources.backup_every_s()
    record = await record_in(sources.store) if every_s is not None else None
    return None if record is None or every_s is None else (record, every_s)


def open_paths(sources: CheckSources) -> tuple[tuple[Path, int], ...]:
    """What holds keys or leads to them and is open to others, with its mode. A link is left to
    whoever made it."""
    data, sessions = sources.files.data, sources.files.sessions
    beside = (data.database.with_name(data.database.name + end) for end in ("", "-wal", "-shm"))
    copies = sorted(data.root.glob(f"{data.database.name}.before-*"))
    mine = [data.root.resolve(), data.sessions, data.trash, *beside, *copies]
    for each in sorted(sessions.identities()):
        mine += sessions.files(each)
    found = ((path, _mode(path)) for path in mine)
    return tuple((path, mode) for path, mode in found if mode & 0o077)


def is_dead_socket(path: Path) -> bool:
    """Whether it is a socket that nobody answers."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(_ANSWER_S)
            caller.connect(str(path))
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _disk(
    sources: CheckSources, live: frozenset[str], online: frozenset[str], ours: frozenset[int]
) -> _Disk:
    sessions = sources.files.sessions
    looks: dict[str, SessionLook] = {}
    for each in sorted(sessions.identities()):
        look = look_at(sessions.path(each), SHORT_S if each in live else LONG_S)
        if look is not None:
            looks[each] = look
    dead = not sources.has_manager and is_dead_socket(sources.files.data.socket)
    return _Disk(
        looks=looks,
        open_paths=tuple(
            OpenPath(shown(path), mode, path.is_dir()) for path, mode in open_paths(sources)
        ),
        open_secrets=tuple(_open_secrets(sources.secret_files())),
        holders=holders_of({each: sessions.files(each) for each in looks}, ours),
        unwritable=tuple(shown(path) for path in _unwritable(sessions, looks)),
        replaced=tuple(_replaced(sessions, online & looks.keys(), ours)) if online else (),
        stale_socket=shown(sources.files.data.socket) if dead else None,
        free=sources.files.data.free_bytes(),
        is_upgraded=sources.upgraded(),
    )


def _unwritable(sessions: SessionFiles, looks: Iterable[str]) -> Iterator[Path]:
    """The session files that cannot be written, or their folder instead of all of them."""
    paths = [sessions.path(each) for each in looks]
    folders = {path.parent for path in paths}
    refusing = {each for each in folders if not os.access(each, os.W_OK | os.X_OK)}
    yield from sorted(refusing)
    for path in paths:
        if path.parent not in refusing and not os.access(path, os.W_OK) and path.exists():
            yield path


def _replaced(sessions: SessionFiles, online: Iterable[str], ours: frozenset[int]) -> Iterator[str]:
    """Whose file at its path is open in no worker of ours, although it is online. Nobody, where
    that cannot be seen."""
    try:
        held = {each.identity for pid in ours for each in opened(pid)}
    except OSError:
        return
    for identity in sorted(online):
        try:
            found = sessions.path(identity).stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) not in held:
            yield identity


def _mode(path: Path) -> int:
    """Its permission bits; none for what is gone, and for a link."""
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return 0
    return 0 if stat.S_ISLNK(found) else stat.S_IMODE(found)


def _open_secrets(paths: Iterable[Path]) -> Iterator[OpenPath]:
    """Those that the group or all others can read. Behind a link it is the file that counts."""
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            # Gone, or not for us: a reload says so.
            continue
        # Of somebody else and given to us by our group: we could not read it otherwise.
        through_group = found.st_uid != os.geteuid() and found.st_gid == os.getegid()
        if found.st_mode & (0o004 if through_group else 0o044):
            yield OpenPath(shown(path), stat.S_IMODE(found.st_mode), is_folder=False)
