"""What can be set: one tree, each setting declared once. Adding one is a field here and its user.

The numbers of the rules stand in `domain.lifecycle.limits`, the looks in `domain.screen`.
"""

import re
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from waziterm.config.errors import NoHomeError
from waziterm.config.source import Source
from waziterm.domain.alerts.alert_settings import Alerts
from waziterm.domain.backup import check_recipient
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import DEVICE_NAME, Configured, OwnKey
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.listeners import NAMES, Listener, ListenRefusal, SilentListener
from waziterm.domain.messages.message_settings import Messages, Pacing
from waziterm.domain.names import ALLOWED, DEVICE_NAMES, check_device_name, check_name
from waziterm.domain.phrase import Phrase
from waziterm.domain.proxy import EXAMPLE, SCHEMES, check_proxy
from waziterm.domain.screen import Screen
from waziterm.domain.secret import Secret
from waziterm.domain.settings import Applies, setting, table
from waziterm.domain.text import http_parts
from waziterm.domain.upkeep.outage import BY_FLEET
from waziterm.domain.version import VERSIONS, VersionChoice
from waziterm.domain.webhooks.webhook_settings import Webhook, check_webhook, name_for

_DAY_S = 86_400.0
_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY_S}
_LEAST_SPAN_S = 1.0
_LOOPBACK = "127.0.0.1"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PROXY = f"a URL that begins with {', '.join(SCHEMES)} and :// and ends after the port"


def _user_data() -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415 - takes 25 ms

    try:
        path = user_data_path("waziterm")
    except RuntimeError as error:
        raise NoHomeError from error
    if not path.is_absolute():
        # An older platformdirs leaves the ~ where it stands.
        raise NoHomeError
    return path


def directory(text: object) -> Path:
    """A directory, absolute. Raises ValueError, TypeError for what is no text."""
    if not isinstance(text, str | Path):
        raise TypeError(text)
    if str(text) == "":
        raise ValueError("must name a directory")
    if "\0" in str(text):
        raise ValueError("must not hold a NUL character")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{text} names no home directory on this machine") from error
    except FileNotFoundError as error:
        raise ValueError(f"{text} is relative, and this shell's directory is gone") from error


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether this machine alone reaches it."""
        if self.host == "localhost":
            return True
        import ipaddress  # noqa: PLC0415 - only where an address is set

        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_everywhere(self) -> bool:
        """Whether it is no address of one machine, but all that this one has."""
        import ipaddress  # noqa: PLC0415 - as above

        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: object) -> Address | None:
    """Host and port of `HOST:PORT`, or of a bare port, which means loopback; None for "".

    Raises TypeError.
    """
    if value == "":
        return None
    host, colon, port = str(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else _LOOPBACK
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if isinstance(value, str | int) and host and digits and 1 <= int(port) <= 65535:
        return Address(host, int(port))
    raise TypeError(value)


def _proxy(text: object) -> Secret:
    if not isinstance(text, str):
        raise TypeError(text)
    return Secret(check_proxy(text) if text else "")


def _device_name(text: object) -> str:
    return "" if text == "" else check_device_name(text)


def _flag(value: object) -> bool | None:
    if value == "":
        return None
    flag = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        raise TypeError(value)
    return flag


@dataclass(frozen=True, slots=True)
class Instance(Limits):
    """`[instances.NAME]`: what differs for one instance; the other limits are the fleet's."""

    isolate: bool = setting(False, "Whether its worker process is its own, shared with nobody.")
    proxy: Secret = setting(
        Secret(""),
        "The URL of the proxy that it connects through; that of the fleet if left out.",
        allowed=_PROXY,
        read=_proxy,
        example=f'"{EXAMPLE}"',
    )
    device_name: str = setting(
        "",
        "What the phone shows in its list of linked devices, from the next pairing on; that of the"
        " fleet if left out.",
        allowed=DEVICE_NAMES,
        read=_device_name,
    )
    receipts: bool | None = setting(
        None,
        "Whether it hears what phones say of its messages, from its next connect on; as of the"
        " fleet if left out.",
        allowed="true or false",
        read=_flag,
        example="true",
    )


