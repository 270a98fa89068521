"""CONTRIBUTING.md speaks of what there is: files, classes with their locks, names of tasks."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "waziterm"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`\n]+)`")

ELSEWHERE = {"asyncio.to_thread", "manager.lock"}
"""Not ours, or no name of the code."""


def chapter(title: str) -> str:
    return TEXT.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def members(trees: Iterable[ast.Module]) -> Iterator[str]:
    """`Class` and `Class.member` for all that a class defines or sets on itself."""
    for tree in trees:
        for found in ast.walk(tree):
            if isinstance(found, ast.ClassDef):
                yield found.name
                for node in ast.walk(found):
                    match node:
                        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                            yield f"{found.name}.{name}"
                        case ast.Attribute(ast.Name("self"), name):
                            yield f"{found.name}.{name}"
                        case _:
                            pass


def test_each_file_that_it_names_is_there() -> None:
    files = {str(path.relative_to(ROOT)) for path in ROOT.glob("tests/**/*.py")}
    files |= {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.py")} | {"pyproject.toml"}
    files |= {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.toml")}
    named = [each for each in CODE.findall(TEXT) if re.fullmatch(r"[\w/]+\.(py|toml)", each)]
    assert len(named) > 40
    missing = [each for each in named if not any(f"/{file}".endswith(f"/{each}") for file in files)]
    assert not missing, f"CONTRIBUTING.md names files that are not there: {missing}"


def test_each_task_queue_and_lock_that_it_names_is_there() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    known = set(members(trees))
    names = {each.partition(".")[2] for each in known} - {""}
    texts = {
        node.value.strip()
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    named = set(CODE.findall(chapter("Tasks, queues, locks"))) - ELSEWHERE
    # A task's name may end in what it is for: `supervisor NAME`.
    tasks = {re.sub(r" [A-Z]+$", "", each): each for each in named}
    missing = [each for name, each in tasks.items() if name not in known | names | texts]
    assert len(named) > 15
    assert not missing, f"CONTRIBUTING.md names what is not in the code: {missing}"
