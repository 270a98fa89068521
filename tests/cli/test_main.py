"""The entry point: wrong usage, help, crashes, closed pipes, and what is imported."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import waziterm.cli.verbs.instances
from tests.cli.conftest import Call, served
from tests.control.scripted import ScriptedFleet, view
from waziterm import __version__
from waziterm.cli.app import app, lines
from waziterm.manager.files.datadir import DataDir

VERBS = tuple(name for name in app if not name.startswith("-"))
LINES = lines()
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
HEAVY = ("textual", "neonize", "aiosqlite", "aiohttp", "httpx", "rich", "asyncio")


def process(*argv: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run the program in a process of its own."""
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "waziterm", *argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@pytest.mark.parametrize("columns", ["1", "2"])
def test_the_help_ends_on_the_narrowest_terminal(columns: str) -> None:
    done = process("--help", env=os.environ | {"COLUMNS": columns})
    assert done.returncode == 0 and "waziterm" in done.stdout


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("lits",), "unknown verb 'lits'; did you mean 'list'?"),
        (("xyzzy",), "unknown verb 'xyzzy'"),
        (("rename", "a"), "NEW requires an argument"),
        (("add",), "add needs a name, or --from FILE.csv"),
        (("add", "a", "b"), "add takes no 'b'"),
        (("list", "--colour"), "unknown option: --colour"),
        (("--colour",), "unknown option: --colour"),
        (("--data-dir", "x", "lits"), "unknown verb 'lits'; did you mean 'list'?"),
        (("--colour", "list"), "unknown option: --colour"),
        (("add", "a", "--phone"), "--phone"),
        (("demo", "--instances", "0"), "--instances"),
        (("demo", "--instances", "many"), "--instances"),
        (("demo", "--headless", "--seconds", "-1"), "--seconds"),
        (("demo", "--seconds", "5"), "need --headless"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(call: Call, argv: tuple[str, ...], words: str) -> None:
    done = call(*argv)
    assert (done.code, done.out) == (2, "")
    assert words.lower() in done.err.lower()
    assert "Traceback" not in done.err
    assert done.err.count("\n") == 1 and "--help" in done.err
    done = call(*argv, "--json")
    assert (done.code, done.err) == (2, "")
    assert set(done.document) == {"error", "code", "hint"}


@pytest.mark.parametrize("verb", LINES)
def test_options_may_stand_before_each_verb(call: Call, tmp_path: Path, verb: str) -> None:
    before = call("--help", "--data-dir", str(tmp_path), *verb.split())
    assert before == call(*verb.split(), "--data-dir", str(tmp_path), "--help")
    assert before.code == 0 and f"waziterm {verb} " in before.out
    wrong = call("--data-dir", str(tmp_path), *verb.split(), "--colour")
    assert wrong == call(*verb.split(), "--colour", "--data-dir", str(tmp_path))
    assert wrong.code == 2


def test_what_stands_before_a_verb_is_meant(call: Call, data: DataDir) -> None:
    assert call("--data-dir", str(data.root), "add", "shop").code == 0
    (shop,) = call("--json", "--data-dir", str(data.root), "list").document
    assert shop["name"] == "shop"


def test_the_version(call: Call) -> None:
    assert call("--version").out == f"waziterm {__version__}\n"


def test_readme_names_each_verb_and_no_other() -> None:
    table = README.split("\n## Verbs\n")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row)]
    named = {span.removeprefix("waziterm ").split()[0].rstrip("…") for span in spans} - {"waziterm"}
    assert named == set(VERBS), f"README's verbs differ: {sorted(named ^ set(VERBS))}"


@pytest.mark.parametrize("verb", ["", *LINES])
def test_help_has_an_example_that_the_parser_takes(call: Call, verb: str) -> None:
    done = call(*verb.split(), "--help")
    assert done.code == 0
    example = re.search(r"Example: waziterm (.+)", done.out)
    assert example is not None
    words = shlex.split(example[1])
    called, _bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert words[: len(verb.split())] == verb.split()
    assert called is (LINES[verb] if verb else app).default_command