def _pace(value: object) -> float:
    """Raises TypeError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    # Slower than that, a fleet would not be back for hours.
    if value != BY_FLEET and not 0.1 <= value <= 1000:
        raise TypeError(value)
    return float(value)


@dataclass(frozen=True, slots=True)
class Fleet:
    """`[fleet]`: what concerns all instances together."""

    instances_per_worker: int = setting(
        0,
        "How many linked instances share a worker process; 1 gives each its own. 0 goes by the"
        " fleet: 10 up to 20 instances, 25 up to 40, then 50.",
        low=0,
        high=100,
    )
    connects_at_once: int = setting(
        10, "How many instances may be connecting at the same time.", low=1, high=1000
    )
    pairings_at_once: int = setting(
        5,
        "How many instances may show a code, or take their phone's history in, at the same time;"
        " the others wait. Each takes up to 500 MB of memory while its history comes.",
        low=1,
        high=1000,
    )
    paced_per_s: float = setting(
        BY_FLEET,
        "How many pairings and retries of the fleet may start in a second. 0 goes by the fleet: 5,"
        " and from 300 instances on so many that all have started within a minute.",
        allowed="a number from 0.1 to 1000, or 0",
        read=_pace,
    )
    proxy: Secret = setting(
        Secret(""),
        "The URL of the proxy through which every instance connects that has none of its own.",
        allowed=_PROXY,
        read=_proxy,
        example=f'"{EXAMPLE}"',
    )
    device_name: str = setting(
        DEVICE_NAME,
        "What the phones show in their list of linked devices, from the next pairing on.",
        allowed=DEVICE_NAMES,
        read=check_device_name,
    )
    scout_s: float = setting(
        5.0,
        "Seconds between two attempts to reach WhatsApp while the network is out.",
        low=1,
        high=3600,
    )


def _version(value: object) -> VersionChoice:
    # A number of another type than text is told as what it is: no version.
    return VersionChoice.parse(str(value))


@dataclass(frozen=True, slots=True)
class Library:
    """`[library]`: the version that neonize tells WhatsApp."""

    whatsapp_version: VersionChoice = setting(
        VersionChoice(),
        "Which version the library tells WhatsApp: compiled, its own; a number like"
        ' "2.3000.1047769893"; or auto, its own until WhatsApp refuses that, then the current one,'
        " which is read from WhatsApp's page.",
        allowed=VERSIONS,
        read=_version,
    )


@dataclass(frozen=True, slots=True)
class Log:
    """`[log]`: log lines per instance, and days of history."""

    lines_kept: int = setting(
        2000,
        "How many of its newest log lines an instance keeps.",
        low=10,
        high=1_000_000,
        applies=Applies.START,
    )
    history_days: float = setting(
        30.0,
        "Days for which transitions, attempts, sends and incidents are kept.",
        low=1,
        high=36_500,
    )

    @property
    def history_s(self) -> float:
        return self.history_days * _DAY_S


@dataclass(frozen=True, slots=True)
class Janitor:
    """`[janitor]`: the regular clean-up."""

    every_s: float = setting(
        300.0, "Seconds between two rounds of the janitor.", low=1, high=_DAY_S
    )


@dataclass(frozen=True, slots=True)
class Trash:
    """`[trash]`: sessions out of use."""

    keep_days: float = setting(
        30.0, "Days for which a session stays in the trash; 0 is for ever.", low=0, high=36_500
    )

    @property
    def keep_s(self) -> float:
        return self.keep_days * _DAY_S


def _span(value: object) -> float:
    """Seconds of a time like "6h", or of a number of them. Raises TypeError and ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (found := _SPAN.fullmatch(value.strip())):
        seconds = float(found[1]) * _UNITS[found[2]]
    else:
        raise TypeError(value)
    if not _LEAST_SPAN_S <= seconds <= 365 * _DAY_S:
        raise ValueError("must be from 1 second to 365 days")
    return seconds


def _path_or_none(text: object) -> Path | None:
    return None if text == "" else directory(text)


