"""How somebody looked at the fleet last: a small file in their own state directory, so that two
who watch one fleet keep each their own."""

import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self

from waziterm.domain.frozen import dataclass
from waziterm.domain.screen import Density, Screen, Sort, View
from waziterm.tui.state.columns import Column

logger = logging.getLogger(__name__)

_MOST = 10_000
"""Bytes that a file of ours never has."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of a screen. columns, detail: of the list, see `FleetModel`."""

    view: View
    sort: Sort
    density: Density
    columns: frozenset[Column] | None = None
    detail: bool = True

    @classmethod
    def of(cls, screen: Screen) -> Self:
        """What the settings say, for whoever chose nothing yet."""
        return cls(screen.view, screen.sort, screen.density)


class Memory:
    """The file. path: None where nothing is remembered. kept: what was read or written last.

    What cannot be read or written is told in the log, and is no reason to do without a screen.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.kept: Remembered | None = None

    def read(self, default: Remembered) -> Remembered:
        """How it was left last, or the default."""
        self.kept = default
        if self._path is None:
            return default
        try:
            with self._path.open("rb") as file:
                said = json.loads(file.read(_MOST))
            columns = said.get("columns")
            self.kept = Remembered(
                View(said["view"]),
                Sort(said["sort"]),
                Density(said["density"]),
                None if columns is None else frozenset(map(Column, columns)),
                said.get("detail") is not False,
            )
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            logger.warning("what is remembered of the screen is ignored: %s: %s", self._path, error)
        return self.kept

    def keep(self, seen: Remembered) -> None:
        """Write it; that may take as long as a disk does."""
        self.kept = seen
        if self._path is None:
            return
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(json.dumps(asdict(seen), default=sorted), "utf-8")
            fresh.replace(self._path)
        except OSError as error:
            logger.warning("the screen is not remembered: %s", error)
            with suppress(OSError):
                fresh.unlink()


def users_file() -> Path | None:
    """Where this user's is; None where there is no such directory."""
    from platformdirs import user_state_path  # noqa: PLC0415 - takes 25 ms where nobody needed it yet

    try:
        path = user_state_path("waziterm")
    except RuntimeError:
        return None
    # An older platformdirs leaves the ~ where it stands.
    return path / "screen.json" if path.is_absolute() else None
