"""The program's command line without its verbs: their groups in `--help`, and their options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter

from waziterm import __version__
from waziterm.domain.screen import Lang


class Shell(StrEnum):
    """A shell that can complete the command line."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class StatsBy(StrEnum):
    """What `stats --by` takes."""

    DAY = "day"
    HOUR = "hour"
    REASON = "reason"
    PATTERN = "pattern"


class ExportFormat(StrEnum):
    """What `export --format` takes."""

    SEALED = "sealed"
    BAILEYS = "baileys"


class TokenScope(StrEnum):
    """What `token add --scope` takes."""

    SEND = "send"
    READ = "read"
    MANAGE = "manage"


class MessageState(StrEnum):
    """What `messages --state` takes."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class LogLevel(StrEnum):
    """What `logs --level` takes, the least first."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Name = Annotated[str, Parameter(help="The instance's name.")]
Names = Annotated[
    str,
    Parameter(
        name="NAME",
        help="Names of instances, patterns of names (quote those: 'shop-*'), or tag:NAME.",
    ),
]
YesOption = Annotated[bool, Parameter(name="--yes", help="Do not ask.", show_default=False)]
DataDirOption = Annotated[
    Path | None,
    Parameter(name="--data-dir", help="The data directory; the user's own if left out."),
]
LabOption = Annotated[
    Path | None,
    Parameter(name="--lab", help="Connect to a local WhatsApp, as this lab file says."),
]
LangOption = Annotated[
    Lang | None,
    Parameter(
        name="--lang",
        help="The language of the screen; that of the settings, else of the locale, if left out.",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool,
    Parameter(
        name="--json",
        help="Print one JSON document on stdout, and nothing else.",
        show_default=False,
    ),
]

PassphraseOption = Annotated[
    Path | None,
    Parameter(name="--passphrase-file", help="A file with the passphrase; asked if left out."),
]
OptionalName = Annotated[str | None, Parameter(help="The instance's name; all if left out.")]
SinceOption = Annotated[
    str | None,
    Parameter(help="From when on: 30s, 10m, 2h or 1d ago, or a moment in ISO 8601 (UTC)."),
]
LogoutOption = Annotated[
    bool,
    Parameter(
        name="--logout",
        help="Unlink the device at WhatsApp first; that cannot be undone.",
        show_default=False,
    ),
]
SendOption = Annotated[
    bool,
    Parameter(
        name="--send",
        help="Each that is connected sends a message to its own number; several ask first.",
        show_default=False,
    ),
]
DryRunOption = Annotated[
    bool, Parameter(name="--dry-run", help="Only say what it would do.", show_default=False)
]

RUN = Group("Run", sort_key=1)
SEE = Group("See", sort_key=2)
INSTANCES = Group("Instances", sort_key=3)
EMERGENCY = Group("Emergency", sort_key=4)
SET_UP = Group("Set up", sort_key=5)
OPTIONS = Group("Options", sort_key=6)

app = App(
    name="waziterm",
    help="Watch and heal many WhatsApp sessions on one box. Without a verb: the monitor.",
    help_epilogue="Example: waziterm --data-dir /srv/waziterm",
    version=f"waziterm {__version__}",
    default_parameter=Parameter(negative=()),
    group_parameters=OPTIONS,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for flag in ("--help", "--version"):
    app[flag].group = OPTIONS
