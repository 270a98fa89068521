"""Private names of Textual: all of them exist, and they stand in one module (issue 12)."""

import ast
import importlib
import inspect
import re
import signal
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from textual.app import App
from textual.command import CommandPalette
from textual.drivers.linux_driver import LinuxDriver

import waziterm.tui
from waziterm.tui.textual_private import PRIVATE, Private

ROOT = Path(waziterm.tui.__file__).parent
HOME = ROOT / "textual_private.py"
PRIVATE_NAME = re.compile(r"_[a-z]\w*")
OVERRIDDEN = {each.name for each in PRIVATE if each.overridden}


@pytest.fixture
def signals() -> Iterator[None]:
    """Textual's driver takes these when it is made."""
    numbers = (signal.SIGTSTP, signal.SIGCONT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
async def test_the_installed_textual_has_every_private_name() -> None:
    app: App[None] = App()
    owners = {
        "textual.app:App": app,
        "textual.message_pump:MessagePump": app,
        "textual.drivers.linux_driver:LinuxDriver": LinuxDriver(app),
        "textual.command:CommandPalette": CommandPalette,
    }

    def exists(each: Private) -> bool:
        module, _, kind = each.owner.partition(":")
        owner = owners[each.owner] if kind else importlib.import_module(module)
        return hasattr(owner, each.name)

    missing = [
        f"{each.owner} has no {each.name} ({each.why})" for each in PRIVATE if not exists(each)
    ]
    assert not missing, f"another Textual than this was written for: {'; '.join(missing)}"


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        if path != HOME:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def named(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each class with each private name that it asks of its own self, or defines."""
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for node in ast.walk(kind):
            match node:
                case (
                    ast.Attribute(value=ast.Name(id="self"), attr=name)
                    | ast.FunctionDef(name=name)
                    | ast.AsyncFunctionDef(name=name)
                ) if PRIVATE_NAME.fullmatch(name):
                    yield kind.name, name


@lru_cache(None)
def of_textual(module: str) -> dict[str, set[str]]:
    """The private names of each class of one of Textual's modules."""
    found: dict[str, set[str]] = {}
    for kind, name in named(ast.parse(inspect.getsource(importlib.import_module(module)))):
        found.setdefault(kind, set()).add(name)
    return found


def inherited(kind: type) -> set[str]:
    """The private names that a class has from Textual."""
    bases = [base for base in kind.__mro__ if base.__module__.startswith("textual.")]
    return {name for base in bases for name in of_textual(base.__module__).get(base.__name__, ())}


def test_none_is_used_elsewhere_but_methods_that_are_overridden() -> None:
    found = []
    for path, tree in trees():
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = importlib.import_module(".".join(("waziterm.tui", *parts)))
        for kind, name in named(tree):
            cls = getattr(module, kind, None)
            if name not in OVERRIDDEN and isinstance(cls, type) and name in inherited(cls):
                found.append(f"{path.name}: {kind}.{name}")
        found += [f"{path.name}: {said}" for said in asked_of_others(tree)]
    assert not found, f"to be done in textual_private.py: {found}"


def asked_of_others(tree: ast.Module) -> Iterator[str]:
    """Private modules of Textual, and private names of objects whose class is not in this file."""
    own = {name for _, name in named(tree)} | OVERRIDDEN
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)) if re.match(r"textual\b.*\._", module):
                yield module
            case ast.Import(names=names):
                yield from (each.name for each in names if re.match(r"textual\b.*\._", each.name))
            case ast.Attribute(attr=name) if PRIVATE_NAME.fullmatch(name) and name not in own:
                yield ast.unparse(node)


def test_each_name_of_the_list_is_used() -> None:
    home = HOME.read_text(encoding="utf-8")
    used = home[home.index("# -- keys from") :] + "".join(ast.unparse(tree) for _, tree in trees())
    assert [each.name for each in PRIVATE if not re.search(rf"\b{each.name}\b", used)] == []
