"""Asking the operator before something is done."""

import sys

from waziterm.cli.show import output
from waziterm.domain.errors import FleetError


def confirm(said: str, question: str, yes: bool) -> None:
    """Say what would happen and ask. yes: nobody is asked. Raises FleetError unless the operator
    agrees: code 1, and 2 where there is no terminal to ask on."""
    if not yes and typed(said, f"{question} [y/N] ").lower() not in ("y", "yes"):
        raise FleetError("nothing was changed")


def typed(said: str, question: str) -> str:
    """What the operator answers on the terminal. Raises FleetError where there is none."""
    if not sys.stdin.isatty():
        raise FleetError("this verb asks, and there is no terminal to ask on", "add --yes", code=2)
    output.remark(said)
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
