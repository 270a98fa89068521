"""The private names of libraries: the installed versions have all that are used. They are used in
one module per library alone, as `make check` sees (ruff's SLF001)."""

import ast
import importlib.metadata
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import aiosqlite

from tests.programs import printed_by

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "waziterm"
OF_AIOSQLITE = PACKAGE / "store" / "private.py"
OF_NEONIZE = PACKAGE / "worker" / "neonize" / "private.py"


def private_names(path: Path) -> Iterator[str]:
    """Each private name that a module uses."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            yield node.attr


def said(library: str, missing: list[str]) -> str:
    """What whoever upgraded a library reads."""
    version = importlib.metadata.version(library)
    return f"{library} {version} has no {', '.join(missing)} any more, which waziterm uses"


def test_aiosqlite_has_what_is_used_of_it() -> None:
    connection = aiosqlite.Connection(lambda: sqlite3.connect(":memory:"), 64)
    used = sorted(private_names(OF_AIOSQLITE))
    assert used == ["_connection", "_execute", "_thread"]
    missing = [name for name in used if not hasattr(connection, name)]
    assert not missing, said("aiosqlite", missing)


def test_neonize_has_what_is_used_of_it() -> None:
    """In a process of its own, in which the Go runtime may start."""
    used = sorted(private_names(OF_NEONIZE))
    assert used == ["_name", "_to_c_struct"]
    program = """
import importlib.util, json
from waziterm.worker.neonize.library import load
from waziterm.worker.neonize.private import BINDER
missing = [] if importlib.util.find_spec(BINDER) else [BINDER]
if not missing:
    binder = load()
    owners = {"_name": "gocode", "_to_c_struct": "ProxySettings"}
    for name, owner in owners.items():
        if not hasattr(getattr(binder, owner, None), name):
            missing.append(f"{owner}.{name}")
print(json.dumps(missing))
"""
    missing = json.loads(printed_by(program))
    assert not missing, said("neonize", missing)
