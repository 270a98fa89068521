"""What the emergency tools of a session manager tell: check, fix, restart, test, undo."""

from enum import StrEnum

from waziterm.domain.alerts.delivery import AlertsView, FailedAlert, SinkTest
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.care.findings import Finding, FixReport
from waziterm.domain.care.layers import TestReport
from waziterm.domain.care.trash import Removal, TrashView
from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.reload import Reloaded
from waziterm.domain.units import Moment, Seconds

__all__ = [
    "AddedAll",
    "AlertsView",
    "BackedUp",
    "Comeback",
    "ConflictRecord",
    "FailedAlert",
    "Finding",
    "FixReport",
    "Progress",
    "Reloaded",
    "Removal",
    "RestartReport",
    "RestoredBackup",
    "RowProblem",
    "SealedInstance",
    "Silence",
    "SinkTest",
    "Step",
    "TestReport",
    "TrashView",
]


class ExportFormat(StrEnum):
    """As what an instance leaves. SEALED: a file that `import` takes. BAILEYS: the folder of that
    library, its keys open."""

    SEALED = "sealed"
    BAILEYS = "baileys"


@dataclass(frozen=True, slots=True)
class SealedInstance:
    """An instance that has left in a sealed file or a folder. file: the path. bytes: how large it
    is."""

    instance: str
    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup. file: its path. bytes: how large it is. files: how many it holds. unread: session
    files in it, by their paths in the data directory, that are damaged: they are there as they
    are."""

    file: str
    bytes: int
    files: int
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestoredBackup:
    """What came back. data_dir: where it is now. instances: their names; none is wanted to run.
    files: how many came. made: when the backup was made, ISO 8601. host, root: the machine and the
    data directory of which it was made."""

    data_dir: str
    instances: tuple[str, ...]
    files: int
    made: str
    host: str
    root: str


class Step(StrEnum):
    """The steps of `restart`, in order."""

    STOP = "stop"
    CLEAN = "clean"
    CHECK = "check"
    FIX = "fix"
    ROTATE = "rotate"
    START = "start"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something has come. instance: whom the last bit of it concerned, or ""."""

    step: Step
    done: int
    total: int
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Comeback:
    """What became of one instance after a restart. took_s: seconds since its start, None when
    it is not back. expected: whether it was to come back by itself at once."""

    instance: str
    state: State
    reason: Reason
    expected: bool
    took_s: Seconds | None


@document_of("ok", "took_s", "cleaned", "comebacks", "fixed")
@dataclass(frozen=True, slots=True)
class RestartReport:
    """How a restart went. took_s: seconds for all of it. cleaned: sessions moved to the trash."""

    comebacks: tuple[Comeback, ...]
    fixed: FixReport
    cleaned: int
    took_s: Seconds

    @property
    def ok(self) -> bool:
        """Whether everything that was to come back is back."""
        return all(each.took_s is not None for each in self.comebacks if each.expected)


@document_of(
    "at", "instance", "reason", "code=reason.code", "sentence=reason.sentence", "state", "who"
)
@dataclass(frozen=True, slots=True)
class ConflictRecord:
    """One conflict from the history. at: UTC seconds. who: whoever has the session, as far as it
    was found out, or "". state: what it led to. instance_id: the id of that instance, "" where
    whoever told of it does not say."""

    at: Moment
    instance: str
    reason: Reason
    state: State
    who: str
    instance_id: str = ""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong in a table. line: of the file, from 1 on, where the row begins. column: its
    name, or "". error: one sentence, without secrets."""

    line: int
    column: str
    error: str


@dataclass(frozen=True, slots=True)
class AddedAll:
    """What became of a table of new instances. added: their names, in its order; those that would
    be added of a dry run; none when there are problems, of which nothing in it is added."""

    dry_run: bool
    added: tuple[str, ...]
    problems: tuple[RowProblem, ...] = ()
