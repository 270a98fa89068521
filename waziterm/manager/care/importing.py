"""Bringing in sessions of other programs: what would be done, and the work.

It works on whatever keeps the instances: a running manager, or the files alone. No source is ever
changed, and nothing is written but below `sessions/`: a new store has another name until its
instance is stored, by which a program that is killed in between leaves nothing half done; see
`SessionFiles.settle`.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from waziterm.domain.errors import FleetError
from waziterm.domain.facade import waziper_id
from waziterm.domain.fleet.naming import current_name
from waziterm.domain.frozen import dataclass
from waziterm.domain.jid import Jid, mask_jid
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import Wanted
from waziterm.domain.moving.plan import (
    Carried,
    ImportReport,
    ImportSource,
    SourceKind,
    Verdict,
)
from waziterm.domain.moving.rows import DeviceRows
from waziterm.domain.phrase import NOTHING, Phrase
from waziterm.domain.text import plain, safe_line, safe_told
from waziterm.manager.care.cleaning import Cleaning, Keeper
from waziterm.manager.clock import Clock
from waziterm.manager.files.data_files import DataFiles
from waziterm.manager.inputs import InputError
from waziterm.manager.rivals.registry import Registry
from waziterm.manager.rivals.search import holders_of, working_in
from waziterm.moving.files import marks_of
from waziterm.moving.sources import Read, Reading
from waziterm.store.session_rows import CopiedFrom, schema_version, write_rows
from waziterm.store.sessionfile import sync

YOUNG_S = 10.0
"""A source that was changed so short ago is in use."""
MOST_SOURCES = 1000
_LONGEST_NAME = 40
_MASKED = 300


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is asked for; see `domain.fleet.protocol.Fleet.import_sessions`."""

    sources: tuple[Path, ...]
    name: str | None
    prefix: str
    device: str
    keys_db: Path | None
    start: bool
    force: bool

    @classmethod
    def of(
        cls,
        sources: str,
        name: str | None,
        prefix: str,
        device: str,
        keys_db: str,
        *,
        start: bool,
        force: bool,
    ) -> "ImportRequest":
        """The same, checked. Raises InputError."""
        paths = tuple(dict.fromkeys(map(_path, filter(None, sources.split("\n")))))
        if not 0 < len(paths) <= MOST_SOURCES:
            raise InputError(Phrase("an import takes 1 to {most} sources", most=MOST_SOURCES))
        if name is not None and prefix:
            raise InputError(Phrase("--name and --prefix exclude each other"))
        if prefix and not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,19}", prefix):
            raise InputError(
                Phrase(
                    "a prefix is 1 to 20 of a-z, 0-9, '-' and '_', and starts with a letter "
                    "or a digit"
                )
            )
        if device:
            try:
                device = str(Jid.parse(device))
            except ValueError as error:
                raise InputError(
                    Phrase("--device is no JID of a device"),
                    Phrase("for example {jid}", jid="6281234567890:7@s.whatsapp.net"),
                ) from error
        keys = _path(keys_db) if keys_db else None
        return cls(paths, name, prefix, device, keys, start, force)


