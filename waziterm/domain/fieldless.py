"""The base of dataclasses without fields: of events and actions that say all by their type."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fieldless:
    """A value that is equal to each other of its class. A subclass needs no decorator, which would
    take 0.3 ms of each start, only `__slots__ = ()`."""

    __slots__ = ()