def _recipient(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(text)
    return check_recipient(text) if text else ""


@dataclass(frozen=True, slots=True)
class Backup:
    """`[backup]`: the regular backup, once directory and recipient are set."""

    every_s: float = setting(
        _DAY_S,
        'The time from one backup to the next: "6h", "1d", or a number of seconds.',
        allowed='a time like "6h" or "1d"',
        read=_span,
        key="every",
    )
    keep: int = setting(7, "How many backups stay; older ones are deleted.", low=1, high=10_000)
    directory: Path | None = setting(
        None,
        'Where they are written, best on another disk; "" makes none.',
        allowed="a path, as text",
        read=_path_or_none,
        example='"/mnt/backup"',
    )
    recipient: str = setting(
        "",
        "The public key of age for which they are sealed; the secret one stays elsewhere.",
        allowed="a public key of age, age1…",
        read=_recipient,
    )

    @property
    def planned_every_s(self) -> float | None:
        """Seconds between two; None while it is not set to where and for whom."""
        return self.every_s if self.directory is not None and self.recipient else None


@dataclass(frozen=True, slots=True)
class Health:
    """`[health]`: `/health`, `/ready` and `/metrics` over TCP."""

    address: Address | None = setting(
        None,
        "Where `/health`, `/ready` and `/metrics` answer over TCP; a bare port is one on"
        ' loopback, "" is nowhere.',
        applies=Applies.START,
        allowed='"HOST:PORT" or a port from 1 to 65535',
        read=_address,
        example='"127.0.0.1:9464"',
    )


def _hosts(value: object) -> tuple[str, ...]:
    """Names of hosts: an array of texts, or a text with commas between them. Raises TypeError."""
    each = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(each, list) or not all(
        isinstance(one, str) and _HOST.fullmatch(one) for one in each
    ):
        raise TypeError(value)
    return tuple(one.lower() for one in each)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where one of `domain.listeners` answers, and how: the same in each of their tables."""

    address: Address | None = setting(
        None,
        'Where it answers; a bare port is one on loopback, "" is nowhere.',
        applies=Applies.START,
        allowed='"HOST:PORT" or a port from 1 to 65535',
        read=_address,
        example='"127.0.0.1:8480"',
    )
    allow_remote: bool = setting(
        False,
        "Whether the address may be one that other machines reach; only together with tls_cert and"
        " tls_key, or with behind_proxy.",
        applies=Applies.START,
    )
    behind_proxy: bool = setting(
        False,
        "Whether a proxy stands before it that encrypts, and nobody else reaches the address.",
        applies=Applies.START,
    )
    tls_cert: Path | None = setting(
        None,
        'The file with its certificate and those above it, PEM; "" is none.',
        applies=Applies.START,
        allowed="a path, as text",
        read=_path_or_none,
        example='"/etc/waziterm/api.crt"',
    )
    tls_key: Path | None = setting(
        None,
        'The file with the key of the certificate, PEM, without a passphrase; "" is none.',
        applies=Applies.START,
        allowed="a path, as text",
        read=_path_or_none,
        example='"/etc/waziterm/api.key"',
    )
    hosts: tuple[str, ...] = setting(
        (),
        "Names by which it is asked for besides its own address and localhost.",
        applies=Applies.START,
        allowed="an array of names of hosts",
        read=_hosts,
        example='["api.example"]',
    )

    def refusal(self, which: Listener) -> ListenRefusal | None:
        """Why the address is not listened on; None when it may be, and when there is none. which:
        whose table this is."""
        if self.address is None:
            return None
        what, table = NAMES[which], which.value
        if (self.tls_cert is None) != (self.tls_key is None):
            return ListenRefusal(
                Phrase(
                    "{what} does not answer: [{table}] has one of tls_cert and tls_key alone",
                    what=what,
                    table=table,
                ),
                Phrase("set both, or none"),
            )
        if self.address.is_loopback:
            return None
        where = str(self.address)
        if not self.allow_remote:
            return ListenRefusal(
                Phrase(
                    "{what} does not answer: other machines would reach {where}",
                    what=what,
                    where=where,
                ),
                Phrase(
                    "name an address on 127.0.0.1 in [{table}], or set allow_remote = true there"
                    " with tls_cert and tls_key, or with behind_proxy = true",
                    table=table,
                ),
            )
        if self.tls_cert is None and not self.behind_proxy:
            return ListenRefusal(
                Phrase(
                    "{what} does not answer: secrets would cross the network openly to {where}",
                    what=what,
                    where=where,
                ),
                Phrase(
                    "set tls_cert and tls_key in [{table}], or behind_proxy = true", table=table
                ),
            )
        return None


@dataclass(frozen=True, slots=True)
class Api(Listening):
    """`[api]`: messages over HTTP, for other programs."""

    media_mb: int = setting(
        2_000,
        "Megabytes that the files of `media/` may take together; no more are taken in then.",
        applies=Applies.START,
        low=1,
        high=1_000_000,
    )


@dataclass(frozen=True, slots=True)
class Facade(Listening):
    """`[facade]`: the requests of Waziper, for its old clients."""

    set_webhook: bool = setting(
        False,
        "Whether its clients may set where they are told what happened: a public https address.",
        applies=Applies.START,
    )


def _public_url(text: object) -> str:
    """Raises TypeError for what no browser could be led to."""
    if text == "":
        return ""
    if not isinstance(text, str) or any(each in text for each in " ?#@"):
        raise TypeError(text)
    if http_parts(text) is None:
        raise TypeError(text)
    return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class Web(Listening):
    """`[web]`: a page on which somebody far away scans the QR code of one instance."""

    public_url: str = setting(
        "",
        "What a link to it begins with, as the proxy before it is called from outside; by default"
        " the address.",
        applies=Applies.START,
        allowed='an "http://" or "https://" URL without a login, a query and a fragment',
        read=_public_url,
        example='"https://scan.example"',
    )

    @property
    def begins_with(self) -> str | None:
        """What a link begins with; None where no address is set."""
        if self.address is None:
            return None
        scheme = "http" if self.tls_cert is None else "https"
        return self.public_url or f"{scheme}://{self.address}"

    @property
    def leaks_links(self) -> bool:
        """Whether other machines are led to it without encryption."""
        parts = urlsplit(self.public_url)
        return parts.scheme == "http" and not Address(parts.hostname or "", 0).is_loopback

    def refusal(self, which: Listener) -> ListenRefusal | None:
        """See `Listening.refusal`; nor is a page any use to which no link would lead."""
        refused = Listening.refusal(self, which)
        if refused is not None or self.address is None or self.public_url:
            return refused
        if self.address.is_everywhere:
            return ListenRefusal(
                Phrase(
                    "{what} does not answer: a link to {where} would lead nowhere",
                    what=NAMES[which],
                    where=str(self.address),
                ),
                Phrase("set public_url in [web] to what a browser reaches it by"),
            )
        return None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. source: where they were read, so that they can be read again. secret_files:
    the config if it holds a secret, and the files that hold one for it. fixed: by name, what a
    variable sets for an instance, which beats what a person has set."""

    data_dir: Path = table(
        _user_data,
        "Directory of the database, the sessions, the trash and the log.",
        applies=Applies.START,
        allowed="a path, as text",
        read=directory,
    )
    limits: Limits = table(Limits, "The numbers of the lifecycle rules.")
    instances: Mapping[str, Instance] = table(
        dict,
        "What differs for one instance: any of the limits, and more.",
        allowed=ALLOWED,
        read=check_name,
        inherits="limits",
        example="shop-jakarta",
    )
    fleet: Fleet = table(Fleet, "What concerns all instances together.")
    log: Log = table(Log, "The log lines and the history.")
    janitor: Janitor = table(Janitor, "The regular clean-up.")
    trash: Trash = table(Trash, "Sessions out of use.")
    backup: Backup = table(Backup, "The regular backup.")
    health: Health = table(Health, "Health over TCP.")
    api: Api = table(Api, "Messages over HTTP, for other programs.")
    facade: Facade = table(Facade, "The requests of Waziper, for its old clients.")
    web: Web = table(Web, "A page on which a customer far away scans a QR code.")
    webhooks: tuple[Webhook, ...] = table(
        tuple,
        "Who is told of messages and states, each by a URL.",
        named="name",
        check=check_webhook,
        name_for=name_for,
    )
    library: Library = table(Library, "The version that the library tells WhatsApp.")
    messages: Messages = table(Messages, "What becomes of messages, and how long they stay.")
    pacing: Pacing = table(Pacing, "How fast an instance sends messages.")
    screen: Screen = table(Screen, "How the screen looks.")
    alerts: Alerts = table(Alerts, "Who is told when something happens, and of what.")
    secret_files: tuple[Path, ...] = field(default=(), compare=False)
    fixed: Mapping[str, frozenset[OwnKey]] = field(default_factory=dict, compare=False)
    source: Source = field(default_factory=Source, compare=False, repr=False)

    @property
    def all_secret_files(self) -> tuple[Path, ...]:
        """The same with the keys by which those encrypt that listen."""
        keys = (each.tls_key for each in self.listeners.values())
        return (*self.secret_files, *(key for key in keys if key is not None))

    @property
    def listeners(self) -> Mapping[Listener, Listening]:
        """The settings of all that may listen."""
        return {Listener.API: self.api, Listener.FACADE: self.facade, Listener.WEB: self.web}

    @property
    def silent(self) -> tuple[SilentListener, ...]:
        """Those that do not answer for what these settings say."""
        found = ((which, each.refusal(which)) for which, each in self.listeners.items())
        return tuple(SilentListener(which, *why) for which, why in found if why is not None)

    def read_again(self) -> "Settings":
        """The settings as they are set now, where these were read. Raises ConfigError."""
        from waziterm.config.reading import read  # noqa: PLC0415 - it imports this module

        return read(self.source).checked()

    def of_instance(self, *names: str) -> Instance | None:
        """What is set for one instance. names: its own, then those that it had before; the first
        of them that has a table counts alone."""
        return next((self.instances[each] for each in names if each in self.instances), None)

    def limits_for(self, *names: str) -> Limits:
        """The limits of one instance, see `of_instance`."""
        own = self.of_instance(*names)
        if own is None:
            return self.limits
        return Limits(**{each.name: getattr(own, each.name) for each in fields(Limits)})

    def configured_for(self, *names: str) -> Configured:
        """What these settings say of one instance, where nobody has set another; see
        `of_instance`."""
        own, fleet = self.of_instance(*names) or Instance(), self.fleet
        table = next((each for each in names if each in self.instances), "")
        return Configured(
            proxy=own.proxy.reveal() or fleet.proxy.reveal() or None,
            device_name=own.device_name or fleet.device_name,
            isolate=own.isolate,
            receipts=self.messages.receipts if own.receipts is None else own.receipts,
            fixed=self.fixed.get(table, frozenset()),
        )
