"""The settings as the program uses them: plain values, and the one place of their defaults.

Nothing here imports pydantic, which takes longer to load than everything else of a short verb.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.screen import Screen
from waziterm.domain.version import VersionChoice

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """`[fleet]`: what concerns all instances together."""

    instances_per_worker: int = 10
    connects_at_once: int = 10
    paced_per_s: float = 5.0
    scout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Log:
    """`[log]`: log lines per instance, and days of history."""

    lines_kept: int = 2000
    history_days: float = 90.0

    @property
    def history_s(self) -> float:
        return self.history_days * _DAY_S


@dataclass(frozen=True, slots=True)
class Janitor:
    """`[janitor]`: seconds between two rounds."""

    every_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Trash:
    """`[trash]`: days for which a session stays; 0 is for ever."""

    keep_days: float = 30.0

    @property
    def keep_s(self) -> float:
        return self.keep_days * _DAY_S


@dataclass(frozen=True, slots=True)
class Health:
    """`[health]`: host and port for `/health`, `/ready` and `/metrics` over TCP, None for none."""

    address: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Library:
    """`[library]`: the version that neonize tells WhatsApp."""

    whatsapp_version: VersionChoice = field(default_factory=VersionChoice)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. limits: of the fleet. instances: the whole limits of those that differ.
    isolated: the instances that share their worker with nobody."""

    data_dir: Path
    limits: Limits = field(default_factory=Limits)
    instances: Mapping[str, Limits] = field(default_factory=dict)
    isolated: frozenset[str] = frozenset()
    fleet: Fleet = field(default_factory=Fleet)
    log: Log = field(default_factory=Log)
    janitor: Janitor = field(default_factory=Janitor)
    trash: Trash = field(default_factory=Trash)
    health: Health = field(default_factory=Health)
    library: Library = field(default_factory=Library)
    screen: Screen = field(default_factory=Screen)

    def limits_for(self, name: str) -> Limits:
        """The limits of one instance."""
        return self.instances.get(name, self.limits)
