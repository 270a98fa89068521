"""Who is told what: the targets as they are set, and the instances by their names."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from waziterm.domain.frozen import dataclass
from waziterm.domain.webhooks.event import EventType
from waziterm.domain.webhooks.target import Target


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom to tell of something. names: of the instances, by their ids, as they are now."""

    targets: Sequence[Target] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def wanting(self, event: EventType, instance: str) -> tuple[str, ...]:
        """The names of the targets that are told this of the instance with this name."""
        return tuple(each.name for each in self.targets if each.wants(event, instance))


NOBODY = Telling()
