"""A program for the tests: a manager whose queue takes messages by lines on its standard input.

`send NUMBER` takes a message with a key of its own, so that whoever does not know whether it was
taken asks again; `status` tells how the fleet stands. It prints a line of JSON for each.
`python -m tests.e2e.queue_host DATA LAB_FILE ON_UNKNOWN`
"""

import asyncio
import json
import sys
from pathlib import Path

from waziterm.config import load_settings
from waziterm.domain.errors import FleetError
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.message import Content, MessageKind, NewMessage
from waziterm.domain.messages.queue import Once
from waziterm.manager.manager import SessionManager, open_manager

QUICK = {
    "WAZITERM_PACING__ENABLED": "false",
    "WAZITERM_LIMITS__BACKOFF_FIRST_S": "0.1",
    "WAZITERM_LIMITS__BACKOFF_CAP_S": "1",
    "WAZITERM_LIMITS__SHORT_LIVED_S": "0",
    "WAZITERM_LIMITS__CRASH_BUDGET": "100",
    "WAZITERM_LIMITS__CRASH_WINDOW_S": "1",
}


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def take(fleet: SessionManager, number: int, on_unknown: OnUnknown) -> None:
    """Take a message for one of the instances; it is told when that is on the disk."""
    names = [view.name for view in fleet.snapshot().instances]
    new = NewMessage(
        f"+6289990001{number % 7:02}",
        Content(MessageKind.TEXT, f"message {number}"),
        on_unknown=on_unknown,
    )
    once = Once("test", str(number), await fleet.queue.digest(b"%d" % number))
    try:
        view = await fleet.queue.accept(names[number % len(names)], new, once)
    except FleetError as error:
        tell(refused=number, why=str(error))
    else:
        tell(taken=number, id=view.id)


async def status(fleet: SessionManager) -> None:
    views = fleet.snapshot().instances
    counts = fleet.queue.counts().values()
    tell(
        connected=sum(view.state is State.CONNECTED for view in views),
        pids=sorted({view.pid for view in views if view.pid is not None}),
        queued=sum(each.queued for each in counts),
    )


async def main(data: Path, lab: Path, on_unknown: OnUnknown) -> None:
    settings = load_settings(data_dir=data, environ=QUICK)
    file = LabFile.parse(await asyncio.to_thread(lab.read_text))
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with open_manager(data, settings, file) as fleet:
        tell(begun=True)
        while line := (await reader.readline()).split():
            if line[0] == b"status":
                await status(fleet)
                continue
            await take(fleet, int(line[1]), on_unknown)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), OnUnknown(sys.argv[3])))
