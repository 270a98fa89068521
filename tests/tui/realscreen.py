"""Run as a program: the real screen on a scripted fleet, for tests in a real terminal.

A card for each, in the order in which they were added. Arguments: the fleet (every_state, crashing,
pairing, hostile, busy, or a number of connected instances), and the log file. `busy` writes log
lines without a pause, and counts the event loop's beats in the file LOG.beat.
WAZITERM_TEST_IGNORE_SIGHUP=1 keeps SIGHUP from arriving, WAZITERM_TEST_THEME is the theme. With
WAZITERM_TEST_ATTACHED=1 the fleet is taken for another process's, with WAZITERM_TEST_HEADLESS=1 for
one that goes on without a screen.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path

from tests.tui import scripted
from waziterm.domain.fleet.api import FleetError, FleetView, InstanceView
from waziterm.domain.screen import Density, Screen, Sort, Theme
from waziterm.tui.app.terminal import Headless, run_screen

BEAT_S = 0.05
DATA = Path("/srv/one data")


class CrashingFleet(scripted.ScriptedFleet):
    """`stop` breaks every subscription, as a bug in the screen's feed would."""

    async def stop(self, name: str) -> InstanceView:
        view = await super().stop(name)
        self.crash(RuntimeError("a bug for the test"))
        return view


class Unpaintable(scripted.ScriptedFleet):
    """Fails before anything of it is shown."""

    def snapshot(self) -> FleetView:
        raise RuntimeError("a bug for the test")


def fleet_of(kind: str) -> scripted.ScriptedFleet:
    now = time.time()
    match kind:
        case "every_state":
            return scripted.every_state(now)
        case "unpaintable":
            return Unpaintable(scripted.connected("shop", at=now))
        case "crashing":
            return CrashingFleet(scripted.connected("shop", at=now))
        case "pairing":
            return scripted.ScriptedFleet(scripted.pairing("shop", 600, at=now))
        case "hostile":
            return scripted.hostile(now)
        case "busy":
            return scripted.big(50, now)
    return scripted.big(int(kind), now)


async def beat(fleet: scripted.ScriptedFleet, file: int) -> None:
    """Change all panels, again and again, and say how often the loop came round."""
    for count in range(1_000_000):
        for name in fleet.views:
            fleet.log(name, f"{count} " + "x" * 60)
        os.pwrite(file, f"{count:>9}".encode(), 0)
        await asyncio.sleep(BEAT_S)


async def run(kind: str, log: Path | None) -> int:
    fleet = fleet_of(kind)
    # On a real screen time passes.
    fleet.now = time.time  # type: ignore[method-assign]
    theme = Theme(os.environ.get("WAZITERM_TEST_THEME", Theme.DARK))
    screen = Screen(theme, sort=Sort.FLEET, density=Density.CARDS)
    if kind != "busy" or log is None:
        attached = bool(os.environ.get("WAZITERM_TEST_ATTACHED"))
        headless = None
        if os.environ.get("WAZITERM_TEST_HEADLESS"):
            headless = Headless(DATA, DATA / "logs" / "waziterm.log")
        return await run_screen(fleet, screen=screen, attached=attached, headless=headless)
    file = os.open(f"{log}.beat", os.O_WRONLY | os.O_CREAT)
    beating = asyncio.create_task(beat(fleet, file))
    try:
        return await run_screen(fleet, screen=screen)
    finally:
        beating.cancel()
        os.close(file)


def main() -> int:
    log = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    logging.basicConfig(filename=log, level=logging.INFO)
    if os.environ.get("WAZITERM_TEST_IGNORE_SIGHUP"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        return asyncio.run(run(sys.argv[1], log))
    except FleetError as error:
        print(f"waziterm: {error}", file=sys.stderr)
        return error.code


if __name__ == "__main__":
    sys.exit(main())
