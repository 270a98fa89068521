"""Whom webhooks tell of messages and states: `[[webhooks]]` of the settings."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from waziterm.domain.alerts.alert_settings import (
    KEYS,
    URL,
    Numbers,
    sink_name,
    webhook_keys,
    webhook_url,
)
from waziterm.domain.frozen import dataclass
from waziterm.domain.names import ALLOWED as ALLOWED_NAME
from waziterm.domain.names import MOST_PATTERNS, is_pattern
from waziterm.domain.secret import Secret
from waziterm.domain.settings import setting
from waziterm.domain.webhooks.event import EventType
from waziterm.domain.webhooks.target import Form, Target

_LONGEST_NAME = 40
_EXAMPLE = "whsec_bWFrZSBvbmUgb2YgeW91ciBvd24gd2l0aCAzMiBieXRlcw=="
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_]+")


def _patterns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_PATTERNS:
        raise TypeError(value)
    if not all(isinstance(each, str) and is_pattern(each) for each in value):
        raise TypeError(value)
    return tuple(dict.fromkeys(value))


@dataclass(frozen=True, slots=True)
class Webhook:
    """`[[webhooks]]`: one that is told of messages and states."""

    name: str = setting(
        "",
        "What the webhook is called; if left out, as the host of its URL.",
        allowed=ALLOWED_NAME,
        read=sink_name,
        example='"crm"',
    )
    url: Secret = setting(
        Secret(""),
        "Where to post what happened, signed by Standard Webhooks; it may be in a private network.",
        allowed=URL,
        read=webhook_url,
        example='"https://crm.example/hooks/whatsapp"',
    )
    secrets: tuple[Secret, ...] = setting(
        (),
        "What it is signed with; of two each event has both signatures. In a file they stand one a"
        " line.",
        key="secret",
        allowed=KEYS,
        read=webhook_keys,
        example=f'"{_EXAMPLE}"',
    )
    unsigned: bool = setting(False, "Whether it goes without a secret and unsigned.")
    events: frozenset[EventType] = setting(
        frozenset(), "The types of events that it is told; an empty array is all of them."
    )
    instances: tuple[str, ...] = setting(
        (),
        "Of which instances it is told: names, or patterns of them; an empty array is all.",
        allowed="an array of names of instances and patterns, with `*` and `?`",
        read=_patterns,
        example='["shop-*"]',
    )
    numbers: Numbers = setting(Numbers.MASKED, "Whether it is told phone numbers in full.")
    form: Form = setting(
        Form.STANDARD,
        "The shape of what is posted: standard, or waziper, for what was made for that.",
    )

    @property
    def target(self) -> Target:
        return Target(
            name=self.name,
            url=self.url,
            secrets=self.secrets,
            events=self.events,
            instances=self.instances,
            numbers=self.numbers,
            form=self.form,
        )


def check_webhook(webhook: Webhook) -> None:
    """Raises ValueError for what no single setting of a webhook can tell."""
    if not webhook.url:
        raise ValueError("must set url")
    if not webhook.secrets and not webhook.unsigned:
        raise ValueError(
            "needs a secret, by which the receiver knows that it is ours: set secret or"
            " secret_file, or unsigned = true to go without"
        )
    if Secret(_EXAMPLE) in webhook.secrets:
        raise ValueError("must have a secret of its own, not that of the example")
    if webhook.secrets and webhook.unsigned:
        raise ValueError("must not set a secret, since it is unsigned")


def name_for(table: Mapping[str, Any]) -> str | None:
    """What a webhook is called whose table has no name; None where nothing tells."""
    url = table.get("url")
    try:
        host = urlsplit(url).hostname if isinstance(url, str) else None
    except ValueError:
        host = None
    return _NOT_IN_NAMES.sub("-", host or "").strip("-_")[:_LONGEST_NAME] or None
