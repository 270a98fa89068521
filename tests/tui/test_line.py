"""What is concluded from a terminal's answers, on a clock of the test's own."""

import heapq
import math
import random
from dataclasses import dataclass

import pytest

from waziterm.tui.app.line import AGAIN_S, EYES_S, HOLD_S, LOST_S, PIECE_MOST, Line

SCREEN = 8_000
FAST, SLOW = 200_000.0, 3_000.0


@dataclass
class Terminal:
    """Takes so many characters per second, and answers so long after it has come to an ask.

    lost: the share of its answers that never arrive. twice: those that arrive two times at once.
    """

    rate: float
    far_s: float = 0.05
    lost: float = 0.0
    twice: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        self.line = Line()
        self.now = 100.0
        self.asked = 0
        self.waits = 0
        """Characters that the painter has, and has not written."""
        self.held: list[float] = []
        self.chance = random.Random(self.seed)
        self._free_at = -1.0
        self._answers: list[tuple[float, int]] = []
        self._next: float | None = None
        self._since = self.now
        self._wanted: list[tuple[float, int]] = []
        self._seen: list[tuple[float, int]] = []

    def age_s(self, at: float) -> float:
        """How old the picture was that a person saw then: the age of the first change that was not
        on it."""
        seen = max((total for when, total in self._seen if when <= at), default=0)
        missing = [when for when, total in self._wanted if total > seen and when <= at]
        return at - missing[0] if missing else 0.0

    def shows_all_at(self) -> float:
        """When a person sees all that was written until now."""
        return self._free_at + self.far_s / 2

    def wants(self, characters: int) -> None:
        """The screen changes."""
        if not self.waits:
            self._since = self.now
        self.waits += characters
        before = self._wanted[-1][1] if self._wanted else 0
        self._wanted.append((self.now, before + characters))
        self.line.wanted(self.now)
        self._write()

    def goes_on(self, seconds: float) -> None:
        """Time passes, as it would in the painter."""
        until = self.now + seconds
        while True:
            answer = self._answers[0][0] if self._answers else math.inf
            own = math.inf if self._next is None else self._next
            at = min(answer, own)
            if at > until:
                self.now = until
                return
            self.now = max(self.now, at)
            if answer <= own:
                _, count = heapq.heappop(self._answers)
                self.line.answered(count, self.now)
            self._write()

    def _write(self) -> None:
        self._next = None
        wait_s = self.line.wait_s(self.now)
        if wait_s > 0.0:
            self._next = self.now + wait_s
            return
        if self._free_at < 0.0:
            # As the painter does: before anything else is on its way.
            self._free_at = self.now
            self._ask()
        if self.waits:
            self.held.append(self.now - self._since)
            most = self.line.piece(self.now)
            written = self.waits if most is None else min(self.waits, most)
            self.waits -= written
            self._since = self.now
            self._free_at = max(self._free_at, self.now) + written / self.rate
            before = self._seen[-1][1] if self._seen else 0
            self._seen.append((self._free_at + self.far_s / 2, before + written))
            self.line.wrote(written, self.now)
        self._ask()
        if self.waits:
            self._next = self.now + max(self.line.wait_s(self.now), 1e-3)

    def _ask(self) -> None:
        if self.line.asks(self.now, is_all=not self.waits):
            self.asked += 1
            if self.chance.random() >= self.lost:
                count = 2 if self.chance.random() < self.twice else 1
                at = max(self._free_at, self.now) + self.far_s
                heapq.heappush(self._answers, (at, count))


@pytest.mark.parametrize("far_s", [0.001, 0.3, 0.8])
def test_a_fast_line_is_not_slow_however_far_away(far_s: float) -> None:
    terminal = Terminal(FAST, far_s)
    for _ in range(50):
        terminal.wants(SCREEN)
        terminal.goes_on(0.2)
        assert not terminal.line.is_slow
    assert terminal.asked > 10


@pytest.mark.parametrize("far_s", [0.001, 0.3])
def test_a_slow_line_is_noticed_by_its_first_screen(far_s: float) -> None:
    terminal = Terminal(SLOW, far_s)
    terminal.wants(SCREEN)
    terminal.goes_on(SCREEN / SLOW + 2 * far_s + 0.1)
    assert terminal.line.is_slow
    terminal.wants(SCREEN)
    terminal.goes_on(0.3)
    # What a key writes now comes after no more than a piece or two.
    assert terminal.shows_all_at() - terminal.now < 2 * PIECE_MOST / SLOW + far_s
    terminal.goes_on(SCREEN / SLOW * (1 + far_s) * 2 + 1)
    assert not terminal.waits


