"""What `domain.frozen.dataclass` makes is, in all that is used of it, what the library's makes."""

import ast
import copy
import dataclasses
import inspect
import math
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import waziterm
from waziterm.domain import frozen

MAKERS = (dataclasses.dataclass, frozen.dataclass)
Make = Callable[..., Callable[[type], Any]]


def made(make: Make) -> tuple[Any, Any, Any]:
    """The same three classes by one decorator."""

    @make(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: float = 0.5
        names: list[str] = dataclasses.field(default_factory=list)
        secret: str = dataclasses.field(default="s", repr=False)
        noted: str = dataclasses.field(default="", compare=False)
        where: str = dataclasses.field(default="here", init=False)
        id: str = dataclasses.field(default_factory=lambda: "new", kw_only=True)

        @property
        def twice(self) -> int:
            return 2 * self.x

    @make(frozen=True, slots=True)
    class Named(Point):
        """One more field, and a check."""

        name: str = "n"

        def __post_init__(self) -> None:
            if not self.name:
                raise ValueError("no name")

    @make(frozen=True, slots=True, repr=False)
    class Own:
        """Methods of its own."""

        value: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "own"

    return Point, Named, Own


THEIRS, OURS = (made(make) for make in MAKERS)


@dataclasses.dataclass(frozen=True)
class _Seen:
    """What a call led to."""

    value: Any
    error: type | None = None


def seen(act: Callable[[], Any]) -> _Seen:
    try:
        return _Seen(act())
    except Exception as error:  # noqa: BLE001 - it is compared
        return _Seen(None, type(error))


values = st.integers(-2, 2)
keywords = st.fixed_dictionaries(
    {},
    optional={
        "x": values,
        "y": st.sampled_from([0.5, 1.0, math.nan]),
        "names": st.lists(st.sampled_from("ab"), max_size=2),
        "secret": st.sampled_from("st"),
        "noted": st.sampled_from("no"),
        "id": st.sampled_from("ij"),
        "name": st.sampled_from(["", "m"]),
        "where": st.just("there"),
        "unknown": st.just(1),
    },
)


@given(st.lists(values, max_size=7), keywords, st.booleans())
def test_calls_and_what_is_shown_are_the_same(
    given_: list[int], named: dict[str, Any], derived: bool
) -> None:
    theirs, ours = (seen(partial(each[derived], *given_, **named)) for each in (THEIRS, OURS))
    assert theirs.error is ours.error
    if theirs.error is None:
        assert repr(ours.value) == repr(theirs.value)
        assert dataclasses.asdict(ours.value).keys() == dataclasses.asdict(theirs.value).keys()


@given(keywords, keywords)
def test_two_are_equal_where_theirs_are(one: dict[str, Any], two: dict[str, Any]) -> None:
    found = []
    for point, _, _ in (THEIRS, OURS):
        built = [seen(partial(point, **({"x": 0} | named))) for named in (one, two)]
        if any(each.error for each in built):
            return
        first, second = (each.value for each in built)
        found.append((first == second, first != second, first == 0))
    assert found[0] == found[1]


@pytest.mark.parametrize(("point", "named", "own"), [THEIRS, OURS], ids=["theirs", "ours"])
def test_what_one_does(point: Any, named: Any, own: Any) -> None:
    one = point(1, id="i")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.x
    with pytest.raises((AttributeError, TypeError)):
        one.other = 2
    assert not hasattr(one, "__dict__")
    assert dataclasses.replace(one, x=3) == point(3, id="i") and one.twice == 2
    assert point(1, id="i").names is not point(1, id="i").names
    assert copy.copy(one) == copy.deepcopy(one) == one and copy.deepcopy(one).names is not one.names
    assert [each.name for each in dataclasses.fields(named)] == [
        *("x", "y", "names", "secret", "noted", "where", "id", "name")
    ]
    assert point.__match_args__ == ("x", "y", "names", "secret", "noted")
    match one:
        case point(x, y):
            assert (x, y) == (1, 0.5)
    with pytest.raises(ValueError, match="no name"):
        named(1, name="")
    with pytest.raises(TypeError, match="Point"):
        point()
    assert named(1) != point(1)
    assert own(1) == own(2) and hash(own(1)) == 7 and repr(own(1)) == "own"
    with pytest.raises(TypeError):
        hash(one)
    hints = get_type_hints(point.__init__)
    assert hints["x"] is int and hints["return"] is type(None)
    told = inspect.signature(point).parameters
    assert list(told) == ["x", "y", "names", "secret", "noted", "id"]
    assert told["y"].default == 0.5 and told["id"].kind is inspect.Parameter.KEYWORD_ONLY


@frozen.dataclass(frozen=True, slots=True)
class Sent:
    """One that can be found by its name, so that it can be pickled."""

    to: str
    at: float


def test_one_survives_a_pickle_and_is_hashed_by_its_values() -> None:
    one = Sent("a", 1.0)
    assert pickle.loads(pickle.dumps(one)) == one
    assert len({one, Sent("a", 1.0), Sent("b", 1.0)}) == 2


def test_every_frozen_one_with_slots_is_made_so() -> None:
    """Where a module has others too, the library's decorator makes all of them."""
    root = Path(waziterm.__file__).parent
    left = []
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        kinds = {
            ast.unparse(decorator)
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for decorator in node.decorator_list
            if ast.unparse(decorator).startswith("dataclass")
        }
        are_ours = [each for each in kinds if "frozen=True" in each and "slots=True" in each]
        takes = any(
            isinstance(node, ast.ImportFrom) and node.module == "waziterm.domain.frozen"
            for node in tree.body
        )
        if are_ours and len(are_ours) == len(kinds) and not takes:
            left.append(str(path.relative_to(root)))
    assert not left, f"take `dataclass` from waziterm.domain.frozen: {left}"
