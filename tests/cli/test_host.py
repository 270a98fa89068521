"""Processes that hold a manager: who may start, how they are reached, how they end."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from waziterm.domain.labfile import LabFile
from waziterm.manager.files.datadir import DataDir

DEADLINE_S = 30


@contextmanager
def running(*argv: str) -> Iterator["subprocess.Popen[str]"]:
    """The program in a session of its own, killed at the latest when the context ends."""
    child = subprocess.Popen(
        [sys.executable, "-m", "waziterm", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def first_line(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline()


@pytest.mark.timeout(60)
def test_headless_from_its_start_to_its_end(call: Call, data: DataDir) -> None:
    where = ("--data-dir", str(data.root))
    with running("headless", *where) as child:
        said = first_line(child)
        assert said == f"waziterm is ready: 0 instances, pid {child.pid}, {data.root}\n"
        assert stat.S_IMODE(data.socket.stat().st_mode) == 0o600
        assert call("list", *where, "--json").document == []

        for verb in (("headless",), ()):
            second = call(*verb, *where)
            assert (second.code, second.out) == (3, "")
            assert f"another manager (pid {child.pid}) owns {data.root}" in second.err

        child.send_signal(signal.SIGHUP)
        assert call("list", *where).code == 0
        child.send_signal(signal.SIGTERM)
        assert child.wait(DEADLINE_S) == 0
        assert child.communicate() == ("", "")
    assert not data.socket.exists()
    assert call("start", "shop-a", *where).code == 3


@pytest.mark.timeout(60)
def test_headless_ends_by_ctrl_c(data: DataDir) -> None:
    with running("headless", "--data-dir", str(data.root)) as child:
        assert first_line(child)
        child.send_signal(signal.SIGINT)
        assert child.wait(DEADLINE_S) == 0
        assert child.communicate()[1] == ""


@pytest.mark.timeout(60)
def test_a_manager_that_hangs_is_named_after_five_seconds(data: DataDir) -> None:
    with running("headless", "--data-dir", str(data.root)) as child:
        assert first_line(child)
        child.send_signal(signal.SIGSTOP)
        done = subprocess.run(
            [sys.executable, "-m", "waziterm", "list", "--json", "--data-dir", str(data.root)],
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )
        child.send_signal(signal.SIGCONT)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"] == (
        f"the manager (pid {child.pid}) has not answered for 5 s"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot read the lab file"),
        ("{", "is not a lab file: not JSON"),
        ("\udcff", "is not a lab file"),
        ("{}", 'is not a lab file: "proxy" is missing'),
    ],
)
def test_a_wrong_lab_file_is_wrong_usage(
    call: Call, data: DataDir, tmp_path: Path, text: str | None, words: str
) -> None:
    file = tmp_path / "lab.json"
    if text is not None:
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    done = call("headless", "--lab", str(file), "--data-dir", str(data.root))
    assert (done.code, done.out) == (2, "")
    assert words in done.err and str(file) in done.err
    assert list(data.root.iterdir()) == []


def test_a_wrong_setting_is_wrong_usage(call: Call, tmp_path: Path) -> None:
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "waziterm" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("colour = 1\n")
    for verb in ("headless", "list"):
        done = call(verb)
        assert (done.code, done.out) == (2, "")
        assert f"{config}: colour: no such key" in done.err


def test_the_screens_need_a_terminal(call: Call, data: DataDir) -> None:
    for argv, instead in ((("--data-dir", str(data.root)), "headless"), (("demo",), "--headless")):
        done = call(*argv, "--json") if argv == ("demo",) else call(*argv)
        assert done.code == 2
        assert instead in done.out + done.err


@pytest.mark.timeout(60)
def test_the_lab_alone(tmp_path: Path) -> None:
    with running("lab", "--dir", str(tmp_path / "l")) as child:
        path = Path(first_line(child).strip())
        assert LabFile.parse(path.read_text()).proxy.startswith("http://127.0.0.1:")
        child.send_signal(signal.SIGINT)
        assert child.wait(DEADLINE_S) == 0
        out, err = child.communicate()
    assert out == ""
    assert err == f"`waziterm --lab {path}` connects to it; ctrl+c ends it\n"


@pytest.mark.timeout(60)
def test_a_lab_without_a_directory_cleans_up(tmp_path: Path) -> None:
    with running("lab") as child:
        path = Path(first_line(child).strip())
        assert path.is_file()
        child.send_signal(signal.SIGTERM)
        assert child.wait(DEADLINE_S) == 0
    assert not path.parent.exists()
