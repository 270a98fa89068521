"""F6 (and F30): whatever is wrong with the standard streams, no manager ends, no verb crashes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import served
from tests.control.scripted import ScriptedFleet, view
from tests.programs import environment
from waziterm.manager.files.datadir import DataDir

DEADLINE_S = 30
PYTHON = f"{sys.executable} -m waziterm"


def shell(
    redirected: str, *, stdin: int = subprocess.DEVNULL
) -> "subprocess.CompletedProcess[str]":
    """Run a command line with its redirections, as an operator would; of a pipe any code counts."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {redirected}"],
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        env=environment(),
    )


def open_files(pid: int) -> list[str]:
    return [str(Path(f"/proc/{pid}/fd/{fd}").readlink()) for fd in (0, 1, 2)]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("redirected", [">&-", "<&- >&- 2>&-", ">/dev/full 2>&1", "| true"])
def test_a_manager_runs_whatever_its_streams_are(data: DataDir, redirected: str) -> None:
    """It is up, its files have other numbers than 0 to 2, and it ends well."""
    notify = str(data.root / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(notify)
        told.settimeout(DEADLINE_S)
        with subprocess.Popen(
            ["bash", "-c", f"exec {PYTHON} headless --data-dir {data.root} {redirected}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment() | {"NOTIFY_SOCKET": notify},
        ) as program:
            try:
                assert told.recv(100) == b"READY=1"
                pid = data.owner_pid()
                assert pid is not None
                done = shell(f"{PYTHON} add shop --data-dir {data.root} --json")
                assert done.returncode == 0, done
                files = open_files(pid)
                assert all(name.startswith(("/dev/", "pipe:")) for name in files), files
                os.kill(pid, signal.SIGTERM)
                said, complained = program.communicate(timeout=DEADLINE_S)
            finally:
                if program.poll() is None:
                    os.killpg(program.pid, signal.SIGKILL)
        assert program.returncode == 0
        assert b"Traceback" not in said + complained, complained
        assert (data.root / "waziterm.db").read_bytes().startswith(b"SQLite format 3")


ANSWERS = ["list --json", "--help", "headless --unit", "add --help"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("verb", ANSWERS)
def test_an_answer_that_cannot_be_written_is_a_failure_in_one_line(
    data: DataDir, verb: str
) -> None:
    where = "" if verb == "--help" else f"--data-dir {data.root}"
    with served(data, ScriptedFleet(*(view(f"shop-{number}") for number in range(50)))):
        command = f"{PYTHON} {verb} {where}"
        for redirected, why in ((">/dev/full", "No space left on device"), (">&-", "Bad file")):
            done = shell(f"{command} {redirected}")
            assert done.returncode == 1, done
            assert done.stderr.count("\n") == 1 and why in done.stderr, done
            assert "could not be written" in done.stderr
        # Nobody is left to be told, or nobody wants more.
        assert shell(f"{command} >&- 2>&- <&-").returncode == 1
        cut = shell(f"{command} | head -n 1")
        assert cut.stdout.count("\n") == 1 and cut.stderr == "", cut
        assert cut.returncode in (0, 1)


@pytest.mark.timeout(60)
def test_an_act_keeps_its_own_code(data: DataDir) -> None:
    for number, redirected in enumerate((">/dev/full", ">&- 2>&- <&-")):
        command = f"{PYTHON} add shop-{number} --json --data-dir {data.root}"
        assert shell(f"{command} {redirected}").returncode == 0
        again = shell(f"{command} {redirected}")
        assert again.returncode != 0 and "Traceback" not in again.stderr
    command = f"{PYTHON} rename shop-1 shop-2 --data-dir {data.root}"
    assert shell(f"{command} >/dev/full").returncode == 0
    listed = json.loads(shell(f"{PYTHON} list --json --data-dir {data.root}").stdout)
    assert [each["name"] for each in listed] == ["shop-0", "shop-2"]
    # A dry run does nothing: its answer is all that there is.
    command = f"{PYTHON} fix --dry-run --data-dir {data.root}"
    assert shell(command).returncode == 0 and shell(f"{command} >/dev/full").returncode == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "act", ["note hello", "pair-code shop --phone +6281234567890", "test shop", "reload"]
)
def test_an_act_that_only_a_manager_does_keeps_its_code_too(data: DataDir, act: str) -> None:
    verb, *given = act.split()
    with served(data, ScriptedFleet(view("shop"))):
        command = f"{PYTHON} {' '.join((verb, '--data-dir', str(data.root), *given))}"
        told = shell(command)
        lost = shell(f"{command} >/dev/full")
    assert lost.returncode == told.returncode == 0, (told, lost)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("redirected", ["<&-", "2>/dev/full"])
def test_a_question_that_nobody_can_answer_is_wrong_usage(data: DataDir, redirected: str) -> None:
    shell(f"{PYTHON} add shop --data-dir {data.root}")
    done = shell(f"{PYTHON} clean shop --data-dir {data.root} {redirected}")
    assert (done.returncode, done.stdout) == (2, ""), done
    assert "Traceback" not in done.stderr


@pytest.mark.timeout(60)
def test_following_ends_when_the_reader_leaves(data: DataDir) -> None:
    fleet = ScriptedFleet(view("shop-a"))
    with served(data, fleet):
        command = f"{PYTHON} logs shop-a --follow --data-dir {data.root}"
        done = shell(f"{command} >/dev/full")
        assert done.returncode == 1 and "could not be written" in done.stderr, done
