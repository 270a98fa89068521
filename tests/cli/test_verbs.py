"""The verbs against a manager: what they print, what they ask for, how they end."""

import asyncio
import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.cli.test_documents import fill
from tests.control.scripted import QR_TEXT, ScriptedFleet, view
from tests.control.test_server import FIELDS
from tests.programs import environment
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.files.datadir import DataDir


def test_list_as_json(call: Call, managed: DataDir) -> None:
    done = call("list", "--data-dir", str(managed.root), "--json")
    assert (done.code, done.err) == (0, "")
    assert [one["name"] for one in done.document] == ["shop-a", "shop-b", "shop-c"]
    assert all(tuple(one) == FIELDS for one in done.document)


def test_list_for_people(call: Call, managed: DataDir) -> None:
    done = call("list", "--data-dir", str(managed.root))
    assert done.code == 0
    rows = done.out.splitlines()
    assert rows[0].split() == ["NAME", "STATE", "NUMBER", "UP", "WHY", "NEXT"]
    assert "shop-a" in rows[1] and "connected" in rows[1] and "+62812••••4411" in rows[1]
    assert "pairing" in rows[2] and "scan it with the phone" in rows[2]
    assert QR_TEXT not in done.out


def test_a_list_in_a_pipe_is_not_cut(call: Call, managed: DataDir, fleet: ScriptedFleet) -> None:
    long = "the other client is " + "x" * 150
    fleet.views["shop-c"] = view("shop-c", state=State.HELD, reason=Reason.RIVAL, detail=long)
    done = call("list", "--data-dir", str(managed.root))
    assert f"another client keeps taking this session (440): {long}" in done.out


def test_hostile_text_is_shown_as_text(call: Call, data: DataDir) -> None:
    from tests.cli.conftest import served

    evil = "[red]\x1b]0;owned\x07\x1b[2J:smile: \u202egnirts"
    fleet = ScriptedFleet(view("shop-a", detail=evil, next_step=evil))
    with served(data, fleet):
        for verb in (("list",), ("status", "shop-a"), ("start", "shop-a")):
            done = call(*verb, "--data-dir", str(data.root))
            assert done.code == 0
            assert "\x1b" not in done.out and "\u202e" not in done.out
            assert "[red]" in done.out and ":smile:" in done.out


def test_status(call: Call, managed: DataDir) -> None:
    done = call("status", "shop-a", "--data-dir", str(managed.root), "--json")
    assert (done.code, done.document["name"]) == (0, "shop-a")
    done = call("status", "shop-b", "--data-dir", str(managed.root))
    assert done.code == 0
    assert "pairing since" in done.out and "code 2 of 6" in done.out
    assert QR_TEXT not in done.out


