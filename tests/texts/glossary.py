"""The glossary of README, made of the one file of terms; and what is not said for a thing."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.texts.collect import LOCALES, ROOT

README = ROOT / "README.md"
TERMS: list[dict[str, Any]] = tomllib.loads(
    (LOCALES / "glossary.toml").read_text(encoding="utf-8")
)["term"]
_BEGIN, _END = "<!-- glossary -->\n", "<!-- /glossary -->"
_CODE = re.compile(r"```.*?```|`[^`]*`|\{\w*\}|\]\([^)]*\)", re.DOTALL)
NEVER = (
    *("anew", "mend(s|ed|ing)?", "dial(s|led|ling)", "staggered", "deaf", "put in order"),
    *("the words of the field", "turn the order round", "code after code", "what fits"),
)
"""Odd words and metaphors that were there before; regular expressions."""


def table() -> str:
    """The terms as a table, by the alphabet."""
    rows = (f"| {each['en']} | {each['means']} |\n" for each in TERMS)
    return "".join(("| term | means |\n|---|---|\n", *sorted(rows, key=str.casefold)))


def with_table(readme: str) -> str:
    """README with the table in its place."""
    before, _, rest = readme.partition(_BEGIN)
    return f"{before}{_BEGIN}{table()}{_END}{rest.partition(_END)[2]}"


def prose() -> Iterator[tuple[str, str]]:
    """All that an operator or a contributor reads, without code in it, with the file: documents;
    what the modules hold as text; the docstrings of the verbs, which are their help."""
    for path in (README, ROOT / "CONTRIBUTING.md"):
        yield path.name, _CODE.sub("", path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "waziterm").rglob("*.py")):
        place = path.relative_to(ROOT)
        if place.parts[1] == "lab":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        about = set() if "app" in place.parts[2:3] and place.parts[1] == "cli" else _about(tree)
        for node in ast.walk(tree):
            match node:
                case ast.Constant(value=str(text)) if id(node) not in about and " " in text:
                    yield f"{place}:{node.lineno}", _CODE.sub("", text)


def _about(tree: ast.Module) -> set[int]:
    """The texts that are for readers of the code: docstrings, also those of names."""
    return {
        id(each.value)
        for each in ast.walk(tree)
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
    }


def write(path: Path = README) -> None:
    """Bring the table in README up to date."""
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
