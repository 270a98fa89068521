"""The emergency tools of a session manager: check, fix, clean, restart, test, undo."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from waziterm.domain.care.findings import Finding, FixReport
from waziterm.domain.care.layers import TestReport
from waziterm.domain.care.trash import Removal, TrashView
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State


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
    took_s: float | None


@dataclass(frozen=True, slots=True)
class RestartReport:
    """How a restart went. took_s: seconds for all of it. cleaned: sessions moved to the trash."""

    comebacks: tuple[Comeback, ...]
    fixed: FixReport
    cleaned: int
    took_s: float

    @property
    def ok(self) -> bool:
        """Whether everything that was to come back is back."""
        return all(each.took_s is not None for each in self.comebacks if each.expected)


@dataclass(frozen=True, slots=True)
class ConflictRecord:
    """One conflict from the history. at: UTC seconds. who: whoever has the session, as far as it
    was found out, or "". state: what it led to."""

    at: float
    instance: str
    reason: Reason
    state: State
    who: str


class Tools(Protocol):
    """What an operator reaches for at 3 a.m. All raise FleetError."""

    async def remove(self, name: str, *, logout: bool = False) -> Removal:
        """Clean an instance and forget it; its trash entry brings it back.

        logout: unlink the device at WhatsApp first, which cannot be undone.
        """
        ...

    def with_session(self) -> tuple[str, ...]:
        """The instances that have something to clean."""
        ...

    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        """Clean every instance that has a session; their names.

        count: how many the operator believes there are; it is refused when that is wrong.
        """
        ...

    async def trash(self) -> tuple[TrashView, ...]:
        """What lies in the trash, the newest first."""
        ...

    async def restore(self, entry: str) -> str:
        """Bring a trashed session back, byte for byte, and its instance; the instance's name.

        Refused over an existing session, and for a device that is live elsewhere.
        """
        ...

    async def check(self) -> tuple[Finding, ...]:
        """Look for everything that is wrong or will be; the worst first. Changes nothing."""
        ...

    async def fix(self, *, dry_run: bool = False) -> FixReport:
        """Do what a check proposes and needs nobody's decision, then check again."""
        ...

    def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        """Stop all workers, check, fix, rotate the log, start staggered, verify. The report ends
        it. Cool-downs, holds and bans stay. clean_sessions: as `count` of `clean_all`."""
        ...

    async def test(self, name: str, to: str | None = None) -> TestReport:
        """Test one instance's connection layer by layer. to: as in `send_test`."""
        ...

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        """The conflicts of the history from a moment (UTC seconds) on, oldest first."""
        ...
