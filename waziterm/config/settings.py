"""What can be set: each setting with its default, its bounds and what it means."""

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from waziterm.config import plain
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.names import check_name
from waziterm.domain.screen import ACTIONS, Ascii, Lang, Screen, Theme
from waziterm.domain.version import VersionChoice

PREFIX = "WAZITERM_"
_DEFAULTS = Limits()
_FLEET, _LOG, _JANITOR, _TRASH = plain.Fleet(), plain.Log(), plain.Janitor(), plain.Trash()
_LIBRARY, _SCREEN = plain.Library(), Screen()
_DAY_S = 86_400.0
_WEEK_S = 7 * _DAY_S
_LOOPBACK = "127.0.0.1"


class _Table(BaseModel):
    # strict: a text is no number and `true` is not 1. Variables become numbers before.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class LimitsTable(_Table):
    """`[limits]`"""

    connect_timeout_s: float = Field(
        default=_DEFAULTS.connect_timeout_s,
        ge=1,
        le=600,
        description="Seconds from the start of a connect to the login or to the first QR code."
        " The library itself waits up to 120 in them.",
    )
    first_queries_s: float = Field(
        default=_DEFAULTS.first_queries_s,
        ge=1,
        le=600,
        description="Seconds from the login to `connected`; the library waits up to 225 in them.",
    )
    query_timeout_s: float = Field(
        default=_DEFAULTS.query_timeout_s,
        ge=1,
        le=600,
        description="Seconds in which WhatsApp has to answer one query: send-test, logout. A text"
        " that is not acknowledged by then has its instance connected anew.",
    )
    probe_timeout_s: float = Field(
        default=_DEFAULTS.probe_timeout_s,
        ge=1,
        le=600,
        description="Seconds in which WhatsApp has to answer one of our own probes.",
    )
    keepalive_s: float = Field(
        default=_DEFAULTS.keepalive_s,
        ge=1,
        le=3600,
        description="Seconds between two probes of a connected session.",
    )
    keepalive_misses: int = Field(
        default=_DEFAULTS.keepalive_misses,
        ge=1,
        le=100,
        description="Missed probes in a row before a degraded session is connected anew.",
    )
    cooldown_s: float = Field(
        default=_DEFAULTS.cooldown_s,
        ge=1,
        le=_DAY_S,
        description="Seconds without any attempt after a conflict.",
    )
    guard_s: float = Field(
        default=_DEFAULTS.guard_s,
        ge=1,
        le=_DAY_S,
        description="A conflict within these seconds after our guarded attempt proves a rival.",
    )
    conflict_budget: int = Field(
        default=_DEFAULTS.conflict_budget,
        ge=1,
        le=100,
        description="The conflict with this number inside the window ends in `held`.",
    )
    conflict_window_s: float = Field(
        default=_DEFAULTS.conflict_window_s,
        ge=1,
        le=_WEEK_S,
        description="Seconds for which a conflict counts.",
    )
    short_lived_s: float = Field(
        default=_DEFAULTS.short_lived_s,
        ge=0,
        le=3600,
        description="A connection that ends within these seconds counts as short-lived.",
    )
    short_lived_budget: int = Field(
        default=_DEFAULTS.short_lived_budget,
        ge=1,
        le=100,
        description="With this many short-lived connections the wait becomes a cool-down that"
        " doubles.",
    )
    backoff_first_s: float = Field(
        default=_DEFAULTS.backoff_first_s,
        ge=0.1,
        le=3600,
        description="Seconds before the first retry; doubled for each further one.",
    )
    backoff_cap_s: float = Field(
        default=_DEFAULTS.backoff_cap_s,
        ge=1,
        le=_DAY_S,
        description="The most seconds between two retries; at least `backoff_first_s`. After a"
        " drop or a failed dial it is 120 at most.",
    )
    stable_s: float = Field(
        default=_DEFAULTS.stable_s,
        ge=1,
        le=_DAY_S,
        description="A connection that lasts these seconds resets the back-off.",
    )
    crash_budget: int = Field(
        default=_DEFAULTS.crash_budget,
        ge=1,
        le=100,
        description="This many deaths of a worker inside the window end in `held`.",
    )
    crash_window_s: float = Field(
        default=_DEFAULTS.crash_window_s,
        ge=1,
        le=_WEEK_S,
        description="Seconds for which a worker's death counts.",
    )
    jitter: float = Field(
        default=_DEFAULTS.jitter,
        ge=0,
        le=0.1,
        description="Largest share by which a wait is lengthened at random.",
    )

    def over(self, base: Limits) -> Limits:
        """`base` with the limits that this table sets."""
        limits = self.model_fields_set & LimitsTable.model_fields.keys()
        return replace(base, **{name: getattr(self, name) for name in limits})


class InstanceTable(LimitsTable):
    """`[instances.NAME]`: what differs for one instance."""

    isolate: bool = Field(
        default=False, description="Whether its worker process is its own, shared with nobody."
    )


class FleetTable(_Table):
    """`[fleet]`"""

    instances_per_worker: int = Field(
        default=_FLEET.instances_per_worker,
        ge=1,
        le=100,
        description="How many linked instances share a worker process; 1 gives each its own.",
    )
    connects_at_once: int = Field(
        default=_FLEET.connects_at_once,
        ge=1,
        le=1000,
        description="How many instances may be connecting at the same time.",
    )
    paced_per_s: float = Field(
        default=_FLEET.paced_per_s,
        ge=0.1,
        le=1000,
        description="How many pairings and retries of the fleet may start in a second.",
    )
    scout_s: float = Field(
        default=_FLEET.scout_s,
        ge=1,
        le=3600,
        description="Seconds between two attempts to reach WhatsApp while the network is out.",
    )


