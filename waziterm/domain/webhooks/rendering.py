"""An event as a target reads it: the bytes that are posted and signed."""

from typing import assert_never

from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.delivery import json_of
from waziterm.domain.units import moment_text
from waziterm.domain.webhooks.bodies import body_of
from waziterm.domain.webhooks.event import Json, WebhookEvent
from waziterm.domain.webhooks.target import Form, Target
from waziterm.domain.webhooks.waziper_form import waziper_body

TEST = "test"
"""The type in the body of a post that only tries a target."""
TRIAL = "A test of waziterm's webhooks: they reach you here. There is nothing to do."


def rendered(event: WebhookEvent, target: Target, called: str) -> bytes | None:
    """The body of an event for a target; None where there is nothing to tell it. called: by which
    id clients of Waziper know its instance, or ""."""
    match target.form:
        case Form.STANDARD:
            return json_of(body_of(event, full=target.numbers is Numbers.FULL))
        case Form.WAZIPER:
            body = waziper_body(event, target, called)
            return None if body is None else json_of(body)
        case _:
            assert_never(target.form)


def trial(at: float) -> bytes:
    """The body of a post that only tries a target. at: UTC seconds."""
    body: Json = {
        "type": TEST,
        "timestamp": moment_text(at),
        "instance": "",
        "seq": 0,
        "data": {"text": TRIAL},
    }
    return json_of(body)
