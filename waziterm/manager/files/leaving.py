"""What leaves the data directory: written under another name until it is whole, and brought to its
end by whoever has the directory after a kill."""

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.store.errors import StoreError
from waziterm.store.sessionfile import sync
from waziterm.store.store import Store

META = "leaving"
"""Under which the store remembers an export while it is under way."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Leaving:
    """An export. identity: of its instance. part: where it is written. target: the name that it
    gets. was_held: an earlier export holds the instance already."""

    identity: str
    part: Path
    target: Path
    was_held: bool

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """What `text` made of it; None for nothing, or nothing that can be read."""
        try:
            told = json.loads(text or "")
            part, target = Path(told["part"]), Path(told["target"])
            found = cls(str(told["identity"]), part, target, bool(told["was_held"]))
        except (ValueError, KeyError, TypeError):
            return None
        return found if _is_part(part, target) else None

    @property
    def text(self) -> str:
        paths = {"part": str(self.part), "target": str(self.target)}
        return json.dumps({"identity": self.identity, **paths, "was_held": self.was_held})


async def begin_leaving(store: Store, leaving: Leaving) -> None:
    """Remember an export before anything of it is written. Raises StoreError."""
    await store.set_meta(META, leaving.text)


async def end_leaving(store: Store) -> None:
    """Forget it: it is over. What cannot be stored is found to be over by the next owner."""
    try:
        await store.set_meta(META, "")
    except StoreError as error:
        log.warning("that an export is over is not stored: %s", error)


async def finish_leaving(store: Store, instances: Iterable[Instance]) -> None:
    """Bring an export to its end that a kill has cut short: what is whole, for its instance is held
    for it, gets its name, and anything less goes. For the owner of the directory. Raises
    StoreError."""
    leaving = Leaving.of(await store.get_meta(META))
    if leaving is None:
        return
    held = any(each.id == leaving.identity and each.hold is Reason.EXPORTED for each in instances)
    try:
        await asyncio.to_thread(_finish, leaving, is_whole=held and not leaving.was_held)
    except OSError as error:
        log.warning("the export to %s was cut short: %s", leaving.target, error)
    await end_leaving(store)


def _finish(leaving: Leaving, *, is_whole: bool) -> None:
    if not leaving.part.exists():
        if is_whole and not leaving.target.exists():
            log.warning("what was exported to %s is not there any more", leaving.target)
    elif is_whole:
        put(leaving.part, leaving.target)
        log.info("the export to %s was cut short, and is whole now", leaving.target)
    else:
        drop(leaving.part)
        log.info("the export to %s was cut short, and what there was of it is gone", leaving.target)


def part_of(target: Path) -> Path:
    """Where a new file or folder is written until it is whole."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


def _is_part(part: Path, target: Path) -> bool:
    """Whether a path is one that `part_of` has made."""
    named = re.fullmatch(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.part", part.name)
    return part.parent == target.parent and named is not None


def put(part: Path, target: Path) -> None:
    """Give what is written its name, which must be free. Raises OSError."""
    if target.exists():
        raise FileExistsError(17, "it exists already", str(target))
    part.rename(target)
    sync(target.parent)


def drop(part: Path) -> None:
    """Delete what was written, where it has not got its name. Raises OSError."""
    import shutil  # noqa: PLC0415 - only where something is left over

    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)
