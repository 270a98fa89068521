"""Frozen classes of ours behave as those that the standard library makes."""

import ast
import copy
import dataclasses
import inspect
import pickle
from dataclasses import FrozenInstanceError, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from waziterm.domain.frozen import dataclass

T = TypeVar("T")
ROOT = Path(__file__).parents[2] / "waziterm"


@dataclass(frozen=True, slots=True)
class Ours:
    """With all that a field of ours may be."""

    name: str
    at: float = 1.5
    seen: dict[str, int] = field(default_factory=dict)
    secret: str = field(default="s3cret", repr=False)
    origin: str = field(default="", compare=False)
    place: str = field(default="here", init=False)
    id: str = field(default="1", kw_only=True)
    count: ClassVar[int] = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    """With all that a field of ours may be."""

    name: str
    at: float = 1.5
    seen: dict[str, int] = field(default_factory=dict)
    secret: str = field(default="s3cret", repr=False)
    origin: str = field(default="", compare=False)
    place: str = field(default="here", init=False)
    id: str = field(default="1", kw_only=True)
    count: ClassVar[int] = 0


@dataclass(frozen=True, slots=True)
class More(Ours, Generic[T]):
    """One that inherits, and has a say in how it is made and shown."""

    more: tuple[T, ...] = ()

    def __post_init__(self) -> None:
        if "x" in self.more:
            raise ValueError("x is none of them")

    def __repr__(self) -> str:
        return "more"


@dataclass(frozen=True, slots=True)
class Hidden:
    """One that equals each other, and shows nothing."""

    text: str = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, repr=False)
class Silent:
    """One whose fields nobody may see."""

    key: bytes


BOTH: tuple[Any, Any] = (Ours, Theirs)


def test_it_has_the_same_fields_and_members() -> None:
    def told(cls: Any) -> list[tuple[object, ...]]:
        return [
            (each.name, each.type, each.default, each.init, each.repr, each.compare, each.kw_only)
            for each in dataclasses.fields(cls)
        ]

    assert told(Ours) == told(Theirs)
    assert Ours.__match_args__ == Theirs.__match_args__
    assert Ours.__slots__ == Theirs.__slots__
    ours, theirs = (inspect.signature(cls).parameters for cls in BOTH)
    assert [(each.name, each.kind, each.annotation) for each in ours.values()] == [
        (each.name, each.kind, each.annotation) for each in theirs.values()
    ]


@pytest.mark.parametrize("cls", BOTH)
def test_it_takes_the_same(cls: Any) -> None:
    one = cls("a")
    assert dataclasses.asdict(one) == {
        **{"name": "a", "at": 1.5, "seen": {}, "secret": "s3cret"},
        **{"origin": "", "place": "here", "id": "1"},
    }
    assert (
        repr(one) == f"{cls.__name__}(name='a', at=1.5, seen={{}}, origin='', place='here', id='1')"
    )
    assert cls("a").seen is not one.seen
    assert (cls("a", 2.0, {"b": 1}, id="2").id, dataclasses.replace(one, at=3.0).at) == ("2", 3.0)
    wrong_ones: tuple[tuple[object, ...], ...] = ((), ("a", 1.0, {}, "", "", "there"))
    for wrong in wrong_ones:
        with pytest.raises(TypeError):
            cls(*wrong)
    with pytest.raises(TypeError):
        cls("a", place="there")


@pytest.mark.parametrize("cls", BOTH)
def test_it_is_a_value(cls: Any) -> None:
    one = cls("a")
    assert one == cls("a", origin="elsewhere")
    assert one != cls("b")
    assert one.__eq__("a") is NotImplemented
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == copy.copy(one) == one
    simple = cls("a", seen=())
    assert hash(simple) == hash(cls("a", seen=(), origin="elsewhere"))
    assert len({simple, cls("a", seen=()), cls("b", seen=())}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


@pytest.mark.parametrize("cls", BOTH)
def test_nobody_changes_it(cls: Any) -> None:
    one = cls("a")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        one.name = "b"
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'name'"):
        del one.name
    # The standard library's stumbles over its own check.
    with pytest.raises((AttributeError, TypeError)):
        one.other = 1
    assert not hasattr(one, "__dict__")


def test_one_that_inherits_has_all_fields_and_its_own_say() -> None:
    one = More[str]("a", more=("b",))
    assert (one.name, one.more, repr(one)) == ("a", ("b",), "more")
    assert one != More[str]("a")
    other: object = Ours("a")
    assert More[str]("a") != other
    with pytest.raises(ValueError, match="x is none"):
        More("a", more=("x",))


def test_what_is_not_shown_is_not_shown() -> None:
    assert repr(Hidden("secret")) == "Hidden()"
    assert Hidden("a") == Hidden("b")
    assert "secret" not in repr(Silent(b"secret"))


def test_what_is_not_frozen_is_the_standard_library_s() -> None:
    @dataclass(slots=True)
    class Open:
        count: int = 0

    one = Open()
    one.count += 1
    assert one == Open(1)


def test_the_program_s_own_are_made_by_it() -> None:
    """But for the lab, which no start of the monitor loads, and the base of the fieldless ones."""
    slow = [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.rglob("*.py"))
        if path.parent.name != "lab" and path.name not in ("frozen.py", "fieldless.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
        if "dataclass" in (each.name for each in node.names)
    ]
    assert not slow, "take it from waziterm.domain.frozen"
