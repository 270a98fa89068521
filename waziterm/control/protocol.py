"""Which language the control socket speaks, and the refusal of whoever speaks another one."""

from typing import Any

from waziterm import __version__
from waziterm.domain.errors import FleetError
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain

PROTOCOL = 4
"""Raised with every change of requests, answers or frames that the other side does not understand.
A manager that names none counts as 0."""


class OtherProtocolError(FleetError):
    """The manager speaks another protocol: a program of another version started it.

    runs: that version, inert. told: what the error says.
    """

    def __init__(self, runs: str, hint: str) -> None:
        self.told = Phrase("the service runs {version}: restart it", version=runs)
        super().__init__(self.told, hint, code=3)


def hello(pid: int) -> dict[str, Any]:
    """Who answers: the body of `GET /v1` and of the stream's first event."""
    return {"version": __version__, "protocol": PROTOCOL, "pid": pid}


def refuse_other(told: dict[str, Any]) -> None:
    """Raise OtherProtocolError unless the manager that said this hello speaks our protocol, and
    FleetError when it is no hello."""
    if not isinstance(told.get("version"), str):
        raise FleetError("the manager's answer has another shape", "is it another version?")
    spoken = told.get("protocol", 0)
    if spoken == PROTOCOL:
        return
    runs = plain(told["version"], 40)
    act = "stop it and start it again"
    if isinstance(spoken, int) and spoken > PROTOCOL:
        act += ", or call the newer program that it runs"
    raise OtherProtocolError(
        runs,
        f"it speaks protocol {plain(str(spoken), 20)}, this waziterm ({__version__}) {PROTOCOL};"
        f" {act} (pid {plain(str(told.get('pid', 'unknown')), 20)})",
    )