def _path(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise InputError(Phrase("not an absolute path: {path}", path=repr(plain(text, 100))))
    return path


@dataclass(frozen=True, slots=True)
class _Found:
    """A device of a source, as it is told, and what is written of it, None where it is refused.
    changed_at: when the newest of its files was changed, UTC seconds."""

    told: ImportSource
    path: Path
    rows: DeviceRows | None = None
    copied: CopiedFrom | None = None
    changed_at: float = 0.0


class Importing:
    """Brings sessions in. new_store: makes an empty store of the installed library at a path.
    pids: our own workers. call: lets clients of Waziper call an instance by the id that it had
    there; whether they can, see `FacadeInstances.bind`."""

    def __init__(
        self,
        keeper: Keeper,
        cleaning: Cleaning,
        files: DataFiles,
        clock: Clock,
        registry: Registry,
        new_store: Callable[[Path], Awaitable[None]],
        pids: Callable[[], frozenset[int]],
        call: Callable[[str, str], Awaitable[bool]],
    ) -> None:
        self._keeper = keeper
        self._cleaning = cleaning
        self._files = files
        self._clock = clock
        self._new_store = new_store
        self._pids = pids
        self._call = call
        self._registry = registry

    async def run(self, request: ImportRequest, *, dry_run: bool) -> ImportReport:
        """Look at the sources, and bring in what can be. Raises FleetError when nothing can."""
        async with self._files.sessions.scratch() as folder:
            empty = folder / "empty.db"
            await self._new_store(empty)
            newest = await asyncio.to_thread(schema_version, empty)
            with Reading(folder, newest, request.keys_db) as reading:
                reads = await asyncio.to_thread(_read, reading, request)
                found = await asyncio.to_thread(self._judged, reads, request)
                if dry_run:
                    return ImportReport(tuple(each.told for each in found))
                told, imported = [], []
                for each in found:
                    made = each if each.rows is None else await self._bring_in(each, empty, request)
                    told.append(made.told)
                    if made.told.verdict is Verdict.OK:
                        imported.append(made.told.name)
                return ImportReport(tuple(told), tuple(imported))

    # -- what would be done -----------------------------------------------------------------------

    def _judged(self, reads: Sequence[Read], request: ImportRequest) -> list[_Found]:
        reads = [each for each in reads if _is_meant(each, request)]
        devices = [each for each in reads if each.device is not None]
        if request.device and not devices:
            raise InputError(
                Phrase("no source holds the device {jid}", jid=mask_jid(request.device) or "")
            )
        if request.name is not None and len(devices) > 1:
            raise InputError(
                Phrase(
                    "--name is for one device, and the sources hold {count}", count=len(devices)
                ),
                Phrase("name one with --device, or all of them with --prefix"),
            )
        counts = Counter(each.device.rows.device.jid for each in devices if each.device is not None)
        used = {} if request.force else self._in_use(devices)
        owners = {each.jid: each.name for each in self._keeper.all() if each.jid is not None}
        names = _Names(request, self._taken())
        found = []
        for each in reads:
            if each.device is None:
                found.append(_Found(told_of_source(each, "", each.why), each.path))
                continue
            name = names.of(each)
            jid = each.device.rows.device.jid
            why = self._objection(each, name, owners.get(jid), counts[jid], names)
            why = why or used.get(str(each.path), NOTHING)
            told = told_of_source(each, name, why)
            if why:
                found.append(_Found(told, each.path))
            else:
                changed_at = max((mark.changed_ns for mark in each.marks), default=0) / 1e9
                rows, copied = each.device.rows, each.copied
                found.append(_Found(told, each.path, rows, copied, changed_at))
        return found

    def _taken(self) -> frozenset[str]:
        """The names that no new instance can have."""
        kept, aliases = self._keeper.all(), self._keeper.aliases
        leading = (name for name in aliases if current_name(name, kept, aliases) is not None)
        strays = self._files.sessions.identities() - {each.id for each in kept}
        return frozenset((*(each.name for each in kept), *leading, *strays))

    def _objection(
        self, read: Read, name: str, owner: str | None, count: int, names: "_Names"
    ) -> Phrase:
        """Why a device cannot be brought in, or nothing."""
        assert read.device is not None
        if owner is not None:
            return Phrase("its device is in use as {name}", name=owner)
        if count > 1:
            return Phrase(
                "several sources hold the same device: name the one that was used last alone"
            )
        if names.is_taken(name):
            return Phrase(
                "{name} exists already: choose another with --name or --prefix", name=name
            )
        peer = self._registry.holder(read.device.rows.device.noise_key)
        if peer is not None:
            return Phrase("its device is live in {peer}: stop it there first", peer=str(peer))
        return NOTHING

    def _in_use(self, reads: Sequence[Read]) -> dict[str, Phrase]:
        """By path, by what it shows that a source is in use."""
        files = {str(each.path): tuple(mark.path for mark in each.marks) for each in reads}
        folders = {str(each.path): _folder(each.path) for each in reads}
        ours = self._pids()
        found = {
            path: Phrase("{who} has it open: stop that program for good, or use --force", who=who)
            for path, who in holders_of(files, ours).items()
        }
        for path, who in working_in(folders, ours).items():
            said = Phrase(
                "{who} works there and is connected: stop it for good, or use --force", who=who
            )
            found.setdefault(path, said)
        now_ns = time.time_ns()
        for each in reads:
            path = str(each.path)
            changed_ns = max((mark.changed_ns for mark in each.marks), default=0)
            if marks_of(tuple(mark.path for mark in each.marks)) != each.marks:
                said = Phrase("it was changed while it was read: its program still runs")
                found.setdefault(path, said)
            elif 0 <= now_ns - changed_ns < YOUNG_S * 1e9:
                said = Phrase(
                    "it was changed {ago} s ago, so its program may still run: stop its program for"
                    " good and try again, or use --force",
                    ago=round((now_ns - changed_ns) / 1e9),
                )
                found.setdefault(path, said)
        return found

    # -- the work ---------------------------------------------------------------------------------

    async def _bring_in(self, found: _Found, empty: Path, request: ImportRequest) -> _Found:
        """One device, as a new instance. What fails refuses this one alone."""
        rows, now = found.rows, self._clock.now()
        assert rows is not None
        origin = safe_line(str(found.path), _MASKED)
        instance = Instance(
            found.told.name,
            created_at=now,
            since=now,
            jid=rows.device.jid,
            lid=rows.device.lid,
            wanted=Wanted.RUNNING if request.start else Wanted.STOPPED,
            reason=Reason.IMPORTED,
            detail=origin,
            imported_from=origin,
            imported_at=now,
            untried=True,
        )
        instance = await self._cleaning.with_barriers(instance, found.changed_at)
        sessions = self._files.sessions
        part = sessions.part(instance.id)
        try:
            await asyncio.to_thread(write_session, empty, part, rows, found.copied)
            found = await self._called(found, instance)
            await self._keeper.adopt(instance)
        except (FleetError, OSError) as error:
            await asyncio.to_thread(part.unlink, missing_ok=True)
            why = error.strerror if isinstance(error, OSError) else error.told
            said = Phrase("it could not be written: {why}", why=why or "")
            return _Found(_refused(found.told, said), found.path)
        try:
            await asyncio.to_thread(sessions.take_part, instance.id)
        except OSError as error:
            await self._keeper.forget(instance.name)
            await asyncio.to_thread(part.unlink, missing_ok=True)
            said = Phrase("it could not be put in its place: {why}", why=error.strerror or "")
            return _Found(_refused(found.told, said), found.path)
        await self._keeper.tell(instance.name, ev.Booted())
        return found

    async def _called(self, found: _Found, instance: Instance) -> _Found:
        """Let clients of Waziper call an instance as they did: its folder has their id."""
        identity = waziper_id(found.path.name)
        if found.told.kind is not SourceKind.BAILEYS or identity is None:
            return found
        if await self._call(identity, instance.id):
            return found
        said = Phrase("clients of Waziper call another instance {id} already", id=identity)
        return replace(found, told=replace(found.told, why=said))


def write_session(empty: Path, part: Path, rows: DeviceRows, copied: CopiedFrom | None) -> None:
    """Write a device into a copy of an empty store, with mode 0600. Raises FleetError and OSError,
    and then `part` is worth nothing."""
    part.write_bytes(b"")
    part.chmod(0o600)
    part.write_bytes(empty.read_bytes())
    write_rows(part, rows, copied)
    sync(part.parent)


def _read(reading: Reading, request: ImportRequest) -> list[Read]:
    return [each for path in request.sources for each in reading.read(path)]


def _is_meant(read: Read, request: ImportRequest) -> bool:
    if not request.device or read.device is None:
        return not request.device
    return read.device.rows.device.jid == request.device


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


class _Names:
    """The names of new instances, each once. taken: those that are in use."""

    def __init__(self, request: ImportRequest, taken: frozenset[str]) -> None:
        self._request = request
        self._taken = taken
        self._given: set[str] = set()

    def of(self, read: Read) -> str:
        """The name of a device: what was asked for, else what its own program calls it."""
        if self._request.name is not None:
            return self._request.name
        prefix = self._request.prefix
        word = re.sub(r"[^a-z0-9_-]+", "-", read.name.lower()).strip("-_") or "imported"
        base = f"{prefix}{word}"[:_LONGEST_NAME]
        name, number = base, 2
        while name in self._given:
            end = f"-{number}"
            name, number = base[: _LONGEST_NAME - len(end)] + end, number + 1
        self._given.add(name)
        return name

    def is_taken(self, name: str) -> bool:
        """Whether an instance has it, or had it."""
        return name in self._taken


def told_of_source(read: Read, name: str, why: str = NOTHING) -> ImportSource:
    """As a source is told. why: it is refused, nothing when it is not."""
    device = read.device
    path = plain(str(read.path), _MASKED)
    verdict = Verdict.REFUSED if why else Verdict.OK
    why = safe_told(why, 400)
    if device is None:
        return ImportSource(path, read.kind, name, None, None, {}, {}, (), verdict, why)
    jid = Jid.parse(device.rows.device.jid)
    return ImportSource(
        path,
        read.kind,
        name,
        mask_jid(str(jid)),
        jid.device,
        _kept(device.rows),
        device.dropped,
        device.heals,
        verdict,
        why,
    )


def _kept(rows: DeviceRows) -> Mapping[Carried, int]:
    return {
        Carried.PRE_KEYS: len(rows.pre_keys),
        Carried.SESSIONS: len(rows.sessions),
        Carried.IDENTITIES: len(rows.identities),
        Carried.SENDER_KEYS: len(rows.sender_keys),
        Carried.SYNC_KEYS: len(rows.sync_keys),
        Carried.LIDS: len(rows.lids),
        Carried.TOKENS: len(rows.tokens),
    }


def _refused(told: ImportSource, why: str) -> ImportSource:
    return replace(told, verdict=Verdict.REFUSED, why=safe_told(why, 400))
