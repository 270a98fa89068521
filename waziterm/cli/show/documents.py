"""The documents that verbs put together themselves; those of a single verb of the fleet have the
types of `domain.fleet`. The type checker holds the verbs to them, `waziterm schema` prints them."""

from typing import Annotated, Any, TypedDict

from waziterm.cli.verbs.checks import Check
from waziterm.domain.alerts.told import ToldTo
from waziterm.domain.care.findings import Finding, Severity
from waziterm.domain.care.layers import TestReport
from waziterm.domain.fleet.api import InstanceView, LogLine
from waziterm.domain.fleet.tools import ConflictRecord
from waziterm.domain.incidents.kinds import IncidentKind
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.reload import ConfigProblem
from waziterm.domain.units import Moment

Json = dict[str, Any]

# What a manager answered is at hand as JSON already; the second half says of which type.
TestJson = Annotated[Json, TestReport]
FindingJson = Annotated[Json, Finding]
ConflictJson = Annotated[Json, ConflictRecord]
LineJson = Annotated[Json, LogLine]
ToldJson = Annotated[Json, ToldTo]
InstanceJson = Annotated[Json, InstanceView]
CheckJson = Annotated[Json, Check]
MomentText = Annotated[str, Moment]


class Api(TypedDict):
    """The requests to the manager's own API: how many, how many of them were answered, and the
    seconds of the slowest answer, null when there was none."""

    asked: int
    answered: int
    slowest_s: float | None


class FleetTest(TypedDict):
    """The test of all instances that should run. skipped: the names of those that an operator
    stopped."""

    ok: bool
    api: Api
    instances: list[TestJson]
    skipped: list[str]


class Findings(TypedDict):
    """What a check found, the worst first."""

    findings: list[FindingJson]


class Conflicts(TypedDict):
    """The conflicts from a moment on, oldest first. counts: how many by instance."""

    since: MomentText
    total: int
    counts: dict[str, int]
    conflicts: list[ConflictJson]


class Incident(TypedDict):
    """One thing that happened. kind: what is behind the reason. instances: whom it met, in order.
    closed: when the last of them was through with it, null as long as one is not. code: the number
    that operators know for the reason, or "". acknowledged: when somebody said that he has seen it,
    or null; by: who, and note: what they had to say about it, both "" for nobody. told: the sinks
    that were told."""

    id: int
    kind: Annotated[str, IncidentKind]
    severity: Annotated[str, Severity]
    instances: list[str]
    opened: MomentText
    closed: MomentText | None
    code: str
    reason: Annotated[str, Reason]
    acknowledged: MomentText | None
    by: str
    note: str
    told: list[ToldJson]


class Restored(TypedDict):
    """What an undo brought back: the instance, and the trash entry that it was."""

    instance: str
    entry: str


class NotRestored(TypedDict):
    """What an undo could not bring back. error: why, one line."""

    instance: str
    entry: str
    error: str


class Revoked(TypedDict):
    """`token revoke`: what was taken back, by its name."""

    revoked: str


class LinkEnded(TypedDict):
    """`qr --unlink`: whose link leads nowhere any more."""

    instance: str


class Undone(TypedDict):
    """What an undo of one act took back. instance, entry: the last that was brought back. restored:
    all of it. refused: what the same act took and is still in the trash. edit: the number of what
    was set and is as before; then entry is null, and nothing was restored."""

    instance: str
    entry: str | None
    restored: list[Restored]
    refused: list[NotRestored]
    edit: int | None


class InstanceFailure(TypedDict):
    """Among several instances, one that a verb failed with. code: its exit code. hint: what to do,
    or ""."""

    instance: str
    error: str
    code: int
    hint: str


class Removed(TypedDict):
    """Among several instances, one that was removed. entry: its id in the trash. not_unlinked: why
    its device is still linked although that was to end, or ""."""

    instance: str
    entry: str
    not_unlinked: str


class SettingOrigin(TypedDict):
    """Where a setting is set. kind: default, file, set (by the verb, of one instance), variable or
    flag. name: of the file, variable or flag. line: in the file."""

    kind: str
    name: str | None
    line: int | None


class ConfigEntry(TypedDict):
    """A setting as it is gone by. key: dotted; a table of an array goes by its name. value: a
    secret is "••••". allowed: in words. variable: the environment variable that sets it, null in
    an array of tables, which none reaches. applies: at a reload, at the next start, or to the next
    screen."""

    key: str
    value: str | int | float | bool | list[str] | None
    origin: SettingOrigin
    default: str | int | float | bool | list[str] | None
    allowed: str
    variable: str | None
    applies: str
    needs_restart: bool
    description: str


class ConfigWarning(TypedDict):
    """What is allowed in the config and may not be meant. setting: its name with dots."""

    setting: str
    warning: str


class ConfigProblems(TypedDict):
    """What is wrong in the config: what `config --check` prints."""

    errors: list[Annotated[Json, ConfigProblem]]
    warnings: list[ConfigWarning]


class Full(TypedDict):
    """Everything in one. verdict: healthy or problems. logs: the last lines of each instance in
    trouble."""

    verdict: str
    test: FleetTest
    conflicts: Conflicts
    check: Findings
    logs: dict[str, list[LineJson]]


class Doctor(TypedDict):
    """Whether this machine is fit. ok: nothing failed; a warning is no failure."""

    ok: bool
    checks: list[CheckJson]


class DemoTurn(TypedDict):
    """One event of a demo. at_s: seconds after its begin."""

    at_s: float
    turn: str
    instance: str | None


class DemoEnd(TypedDict):
    """How a demo without a screen ended. expected: how many should be connected."""

    ok: bool
    seconds: float
    connected: int
    expected: int
    happened: list[DemoTurn]
    instances: list[InstanceJson]


class Failure(TypedDict):
    """What any verb prints that failed. code: its exit code. hint: what to do, or ""."""

    error: str
    code: int
    hint: str
