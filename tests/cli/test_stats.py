"""`waziterm stats` and `history NAME` as an operator reads them."""

import csv
import time
from typing import Any

import pytest

from tests.cli.conftest import Call
from waziterm.cli.verbs.stats import history_lines, lasted
from waziterm.manager.files.datadir import DataDir


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def move(at: str, state: str, reason: str, code: str = "") -> dict[str, Any]:
    return {
        "at": f"2026-01-01T{at}.000Z",
        **{"state": state, "reason": reason, "code": code, "sentence": reason, "detail": ""},
    }


def test_a_drop_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    moves = [
        move("17:00:00", "connected", "online"),
        move("17:20:00", "retrying", "dropped", "428"),
        move("17:20:30", "connecting", "retry"),
        move("17:21:11", "connected", "online"),
        move("18:00:00", "stopped", "by_operator"),
        move("18:01:00", "connecting", "asked"),
        move("18:01:02", "connected", "online"),
        move("18:30:00", "degraded", "keepalive_missed", "408"),
        move("18:31:00", "connecting", "retry"),
        move("18:32:05", "connected", "online"),
        move("19:00:00", "cooldown", "conflict", "440"),
        move("19:01:00", "held", "rival", "440"),
        move("20:00:00", "connected", "online"),
        move("20:10:00", "logged_out", "unlinked", "401"),
        move("21:00:00", "connected", "online"),
        move("21:10:00", "retrying", "dropped", "428"),
    ]
    lines = history_lines(moves)
    assert lines[0] == "2026-01-01"
    assert "  17:20 dropped (428), back after 1 m 11 s" in lines
    assert "  18:31 dropped (408), back after 1 m 05 s" in lines
    assert "  19:00 dropped (440)" in lines and "  19:01 held: rival (440)" in lines
    assert "  20:10 dropped (401): logged out: unlinked (401)" in lines
    assert lines[-1] == "  21:10 dropped (428), not back yet"
    assert "  18:00 stopped: by_operator" in lines


def test_an_hour_that_comes_twice_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        at = ("05:50:00", "06:10:00", "06:30:00", "07:10:00")
        states = ("connected", "stopped", "connecting", "connected")
        moves = [
            move(moment, state, "asked") | {"at": f"2026-11-01T{moment}.000Z"}
            for moment, state in zip(at, states, strict=True)
        ]
        lines = history_lines(moves)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert lines == [
        "2026-11-01",
        "  01:50 connected: asked",
        "2026-11-01 EST",
        "  01:10 stopped: asked",
        "  01:30 connecting: asked",
        "  02:10 connected: asked",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (71, "1 m 11 s"), (7500, "2 h 05 m"), (-3, "0 s")]
)
def test_how_long_it_lasted(seconds: float, said: str) -> None:
    assert lasted(seconds) == said


def test_the_sums_are_a_table(call: Call, managed: DataDir) -> None:
    since = ("--since", "2025-01-01", "--data-dir", str(managed.root))
    done = call("stats", *since)
    assert done.code == 0
    assert "the fleet" in done.out and "90.00 %" in done.out and "dropped 2" in done.out
    reasons = call("stats", "shop-b", "--by", "reason", *since).out.splitlines()
    assert reasons[1].split()[:3] == ["shop-b", "dropped", "2"]
    patterns = call("stats", "shop-b", "--by", "pattern", *since).out.splitlines()
    assert [line.split() for line in patterns] == [
        ["NAME", "PATTERN", "LINES"],
        ["shop-b", "opened", "3"],
        ["shop-b", "closed", "2"],
    ]
    sheet = list(csv.DictReader(call("stats", "--csv", *since).out.splitlines()))
    assert [row["instance"] for row in sheet] == ["", "shop-b"]
    assert sheet[1]["by_reason"] == '{"dropped": 2}'
    assert call("stats", "--csv", "--json", *since).code == 2
    assert call("stats", "nobody", *since).code == 2


def test_nothing_there_is_no_error(call: Call, data: DataDir) -> None:
    done = call("stats", "--json", "--data-dir", str(data.root))
    assert (done.code, done.out) == (0, "[]\n")
