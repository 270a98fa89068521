"""Which name an instance may be given: the rules of `rename`, and of whatever brings one back."""

from collections.abc import Collection, Mapping, Sequence

from waziterm.domain.errors import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain


@dataclass(frozen=True, slots=True)
class Taken:
    """What names are in use for. instances: those that there are. aliases: by each name that one
    had before, its id. trashed: by the id of a trash entry that can be restored, the name that it
    has and the id of the instance that it was, None when that is not known. strays: what the
    session files of no instance have before `.db`."""

    instances: Sequence[Instance]
    aliases: Mapping[str, str]
    trashed: Mapping[str, tuple[str, str | None]]
    strays: Collection[str]


def refuse_alias(name: str, instances: Sequence[Instance], aliases: Mapping[str, str]) -> None:
    """Raises FleetError when a new instance cannot have this name, because another one had it."""
    holder = current_name(name, instances, aliases)
    if holder is not None:
        raise FleetError(
            Phrase(
                "{name} is the name that {holder} had before, and still leads to it",
                name=name,
                holder=holder,
            ),
            Phrase(
                "choose another name; `waziterm rename {holder} {name}` gives it back",
                holder=holder,
                name=name,
            ),
        )


def current_name(
    name: str, instances: Sequence[Instance], aliases: Mapping[str, str]
) -> str | None:
    """How the instance is called now that had this name before; None when nobody had it."""
    identity = aliases.get(name)
    return next((each.name for each in instances if each.id == identity), None)


def former_names(instances: Sequence[Instance], aliases: Mapping[str, str]) -> dict[str, str]:
    """By each name that an instance had before, the one that it has."""
    if not aliases:
        return {}
    names = {each.id: each.name for each in instances}
    return {name: names[identity] for name, identity in aliases.items() if identity in names}


def names_of(instance: Instance, aliases: Mapping[str, str]) -> tuple[str, ...]:
    """The name of an instance, then those that it had before, in the order of `aliases`."""
    former = (name for name, identity in aliases.items() if identity == instance.id)
    return (instance.name, *former)


def refuse_rename(instance: Instance, new: str, taken: Taken, *, take: bool) -> None:
    """Raises FleetError when an instance cannot be given a name. take: it may have been another's
    before."""
    if new == instance.name:
        raise FleetError(Phrase("{new} has this name already", new=new), code=2)
    if any(each.name == new for each in taken.instances):
        raise FleetError(Phrase("{new} exists already", new=new), Phrase("choose another name"))
    holder = current_name(new, taken.instances, taken.aliases)
    if holder is not None and taken.aliases[new] != instance.id and not take:
        raise FleetError(
            Phrase(
                "{new} is the name that {holder} had before, and still leads to it",
                new=new,
                holder=holder,
            ),
            Phrase(
                "choose another name; with --take it leads to {name} from now on, and to {holder}"
                " no more",
                name=instance.name,
                holder=holder,
            ),
        )
    ids = {each.id for each in taken.instances}
    for entry, (name, identity) in taken.trashed.items():
        if name == new and identity not in ids:
            raise FleetError(
                Phrase(
                    "the trash holds a session of another {new} ({entry}), which comes back under"
                    " that name",
                    new=new,
                    entry=plain(entry, 80),
                ),
                Phrase(
                    "choose another name, or `waziterm restore {entry}` first",
                    entry=plain(entry, 80),
                ),
            )
    if new in taken.strays:
        raise FleetError(
            Phrase(
                "a session file of no instance is called {new}.db: it would become the one"
                " of {new}",
                new=new,
            ),
            Phrase("choose another name; see `waziterm check`"),
        )