def test_a_line_that_becomes_fast_again_is_not_slow() -> None:
    terminal = Terminal(SLOW)
    terminal.wants(SCREEN)
    terminal.goes_on(10)
    assert terminal.line.is_slow
    terminal.rate = FAST
    for _ in range(5):
        terminal.wants(SCREEN)
        terminal.goes_on(3)
    assert not terminal.line.is_slow


def test_many_small_changes_are_noticed_too() -> None:
    """Each alone is too little to be asked about: an act on them would not be asked about."""
    terminal = Terminal(SLOW / 10)
    terminal.wants(300)
    terminal.goes_on(3)
    for _ in range(20):
        terminal.wants(250)
        terminal.goes_on(0.2)
    assert terminal.line.is_slow


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_held_for_long_whatever_is_answered(seed: int) -> None:
    chance = random.Random(seed)
    terminal = Terminal(
        chance.choice((300.0, SLOW, 30_000.0, FAST)),
        chance.choice((0.001, 0.05, 0.4, 1.5, 4.0)),
        lost=chance.choice((0.0, 0.1, 0.5, 1.0)),
        twice=chance.choice((0.0, 0.3, 1.0)),
        seed=seed,
    )
    for _ in range(60):
        terminal.wants(chance.choice((50, 700, SCREEN)))
        terminal.goes_on(chance.choice((0.01, 0.2, 1.0, 5.0)))
    assert max(terminal.held) <= HOLD_S + 0.01


def test_a_terminal_that_never_answers_is_asked_ever_more_rarely() -> None:
    terminal = Terminal(SLOW, lost=1.0)
    asked = []
    for _ in range(4):
        before = terminal.asked
        for _ in range(600):
            terminal.wants(SCREEN)
            terminal.goes_on(0.5)
        asked.append(terminal.asked - before)
    assert max(terminal.held) == 0.0
    assert asked[0] <= 2 + math.log2(300 / AGAIN_S)
    assert max(asked[1:]) <= 1
    assert terminal.line.behind_s(terminal.now) == 0.0


def test_after_a_lost_answer_it_is_asked_again_later() -> None:
    terminal = Terminal(SLOW)
    terminal.wants(SCREEN)
    terminal.goes_on(10)
    terminal.lost = 1.0
    terminal.wants(SCREEN)
    terminal.goes_on(0.1)
    asked = terminal.asked
    terminal.goes_on(0.9 + LOST_S)
    terminal.lost = 0.0
    terminal.wants(SCREEN)
    terminal.goes_on(1.0)
    assert terminal.asked == asked
    terminal.goes_on(AGAIN_S)
    for _ in range(2):
        terminal.wants(SCREEN)
        terminal.goes_on(10)
    assert terminal.asked > asked
    assert terminal.line.is_slow


def test_an_answer_that_nobody_asked_for_means_nothing() -> None:
    line = Line()
    line.answered(3, 1.0)
    line.wanted(2.0)
    line.wrote(SCREEN, 2.0)
    assert line.asks(2.0, is_all=True)
    assert line.behind_s(9.0) == 0.0


@pytest.mark.parametrize("seed", range(60))
def test_a_key_on_an_old_picture_is_known_whenever_its_turn_comes(seed: int) -> None:
    """A key waits behind the one before it, and the picture may be painted meanwhile."""
    chance = random.Random(seed)
    terminal = Terminal(chance.choice((1_000.0, SLOW)), chance.choice((0.001, 0.1)))
    terminal.wants(SCREEN)
    while not terminal.line.is_slow:
        terminal.goes_on(0.5)
    terminal.goes_on(30)
    for _ in range(20):
        for _ in range(chance.randrange(1, 5)):
            terminal.wants(chance.choice((200, 2_000, SCREEN)))
            terminal.goes_on(chance.uniform(0, 2))
        read = terminal.now
        terminal.goes_on(chance.choice((0.0, 0.5, 3.0, 9.0)))
        age_s = terminal.age_s(read)
        assert terminal.line.behind_s(read) >= age_s - 1e-6 or age_s < EYES_S
        terminal.goes_on(60)
        assert terminal.line.behind_s(terminal.now) == 0.0
