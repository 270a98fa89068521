"""The janitor: finds what lies about every few minutes, says why, and puts it in order.

It never touches the keys of a paired session. Session files without an instance, and paired
instances without a file, are only reported: what to do about them is for a person.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase
from waziterm.domain.upkeep.packing import WorkerView, is_quiet, regroup

_DAY_S = 86_400.0


class ActKind(StrEnum):
    """What the janitor does; the value is the word in the database and in JSON."""

    END_WAIT = "end_wait"
    END_PAIRING = "end_pairing"
    REPLACE_WORKER = "replace_worker"
    REGROUP = "regroup"
    DELETE_TRASH = "delete_trash"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Act:
    """One act. subject: an instance's name, a trash id or a path. why: a sentence, a phrase."""

    kind: ActKind
    subject: str
    why: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What the janitor sees. now: UTC seconds.

    dead: by name, the pid of a worker whose process no longer exists.
    stuck: by name, why an instance is longer in its state than its limit says.
    sessions: ids with a session file, and what else the files there are named by.
    expired: trash entries whose time is over, and for how many seconds each was kept.
    workers: those that may be given up. per_worker: how many instances share one at most.
    """

    now: float
    instances: Sequence[Instance]
    dead: Mapping[str, int]
    stuck: Mapping[str, str]
    sessions: frozenset[str]
    expired: Mapping[str, float]
    workers: Sequence[WorkerView] = ()
    per_worker: int = 1


def plan(survey: Survey) -> tuple[Act, ...]:
    """What is to be done about what the survey shows; pure, so that a dry run says the same."""
    acts: list[Act] = []
    for instance in survey.instances:
        why_stuck = survey.stuck.get(instance.name, "")
        if instance.name in survey.dead:
            label = Phrase(instance.state.label)
            why = Phrase("its worker is gone, and it still shows {state}", state=label)
            acts.append(Act(ActKind.REPLACE_WORKER, instance.name, why))
        elif why_stuck:
            kind = ActKind.END_PAIRING if instance.state is State.PAIRING else ActKind.END_WAIT
            acts.append(Act(kind, instance.name, why_stuck))
        if instance.is_paired and instance.id not in survey.sessions:
            why = Phrase(
                "it is paired, but its session file is gone; restore it, or clean and link again"
            )
            acts.append(Act(ActKind.REPORT, instance.name, why))
    quiet = frozenset(each.name for each in survey.instances if is_quiet(each, survey.now))
    if moved := regroup(survey.workers, quiet, survey.per_worker):
        acts += (Act(ActKind.REGROUP, name, moved.why) for name in moved.names)
    for orphan in sorted(survey.sessions - {instance.id for instance in survey.instances}):
        why = Phrase("a session file without an instance")
        acts.append(Act(ActKind.REPORT, f"{orphan}.db", why))
    acts += (
        Act(ActKind.DELETE_TRASH, entry, Phrase("kept for {days} days", days=round(age_s / _DAY_S)))
        for entry, age_s in survey.expired.items()
    )
    return tuple(acts)
