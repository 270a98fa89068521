"""Whom to tell of an incident, of which, and when: `[alerts]` of the settings."""

import re
from base64 import b64decode
from enum import StrEnum

from waziterm.domain.alerts.alert import AlertRule, AlertSeverity
from waziterm.domain.alerts.quiet import ALLOWED as ALLOWED_QUIET
from waziterm.domain.alerts.quiet import Quiet
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import PHONE_DAYS
from waziterm.domain.names import ALLOWED as ALLOWED_NAME
from waziterm.domain.names import check_name
from waziterm.domain.screen import Lang
from waziterm.domain.secret import Secret
from waziterm.domain.settings import Regex, setting, table
from waziterm.domain.text import http_parts

_DAY_S = 86_400.0
KEYS = '"whsec_" and 24 to 64 bytes in base64, or an array of two while one is changed'
URL = 'an "http://" or "https://" URL with a host and without a login'
_APPRISE = 'one URL of Apprise, "SERVICE://…"'
_MARKED = "whsec_"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_SECOND = re.compile(r",[A-Za-z][A-Za-z0-9+.-]*://")


class Numbers(StrEnum):
    """How a sink is told phone numbers."""

    MASKED = "masked"
    FULL = "full"


def sink_name(text: object) -> str:
    """What a sink is called. Raises TypeError."""
    if not isinstance(text, str):
        raise TypeError(text)
    try:
        return check_name(text)
    except ValueError as error:
        raise TypeError(text) from error


def webhook_url(text: object) -> Secret:
    """Where a webhook is posted. Raises TypeError, and ValueError with a sentence."""
    if text == "":
        return Secret("")
    if not isinstance(text, str) or " " in text or (parts := http_parts(text)) is None:
        raise TypeError(text)
    if "@" in parts.netloc:
        raise ValueError("must not hold a login; a receiver knows us by the signature")
    return Secret(text)


def webhook_keys(value: object) -> tuple[Secret, ...]:
    """With what it is signed, of one text or an array; of a file, one a line. Raises TypeError, and
    ValueError with a sentence."""
    texts = value.split() if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise TypeError(value)
    if len(texts) > 2:
        raise ValueError("must be two at most, the new one and the old one")
    if len(set(texts)) < len(texts):
        raise ValueError("must be two that differ")
    for text in texts:
        try:
            key = b64decode(text.removeprefix(_MARKED), validate=True)
        except ValueError as error:
            raise TypeError(value) from error
        if not text.startswith(_MARKED) or not 24 <= len(key) <= 64:
            raise TypeError(value)
    return tuple(Secret(text) for text in texts)


def _apprise(text: object) -> Secret:
    # Apprise takes several, separated by commas or spaces; of those it does not say which failed.
    if text == "":
        return Secret("")
    if not isinstance(text, str) or not text.isprintable() or not _SCHEME.fullmatch(text):
        raise TypeError(text)
    if _SECOND.search(text):
        raise ValueError("must be one URL; another one is another sink")
    return Secret(text)


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(value)
    if any("\0" in each for each in value):
        raise ValueError("must not hold a NUL character")
    if value and not value[0]:
        raise ValueError("must name a program first")
    return tuple(value)


def _quiet(text: object) -> Quiet | None:
    return Quiet.parse(text)


@dataclass(frozen=True, slots=True)
class Sink:
    """`[[alerts.sinks]]`: one that is told. Exactly one of webhook, apprise and command is set."""

    name: str = setting(
        "",
        "What the sink is called.",
        allowed=ALLOWED_NAME,
        read=sink_name,
        example='"ops"',
    )
    webhook: Secret = setting(
        Secret(""),
        "Where to post what happened, signed by Standard Webhooks; it may be in a private network.",
        allowed=URL,
        read=webhook_url,
    )
    secrets: tuple[Secret, ...] = setting(
        (),
        "What a webhook is signed with; of two each message has both signatures. In a file they"
        " stand one a line.",
        key="secret",
        allowed=KEYS,
        read=webhook_keys,
    )
    unsigned: bool = setting(False, "Whether a webhook goes without a secret and unsigned.")
    apprise: Secret = setting(
        Secret(""),
        "Another service, as Apprise writes it.",
        allowed=_APPRISE,
        read=_apprise,
    )
    command: tuple[str, ...] = setting(
        (),
        "A program and its arguments; it reads what happened as JSON.",
        allowed="an array of texts, the program first",
        read=_command,
        example='["/usr/local/bin/tell-ops"]',
    )
    min_severity: AlertSeverity = setting(
        AlertSeverity.INFO, "Alerts of a lower severity are kept from it."
    )
    rules: frozenset[AlertRule] = setting(
        frozenset(), "The rules whose alerts it gets; an empty array is all of them."
    )
    quiet: Quiet | None = setting(
        None,
        "Hours in which it is told only what is critical.",
        allowed=ALLOWED_QUIET,
        read=_quiet,
        example='"23:00-07:00 Asia/Jakarta"',
    )
    numbers: Numbers = setting(Numbers.MASKED, "Whether it is told phone numbers in full.")


