"""What a database of ours is: by what it is known, how its schema came to be, how it is used."""

from collections.abc import Sequence

from waziterm.domain.frozen import dataclass

Migration = Sequence[str]


@dataclass(frozen=True, slots=True)
class Schema:
    """application_id: marks a file as this one. migrations: numbered steps from an empty file;
    `PRAGMA user_version` counts those taken. growing: the tables that grow with the past, without
    which its user could live; a start does not look them through. pragmas: what each connection
    sets first."""

    application_id: int
    migrations: Sequence[Migration]
    growing: frozenset[str] = frozenset()
    pragmas: Sequence[str] = ()
