"""How fast a terminal takes what is written, as far as it tells, and how old its picture is.

A terminal says `ESC [ 0 n` when it comes to `ESC [ 5 n` in what it reads (ECMA-48, DSR), so that
the time between both tells how much is still on its way. tmux, screen and mosh answer by themselves
and send on what the line behind them can take: such a terminal is never slow. Some never answer,
and an answer can be lost, come late or twice: nothing is held back for long because of that.

Pure: all moments are given, in seconds of one monotonic clock.
"""

import math
from collections import deque

from waziterm.domain.frozen import dataclass

ASKED_FROM = 1_000
"""After so many characters a fast terminal is asked whether it has taken them."""
SLOW_S, SLOW_RATE = 0.25, 20_000.0
"""A line becomes slow when an answer took so long, in seconds, with fewer characters a second."""
JUDGED_FROM = 500
"""Fewer characters than this, as the clock's, do not tell how fast the line is."""
HOLD_S = 1.0
"""Nothing is held back for longer than this, in seconds, whether an answer comes or not."""
LOST_S = 10.0
"""An answer that has not come for so long, in seconds, does not come any more."""
AGAIN_S, AGAIN_MOST = 10.0, 64
"""So long it is not asked after that, in seconds; twice as long each time, up to so many times."""
PIECE_S, PIECE_LEAST, PIECE_MOST = 0.25, 120, 700
"""A slow line gets what it takes in so many seconds at a time, within so many characters: what is
written for a key comes after no more than that."""
PAST = 16
"""So many times at which the picture was old are remembered, for keys that wait for their turn."""
EYES_S = 0.3
"""A key means the picture from before this, in seconds: nobody sees and presses faster."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The terminal was asked. at: when. after: how many characters were written before since it
    was asked last. is_all: with them it shows all that was wanted."""

    at: float
    after: int
    is_all: bool


class Line:
    """What is known of the line to one terminal.

    is_slow: so slow that a person sees it.
    """

    def __init__(self) -> None:
        self.is_slow = False
        self._answers = False
        self._asked: Asked | None = None
        self._lost: Asked | None = None
        self._losses = 0
        self._again_at = -math.inf
        self._unasked = 0
        self._wrote_at = -math.inf
        self._last = 0
        self._rate = SLOW_RATE
        self._least_s = math.inf
        self._since: float | None = None
        self._next: float | None = None
        self._past: deque[tuple[float, float]] = deque(maxlen=PAST)

    # -- writing

    def wanted(self, now: float) -> None:
        """Something ought to be shown that is not."""
        if self._since is None:
            self._since = now
        if self._asked is not None and self._next is None:
            self._next = now

    def wait_s(self, now: float) -> float:
        """How long nothing is to be written, in seconds; 0.0 for now."""
        self._give_up(now)
        if self._asked is None or not self._is_doubtful(now):
            return 0.0
        held = self._asked.at + HOLD_S - now
        if held > 0.0:
            return held
        # No answer: on at the pace that it had.
        paced = min(HOLD_S, self._last / self._rate)
        return max(0.0, self._wrote_at + paced - now)

    def piece(self, now: float) -> int | None:
        """How many characters are to be written at a time; None for all there are."""
        if not self._is_doubtful(now):
            return None
        return round(min(max(self._rate * PIECE_S, PIECE_LEAST), PIECE_MOST))

    def wrote(self, characters: int, now: float) -> None:
        """So much was written."""
        self._unasked += characters
        self._last = characters
        self._wrote_at = now

    def asks(self, now: float, *, is_all: bool) -> bool:
        """Whether the terminal is to be asked now, after what was written. is_all: nothing more
        waits to be written."""
        enough = self._unasked >= (1 if self.is_slow else ASKED_FROM)
        if self._asked is None and now >= self._again_at and (enough or self._least_s == math.inf):
            self._asked = Asked(now, self._unasked, is_all)
            self._unasked, self._next = 0, None
            return True
        if self._asked is None and is_all:
            # So little, or of a terminal that tells nothing: it is taken for seen.
            self._seen(now, None)
        return False

    def answered(self, count: int, at: float) -> None:
        """The terminal has answered so many times at once. at: when they were read."""
        asked, is_late = self._asked, self._asked is None
        if asked is None:
            asked, self._lost = self._lost, None
        if asked is None or count < 1:
            # Nobody asked: it answers twice, or somebody typed it.
            return
        self._asked = None
        self._answers = True
        self._losses, self._again_at = 0, -math.inf
        took = max(0.0, at - asked.at)
        if not asked.after or took < self._least_s:
            self._least_s = min(self._least_s, took)
        if asked.after >= JUDGED_FROM:
            spent = max(took - self._least_s, 1e-3)
            rate = asked.after / spent
            self._rate = rate if is_late or not self.is_slow else (self._rate + rate) / 2
            self.is_slow = rate < SLOW_RATE and (self.is_slow or spent > SLOW_S)
        if asked.is_all and not is_late:
            self._seen(at, self._next)

    def _is_doubtful(self, now: float) -> bool:
        """Whether it is slow, or may be: it has answered before, and has not now."""
        if self.is_slow or self._asked is None or not self._answers:
            return self.is_slow
        return now - self._asked.at - self._least_s > SLOW_S

    def _give_up(self, now: float) -> None:
        """An answer that did not come is not waited for any more, and others are not asked for."""
        if self._asked is None or now - self._asked.at < LOST_S:
            return
        self._lost, self._asked = self._asked, None
        self._again_at = now + AGAIN_S * min(2**self._losses, AGAIN_MOST)
        self._losses += 1
        self._unasked = 0
        self._answers = self.is_slow = False
        self._seen(now, None)

    # -- how old the picture is

    def behind_s(self, at: float) -> float:
        """How old the picture was, in seconds, on which a key was pressed. at: when it was read."""
        if not self._answers:
            return 0.0
        old = [0.0]
        old += [min(at, ended) - began for began, ended in self._past if at <= ended + EYES_S]
        if self._since is not None:
            old.append(at - self._since)
        return max(old)

    def _seen(self, now: float, following: float | None) -> None:
        """The terminal shows all that was wanted before `following`; None for all."""
        if self._since is not None and now - self._since > EYES_S:
            self._past.append((self._since, now))
        self._since, self._next = following, None
