"""Looks through the log lines for patterns: counts them by instance, and tells of too many.

All patterns are one automaton of RE2, which reads a line once whatever its patterns are. Where a
pattern like `(a|b)*a(a|b){500}` makes even that slow, up to 40 ms for a line that a stranger had a
part in, the event loop goes on between two lines.
"""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import re2

from waziterm.domain.alerts.alert_settings import Pattern
from waziterm.domain.alerts.facts import Fact, PatternSeen
from waziterm.domain.alerts.patterns import BUILT_IN, Window, counted
from waziterm.manager.clock import Clock
from waziterm.manager.instance.fresh_lines import FreshLines
from waziterm.regex import quiet, regex_of
from waziterm.store.errors import StoreError
from waziterm.store.store import Store

log = logging.getLogger(__name__)

GATHER_S = 0.2
"""So long lines are gathered: many are looked through at once."""
_AT_ONCE = 2_000
"""Lines between two breaths of the event loop; 2 µs each, as a rule."""
_LONGEST_S = 0.01
"""It breathes earlier when so much time has passed."""
Matcher = Callable[[bytes], list[Pattern]]
"""Those patterns that a line holds."""


class LogPatterns:
    """Looks through what `fresh` takes in. patterns: those of the settings, as they are. ids: of
    the instances there are. hear: is told of a pattern that was seen too often."""

    def __init__(
        self,
        fresh: FreshLines,
        store: Store,
        clock: Clock,
        patterns: Callable[[], Sequence[Pattern]],
        ids: Callable[[], Iterable[str]],
        hear: Callable[[Fact], None],
    ) -> None:
        self._fresh = fresh
        self._store = store
        self._clock = clock
        self._patterns = patterns
        self._ids = ids
        self._hear = hear
        self._known: tuple[Pattern, ...] | None = None
        self._found: Matcher = matcher(())
        self._windows: dict[tuple[Pattern, str], Window] = {}
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    async def run(self) -> None:
        """Look through the lines as they come, until cancelled."""
        while True:
            await self._fresh.come()
            await self._clock.sleep(GATHER_S)
            try:
                while lines := self._fresh.take(_AT_ONCE):
                    rest, has_more = iter(lines), True
                    while has_more:
                        has_more = self.look(rest)
                        await asyncio.sleep(0)
            except Exception:
                # Those lines are not counted; it is no reason to end the fleet.
                log.exception("not looked for patterns")

    def look(self, lines: Iterator[tuple[str, str]]) -> bool:
        """Look through lines of instances for a moment; whether there may be more of them."""
        patterns = tuple(self._patterns())
        if patterns != self._known:
            self._use(patterns)
        now, until = self._clock.elapsed(), time.monotonic() + _LONGEST_S
        for identity, text in lines:
            for pattern in self._found(text.encode(errors="replace")):
                self._saw(pattern, identity, now)
            if time.monotonic() > until:
                return True
        return False

    async def store(self) -> None:
        """Store what was counted since. Raises StoreError; then it is stored the next time."""
        counts, self._counts = self._counts, defaultdict(Counter)
        if not counts:
            return
        try:
            await self._store.add_patterns(self._clock.now(), counts)
        except StoreError:
            for identity, each in counts.items():
                self._counts[identity].update(each)
            raise
        known = set(self._ids())
        self._windows = {key: each for key, each in self._windows.items() if key[1] in known}

    def _use(self, patterns: tuple[Pattern, ...]) -> None:
        self._known = patterns
        self._found = matcher(tuple(counted(patterns).values()))
        self._windows = {key: each for key, each in self._windows.items() if key[0] in patterns}

    def _saw(self, pattern: Pattern, identity: str, now: float) -> None:
        self._counts[identity][pattern.name] += 1
        if pattern in BUILT_IN:
            return
        window = self._windows.get((pattern, identity))
        if window is None:
            window = self._windows[pattern, identity] = Window(pattern)
        if window.saw(now):
            self._hear(PatternSeen(pattern.name, identity, pattern.count, pattern.window_s))


def matcher(patterns: tuple[Pattern, ...]) -> Matcher:
    """What tells which of these patterns a line holds: all of them by one automaton, or each by
    its own where they are too large for that."""
    try:
        together: Any = re2.Set.SearchSet(quiet())
        for each in patterns:
            together.Add(each.regex)
        together.Compile()
    except re2.error:
        log.warning("the patterns of the alerts are large: each is looked for by itself")
        alone = [(each, regex_of(each.regex)) for each in patterns]
        return lambda line: [each for each, regex in alone if regex.search(line)]
    return lambda line: [patterns[index] for index in together.Match(line) or ()]
