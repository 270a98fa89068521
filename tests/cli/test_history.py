"""The verbs logs and conflicts, from a manager and from the database that one has left."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.control.scripted import ScriptedFleet, connected_view
from tests.programs import environment
from waziterm.cli.show.times import moment_of
from waziterm.control.client.call import ControlClient
from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.fleet.tools import ConflictRecord
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.rules import decide
from waziterm.domain.lifecycle.states import State
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.lock import owned
from waziterm.manager.history.conflicts import conflicts_in
from waziterm.manager.inputs import InputError
from waziterm.store.store import open_store

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
LINES = tuple(LogLine(seq, NOW + seq, Source.WORKER, f"line {seq}") for seq in range(1, 11))
JID = "6281234567890:3@s.whatsapp.net"


class Remembering(ScriptedFleet):
    """A fleet with a past."""

    def __init__(self) -> None:
        super().__init__(connected_view("shop-a"))
        self.said = LINES
        self.history = (
            ConflictRecord(NOW, "shop-a", Reason.CONFLICT, State.HELD, "python bot.py (pid 7)"),
            ConflictRecord(NOW + 60, "shop-b", Reason.RIVAL, State.HELD, ""),
            ConflictRecord(NOW + 90, "shop-a", Reason.CONFLICT, State.COOLDOWN, ""),
        )
        self.since = -1.0

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        return self.said[-limit:]

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        self.since = since
        return tuple(each for each in self.history if each.at >= since)


@pytest.fixture
def fleet() -> Remembering:
    return Remembering()


def test_logs_of_a_manager(call: Call, managed: DataDir) -> None:
    root = str(managed.root)
    done = call("logs", "shop-a", "--limit", "2", "--data-dir", root, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document == [
        {"seq": 9, "at": "2026-01-01T00:00:09.000Z", "source": "worker", "text": "line 9"},
        {"seq": 10, "at": "2026-01-01T00:00:10.000Z", "source": "worker", "text": "line 10"},
    ]
    done = call("logs", "shop-a", "--since", "2026-01-01T00:00:08", "--data-dir", root)
    assert done.out.splitlines() == [
        "2026-01-01 00:00:08Z worker   line 8",
        "2026-01-01 00:00:09Z worker   line 9",
        "2026-01-01 00:00:10Z worker   line 10",
    ]
    assert call("logs", "shop-a", "--since", "10m", "--data-dir", root, "--json").document == []


def test_lines_are_picked_by_an_expression_and_a_level(
    call: Call, managed: DataDir, fleet: Remembering
) -> None:
    texts = ("warning: busy 1", "error: gone 2", "quiet 3")
    lines = (LogLine(n, NOW + n, Source.LIBRARY, text) for n, text in enumerate(texts, 11))
    fleet.said = (*fleet.said, *lines)

    def picked(*argv: str) -> list[str]:
        done = call("logs", "shop-a", *argv, "--data-dir", str(managed.root), "--json")
        assert done.code == 0
        return [each["text"] for each in done.document]

    assert picked("--level", "warning") == list(texts[:2])
    assert picked("--level", "error") == [texts[1]]
    assert picked("--grep", r"\b[12]$", "--limit", "2") == list(texts[:2])
    assert picked("--grep", "no such line") == []
    every = call("logs", "--all", "--grep", "gone", "--data-dir", str(managed.root), "--json")
    assert {each["text"] for each in every.document} == {texts[1]}
    assert all(each["instance"] for each in every.document)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("logs",), "name one instance"),
        (("logs", "shop-a", "--all"), "name one instance"),
        (("logs", "shop-a", "--grep", "("), "no regular expression"),
        (("logs", "nobody"), "no instance is called 'nobody'"),
        (("conflicts", "nobody"), "no instance is called 'nobody'"),
        (("clean", "nobody"), "no instance is called 'nobody'"),
        (("remove", "nobody"), "no instance is called 'nobody'"),
        (("logs", "shop-a", "--since", "yesterday"), "'yesterday' is no moment"),
        (("logs", "../etc"), "name"),
        (("logs", "shop-a", "--limit", "0"), "limit"),
        (("conflicts", "--since", "5 weeks"), "'5 weeks' is no moment"),
    ],
)
def test_wrong_usage(call: Call, managed: DataDir, argv: tuple[str, ...], said: str) -> None:
    done = call(*argv, "--data-dir", str(managed.root), "--json")
    assert done.code == 2 and said in done.document["error"]


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """A test run in the background ignores ctrl+c, and so would every child of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_a_log_is_followed_as_json_lines_until_ctrl_c(managed: DataDir, fleet: Remembering) -> None:
    argv = ("logs", "shop-a", "--follow", "--limit", "1", "--json")
    with subprocess.Popen(
        [sys.executable, "-m", "waziterm", *argv, "--data-dir", str(managed.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    ) as program:
        assert program.stdout is not None and program.stderr is not None
        assert json.loads(program.stdout.readline())["seq"] == 10
        fleet.said = (*fleet.said, LogLine(11, NOW + 11, Source.OPERATOR, "more"))
        assert json.loads(program.stdout.readline()) == {
            "seq": 11, "at": "2026-01-01T00:00:11.000Z", "source": "operator", "text": "more",
        }  # fmt: skip
        os.kill(program.pid, signal.SIGINT)
        rest, errors = program.communicate(timeout=10)
        assert (program.returncode, rest, errors) == (0, b"", b"")


def test_following_needs_a_manager(call: Call, data: DataDir) -> None:
    done = call("logs", "shop-a", "--follow", "--data-dir", str(data.root), "--json")
    assert done.code == 3 and done.document["code"] == 3
    assert len(done.out.splitlines()) == 1, "one object per line, errors too"
    assert call("logs", "shop-a", "--follow", "--data-dir", str(data.root)).code == 3


def test_conflicts_of_a_manager(call: Call, managed: DataDir, fleet: Remembering) -> None:
    argv = ("conflicts", "--since", "2026-01-01T00:00:00Z", "--data-dir", str(managed.root))
    done = call(*argv, "--json")
    assert (done.code, done.err) == (0, "")
    assert tuple(done.document) == ("since", "total", "counts", "conflicts")
    assert done.document["since"] == "2026-01-01T00:00:00.000Z"
    assert (done.document["total"], done.document["counts"]) == (3, {"shop-a": 2, "shop-b": 1})
    assert done.document["conflicts"][0] == {
        "at": "2026-01-01T00:00:00.000Z",
        "instance": "shop-a",
        "reason": "conflict",
        "code": "440",
        "sentence": "another client took over this session",
        "state": "held",
        "who": "python bot.py (pid 7)",
    }
    lines = call(*argv).out.splitlines()
    assert lines[0] == (
        "2026-01-01 00:00:00Z shop-a: another client took over this session (440), held;"
        " python bot.py (pid 7)"
    )
    assert lines[-1] == "conflicts since 2026-01-01 00:00:00Z: 3 (shop-a 2, shop-b 1)"
    one = call("conflicts", "shop-b", *argv[1:], "--json").document
    assert (one["total"], one["counts"]) == (1, {"shop-b": 1})


def test_conflicts_are_those_of_a_day(call: Call, managed: DataDir, fleet: Remembering) -> None:
    done = call("conflicts", "--data-dir", str(managed.root))
    assert done.code == 0 and done.out.startswith("no conflict since ")
    assert abs(fleet.since - (time.time() - 86_400)) < 60


# -- without a manager ----------------------------------------------------------------------------

FRESH = Instance("shop-a", created_at=NOW, id="shop-a", since=NOW)


def a_past(data: DataDir, *events: tuple[float, ev.Event]) -> None:
    """Let the rules decide about events, and leave what a manager writes of it, with some lines."""
    data.create()

    async def write() -> None:
        instance = FRESH
        async with open_store(data.database) as store:
            await store.save(instance, event="Added", at=NOW)
            for line in LINES:
                store.add_line("shop-a", line)
            for at, event in events:
                decision = decide(instance, event, NOW + at, 0.5, Limits())
                if decision.instance != instance:
                    instance = decision.instance
                    await store.save(instance, event=type(event).__name__, at=NOW + at)

    asyncio.run(write())


ONLINE = (
    (1.0, ev.DeviceFound(JID, "")),
    (2.0, ev.StartAsked()),
    (3.0, ev.Dialling()),
    (4.0, ev.Connected(JID, "")),
)


def test_logs_of_the_database(call: Call, data: DataDir) -> None:
    a_past(data)
    root = str(data.root)
    lines = call("logs", "shop-a", "--data-dir", root, "--json").document
    assert [line["text"] for line in lines] == [f"line {seq}" for seq in range(1, 11)]
    lines = call("logs", "shop-a", "--limit", "2", "--data-dir", root, "--json").document
    assert [line["seq"] for line in lines] == [9, 10]
    argv = ("logs", "shop-a", "--since", "2026-01-01T00:00:09Z")
    assert len(call(*argv, "--data-dir", root, "--json").document) == 2
    done = call("logs", "nobody", "--data-dir", root, "--json")
    assert done.code == 2 and "no instance is called 'nobody'" in done.document["error"]


def test_an_instance_without_lines_is_told(call: Call, data: DataDir) -> None:
    root = str(data.root)
    assert call("add", "shop-a", "--data-dir", root).code == 0
    done = call("logs", "shop-a", "--data-dir", root)
    assert (done.code, done.out, done.err) == (0, "", "shop-a: no log line yet\n")
    done = call("logs", "shop-a", "--data-dir", root, "--json")
    assert (done.code, done.document, done.err) == (0, [], "")


def test_nothing_is_made_where_nothing_is(call: Call, tmp_path: Path) -> None:
    root = tmp_path / "fresh"
    assert call("logs", "shop-a", "--data-dir", str(root)).code == 2
    done = call("conflicts", "--data-dir", str(root), "--json")
    assert done.code == 0 and done.document["total"] == 0
    assert not root.exists()


@pytest.mark.parametrize("argv", [("logs", "shop-a"), ("conflicts",)])
def test_no_file_is_read_under_a_held_lock(
    call: Call, data: DataDir, argv: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_past(data)
    monkeypatch.setattr(ControlClient.__init__, "__kwdefaults__", {"patience_s": 0.2})
    with owned(data.lock):
        done = call(*argv, "--data-dir", str(data.root), "--json")
    assert done.code == 3 and f"pid {os.getpid()}" in done.document["error"]


def test_a_conflict_tells_who_was_found_later_and_where_it_led(call: Call, data: DataDir) -> None:
    a_past(
        data,
        *ONLINE,
        (10.0, ev.StreamReplaced()),
        (11.0, ev.SuspectsFound("suspect: python bot.py (pid 4121)")),
        (12.0, ev.HolderFound("python bot.py (pid 4121)")),
        (13.0, ev.StartAsked()),
    )
    argv = ("conflicts", "--since", "2026-01-01", "--data-dir", str(data.root), "--json")
    (found,) = call(*argv).document["conflicts"]
    assert found["at"] == "2026-01-01T00:00:10.000Z"
    assert (found["reason"], found["state"]) == ("conflict", "held")
    assert found["who"] == "python bot.py (pid 4121)"


def test_neither_a_guarded_attempt_nor_a_refused_command_is_a_conflict(
    call: Call, data: DataDir
) -> None:
    a_past(
        data,
        *ONLINE,
        (10.0, ev.StreamReplaced()),
        (11.0, ev.StopAsked()),
        (12.0, ev.StartAsked()),
        (100.0, ev.Due()),
        (101.0, ev.Dialling()),
        (102.0, ev.Connected(JID, "")),
        (103.0, ev.StreamReplaced()),
    )
    argv = ("conflicts", "--since", "2026-01-01", "--data-dir", str(data.root), "--json")
    found = call(*argv).document["conflicts"]
    assert [(each["at"][17:19], each["reason"], each["state"]) for each in found] == [
        ("10", "conflict", "cooldown"), ("43", "rival", "held"),
    ]  # fmt: skip


def test_a_conflict_in_the_moment_of_a_stop_is_one(call: Call, data: DataDir) -> None:
    a_past(data, *ONLINE, (10.0, ev.StopAsked()), (10.1, ev.StreamReplaced()))
    argv = ("conflicts", "--since", "2026-01-01", "--data-dir", str(data.root), "--json")
    (found,) = call(*argv).document["conflicts"]
    assert (found["reason"], found["code"], found["state"]) == ("conflict", "440", "stopped")


def test_a_foreign_holder_before_a_dial_is_a_conflict(data: DataDir) -> None:
    a_past(data, *ONLINE[:2], (3.0, ev.HolderFound(f"bot of {JID}")))

    async def read() -> tuple[ConflictRecord, ...]:
        async with open_store(data.database) as store:
            return await conflicts_in(store, NOW)

    (found,) = asyncio.run(read())
    assert (found.reason, found.state) == (Reason.LOCAL_HOLDER, State.HELD)
    assert "6281234567890" not in found.who and found.who.startswith("bot of ")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30s", NOW - 30),
        ("10m", NOW - 600),
        ("2h", NOW - 7200),
        (" 1d ", NOW - 86_400),
        ("999999d", 0.0),
        ("0001-01-01T00:00", 0.0),
        ("2026-01-01T00:00:00Z", NOW),
        ("2026-01-01 00:00", NOW),
        ("2026-01-01T07:00:00+07:00", NOW),
    ],
)
def test_moments(text: str, moment: float) -> None:
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "-5m", "1w", "tomorrow", "10000-01-01"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InputError, match=re.escape(repr(text)[:20])) as caught:
        moment_of(text, datetime.now(UTC).timestamp())
    assert caught.value.code == 2
