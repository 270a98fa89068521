"""`waziterm lab`: the local WhatsApp alone, until somebody ends it."""

import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from waziterm.cli.run.signals import ended_by_signals
from waziterm.cli.show import output
from waziterm.domain.fleet.api import FleetError
from waziterm.lab.client import Lab, run_lab
from waziterm.lab.words import LabError


def run_lab_alone(directory: Path | None) -> int:
    """Run a lab until SIGINT or SIGTERM; prints the path of its lab file.

    directory: where it keeps its keys, phones and linked devices; None takes a new directory,
    which is gone at the end. Raises FleetError when the lab does not start.
    """
    with ExitStack() as stack:
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wzlab-")))
        try:
            asyncio.run(_serve(directory))
        except LabError as error:
            raise FleetError(str(error)) from error
    return 0


async def _serve(directory: Path) -> None:
    with ended_by_signals() as ended:
        async with run_lab(directory) as lab:
            output.line(str(lab.file))
            sys.stdout.flush()
            output.remark(f"`waziterm --lab {lab.file}` connects to it; ctrl+c ends it")
            async with asyncio.TaskGroup() as tasks:
                gone = tasks.create_task(_until_gone(lab))
                asked = tasks.create_task(ended.wait())
                await asyncio.wait((gone, asked), return_when=asyncio.FIRST_COMPLETED)
                by_itself = gone.done() and not asked.done()
                gone.cancel()
                asked.cancel()
            if by_itself:
                raise FleetError("the lab has ended by itself", f"see {directory}/lab.log")


async def _until_gone(lab: Lab) -> None:
    async for _ in lab.events():
        pass
