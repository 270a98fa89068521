"""Every command line that a verb names works when it is pasted into the same shell."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.cli.test_documents import MANAGED, STORED, fill
from waziterm.cli.app import app, lines
from waziterm.cli.main import run
from waziterm.cli.show.verbs import ELSEWHERE, with_verbs
from waziterm.manager.files.datadir import DataDir

COMMAND = re.compile(r"`waziterm([^`]*)`")


def commands_in(text: str) -> list[list[str]]:
    """The command lines that a text names, each as the shell would split it."""
    return [shlex.split(found) for found in COMMAND.findall(text)]


def said_by(call: Call, line: str, data: Path, *more: str) -> str:
    done = call(*line.split(), "--data-dir", str(data), *more)
    return done.out + done.err


def test_with_a_manager(call: Call, managed: DataDir) -> None:
    said = "".join(said_by(call, line, managed.root) for line in MANAGED)
    assert_pasted(said, managed.root, at_least=10)


def test_without_a_manager(call: Call, data: DataDir) -> None:
    asyncio.run(fill(data))
    lines = (*STORED, "start shop-a", "attach", "full", "reload", "status shop-d", "doctor")
    said = "".join(said_by(call, line, data.root) for line in lines)
    assert_pasted(said, data.root, at_least=10)


@pytest.mark.parametrize("line", ["list", "check", "start shop-a", "pair-code shop-a"])
def test_in_json(call: Call, data: DataDir, line: str) -> None:
    asyncio.run(fill(data))
    assert_pasted(said_by(call, line, data.root, "--json"), data.root)


def assert_pasted(said: str, root: Path, at_least: int = 1) -> None:
    found = commands_in(said)
    assert len(found) >= at_least
    for words in {" ".join(words): words for words in found}.values():
        # What was exported is imported on another machine, where it lies elsewhere.
        if words != ["import", "FILE"]:
            assert "--help" in words or words[-2:] == ["--data-dir", str(root)], words
        meant = [word for word in words if word != "…"]
        app.parse_args(meant, exit_on_error=False, print_error=False)


def test_it_says_where_as_it_was_typed(call: Call, tmp_path: Path) -> None:
    where = tmp_path / "a fleet"
    for typed in (("--data-dir", str(where)), (f"--data-dir={where}",)):
        done = call("start", "shop", *typed)
        assert f"start `waziterm --data-dir '{where}'` or `waziterm headless" in done.err
    assert "--data-dir" not in call("start", "shop").err


def test_a_lab_is_named_to_what_connects(call: Call, data: DataDir, tmp_path: Path) -> None:
    said = call("--data-dir", str(data.root), "--lab", str(tmp_path / "lab.json")).err
    assert f"`waziterm headless --data-dir {data.root} --lab {tmp_path / 'lab.json'}`" in said


def test_the_verbs_that_take_no_data_directory_are_known() -> None:
    for name, verb in lines().items():
        if verb.default_command is not None:
            takes = "data_dir" in verb.default_command.__annotations__
            assert takes != (name in ELSEWHERE), name


def test_nothing_is_added_where_nothing_was_typed() -> None:
    run(["schema", "--data-dir", "/elsewhere"])
    assert with_verbs("see `waziterm list`") == "see `waziterm list`"
