"""Patterns in the log of a real manager: counted by instance, and told when there are too many."""

import asyncio
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_alerting import SINK, Outbox, again, go, told
from tests.manager.test_supervising import worker_of
from waziterm.domain.alerts.alert import AlertState
from waziterm.domain.alerts.alert_settings import Pattern
from waziterm.domain.alerts.facts import Fact
from waziterm.domain.settings import Regex
from waziterm.manager.care.patterns import LogPatterns, matcher
from waziterm.manager.clock import SystemClock
from waziterm.manager.instance.fresh_lines import FreshLines
from waziterm.store.store import open_store

PATTERNS = """
[[alerts.patterns]]
name = "busy"
regex = 'Node handling .* took'
count = 3
window_s = 600
"""
BUSY = "warning: Node handling took 7 s"


@pytest.fixture
def outbox(host: Host) -> Outbox:
    configure(host, PATTERNS)
    return Outbox()


def configure(host: Host, patterns: str) -> None:
    (host.root.parent / "config.toml").write_text(SINK + patterns)
    host.settings = settings(host.root.parent)


def write(host: Host, *lines: str) -> None:
    for line in lines:
        worker_of(host, "shop").print(line)
    host.world.settle()
    host.world.pass_time(1.0)


def counts(host: Host, name: str | None = "shop") -> Mapping[str, int]:
    found = host.world.run(host.fleet.stats())
    return next((dict(each.patterns) for each in found if each.instance == name), {})


def test_too_many_lines_are_told_and_their_end_when_there_are_no_more(
    host: Host, outbox: Outbox
) -> None:
    go(host, outbox, "shop")
    host.world.pass_time(5.0)
    write(host, BUSY, "Node handling 1 took", "all is well")
    assert outbox.sent == []
    write(host, "Node handling 2 took", "Node handling 3 took")
    assert told(outbox) == [("pattern", "firing", ("shop",))]
    assert "busy, 3 times" in outbox.sent[0].text
    host.world.pass_time(300.0)
    write(host, *["Node handling 4 took"] * 3)
    host.world.pass_time(580.0)
    assert len(outbox.sent) == 1
    host.world.pass_time(100.0)
    assert told(outbox)[1:] == [("pattern", "resolved", ("shop",))]


def test_they_are_counted_and_outlive_the_manager(host: Host, outbox: Outbox) -> None:
    go(host, outbox, "shop")
    write(host, "Timed Out", "Stream Errored (conflict)", "Node handling 1 took")
    host.world.pass_time(5.0)
    # What came before anybody looked is counted too: the connect of the start.
    first = {"opened": 1, "timed_out": 1, "conflict": 1, "busy": 1}
    assert counts(host) == counts(host, None) == first
    write(host, "Timed Out")
    again(host, outbox)
    assert counts(host)["timed_out"] == 2


def test_a_reload_goes_by_other_patterns(host: Host, outbox: Outbox) -> None:
    go(host, outbox, "shop")
    host.world.pass_time(5.0)
    write(host, "Node handling 1 took", "Node handling 1 took")
    configure(host, PATTERNS.replace("busy", "slow").replace("Node", "Load"))
    host.fleet.apply(host.settings)
    write(host, *["Node handling 1 took"] * 3)
    assert outbox.sent == []
    write(host, *["Load handling 1 took"] * 3)
    assert told(outbox) == [("pattern", "firing", ("shop",))]


def test_what_cannot_be_stored_is_counted_later(host: Host, outbox: Outbox) -> None:
    go(host, outbox, "shop")
    host.world.pass_time(5.0)
    write(host, "Timed Out")
    host.query("CREATE TRIGGER no BEFORE INSERT ON patterns BEGIN SELECT RAISE(ABORT, 'no'); END")
    host.world.pass_time(125.0)
    host.query("DROP TRIGGER no")
    assert counts(host)["timed_out"] == 1


@pytest.mark.parametrize("by", [-86_400.0, 86_400.0])
def test_a_clock_that_was_set_is_followed_by_the_next_manager_too(
    host: Host, outbox: Outbox, by: float
) -> None:
    go(host, outbox, "shop")
    host.world.pass_time(5.0)
    write(host, *["Node handling 1 took"] * 3)
    host.world.clock.set_by(by)
    host.world.pass_time(1.0)
    again(host, outbox)
    host.world.pass_time(300.0)
    assert told(outbox) == [("pattern", "firing", ("shop",))]
    host.world.pass_time(400.0)
    assert ("pattern", "resolved", ("shop",)) in told(outbox)
    (end,) = [each for each in outbox.sent if each.state is AlertState.RESOLVED]
    assert 600.0 < end.at - end.since < 700.0


def test_a_count_that_cannot_be_is_begun_anew(host: Host, outbox: Outbox) -> None:
    go(host, outbox, "shop")
    host.world.pass_time(5.0)
    write(host, "Timed Out")
    host.world.pass_time(125.0)
    host.query(f"UPDATE patterns SET count = {2**63 - 1} WHERE name = 'timed_out'")
    write(host, "Timed Out", "Timed Out")
    host.world.pass_time(125.0)
    assert counts(host)["timed_out"] == 2


async def test_the_loop_goes_on_beside_a_pattern_that_is_slow(tmp_path: Path) -> None:
    slow = Pattern("slow", Regex(r"(a|b)*a(a|b){400}"), count=60)
    fresh, seen = FreshLines(), asyncio.Event()

    def heard(_: Fact) -> None:
        seen.set()

    random = Random(1)
    for _ in range(60):
        fresh.add("shop", "".join(random.choices("ab", k=2000)))
    async with open_store(tmp_path / "waziterm.db") as store:
        looks = LogPatterns(fresh, store, SystemClock(), lambda: (slow,), lambda: (), heard)
        looking = asyncio.create_task(looks.run())
        turns = [time.monotonic()]
        async with asyncio.timeout(30):
            while not seen.is_set():
                await asyncio.sleep(0)
                turns.append(time.monotonic())
        looking.cancel()
    longest = max(later - earlier for earlier, later in pairwise(turns))
    assert longest < (turns[-1] - turns[0]) / 2


def test_patterns_that_are_too_large_together_are_looked_for_one_by_one() -> None:
    texts = [rf"\pL{{100}}[0-9]|b{n}" for n in range(20)]
    patterns = tuple(Pattern(f"p{n}", Regex(text)) for n, text in enumerate(texts))
    found = matcher(patterns)
    assert [each.name for each in found(b"a b19 c")] == ["p1", "p19"]
    assert len(found(b"a" * 100 + b"1")) == 20 and found(b"nothing") == []
