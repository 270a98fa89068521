"""The written-once rule, on starts made of plain functions."""

import inspect
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waziterm.worker.neonize.opening import Calls, Opening, Start

DEADLINE_S = 5.0
SHORT_S = 0.05
"""A start that is to hang hangs for longer; one that broke the rule would do so at once."""
CLOSED = "this worker starts nothing any more"


class How(Enum):
    """What a start does once it runs."""

    BEGINS = "it begins, and lives on"
    ENDS = "it begins, and ends"
    FAILS = "it ends without a callback"
    RAISES = "it raises"
    SKIPPED = "it is not to run"


@dataclass
class Stage:
    """One opening, and what its starts did, oldest first."""

    opening: Opening
    done: list[tuple[str, str]] = field(default_factory=list)
    intruded: threading.Event = field(default_factory=threading.Event)
    finale: threading.Event = field(default_factory=threading.Event)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _busy: str = ""

    def note(self, what: str, name: str) -> None:
        with self._news:
            self.done.append((what, name))
            self._news.notify_all()

    def wait_for(self, what: str, name: str) -> None:
        with self._news:
            came = self._news.wait_for(lambda: (what, name) in self.done, DEADLINE_S)
        assert came, f"{name} did not become {what}: {self.done}"

    def of(self, name: str) -> list[str]:
        return [what for what, who in self.done if who == name]

    def start(
        self,
        name: str,
        how: How = How.BEGINS,
        *,
        last: bool = False,
        gate: threading.Event | None = None,
    ) -> None:
        """Start a client. gate: it begins when this is set."""

        def prepare() -> bool:
            with self._news:
                if self._busy:
                    self.intruded.set()
                self._busy = "" if how is How.SKIPPED else name
            self.note("prepared", name)
            return how is not How.SKIPPED

        def run() -> None:
            self.note("ran", name)
            if gate is not None:
                gate.wait(DEADLINE_S)
            else:
                # Whatever is let in while this one is starting has the time to show itself.
                self.intruded.wait(0.005)
            with self._news:
                self._busy = ""
            self.note("begun", name)
            if how is How.RAISES:
                raise RuntimeError(name)
            if how is How.FAILS:
                return
            start.begun.set()
            if how is How.BEGINS:
                self.finale.wait(DEADLINE_S)

        def refuse(why: str) -> None:
            self.note("refused", name)
            self.note(why, name)

        start = Start(prepare, run, refuse)
        self.opening.start(start, last=last)

    def call(self, name: str = "call") -> threading.Thread:
        """Close the opening in a thread of its own, and note it when calls are allowed."""

        def close() -> None:
            self.opening.close()
            self.note("allowed", name)

        thread = threading.Thread(target=close, daemon=True)
        thread.start()
        return thread


def end(stage: Stage) -> None:
    stage.finale.set()
    stage.call("end")
    stage.wait_for("allowed", "end")


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage(Opening())
    yield stage
    end(stage)