class LogTable(_Table):
    """`[log]`"""

    lines_kept: int = Field(
        default=_LOG.lines_kept,
        ge=10,
        le=1_000_000,
        description="How many of its newest log lines an instance keeps.",
    )
    history_days: float = Field(
        default=_LOG.history_days,
        ge=1,
        le=36_500,
        description="Days for which transitions, attempts, sends and incidents are kept.",
    )


class JanitorTable(_Table):
    """`[janitor]`"""

    every_s: float = Field(
        default=_JANITOR.every_s,
        ge=1,
        le=_DAY_S,
        description="Seconds between two rounds of the janitor.",
    )


class TrashTable(_Table):
    """`[trash]`"""

    keep_days: float = Field(
        default=_TRASH.keep_days,
        ge=0,
        le=36_500,
        description="Days for which a session stays in the trash; 0 is for ever.",
    )


def _address(value: object) -> object:
    """Host and port of `HOST:PORT`, or of a bare port, which means loopback; None for ""."""
    if value is None or value == "":
        return None
    host, colon, port = str(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else _LOOPBACK
    if host and port.isascii() and port.isdigit() and 1 <= int(port) <= 65535:
        return host, int(port)
    raise ValueError(f'must be "HOST:PORT" or a port from 1 to 65535, not {str(value)[:60]!r}')


class HealthTable(_Table):
    """`[health]`"""

    address: Annotated[tuple[str, int] | None, BeforeValidator(_address)] = Field(
        default=None,
        description="Where `/health`, `/ready` and `/metrics` answer over TCP, for example"
        ' "127.0.0.1:9464"; a bare port is one on loopback; nowhere if left out.',
    )


def _version(value: object) -> object:
    # A number of another type than text is told as what it is: no version.
    VersionChoice.parse(str(value))
    return value


class LibraryTable(_Table):
    """`[library]`"""

    whatsapp_version: Annotated[str, BeforeValidator(_version)] = Field(
        default=_LIBRARY.whatsapp_version.text,
        description="Which version the library tells WhatsApp: compiled, its own; a number like"
        ' "2.3000.1047769893"; or auto, its own until WhatsApp refuses that, then the current one,'
        " which is read from WhatsApp's page.",
    )


def _action(name: str) -> str:
    if name not in ACTIONS:
        near = ", ".join(get_close_matches(name, ACTIONS, 3)) or ", ".join(sorted(ACTIONS)[:8])
        raise ValueError(f"no such action; near it: {near}")
    return name


class ScreenTable(_Table):
    """`[screen]`"""

    # Not strict: the file and the variables hold the words themselves.
    theme: Theme = Field(
        default=_SCREEN.theme,
        strict=False,
        description="The colours: dark, light or high-contrast.",
    )
    keys: dict[Annotated[str, AfterValidator(_action)], str] = Field(
        default={},
        description='Other keys than ours, by action: reconnect = "ctrl+r".',
    )
    ascii: Ascii = Field(
        default=_SCREEN.ascii,
        strict=False,
        description="Paint ASCII alone: on, off, or auto, which is on where the locale is not"
        " UTF-8. A QR code cannot be drawn in ASCII.",
    )
    lang: Lang = Field(
        default=_SCREEN.lang,
        strict=False,
        description="The language of the screen: en, id (Indonesian), or auto, the locale's.",
    )


def _not_empty(value: object) -> object:
    if value == "":
        raise ValueError("must name a directory")
    return value


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{path} names no home directory on this machine") from error


class SettingsModel(BaseSettings):
    """All settings, as they are read and checked."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    data_dir: Annotated[Path, BeforeValidator(_not_empty), AfterValidator(_absolute)] = Field(
        default_factory=lambda: platformdirs.user_data_path("waziterm"),
        description="Directory of the database, the sessions, the trash and the log.",
    )
    limits: LimitsTable = Field(
        default=LimitsTable(), description="The numbers of the lifecycle rules."
    )
    instances: dict[Annotated[str, AfterValidator(check_name)], InstanceTable] = Field(
        default={}, description="What differs for one instance: `[instances.NAME]`."
    )
    fleet: FleetTable = Field(
        default=FleetTable(), description="What concerns all instances together."
    )
    log: LogTable = Field(default=LogTable(), description="The log lines and the history.")
    janitor: JanitorTable = Field(default=JanitorTable(), description="The regular clean-up.")
    trash: TrashTable = Field(default=TrashTable(), description="Sessions out of use.")
    health: HealthTable = Field(default=HealthTable(), description="Health over TCP.")
    library: LibraryTable = Field(
        default=LibraryTable(), description="The version that the library tells WhatsApp."
    )
    screen: ScreenTable = Field(default=ScreenTable(), description="How the screen looks.")

    def as_plain(self) -> plain.Settings:
        """The same as plain values; what an instance does not set is the fleet's."""
        limits = self.limits.over(Limits())
        return plain.Settings(
            data_dir=self.data_dir,
            limits=limits,
            instances={name: table.over(limits) for name, table in self.instances.items()},
            isolated=frozenset(name for name, table in self.instances.items() if table.isolate),
            fleet=plain.Fleet(**self.fleet.model_dump()),
            log=plain.Log(**self.log.model_dump()),
            janitor=plain.Janitor(**self.janitor.model_dump()),
            trash=plain.Trash(**self.trash.model_dump()),
            health=plain.Health(**self.health.model_dump()),
            library=plain.Library(VersionChoice.parse(self.library.whatsapp_version)),
            screen=Screen(**self.screen.model_dump()),
        )
