"""One step of a fix, carried out: nothing is lost, and what it would change is looked at again."""

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import assert_never

from waziterm.domain.care.diagnosis import steps_of
from waziterm.domain.care.evidence import Condition, SessionLook, Survey
from waziterm.domain.care.findings import FixStep, Remedy
from waziterm.domain.care.of_files import session_findings
from waziterm.domain.care.trash import Why
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.manager.care.evidence import CheckSources, is_dead_socket, open_paths, shown
from waziterm.manager.rivals.search import holders_of
from waziterm.store.scratch import scratch
from waziterm.store.sessionfile import LONG_S, SHORT_S, look_at, rebuild, sync


@dataclass(frozen=True, slots=True)
class Mended:
    """How a step ended. backup: the trash entry with the copy made before, or None. error: ""
    when it was done."""

    backup: str | None = None
    error: str = ""


async def mend(step: FixStep, sources: CheckSources) -> Mended:
    """Carry a step out. Raises OSError or FleetError when it was not done."""
    match step.remedy:
        case Remedy.CLOSE_TO_OTHERS:
            await asyncio.to_thread(_close, step.subject, sources)
        case Remedy.REMOVE_STALE:
            await asyncio.to_thread(_remove, step.subject, sources)
        case Remedy.TRASH_SESSION | Remedy.REBUILD_SESSION:
            return await _session(step, sources)
        case _:
            assert_never(step.remedy)
    return Mended()


def _close(subject: str, sources: CheckSources) -> None:
    for path, _ in open_paths(sources):
        if shown(path) == subject:
            path.chmod(0o700 if path.is_dir() else 0o600)


def _remove(subject: str, sources: CheckSources) -> None:
    control = sources.files.data.socket
    if shown(control) == subject and not sources.has_manager and is_dead_socket(control):
        control.unlink(missing_ok=True)
    elif Path(subject).exists():
        raise FleetError(Phrase("{path} is in use now; it was left", path=subject))


async def _session(step: FixStep, sources: CheckSources) -> Mended:
    """Move or rebuild a session file while nobody uses it."""
    sessions = sources.files.sessions
    alike = [each for each in sessions.identities() if shown(sessions.path(each)) == step.subject]
    if len(alike) != 1:
        raise FleetError(Phrase("{path} is gone, or its name is like another's", path=step.subject))
    (identity,) = alike
    # Whoever has begun to use it since the check must not be stopped for it.
    await _still_needed(step, identity, sources, SHORT_S)
    owner = _instance(identity, sources)
    async with sources.halted(owner.name) if owner is not None else nullcontext():
        look = await _still_needed(step, identity, sources, LONG_S)
        was = _instance(identity, sources)
        name = identity if was is None else was.name
        files, at = sessions.files(identity), sources.clock.now()
        if step.remedy is Remedy.TRASH_SESSION:
            has_keys = look.condition is not Condition.SOUND or bool(look.devices)
            await sources.files.trash.put(
                name, files, at=at, why=Why.FIXED, restorable=has_keys, was=was
            )
            return Mended()
        copy = await sources.files.trash.copy(name, files, at=at, was=was)
        try:
            await asyncio.to_thread(_rebuilt, sessions.path(identity).resolve())
        except OSError as error:
            why = Phrase("it was left as it is: {why}", why=plain(error.strerror or str(error)))
            return Mended(copy.id, why)
        except FleetError as error:
            return Mended(copy.id, error.told)
        return Mended(copy.id)


async def _still_needed(
    step: FixStep, identity: str, sources: CheckSources, limit_s: float
) -> SessionLook:
    """What the file is like now; limit_s: see `look_at`. Raises FleetError when this step is not
    called for any more."""
    path = sources.files.sessions.path(identity)
    look = await asyncio.to_thread(look_at, path, limit_s)
    files = {identity: sources.files.sessions.files(identity)}
    holders = await asyncio.to_thread(holders_of, files, sources.own_pids())
    seen = Survey(
        now=sources.clock.now(),
        has_manager=sources.has_manager,
        is_lost=not sources.instances(),
        instances=tuple(
            each
            for each in sources.instances()
            if each.id == identity
            or (each.name == identity and not sources.files.sessions.exists(each.id))
        ),
        sessions={identity: look} if look else {},
        paths={identity: shown(path)},
        holders=holders,
    )
    needed = {(each.remedy, each.subject) for each in steps_of(tuple(session_findings(seen)))}
    if look is None or (step.remedy, step.subject) not in needed:
        raise FleetError(
            Phrase("{path} has changed meanwhile; it was left", path=step.subject),
            Phrase("check again"),
        )
    return look


def _instance(identity: str, sources: CheckSources) -> Instance | None:
    return next((each for each in sources.instances() if each.id == identity), None)


def _rebuilt(path: Path) -> None:
    """Put a rebuilt file in the place of a damaged one, in one move."""
    with scratch(".rebuilding-", path.parent) as folder:
        target = folder / path.name
        rebuild(path, target)
        target.replace(path)
    sync(path.parent)
