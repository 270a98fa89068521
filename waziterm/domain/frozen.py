"""`dataclass(frozen=True, slots=True)`, made in a fourth of the time.

Python 3.11's own compiles seven functions for each class, and a start needs 300 classes: that took
a fifth of the time to the first paint. Here it makes the fields, the slots and `__match_args__`
alone; of the rest only `__init__` is compiled, and the other methods are the same for all classes.
What the class itself defines stays. `dataclasses.fields`, `replace` and `asdict` take what it
makes as what the library's own decorator makes.
"""

import dataclasses
import sys
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

_set = object.__setattr__


def _frozen(cls: type, *, has_repr: bool) -> Any:
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    fields = dataclasses.fields(made)
    values = _values(tuple(each.name for each in fields if each.compare))

    def __eq__(self: Any, other: object) -> bool:
        if other is self:
            return True
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    def __hash__(self: Any) -> int:
        return hash(values(self))

    methods: dict[str, Callable[..., Any]] = {
        "__init__": _init_of(made),
        "__eq__": __eq__,
        "__hash__": __hash__,
        "__setattr__": _no_setattr,
        "__delattr__": _no_delattr,
        "__getstate__": _getstate,
        "__setstate__": _setstate,
    }
    if has_repr:
        methods["__repr__"] = _repr
    for name, method in methods.items():
        # A class that defines `__eq__` has `__hash__ = None`.
        if vars(made).get(name) is None:
            setattr(made, name, method)
    return made


def _values(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What tells two of a class apart. In a tuple, which compares a NaN by its identity."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _init_of(cls: Any) -> Callable[..., None]:
    """`__init__`, compiled: what it takes is checked by Python itself."""
    taken: list[str] = []
    by_key: list[str] = []
    body: list[str] = []
    given: dict[str, Any] = {"_set": _set, "_missing": dataclasses.MISSING}
    for each in dataclasses.fields(cls):
        name, value = each.name, each.name
        if each.default is not dataclasses.MISSING:
            given[f"_of_{name}"] = each.default
            default = f"=_of_{name}"
        elif each.default_factory is not dataclasses.MISSING:
            given[f"_of_{name}"] = each.default_factory
            default = "=_missing"
            value = f"_of_{name}() if {name} is _missing else {name}"
        else:
            default = ""
        if each.init:
            (by_key if each.kw_only else taken).append(name + default)
        elif default:
            value = f"_of_{name}" if default != "=_missing" else f"_of_{name}()"
        if each.init or default:
            body.append(f"  _set(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("  self.__post_init__()")
    head = ", ".join(("self", *taken, *(["*", *by_key] if by_key else [])))
    text = (
        f"def _make({', '.join(given)}):\n def __init__({head}):\n"
        + "\n".join(body or ["  pass"])
        + "\n return __init__"
    )
    found: dict[str, Any] = {}
    # With the globals of its module, where its annotations have their meaning.
    exec(text, vars(sys.modules[cls.__module__]), found)
    init: Callable[..., None] = found["_make"](**given)
    # An error of a call names it.
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    kept = {each.name: each.type for each in dataclasses.fields(cls) if each.init}
    init.__annotations__ = {**kept, "return": None}
    return init


def _repr(self: Any) -> str:
    told = (f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
    return f"{type(self).__qualname__}({', '.join(told)})"


def _no_setattr(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _no_delattr(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        _set(self, each.name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool, repr: bool = True) -> Callable[[type], type]:  # noqa: A002
        """As `dataclasses.dataclass`, of which nothing but this is taken over: both must be true.
        repr: whether it gets one."""
        assert frozen and slots
        return lambda cls: _frozen(cls, has_repr=repr)
