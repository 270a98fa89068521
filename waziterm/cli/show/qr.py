"""The QR code of an instance, drawn in the terminal or printed as a JSON document."""

import shutil
from pathlib import Path

from waziterm.cli.show import output
from waziterm.cli.target import client_of, data_dir_of
from waziterm.cli.verbs.pairing import await_first_code
from waziterm.domain.errors import FleetError
from waziterm.manager import inputs
from waziterm.tui.instance.qrcells import Drawing, Size, draw, modules, size
from waziterm.tui.text.format import countdown

# 256-colour black on white: themes redefine the sixteen basic colours, never these.
_INK = "\x1b[38;5;16;48;5;231m"
_RESET = "\x1b[0m"


def show_qr(flag: Path | None, as_json: bool, name: str) -> int:
    """Print the code that is valid now; wait for the first one of an instance that starts."""
    name = inputs.instance_name(name)
    client = client_of(data_dir_of(flag))
    await_first_code(client, name)
    code = client.ask(lambda fleet: fleet.snapshot().qr(name))
    if as_json:
        output.document(code)
        return 0
    space = Size(*shutil.get_terminal_size((160, 50)))
    for row in painted(code["payload"], space):
        output.line(row)
    left = countdown(code["seconds_left"])
    output.line(f"{name}: code {code['index']} of {code['count']}, {left} left")
    return 0


def painted(payload: str, space: Size) -> list[str]:
    """The code as rows of coloured cells, as large as the space allows, never too small to scan.

    space: the terminal's columns and rows; one row stays free for words.
    Raises FleetError when no drawing fits.
    """
    matrix = modules(payload)
    free = Size(space.columns, space.rows - 1)
    for drawing in (Drawing.HALF, Drawing.SEXTANT):
        if size(matrix, drawing).fits(free):
            return [f"{_INK}{row}{_RESET}" for row in draw(matrix, drawing)]
    needed = size(matrix, Drawing.SEXTANT)
    raise FleetError(
        f"the QR code needs {needed.columns}×{needed.rows + 1} cells, "
        f"this terminal has {space.columns}×{space.rows}",
        "enlarge it, or take the text with --json",
    )
