"""`waziterm demo`: the real program on a throw-away lab, with phones that scan and trouble."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from waziterm.cli.demo.plan import names, plan
from waziterm.cli.demo.play import Play, playing
from waziterm.cli.run.host import hosted, refuse_without_terminal
from waziterm.cli.run.log import program_log
from waziterm.cli.run.signals import ended_by_signals
from waziterm.cli.show import output
from waziterm.cli.show.tables import print_list
from waziterm.config import Settings, load_settings
from waziterm.domain.codec import document
from waziterm.domain.fleet.api import Fleet, FleetError, FleetView
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.screen import Lang
from waziterm.lab.client import Lab, run_lab
from waziterm.lab.words import LabError
from waziterm.manager.files.datadir import DataDir

if TYPE_CHECKING:
    from waziterm.cli.show.documents import DemoEnd

DEFAULT_S = 60.0


def run_demo(
    count: int, seed: int, seconds: float | None, as_json: bool, lang: Lang | None = None
) -> int:
    """The monitor on a throw-away fleet of `count` instances; its exit code.

    Raises FleetError (code 2) for options that need `--headless`, and without a terminal.
    """
    if seconds is not None or as_json:
        raise FleetError("--seconds and --json need --headless", "`waziterm demo --help`", code=2)
    refuse_without_terminal("`waziterm demo --headless` runs without one")

    screen = load_settings().screen.speaking(lang)

    async def show(directory: Path) -> int:
        from waziterm.tui.app.terminal import (  # noqa: PLC0415 - textual is the screen's
            Headless,
            run_screen,
        )

        data = _data_of(directory)

        async with (
            stage(directory) as (fleet, lab),
            playing(fleet, lab, names(count), plan(seed, count)),
        ):
            goes_on = Headless(data.root, data.log)
            return await run_screen(fleet, screen=screen, headless=goes_on)

    with _throw_away() as directory:
        return asyncio.run(show(directory))


def run_demo_headless(count: int, seed: int, seconds: float | None, as_json: bool) -> int:
    """The same fleet without a screen for some seconds (60 if None), or until SIGTERM or SIGINT.

    Prints the final states: `{ok, seconds, connected, expected, happened, instances}`, where
    happened is `[{at_s, turn, instance}]`. The exit code is 0 only when every instance that
    should be connected is.
    """
    with _throw_away() as directory:
        ended = asyncio.run(_watch(directory, count, seed, seconds or DEFAULT_S))
    if as_json:
        output.document(ended)
    else:
        print_list(ended["instances"])
        turns = len(ended["happened"])
        output.line(
            f"{ended['connected']} of {ended['expected']} connected after"
            f" {ended['seconds']:.0f} s and {turns} events"
        )
    return 0 if ended["ok"] else 1


async def _watch(directory: Path, count: int, seed: int, seconds: float) -> "DemoEnd":
    loop = asyncio.get_running_loop()
    with ended_by_signals() as ended:
        async with (
            stage(directory) as (fleet, lab),
            playing(fleet, lab, names(count), plan(seed, count, seconds)) as play,
        ):
            began = loop.time()
            try:
                async with asyncio.timeout(seconds):
                    await ended.wait()
            except TimeoutError:
                pass
            return report(fleet.snapshot(), play, count, loop.time() - began)


def report(view: FleetView, play: Play, count: int, seconds: float) -> "DemoEnd":
    """How a demo of `count` instances ended after some seconds; see `run_demo_headless`."""
    expected = [one for one in view.instances if one.wanted is Wanted.RUNNING]
    connected = [one for one in expected if one.state is State.CONNECTED]
    return {
        "ok": len(view.instances) == count and len(connected) == len(expected),
        "seconds": round(seconds, 1),
        "connected": len(connected),
        "expected": len(expected),
        "happened": [
            {"at_s": one.act.at_s, "turn": one.act.turn.value, "instance": one.instance}
            for one in play.happened
        ],
        "instances": document(FleetView, view, view.at)["instances"],
    }


@contextmanager
def _throw_away() -> Iterator[Path]:
    """A directory for a lab and a fleet, gone at the end; errors of the lab as FleetError."""
    with tempfile.TemporaryDirectory(prefix="waziterm-demo-") as name:
        try:
            yield Path(name)
        except LabError as error:
            raise FleetError(f"the demo's lab failed: {error}") from error


@asynccontextmanager
async def stage(directory: Path) -> AsyncIterator[tuple[Fleet, Lab]]:
    """A lab, and a manager that knows it, both in this directory."""
    data = _data_of(directory)
    data.create()
    settings = _settings(data, directory / "config.toml")
    with program_log(data.log):
        async with run_lab(directory / "lab") as lab:
            text = await asyncio.to_thread(lab.file.read_text, encoding="utf-8")
            async with hosted(data, settings, LabFile.parse(text)) as fleet:
                yield fleet, lab


def _data_of(directory: Path) -> DataDir:
    return DataDir(directory / "data")


def _settings(data: DataDir, file: Path) -> Settings:
    """The defaults: neither the operator's file nor the environment changes a demo."""
    file.touch()
    return load_settings(data_dir=data.root, environ={}, file=file)
