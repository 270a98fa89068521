"""What an import loads, at run time: the walls that import-linter sees only in the text."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import printed_by
from waziterm.cli.run.late import OF_MANAGER, OF_SCREEN

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("waziterm.manager", ("textual", "neonize", "waziterm.tui", "waziterm.cli")),
        ("waziterm.manager.manager", ("textual", "neonize", "waziterm.tui", "waziterm.cli")),
        ("waziterm.store", ("textual", "neonize", "waziterm.manager")),
        ("waziterm.config", ("textual", "neonize", "aiosqlite", "waziterm.manager")),
        (
            "waziterm.domain.lifecycle.rules",
            ("textual", "neonize", "aiosqlite", "asyncio"),
        ),
        # What is not needed before the first paint, and by a verb that asks a manager.
        (
            "waziterm.cli.run.host",
            ("waziterm.manager.care.checkup", "waziterm.manager.care.restart", "psutil", "aiohttp"),
        ),
        ("waziterm.cli.main", ("cyclopts", "asyncio", "rich", "waziterm.cli.app")),
        ("waziterm.cli.run.host", ("cyclopts", "http.client")),
        (
            "waziterm.cli.verbs.instances",
            ("asyncio", "concurrent", "difflib", "rich", "waziterm.domain.fleet.api"),
        ),
    ],
)
def test_an_import_does_not_load(module: str, forbidden: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = set(printed_by(program).split())
    assert module in loaded
    assert not loaded.intersection(forbidden)


def is_in(package: Path, name: str) -> bool:
    """Whether a package of ours has a module of that name."""
    return (package / f"{name}.py").exists()


def deferred(*packages: str) -> Iterator[tuple[str, str]]:
    """Each module that a function of these packages imports by itself, with the file."""
    for package in packages:
        for path in sorted((ROOT / "waziterm" / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            for function in (each for each in ast.walk(tree) if isinstance(each, functions)):
                for node in ast.walk(function):
                    if isinstance(node, ast.Import):
                        yield from ((each.name, str(path)) for each in node.names)
                    elif isinstance(node, ast.ImportFrom) and node.module is not None:
                        inside = ROOT.joinpath(*node.module.split("."))
                        found = [each.name for each in node.names if is_in(inside, each.name)]
                        yield from ((f"{node.module}.{name}", str(path)) for name in found)
                        if len(found) < len(node.names):
                            yield node.module, str(path)
                    elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node):
                        said = (each for each in node.args if isinstance(each, ast.Constant))
                        yield from ((str(each.value), str(path)) for each in said)


STARTED = (
    "waziterm.cli.run.host",
    "waziterm.control.server.app",
    "waziterm.health.answers",
    "waziterm.tui.app.terminal",
    "waziterm.tui.app.app",
    "waziterm.tui.app.driver",
    "waziterm.tui.paint.finish",
)
"""What a monitor has loaded when its screen is painted and its socket answers."""
LARGE = {"httpx", "apprise"}
"""What refuses instead: see `waziterm.cli.run.late`."""


def test_a_running_monitor_loads_nothing_that_may_have_been_replaced() -> None:
    """But for `manager/stored/`, which serves verbs where no manager runs."""
    program = f"""
import importlib, sys
for name in {STARTED!r}:
    importlib.import_module(name)
print(*sys.modules)
for name in {(*OF_MANAGER, *OF_SCREEN)!r}:
    importlib.import_module(name)
"""
    loaded = set(printed_by(program).split())
    said = {*OF_MANAGER, *OF_SCREEN}
    assert not said & loaded, "these are loaded at the start: strike them out of late.py"
    rooms = ("alerts", "config", "control", "domain", "health", "manager", "store", "tui")
    late = {
        (name, path)
        for name, path in deferred(*rooms)
        if name not in loaded | said and "/manager/stored/" not in path
    }
    assert {name for name, _ in late} == LARGE, f"name it in waziterm/cli/run/late.py: {late}"
    assert said <= {name for name, _ in deferred(*rooms, "cli")}, "these are imported at once"


def test_no_module_name_stands_twice_within_one_reader_s_reach() -> None:
    """Within `manager/`, `tui/` and each other part of the program, a module's name means one."""
    for part in sorted(each for each in (ROOT / "waziterm").iterdir() if each.is_dir()):
        names = [path.stem for path in part.rglob("*.py") if not path.stem.startswith("__")]
        assert sorted(set(names)) == sorted(names), f"twice in {part.name}/"


def test_the_socket_s_room_stays_small() -> None:
    """A verb costs `control/` nothing: it is made from the verbs' declarations."""
    lines = [
        len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "waziterm" / "control").rglob("*.py")
    ]
    assert sum(lines) <= 1_500
