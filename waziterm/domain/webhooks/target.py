"""Who is told by webhook: one of the config, or one that a client of the facade has set."""

from enum import StrEnum
from fnmatch import fnmatchcase

from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.frozen import dataclass
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.event import EventType


class Form(StrEnum):
    """The shape of a body. STANDARD: ours, as Standard Webhooks say. WAZIPER: that which the
    clients of Waziper know."""

    STANDARD = "standard"
    WAZIPER = "waziper"


_OF_CLIENT = "facade/"
"""What the name of a target begins with that a client of the facade has set; no name of a webhook
of the config holds a slash."""


def target_name(instance: str) -> str:
    """The name of the target that a client of the facade has set for the instance with this id."""
    return f"{_OF_CLIENT}{instance}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where events are posted. name: by which its deliveries are kept. secrets: with which they are
    signed, none without any. events, instances: what it is told, and of whom: patterns of names;
    all where they are empty. must_be_public: whether its host may be in the internet alone, which
    is looked at when it is connected with."""

    name: str
    url: Secret
    secrets: tuple[Secret, ...] = ()
    events: frozenset[EventType] = frozenset()
    instances: tuple[str, ...] = ()
    numbers: Numbers = Numbers.MASKED
    form: Form = Form.STANDARD
    must_be_public: bool = False

    @property
    def is_from_client(self) -> bool:
        """Whether a client of the facade has set it, not the config."""
        return self.name.startswith(_OF_CLIENT)

    def takes(self, event: EventType) -> bool:
        """Whether it is told this of any instance."""
        return not self.events or event in self.events

    def wants(self, event: EventType, instance: str) -> bool:
        """Whether it is told this of the instance with this name."""
        if not self.takes(event):
            return False
        return not self.instances or any(fnmatchcase(instance, each) for each in self.instances)
