"""What differs between two readings of the settings, and when that applies."""

from collections.abc import Iterator

from waziterm.config.settings import Settings
from waziterm.config.tree import Declared, declared
from waziterm.domain.reload import Reloaded
from waziterm.domain.settings import Applies

_ABSENT = object()


def reloaded(started: Settings, running: Settings, fresh: Settings) -> Reloaded:
    """What a reload changes. started: the settings that the manager started with, running: those
    of the last reload."""
    now = dict(_differing(running, fresh))
    later = dict(_differing(started, fresh))
    return Reloaded(
        changed=_keys(now, Applies.RELOAD),
        needs_restart=_keys(later, Applies.START),
        next_screen=_keys(now, Applies.SCREEN),
    )


def _keys(differing: dict[str, Applies], applies: Applies) -> tuple[str, ...]:
    return tuple(key for key, each in differing.items() if each is applies)


def _differing(old: object, new: object, prefix: str = "") -> Iterator[tuple[str, Applies]]:
    """The dotted keys whose values differ in two tables of one class."""
    for name, each in declared(new).items():
        before, after = getattr(old, each.field), getattr(new, each.field)
        key = prefix + name
        if each.is_table:
            yield from _differing(before, after, f"{key}.")
        elif each.is_map:
            bases = [getattr(of, each.setting.inherits, None) for of in (old, new)]
            for inner in dict.fromkeys((*before, *after)):
                both = before.get(inner, _ABSENT), after.get(inner, _ABSENT)
                yield from _of_map(each.element, f"{key}.{inner}", both, bases)
        elif each.is_array:
            yield from _of_array(each, key, before, after)
        elif before != after:
            yield key, each.setting.applies


def _of_array(
    array: Declared, key: str, before: tuple[object, ...], after: tuple[object, ...]
) -> Iterator[tuple[str, Applies]]:
    """The same for an array of tables, in which each has its name."""
    old, new = ({getattr(each, array.setting.named): each for each in of} for of in (before, after))
    for name in dict.fromkeys((*old, *new)):
        if name in old and name in new:
            yield from _differing(old[name], new[name], f"{key}.{name}.")
        else:
            yield f"{key}.{name}", array.setting.applies


def _of_map(
    element: Declared, key: str, both: tuple[object, object], bases: list[object]
) -> Iterator[tuple[str, Applies]]:
    """The same for one element of a map. What it leaves out is told of where it is set."""
    if not element.is_table:
        if both[0] != both[1]:
            yield key, element.setting.applies
        return
    for name, each in declared(element.kind).items():
        inherited = [getattr(base, each.field, each.default) for base in bases]
        values = [getattr(of, each.field, base) for of, base in zip(both, inherited, strict=True)]
        if values[0] != values[1] and values != inherited:
            yield f"{key}.{name}", each.setting.applies
