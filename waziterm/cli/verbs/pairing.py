"""The verb pair-code, and the wait for the first code of an instance that starts."""

import sys
import time
from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.target import ask, client_of, data_dir_of
from waziterm.control.client.call import ControlClient
from waziterm.domain.lifecycle.states import State
from waziterm.domain.text import plain
from waziterm.manager import inputs
from waziterm.tui.text.format import countdown

Json = dict[str, Any]

WAIT_S = 20.0
_PAUSE_S = 0.2
_HOW = "Settings → Linked devices → Link a device → Link with phone number instead"


def pair_code(flag: Path | None, as_json: bool, name: str, phone: str | None) -> int:
    """Print a code that links the instance when it is typed on the phone; see
    `domain.fleet.protocol.Fleet.pairing_code`."""
    name = inputs.instance_name(name)
    number = None if phone is None else inputs.phone_number(phone)
    data = data_dir_of(flag)
    await_first_code(client_of(data), name)
    code = ask(data, lambda fleet: fleet.pairing_code(name, number))
    if as_json:
        output.document(code)
    else:
        output.line(plain(code["code"], 20))
        output.line(f"{name}: {countdown(code['seconds_left'])} left; on the phone: {_HOW}")
    return 0


def await_first_code(client: ControlClient, name: str) -> None:
    """Wait until an instance that is starting shows its first QR code, or will show none; at most
    WAIT_S seconds. Raises FleetError."""
    deadline = time.monotonic() + WAIT_S
    told = False
    while True:
        found = client.ask(lambda fleet: fleet.snapshot().instance(name))
        if found["qr"] is not None or not _may_come(found) or time.monotonic() >= deadline:
            return
        if not told and sys.stderr.isatty():
            output.remark(f"{name}: waiting for its first code")
            told = True
        time.sleep(_PAUSE_S)


def _may_come(found: Json) -> bool:
    return not found["paired"] and found["state"] in (State.CONNECTING, State.PAIRING)
