"""What meets many instances alike, told once: an outage is one line, not one for each. Pure.

The findings themselves stay one for each instance: a script that reads them counts on that.
"""

import re
from collections.abc import Iterable

from waziterm.domain.care.findings import FindingKind
from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase

MANY = 3
"""So many that are met alike are told as one."""
_NAMED = 3
_FOR = re.compile(r"^not connected for [^:]+: ")


@dataclass(frozen=True, slots=True)
class Group:
    """Findings that say the same of several instances, or one alone. first: the place of the first
    of them among all. names: the instances, "" for a finding that is about none. by_name: whether
    what to do names the instance, so that it differs from one to the next."""

    first: int
    names: tuple[str, ...]
    by_name: bool

    @property
    def is_one(self) -> bool:
        return len(self.names) == 1

    @property
    def listed(self) -> str:
        """The first few names."""
        return ", ".join(self.names[:_NAMED]) + ("" if len(self.names) <= _NAMED else ", …")


def groups(findings: Iterable[tuple[str, str, str | None, str, str]]) -> tuple[Group, ...]:
    """The findings in their order, those alike at the place of the first of them.

    findings: each as kind, severity, instance, evidence, act. Alike are those whose texts are the
    same but for the instance's name in what to do, and for how long it has not been connected.
    """
    found = tuple(findings)
    alike: dict[tuple[str, ...], list[int]] = {}
    for place, (kind, severity, instance, evidence, act) in enumerate(found):
        if instance is None:
            alike[str(place),] = [place]
        else:
            key = (kind, severity, timeless(kind, evidence), _anonymous(act, instance))
            alike.setdefault(key, []).append(place)
    made = []
    for places in alike.values():
        together = [places] if len(places) >= MANY else [[place] for place in places]
        for each in together:
            first, names = each[0], tuple(found[place][2] or "" for place in each)
            act = found[first][4]
            made.append(Group(first, names, _anonymous(act, names[0] or "NAME") != act))
    return tuple(sorted(made, key=lambda group: group.first))


def timeless(kind: str, evidence: str) -> str:
    """The evidence without how long that has been so, which differs from one to the next."""
    if kind != FindingKind.NOT_CONNECTED:
        return evidence
    if isinstance(evidence, Phrase) and "lasts" in evidence.values:
        return Phrase("not connected: {why}", why=evidence.values["why"])
    return _FOR.sub("not connected: ", evidence)


def _anonymous(act: str, name: str) -> str:
    return re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "NAME", act)
