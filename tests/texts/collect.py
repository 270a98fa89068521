"""Every text that the screen may ask a catalog for, with the file in which it stands."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog

from waziterm.domain.alerts.texts import TEMPLATES as TEMPLATES_OF_ALERTS
from waziterm.domain.alerts.texts import Words
from waziterm.domain.care.findings import Severity
from waziterm.domain.care.layers import LayerName
from waziterm.domain.incidents.outcome import TEMPLATES, done_about
from waziterm.domain.lifecycle.details import TEMPLATES as TEMPLATES_OF_DETAILS
from waziterm.domain.lifecycle.details import as_phrase
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.moments import MONTHS, WEEKDAYS, weekday
from waziterm.domain.names import ALLOWED, check_name
from waziterm.domain.phrase import FRACTION, numeral
from waziterm.domain.screen import Place
from waziterm.tui.commands.keys import KEYS, Key
from waziterm.tui.instance.qrcells import Drawing

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "waziterm" / "locale"

Text = str | tuple[str, str]
"""A text, or its forms for one and for many."""


@cache
def texts() -> dict[Text, list[str]]:
    """The files in which each text stands."""
    found: dict[Text, list[str]] = {}
    for place, text in (*_marked(), *_tables(), *_phrases()):
        if text and place not in found.setdefault(text, []):
            found[text].append(place)
    return found


def template() -> Catalog:
    """All texts, without a translation."""
    catalog = Catalog(project="waziterm")
    for text, places in texts().items():
        catalog.add(text, locations=[(place, 0) for place in places])
    return catalog


def _marked() -> Iterator[tuple[str, Text]]:
    """What the modules of the screen and of the scan page mark as a text, in the order in which it
    stands there."""
    marking = ((ROOT / "waziterm" / each).rglob("*.py") for each in ("gateway/web", "tui"))
    for path in sorted(path for each in marking for path in each):
        place = str(path.relative_to(ROOT))
        calls = [each for each in ast.walk(_tree(path)) if isinstance(each, ast.Call)]
        for call in sorted(calls, key=lambda each: (each.lineno, each.col_offset)):
            match call:
                case ast.Call(
                    func=ast.Name(id="trn"),
                    args=[ast.Constant(value=str(one)), ast.Constant(value=str(many)), *_],
                ):
                    yield place, (one, many)
                case ast.Call(
                    func=ast.Name(id="tr" | "N_"), args=[ast.Constant(value=str(text)), *_]
                ):
                    yield place, text


def has_words(template: str) -> bool:
    """Whether a template has anything to translate, besides its places and commands."""
    return re.search("[A-Za-z]", re.sub(r"`[^`]*`|\{\w*\}", "", template)) is not None


def phrases() -> Iterator[tuple[str, ast.Call, list[str]]]:
    """Every phrase that any module makes: its place, the call, and the templates that it may have,
    as far as constants and their tables tell them."""
    trees = {str(path.relative_to(ROOT)): _tree(path) for path in (ROOT / "waziterm").rglob("*.py")}
    constants = {place: _assigned(tree) for place, tree in trees.items()}
    for place, tree in sorted(trees.items()):
        held = dict(constants[place])
        for each in tree.body:
            if isinstance(each, ast.ImportFrom) and each.module is not None:
                there = constants.get(f"{each.module.replace('.', '/')}.py", {})
                names = {alias.name for alias in each.names}
                held |= {name: value for name, value in there.items() if name in names}
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id="Phrase"), args=[template, *_]):
                    yield place, node, list(_constants(template, held))


def _phrases() -> Iterator[tuple[str, str]]:
    for place, _, templates in phrases():
        yield from ((place, text) for text in templates if has_words(text))


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """What a module assigns to names of its own, for good."""
    return {
        each.targets[0].id: each.value
        for each in tree.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
    }


def _constants(node: ast.expr, held: dict[str, ast.expr]) -> Iterator[str]:
    """The texts that an expression may be, as far as constants say. held: those of its module."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) if name in held:
            yield from _constants(held[name], held)
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_constants(body, held), *_constants(orelse, held))
        case ast.BoolOp(values=values) | ast.Dict(values=values):
            for value in values:
                yield from _constants(value, held)
        case ast.Subscript(value=table):
            yield from _constants(table, held)
        case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_, *instead]):
            for each in (table, *instead):
                yield from _constants(each, held)


def _tables() -> Iterator[tuple[str, str]]:
    """The closed sets that the screen shows by their own words."""
    for key in KEYS:
        yield _home(Key), key.label
        yield _home(Key), key.about
    yield from ((_home(Place), place.value) for place in Place)
    yield from ((_home(State), state.label) for state in State)
    yield from ((_home(Wanted), wanted.value) for wanted in Wanted)
    for reason in Reason:
        yield _home(Reason), reason.sentence
        yield _home(Reason), reason.next_step
    yield from ((_home(Severity), severity.value) for severity in Severity)
    yield from ((_home(LayerName), name.value) for name in LayerName)
    yield from ((_home(Drawing), drawing.value) for drawing in Drawing)
    yield from ((_home(done_about), told) for told in TEMPLATES)
    yield from ((_home(Words), told) for told in TEMPLATES_OF_ALERTS)
    yield from ((_home(as_phrase), template) for template in TEMPLATES_OF_DETAILS)
    yield _home(check_name), ALLOWED
    yield _home(numeral), FRACTION
    yield from ((_home(weekday), name) for name in (*WEEKDAYS, *MONTHS))


def _home(thing: type | Callable[..., object]) -> str:
    """The file in which a class or a function stands."""
    return f"{thing.__module__.replace('.', '/')}.py"


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