def test_help_lists_every_verb_in_one_of_five_groups(call: Call) -> None:
    said = call("--help").out
    titles = re.findall("^╭─ (.+?) ─", said, re.MULTILINE)
    assert titles == ["Run", "See", "Instances", "Emergency", "Set up", "Options"]
    listed = re.findall("^│ ([a-z-]+) ", said, re.MULTILINE)
    assert sorted(name for name in listed if not name.startswith("-")) == sorted(VERBS)


def test_every_verb_that_prints_data_takes_json_and_a_directory(call: Call) -> None:
    for verb in LINES:
        said = call(*verb.split(), "--help").out
        without = ("headless", "attach", "lab", "completion", "metrics")
        assert ("--json" in said) == (verb not in without), verb
        nowhere = ("demo", "lab", "schema", "completion", "metrics")
        assert ("--data-dir" in said) == (verb not in nowhere), verb
        assert ("--lab " in said) == (verb == "headless"), verb


def test_an_unexpected_error_is_one_line_and_its_traceback_is_in_the_log(
    call: Call, data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, key = "6281234567890", "ab" * 32

    def broken(*_: object) -> int:
        raise RuntimeError(f"no way\n{number}@s.whatsapp.net {key} \x1b[2J")

    monkeypatch.setattr(waziterm.cli.verbs.instances, "list_instances", broken)
    done = call("list", "--data-dir", str(data.root))
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1 and "\x1b" not in done.err
    assert "unexpected error (RuntimeError: no way" in done.err
    assert f"the log has all of it: {data.log}" in done.err
    assert number not in done.err and key not in done.err
    log = data.log.read_text()
    assert "ERROR waziterm.cli: list failed" in log and "Traceback" in log and "broken" in log
    assert number not in log and key not in log and "\x1b" not in log
    assert stat.S_IMODE(data.log.stat().st_mode) == 0o600
    done = call("list", f"--data-dir={data.root}", "--json")
    assert done.err == "" and done.document["code"] == 1


def test_an_error_that_cannot_be_logged_is_still_one_line(
    call: Call, data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise RuntimeError

    monkeypatch.setattr(waziterm.cli.verbs.instances, "list_instances", broken)
    (data.root / "logs").write_text("in the way")
    done = call("list", "--data-dir", str(data.root))
    assert done.code == 1
    assert done.err.count("\n") == 1 and "could not be logged" in done.err


def test_ctrl_c_is_no_error(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(waziterm.cli.verbs.instances, "list_instances", interrupted)
    done = call("list")
    assert (done.code, done.out, done.err) == (130, "", "")


@pytest.mark.parametrize("verb", [("list",), ("list", "--json"), ("--help",)])
def test_a_reader_that_has_left(managed: DataDir, verb: tuple[str, ...]) -> None:
    where = () if verb == ("--help",) else ("--data-dir", str(managed.root))
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "waziterm", *verb, *where],
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_terminal_that_knows_no_bullet(data: DataDir) -> None:
    fleet = ScriptedFleet(view("shop-a", jid="+62812••••4411@s.whatsapp.net"))
    with served(data, fleet):
        plain = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
        done = process("list", "--data-dir", str(data.root), env=plain)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"+62812\u2022" in done.stdout


def test_the_entry_module_is_light() -> None:
    code = (
        f"import sys, waziterm.cli.main;print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def test_a_question_to_a_manager_imports_little(managed: DataDir) -> None:
    code = (
        "import sys, waziterm.cli.main as main;"
        "assert main.run(sys.argv[1:]) == 0;"
        "names = ('asyncio', 'httpx', 'aiosqlite', 'aiohttp', 'textual', 'neonize');"
        "sys.exit(str([name for name in names if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "list", "--data-dir", str(managed.root)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == "[]\n"


def test_exit_codes_of_real_processes(data: DataDir, tmp_path: Path) -> None:
    done = process("start", "a", "--data-dir", str(data.root), "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["code"] == 3
    assert process("nonsense").returncode == 2
    done = process("--data-dir", str(data.root))
    assert done.returncode == 2
    assert done.stderr == (
        f"waziterm: the monitor needs a terminal (`waziterm headless --data-dir {data.root}` runs"
        " without one)\n"
    )
    assert process("--version", cwd=tmp_path, env=_found_from_elsewhere()).returncode == 0


def _found_from_elsewhere() -> dict[str, str]:
    root = Path(waziterm.__file__).parent.parent
    return {**os.environ, "PYTHONPATH": str(root)}
