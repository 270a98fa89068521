"""What is remembered of what was told, so that nothing is told twice and every end once."""

from collections.abc import Mapping
from dataclasses import field, replace

from waziterm.domain.alerts.alert import AlertRule
from waziterm.domain.frozen import dataclass
from waziterm.domain.incidents.kinds import IncidentKind
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.units import Moment

MACHINE = ""
"""The id under which the machine itself is a member of an incident."""


@dataclass(frozen=True, slots=True)
class Member:
    """One that an incident meets. number: in full, or None. since: when it came into it. well_at:
    since when it is well again, None while it is not; it leaves when that lasts."""

    name: str
    number: str | None
    since: Moment
    well_at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """An incident that goes on. key: its number here. row: its number in the store, 0 before it
    has one. is_ours: nobody but the alerts keeps that row.

    subject: what else than its rule sets it apart: the name of a pattern, or "". members: by id.
    met: the names of all that it ever met, by id. threshold: from how many instances on it was the
    fleet's. told: when each rule was told last. last_rule: the rule that was told last, None: it
    was not told. told_at: when it was told last. told_met: the ids of those whom that named.
    """

    key: int
    rule: AlertRule
    reason: Reason
    detail: str
    began_at: Moment
    last_at: Moment
    members: Mapping[str, Member]
    met: Mapping[str, str]
    subject: str = ""
    row: int = 0
    is_ours: bool = False
    threshold: int = 0
    told: Mapping[AlertRule, Moment] = field(default_factory=dict)
    last_rule: AlertRule | None = None
    told_at: Moment = 0.0
    told_met: tuple[str, ...] = ()

    def shifted(self, by: float) -> "Open":
        """The same after the clock was set by so many seconds."""
        members = {
            each: replace(
                member,
                since=member.since + by,
                well_at=None if member.well_at is None else member.well_at + by,
            )
            for each, member in self.members.items()
        }
        return replace(
            self,
            began_at=self.began_at + by,
            last_at=self.last_at + by,
            told_at=self.told_at + by,
            told={rule: at + by for rule, at in self.told.items()},
            members=members,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """An instance as it stands. rule: what its state means by itself. runs: it is linked, and to
    be connected. tries: it is not, and the program tries. well: it is.

    cause: what has kept it from being connected since `since`, None when nothing has. down_since,
    banned_until: see `Instance`. incident: the stored one that it is in, 0 for none.
    """

    name: str
    number: str | None
    rule: AlertRule | None
    reason: Reason
    detail: str
    cause_reason: Reason
    runs: bool
    tries: bool
    well: bool
    cause: IncidentKind | None
    since: Moment
    down_since: Moment | None
    incident: int = 0
    banned_until: Moment | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """All of it. up_since: when the manager began, UTC seconds. open: by key."""

    up_since: Moment = 0.0
    next_key: int = 1
    known: Mapping[str, Known] = field(default_factory=dict)
    open: Mapping[int, Open] = field(default_factory=dict)

    def shifted(self, by: float) -> "Memory":
        """The same after the clock was set by so many seconds."""
        known = {
            each: replace(
                one,
                since=one.since + by,
                down_since=None if one.down_since is None else one.down_since + by,
                banned_until=None if one.banned_until is None else one.banned_until + by,
            )
            for each, one in self.known.items()
        }
        kept = {key: one.shifted(by) for key, one in self.open.items()}
        return replace(self, up_since=self.up_since + by, known=known, open=kept)