@pytest.fixture
def hasty() -> Iterator[Stage]:
    """A stage whose opening has little patience."""
    stage = Stage(Opening(patience_s=SHORT_S))
    yield stage
    end(stage)


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What starts have raised in their threads."""
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(str(args.exc_value)))
    return seen


@settings(max_examples=40)
@given(
    plan=st.lists(st.sampled_from([how for how in How if how is not How.RAISES]), max_size=8),
    calls=st.lists(st.integers(0, 8), min_size=1, max_size=3),
)
def test_starts_never_overlap_and_none_follows_a_call(plan: list[How], calls: list[int]) -> None:
    stage = Stage(Opening())
    try:
        for index, how in enumerate(plan):
            for number, at in enumerate(calls):
                if at == index:
                    stage.call(f"call {number}")
            stage.start(f"{index}", how)
        for number, at in enumerate(calls):
            if at >= len(plan):
                stage.call(f"call {number}")
        for number in range(len(calls)):
            stage.wait_for("allowed", f"call {number}")

        assert not stage.intruded.is_set()
        first = min(stage.done.index(("allowed", f"call {n}")) for n in range(len(calls)))
        late = {what for what, _ in stage.done[first:]}
        assert not late & {"prepared", "ran", "begun"}
        before = list(range(len(plan)))[: min(calls)]
        assert all("refused" not in stage.of(f"{index}") for index in before)
        prepared = [name for what, name in stage.done if what == "prepared"]
        assert prepared == sorted(prepared)
        for index, how in enumerate(plan):
            assert stage.of(f"{index}") in (
                ["prepared"] if how is How.SKIPPED else ["prepared", "ran", "begun"],
                ["refused", CLOSED],
            )
    finally:
        end(stage)


def test_starts_from_many_threads_never_overlap(stage: Stage) -> None:
    names = [f"{number}" for number in range(20)]
    together = threading.Barrier(len(names) + 1)

    def from_a_thread(name: str) -> None:
        together.wait(DEADLINE_S)
        stage.start(name)

    threads = [threading.Thread(target=from_a_thread, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    together.wait(DEADLINE_S)
    for thread in threads:
        thread.join(DEADLINE_S)
    for name in names:
        stage.wait_for("begun", name)
    assert not stage.intruded.is_set()
    assert not stage.opening.is_closed


def test_the_next_start_waits_until_the_one_before_has_begun(stage: Stage) -> None:
    gate = threading.Event()
    stage.start("a", gate=gate)
    stage.start("b")
    stage.wait_for("ran", "a")
    assert stage.of("b") == []
    gate.set()
    stage.wait_for("begun", "b")
    assert stage.done.index(("begun", "a")) < stage.done.index(("prepared", "b"))
    assert not stage.finale.is_set(), "a lives on while b begins"


def test_the_first_call_waits_for_the_starts_before_it_and_ends_the_starts(stage: Stage) -> None:
    gate = threading.Event()
    stage.start("a", gate=gate)
    stage.start("b")
    stage.wait_for("ran", "a")
    first, second = stage.call("first"), stage.call("second")
    first.join(SHORT_S)
    assert first.is_alive() and second.is_alive() and not stage.opening.is_closed
    gate.set()
    stage.wait_for("allowed", "first")
    stage.wait_for("allowed", "second")
    assert stage.of("b") == ["prepared", "ran", "begun"]
    begun = stage.done.index(("begun", "b"))
    assert all(begun < stage.done.index(("allowed", name)) for name in ("first", "second"))

    stage.start("late")
    assert stage.of("late") == ["refused", CLOSED]


def test_a_start_while_the_first_call_waits_is_refused(stage: Stage) -> None:
    gate = threading.Event()
    stage.start("a", gate=gate)
    stage.wait_for("ran", "a")
    # `last` ends the starts at once, as a call does, and lets the test go on.
    stage.start("b", last=True)
    stage.call()
    stage.start("late")
    assert stage.of("late") == ["refused", CLOSED]
    assert not stage.opening.is_closed
    gate.set()
    stage.wait_for("allowed", "call")
    assert stage.of("b") == ["prepared", "ran", "begun"]


def test_a_call_and_a_start_at_the_same_moment() -> None:
    """Either the start comes first, and the call waits for it; or it is refused."""
    outcomes = set()
    for _ in range(100):
        stage = Stage(Opening())
        together = threading.Barrier(2)

        def call(stage: Stage = stage, together: threading.Barrier = together) -> None:
            together.wait(DEADLINE_S)
            stage.opening.close()
            stage.note("allowed", "call")

        caller = threading.Thread(target=call, daemon=True)
        caller.start()
        together.wait(DEADLINE_S)
        stage.start("a", How.ENDS)
        caller.join(DEADLINE_S)
        assert stage.opening.is_closed
        if ("begun", "a") in stage.done:
            assert stage.done.index(("begun", "a")) < stage.done.index(("allowed", "call"))
            outcomes.add("begun")
        else:
            assert stage.of("a") == ["refused", CLOSED]
            outcomes.add("refused")
        stage.finale.set()
    assert outcomes <= {"begun", "refused"} and outcomes


def test_a_start_that_hangs_ends_the_starts_and_refuses_those_behind_it(hasty: Stage) -> None:
    gate = threading.Event()
    hasty.start("a")
    hasty.start("hangs", gate=gate)
    hasty.start("b")
    hasty.start("c", last=True)
    hasty.wait_for("a start before it hangs", "b")
    hasty.wait_for("a start before it hangs", "c")
    hasty.opening.close()
    hasty.start("late")

    assert hasty.of("a") == ["prepared", "ran", "begun"]
    assert hasty.of("hangs") == ["prepared", "ran"]
    assert hasty.of("b") == hasty.of("c") == ["refused", "a start before it hangs"]
    assert hasty.of("late") == ["refused", CLOSED]
    gate.set()
    hasty.wait_for("begun", "hangs")
    assert hasty.opening.is_closed


def test_a_start_that_hangs_alone_ends_the_starts_without_a_call(hasty: Stage) -> None:
    gate = threading.Event()
    hasty.start("hangs", gate=gate)
    try:
        deadline = threading.Event()
        alarm = threading.Timer(DEADLINE_S, deadline.set)
        alarm.start()
        while not hasty.opening.is_closed:
            assert not deadline.wait(0.01), "it stays open"
        alarm.cancel()
    finally:
        gate.set()
    hasty.start("late")
    assert hasty.of("late") == ["refused", CLOSED]


def test_a_call_waits_no_longer_than_the_patience_for_a_start_that_hangs(hasty: Stage) -> None:
    gate = threading.Event()
    hasty.start("hangs", gate=gate)
    hasty.call()
    hasty.wait_for("allowed", "call")
    assert hasty.of("hangs") == ["prepared", "ran"]
    gate.set()


def test_nothing_follows_a_start_that_is_to_be_the_last(stage: Stage) -> None:
    stage.start("a")
    stage.start("b", last=True)
    stage.start("late")
    stage.start("late and last", last=True)
    assert stage.of("late") == stage.of("late and last") == ["refused", CLOSED]
    stage.wait_for("begun", "b")
    stage.opening.close()
    assert [name for what, name in stage.done if what == "begun"] == ["a", "b"]


def test_calls_cannot_be_made_while_clients_may_be_started(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match="may still be started"):
        Calls(stage.opening)
    gate = threading.Event()
    stage.start("a", last=True, gate=gate)
    stage.wait_for("ran", "a")
    with pytest.raises(RuntimeError, match="may still be started"):
        Calls(stage.opening)
    gate.set()
    assert isinstance(stage.opening.close(), Calls)
    Calls(stage.opening)


def test_a_start_that_is_not_to_run_is_skipped(stage: Stage) -> None:
    stage.start("a", How.SKIPPED)
    stage.start("b")
    stage.wait_for("begun", "b")
    assert stage.of("a") == ["prepared"]


@pytest.mark.parametrize("how", [How.RAISES, How.FAILS])
def test_the_end_of_a_start_counts_as_its_begin(stage: Stage, how: How, raised: list[str]) -> None:
    stage.start("a", how)
    stage.start("b", How.ENDS)
    stage.wait_for("begun", "b")
    stage.opening.close()
    assert stage.of("a") == stage.of("b") == ["prepared", "ran", "begun"]
    assert raised == (["a"] if how is How.RAISES else [])


def test_no_call_of_a_client_can_be_written_without_the_proof() -> None:
    """What reads the library's maps takes `Calls`, which only a closed opening gives out."""
    from waziterm.worker.neonize.client import Client

    methods = {
        name: list(inspect.signature(method).parameters.values())
        for name, method in vars(Client).items()
        if not name.startswith("_")
    }
    assert methods.pop("connect")
    assert methods
    for name, parameters in methods.items():
        asked = parameters[1]
        assert asked.annotation is Calls and asked.default is inspect.Parameter.empty, name
