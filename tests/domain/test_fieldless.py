"""Dataclasses without fields behave as those that the decorator makes."""

import dataclasses
import pickle

import pytest

from waziterm.domain import codec
from waziterm.domain.fieldless import Fieldless
from waziterm.domain.lifecycle import actions, events
from waziterm.worker import protocol
from waziterm.worker.neonize import phrases

MODULES = (actions, events, phrases, protocol)
CLASSES = [each for each in Fieldless.__subclasses__() if each.__module__.startswith("waziterm.")]


def test_it_is_a_value_of_its_class_alone() -> None:
    assert events.StartAsked() == events.StartAsked()
    other: object = events.StopAsked()
    assert events.StartAsked() != other
    assert hash(events.StartAsked()) == hash(events.StartAsked())
    assert repr(events.StartAsked()) == "StartAsked()"
    assert pickle.loads(pickle.dumps(events.StartAsked())) == events.StartAsked()
    assert dataclasses.replace(events.StartAsked()) == events.StartAsked()


def test_the_codec_knows_it() -> None:
    hint = events.StartAsked | events.StopAsked
    assert codec.encode(hint, events.StopAsked()) == {"kind": "stop_asked"}
    assert codec.decode(hint, {"kind": "stop_asked"}) == events.StopAsked()


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_it_has_no_field_and_takes_none(cls: type[Fieldless]) -> None:
    assert "__slots__" in vars(cls), f"{cls.__name__} lacks `__slots__ = ()`"
    assert not vars(cls).get("__annotations__"), f"{cls.__name__} has a field: it needs @dataclass"
    with pytest.raises(AttributeError):
        cls().anything = 1  # type: ignore[attr-defined]


def test_no_class_pays_for_a_decorator_that_gives_it_nothing() -> None:
    made = [each for module in MODULES for each in vars(module).values() if isinstance(each, type)]
    empty = [each for each in made if dataclasses.is_dataclass(each) and not _fields(each)]
    assert all(issubclass(each, Fieldless) for each in empty)


def _fields(cls: type) -> bool:
    return bool(dataclasses.fields(cls))
