"""F29: a user without a home directory and without an entry in the system's list of users, as of
`docker run --user 12345`: what needs no home works, what does says so in one line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.control.scripted import ScriptedFleet
from waziterm.manager.files.datadir import DataDir

UID = "12345"
_AS_NOBODY = ("unshare", "--user", f"--map-user={UID}")


def homeless(*argv: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the program as such a user; what the caller may read it may read as well."""
    if not shutil.which("unshare") or subprocess.run([*_AS_NOBODY, "true"], check=False).returncode:
        pytest.skip("this machine gives no user namespace")
    ours = ("PATH", "LANG", "PYTHONPATH")
    return subprocess.run(
        [*_AS_NOBODY, sys.executable, "-m", "waziterm", *argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={name: os.environ[name] for name in ours if name in os.environ} | variables,
    )


@pytest.mark.parametrize("argv", ["", "list", "config", "doctor", "headless", "reload"])
def test_f29_without_a_data_directory_a_verb_says_what_to_name(argv: str) -> None:
    done = homeless(*argv.split())
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.splitlines() == [
        f"waziterm: the user {UID} has no home directory for a data directory"
        " (name one with --data-dir or WAZITERM_DATA_DIR, or set HOME)"
    ]


def test_f29_a_relative_home_is_no_home() -> None:
    done = homeless("list", "--json", HOME="not/absolute")
    assert done.returncode == 2 and "has no home directory" in done.stdout


def test_f29_with_a_data_directory_everything_works(data: DataDir) -> None:
    for argv in ("add shop", "config --check", "check", "doctor"):
        done = homeless(*argv.split(), "--data-dir", str(data.root))
        assert (done.returncode, done.stderr) == (0, ""), argv
    done = homeless("list", WAZITERM_DATA_DIR=str(data.root))
    assert "shop" in done.stdout and done.returncode == 0
    assert done.stderr == "no manager runs: start `waziterm` or `waziterm headless`\n"
    done = homeless("reload", "--data-dir", str(data.root))
    assert (done.returncode, done.stderr) == (
        3,
        f"waziterm: no manager runs on {data.root} (start `waziterm --data-dir {data.root}`"
        f" or `waziterm headless --data-dir {data.root}`, then ask again)\n",
    )


def test_f29_what_needs_no_directory_needs_no_home() -> None:
    for argv in ("config --example", "--version"):
        done = homeless(*argv.split())
        assert (done.returncode, done.stderr) == (0, ""), argv


def test_f29_a_wrong_directory_is_told_before_the_missing_home() -> None:
    done = homeless("config", WAZITERM_DATA_DIR="~/here")
    assert done.returncode == 2
    assert done.stderr.startswith("waziterm: WAZITERM_DATA_DIR: ~/here names no home directory")


def test_f29_a_manager_is_asked_as_ever(managed: DataDir, fleet: ScriptedFleet) -> None:
    done = homeless("stop", "shop-a", "--data-dir", str(managed.root))
    assert done.returncode == 0, done.stderr
    assert fleet.calls


def test_f29_a_relative_data_directory_in_a_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    command = f"mkdir {gone}; cd {gone}; rmdir {gone}; {sys.executable} -m waziterm list --data-dir"
    done = subprocess.run(
        ["bash", "-c", f"{command} here"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done
    assert "here is relative, and this shell's directory is gone" in done.stderr