@pytest.mark.parametrize(
    ("argv", "asked", "state"),
    [
        (("start", "shop-c"), ("start", "shop-c"), "connecting"),
        (("stop", "shop-a"), ("stop", "shop-a"), "stopped"),
        (("reconnect", "shop-a"), ("reconnect", "shop-a", False), "connecting"),
        (("reconnect", "shop-a", "--takeover"), ("reconnect", "shop-a", True), "connecting"),
        (("clean", "shop-a", "--yes"), ("clean", "shop-a", False), "stopped"),
        (
            ("add", "new", "--phone", "+62 812 3456 7890", "--proxy", "http://a:b@h:1"),
            ("add", "new", "+6281234567890", "http://a:b@h:1"),
            "stopped",
        ),
    ],
)
def test_a_command(
    call: Call,
    managed: DataDir,
    fleet: ScriptedFleet,
    argv: tuple[str, ...],
    asked: tuple[object, ...],
    state: str,
) -> None:
    done = call(*argv, "--data-dir", str(managed.root), "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document["state"] == state
    assert fleet.calls == [asked]
    again = call(*argv, "--data-dir", str(managed.root))
    if argv[0] == "add":
        assert again.code == 1
        assert again.err == "waziterm: new exists already (choose another name)\n"
    else:
        assert again.out.startswith(f"{argv[1]}: {state} (")


def test_options_may_stand_before_the_verb(call: Call, managed: DataDir) -> None:
    done = call("--data-dir", str(managed.root), "list", "--json")
    assert len(done.document) == 3


def test_the_environment_names_the_directory(
    call: Call, managed: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAZITERM_DATA_DIR", str(managed.root))
    assert len(call("list", "--json").document) == 3


def test_clean_asks_where_somebody_can_answer(
    call: Call, managed: DataDir, fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as terminal, os.fdopen(ours, "wb", buffering=0) as operator:
        monkeypatch.setattr(sys, "stdin", terminal)
        operator.write(b"n\n")
        done = call("clean", "shop-a", "--data-dir", str(managed.root))
        assert (done.code, done.out) == (1, "")
        assert "nothing was changed" in done.err and fleet.calls == []
        operator.write(b"y\n")
        done = call("clean", "shop-a", "--data-dir", str(managed.root), "--json")
        assert done.document["reason"] == "cleaned"
        assert "goes to the trash" in done.err
    assert fleet.calls == [("clean", "shop-a", False)]


def test_clean_without_a_terminal_needs_yes(
    call: Call, managed: DataDir, fleet: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    done = call("clean", "shop-a", "--data-dir", str(managed.root), "--json")
    assert done.code == 2
    assert done.document == {
        "error": "this verb asks, and there is no terminal to ask on;"
        " it would meet 1 instance: shop-a",
        "code": 2,
        "hint": "add --yes",
    }
    assert fleet.calls == []


def test_a_refusal_keeps_its_words_and_its_code(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    for code in (1, 3):
        fleet.refuse = FleetError("shop-a is held", "r tries once", code)
        done = call("reconnect", "shop-a", "--data-dir", str(managed.root))
        assert (done.code, done.out) == (code, "")
        assert done.err == "waziterm: shop-a is held (r tries once)\n"
    fleet.refuse = FleetError("shop-a is held", "r tries once", 1)
    done = call("reconnect", "shop-a", "--data-dir", str(managed.root), "--json")
    assert (done.code, done.err) == (1, "")
    assert done.document == {"error": "shop-a is held", "code": 1, "hint": "r tries once"}


@pytest.mark.parametrize("verb", ["status", "start", "stop", "reconnect", "clean", "qr"])
def test_a_name_that_nobody_has(call: Call, managed: DataDir, verb: str) -> None:
    yes = ("--yes",) if verb == "clean" else ()
    done = call(verb, "nobody", *yes, "--data-dir", str(managed.root), "--json")
    assert done.code == 2
    assert done.document["error"] == "no instance is called 'nobody'"


@pytest.mark.parametrize(
    "argv",
    [("start", "a"), ("stop", "a"), ("reconnect", "a"), ("test", "a"), ("qr", "a")],
)
def test_verbs_that_need_a_manager_say_so(call: Call, data: DataDir, argv: tuple[str, ...]) -> None:
    done = call(*argv, "--data-dir", str(data.root))
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        f"waziterm: no manager runs on {data.root} (start `waziterm --data-dir {data.root}` or"
        f" `waziterm headless --data-dir {data.root}`, then ask again)\n"
    )
    assert call(*argv, "--data-dir", str(data.root), "--json").document["code"] == 3
    assert list(data.root.iterdir()) == [], "a verb that fails leaves nothing behind"


@pytest.mark.parametrize("name", ["n\udcff", "a\nExecStartPre=b", "a\x1b[2J"])
@pytest.mark.parametrize(
    "argv", [("headless",), ("headless", "--unit"), ("list",), ("check",), ("add", "shop")]
)
def test_a_directory_that_the_library_cannot_be_told_is_refused(
    call: Call, tmp_path: Path, argv: tuple[str, ...], name: str
) -> None:
    """F39: with bytes that are no UTF-8 in it no instance ever connected, and WhatsApp was
    blamed."""
    done = call(*argv, "--data-dir", str(tmp_path / name))
    assert (done.code, done.out) == (2, "")
    assert "path must be UTF-8 without control characters" in done.err
    assert done.err.removesuffix("\n").isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_manager_of_another_path_length(call: Call, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    done = call("start", "a", "--data-dir", str(deep), "--json")
    assert done.code == 1
    assert "bytes, the system allows 107" in done.document["error"]


@pytest.mark.parametrize("columns", [80, 120, 160])
@pytest.mark.parametrize("verb", ["list", "incidents"])
def test_a_table_is_whole_on_a_narrow_terminal(data: DataDir, verb: str, columns: int) -> None:
    asyncio.run(fill(data))
    shown = on_terminal(columns, verb, "--data-dir", str(data.root))
    said = " ".join(" ".join(shown).split())
    assert "another client keeps taking this session (440)" in said and "…" not in said
    reconnect = f"`waziterm reconnect shop-b --takeover --data-dir {data.root}`"
    assert all(len(line) <= columns or line.strip().startswith(reconnect) for line in shown[:-1])
    if verb == "list":
        assert f"stop the other client, then {reconnect}" in said
        # Half of it would be another command.
        assert any(reconnect in line for line in shown)


def on_terminal(columns: int, *argv: str) -> list[str]:
    """What the program shows on a terminal of so many columns, without colours."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {**environment(), "TERM": "xterm"}
    for size in ("COLUMNS", "LINES"):  # the terminal's own counts, and a dumb one has none
        env.pop(size, None)
    with subprocess.Popen(
        (sys.executable, "-m", "waziterm", *argv), stdout=theirs, stderr=theirs, env=env
    ) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:
            while more := terminal.read(65536):
                said += more
        assert process.wait(30) == 0
    return re.sub(r"\x1b\[[\d;]*m", "", said.decode()).splitlines()
