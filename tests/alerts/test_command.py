"""A command that is told: JSON on its standard input, a deadline, and a reason."""

import json
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import waziterm.alerts.command as commands
from tests.alerts.delivering import NUMBER, PLAIN, alert, becomes, delivering, put, settled
from waziterm.alerts.command import Command
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.delivery import Arrived, Letter, NotYet, Outcome, body_of


async def sent(program: str, numbers: Numbers = Numbers.MASKED, *words: str) -> Outcome:
    """What comes of telling a Python program."""
    command = Command((sys.executable, "-c", program, *words), numbers)
    return await command.send(Letter("msg_1", 0.0, body_of(alert())))


async def test_it_reads_what_happened_as_json(folder: Path) -> None:
    program = (
        "import sys, os, json; told = json.load(sys.stdin);"
        "told['message'] = os.environ['ALERT_MESSAGE_ID'];"
        "told['group'] = os.getpgrp() == os.getpid();"
        "open(sys.argv[1], 'w').write(json.dumps(told))"
    )
    file = folder / "told.json"
    assert await sent(program, Numbers.MASKED, str(file)) == Arrived()
    told = json.loads(file.read_text())
    assert (told["instance"], told["message"], told["group"]) == ("shop-a", "msg_1", True)
    assert NUMBER[1:] not in file.read_text()
    assert await sent(program, Numbers.FULL, str(file)) == Arrived()
    assert json.loads(file.read_text())["number"] == NUMBER


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; print('no route \\x1b[2Jto', file=sys.stderr); print('b'); sys.exit(3)",
         "exit 3: "),
        ("import sys; sys.exit(3)", "exit 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
        ("print('call +6281234567890'); raise SystemExit(1)", "exit 1: call +62812••••7890"),
        ("print('x' * 10**7); raise SystemExit(1)", "exit 1: xxxxx"),
    ],
)  # fmt: skip
async def test_it_says_why_not(program: str, why: str) -> None:
    outcome = await sent(program)
    assert isinstance(outcome, NotYet)
    assert outcome.why.startswith(why) and len(outcome.why) < 240
    assert "\x1b" not in outcome.why and NUMBER[1:] not in outcome.why


async def test_one_that_is_not_there() -> None:
    outcome = await Command(("/nowhere/tell",), Numbers.MASKED).send(
        Letter("msg_1", 0.0, body_of(alert()))
    )
    assert outcome == NotYet("cannot be started: No such file or directory")


async def test_one_that_hangs_is_ended_with_its_children(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "DEADLINE_S", 1.0)
    file = folder / "pids"
    program = (
        "import os, subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid}'); time.sleep(60)"
    )
    assert await sent(program, Numbers.MASKED, str(file)) == NotYet("not ended within 1 s")
    pids = [int(pid) for pid in file.read_text().split()]

    async def are_gone() -> bool:
        return all(map(is_gone, pids))

    assert await becomes(are_gone)


async def test_one_that_prints_without_end_and_ignores_sigterm_costs_its_time_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "DEADLINE_S", 2.0)
    program = (
        "import os, signal;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "line = b'x' * 65536\n"
        "while True: os.write(1, line)"
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert await sent(program) == NotYet("not ended within 2 s")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000


async def test_one_that_prints_100_mb_says_why_in_its_first_line() -> None:
    program = (
        "import os, sys\n"
        "os.write(1, b'no signal\\n')\n"
        "for _ in range(1600): os.write(1, b'x' * 65536)\n"
        "sys.exit(3)"
    )
    assert await sent(program) == NotYet("exit 3: no signal")


def is_gone(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


async def test_a_child_that_goes_on_makes_no_failure() -> None:
    program = (
        "import subprocess, sys;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(9)'])"
    )
    began = time.monotonic()
    assert await sent(program) == Arrived()
    assert time.monotonic() - began < 7.0


async def test_by_the_outbox_until_it_says_zero(folder: Path) -> None:
    file = folder / "tries"
    program = (
        "import os, sys; sys.stdin.read();"
        "open(sys.argv[1], 'a').write(os.environ['ALERT_MESSAGE_ID'] + '\\n');"
        "sys.exit(len(open(sys.argv[1]).readlines()) < 3)"
    )
    sink = replace(PLAIN, command=(sys.executable, "-c", program, str(file)))
    async with delivering(folder, sink, speed=200.0) as (outbox, store):
        await put(outbox, store, alert(), "ops")
        await settled(store)
    tries = file.read_text().split()
    assert len(tries) == 3 and len(set(tries)) == 1
    assert os.environ.get("ALERT_MESSAGE_ID") is None