def check_sink(sink: Sink) -> None:
    """Raises ValueError for what no single setting of a sink can tell."""
    ways = [bool(sink.webhook), bool(sink.apprise), bool(sink.command)]
    if sum(ways) != 1:
        said = "none" if not any(ways) else "several"
        raise ValueError(f"must set exactly one of webhook, apprise and command, and sets {said}")
    if sink.webhook and not sink.secrets and not sink.unsigned:
        raise ValueError(
            "its webhook needs a secret, by which the receiver knows that it is ours: set secret"
            " or secret_file, or unsigned = true to go without"
        )
    if sink.secrets and (sink.unsigned or not sink.webhook):
        why = "it is unsigned" if sink.unsigned else "it has no webhook"
        raise ValueError(f"must not set a secret, since {why}")
    if sink.unsigned and not sink.webhook:
        raise ValueError("must not set unsigned, since it has no webhook")


@dataclass(frozen=True, slots=True)
class Pattern:
    """`[[alerts.patterns]]`: an alert when lines of an instance's log match so often."""

    name: str = setting(
        "",
        "What the pattern is called.",
        allowed=ALLOWED_NAME,
        read=sink_name,
        example='"conflicts"',
    )
    regex: Regex = setting(
        Regex(""),
        "What a line of the log holds.",
        example='"Stream Errored"',
    )
    count: int = setting(1, "So many lines of one instance are an alert.", low=1, high=10_000)
    window_s: float = setting(600.0, "Seconds in which there are so many.", low=1, high=_DAY_S)


def check_pattern(pattern: Pattern) -> None:
    """Raises ValueError for a pattern of nothing."""
    if not pattern.regex:
        raise ValueError("must set regex")


@dataclass(frozen=True, slots=True)
class Alerts:
    """`[alerts]`: who is told when something happens, and the limits of the rules."""

    language: Lang = setting(
        Lang.AUTO, "The language of the alerts: en, id (Indonesian), or auto, the locale's."
    )
    down_after_s: float = setting(
        600.0,
        "Seconds for which an instance is degraded or not connected before `down` tells of it.",
        low=10,
        high=_DAY_S,
    )
    growth_every_s: float = setting(
        600.0,
        "Seconds in which the growth of one incident is told once at most.",
        low=10,
        high=_DAY_S,
    )
    flap_s: float = setting(
        60.0,
        "Seconds for which all has to be well before an incident is told as resolved.",
        low=0,
        high=3600,
    )
    per_minute: int = setting(
        20,
        "So many messages a sink gets in a minute at most; the others come in one digest.",
        low=1,
        high=1000,
    )
    success_below: float = setting(
        0.9, "`success` tells of a smaller share of texts that were acknowledged.", low=0, high=1
    )
    uptime_below: float = setting(
        0.95, "`uptime` tells of a smaller share of a day spent connected.", low=0, high=1
    )
    drops_factor: float = setting(
        3.0,
        "`drops` tells of a day with so many times the drops of the instance's own mean.",
        low=1,
        high=100,
    )
    disk_free_below_mb: int = setting(
        500, "`disk` tells of less free megabytes where the data directory is.", low=0, high=10**7
    )
    memory_above_mb: int = setting(
        400, "`memory` tells of a worker process that has more megabytes.", low=50, high=10**6
    )
    phone_days: float = setting(
        PHONE_DAYS, "`phone` tells of so many days without a sign from the phone.", low=1, high=365
    )
    sinks: tuple[Sink, ...] = table(
        tuple,
        "Who is told: one of webhook, apprise and command each.",
        named="name",
        check=check_sink,
    )
    patterns: tuple[Pattern, ...] = table(
        tuple,
        "Lines of the log that are told, in RE2's regular expressions.",
        named="name",
        check=check_pattern,
    )
