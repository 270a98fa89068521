"""Asking the operator before something is done."""

import sys
from collections.abc import Sequence

from waziterm.cli.show import output
from waziterm.domain.errors import FleetError

_NAMED = 5
"""So many are named where nobody can be asked."""


def confirm(said: str, question: str, names: Sequence[str], yes: bool) -> None:
    """Say what would happen and ask. names: whom it would meet. yes: nobody is asked. Raises
    FleetError unless the operator agrees: code 1, and 2 where there is no terminal to ask on."""
    if not yes and typed(said, f"{question} [y/N] ", names).lower() not in ("y", "yes"):
        raise FleetError("nothing was changed")


def typed(said: str, question: str, names: Sequence[str]) -> str:
    """What the operator answers on the terminal. names: whom it would meet, if anybody. Raises
    FleetError, which counts and names them, where there is no terminal."""
    if not sys.stdin.isatty():
        raise FleetError(
            "this verb asks, and there is no terminal to ask on"
            + (f"; it would meet {_some_of(names)}" if names else ""),
            "add --yes",
            code=2,
        )
    output.remark(said)
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _some_of(names: Sequence[str]) -> str:
    """How many they are, the first of them by name."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{output.counted(len(names), 'instance')}: {', '.join(names[:_NAMED])}{more}"
