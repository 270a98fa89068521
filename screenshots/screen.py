"""Run as a program: the real screen, attached to the staged fleet, by that fleet's clock.

Arguments: the fleet's control socket, and the file in which its clock stands. Machine and data
directory are those of the staged fleet too, whatever machine makes the pictures.
"""

import asyncio
import mmap
import struct
import sys
from pathlib import Path
from unittest.mock import patch

from waziterm.config import load_settings
from waziterm.control.client.remote import attached
from waziterm.tui.app.terminal import run_screen

HOST, DATA = "box-3", Path("/srv/wa")


async def main(socket: Path, clock: Path) -> int:
    """Show the fleet until somebody leaves."""
    with clock.open("rb") as file:
        told = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def elapsed() -> float:
        return float(struct.unpack("d", told[:8])[0])

    screen = load_settings().screen
    with (
        patch("waziterm.control.client.mirror.elapsed", elapsed),
        patch("socket.gethostname", lambda: HOST),
        # A cursor that blinks is there in one run and gone in the next.
        patch("textual.widgets.Input.cursor_blink", new=False),
        # Where time stands still the manager gives no sign of life.
        patch("waziterm.control.client.transport.SILENCE_S", 3600.0),
    ):
        async with attached(socket, lambda: 1) as fleet:
            return await run_screen(
                fleet,
                attached=True,
                screen=screen,
                data_dir=DATA,
                silent_since=lambda: fleet.silent_since,
            )


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]))))
