"""`python -m waziterm.lab --dir DIR [--parent-fd FD]`: the local WhatsApp in a process of its own.

Prints one JSON line when it is ready, the lab file's path and content:
`{"file": PATH, "lab": {…}}`.
"""

import argparse
import asyncio
import json
import logging
import os
import re
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

from waziterm.domain.jid import mask_jid
from waziterm.domain.labfile import LabFile, LabFileError
from waziterm.lab.control import ControlError, control_socket
from waziterm.lab.events import LabEvent
from waziterm.lab.files import write_private
from waziterm.lab.server import Server

LAB_FILE = "lab.json"
SOCKET = "lab.sock"
LOG = "lab.log"

log = logging.getLogger("waziterm.lab")


def main() -> int:
    """Run the lab until SIGTERM, SIGINT, or the end of the parent; the exit code."""
    parser = argparse.ArgumentParser(prog="waziterm.lab", description="A local WhatsApp.")
    parser.add_argument("--dir", type=Path, required=True, help="keys, phones, socket, log")
    parser.add_argument("--parent-fd", type=int, help="the lab ends when this descriptor closes")
    args = parser.parse_args()
    directory: Path = args.dir.absolute()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A line that cannot be written is lost: nobody may read our stderr, and a full pipe blocks.
        logging.raiseExceptions = False
        logging.basicConfig(
            filename=directory / LOG, level=logging.INFO, format="%(asctime)s %(message)s"
        )
        asyncio.run(_run(directory, args.parent_fd))
    except (ControlError, OSError, ValueError) as error:
        sys.stderr.write(f"waziterm.lab: {error}\n")
        return 1
    return 0


async def _run(directory: Path, parent_fd: int | None) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    if parent_fd is not None:
        os.set_inheritable(parent_fd, False)
        loop.add_reader(parent_fd, over.set)
    server = Server(directory)
    server.events.listeners.add(_log_event)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(control_socket(server, directory / SOCKET))
        lab = await stack.enter_async_context(server.listening(_last_port(directory)))
        lab_file = directory / LAB_FILE
        write_private(lab_file, lab.dump())
        sys.stdout.write(json.dumps({"file": str(lab_file), "lab": asdict(lab)}) + "\n")
        sys.stdout.flush()
        await over.wait()


def _log_event(event: LabEvent) -> None:
    log.info(
        "%s %s connection %d %s", event.kind, mask_jid(event.jid), event.connection, event.detail
    )


def _last_port(directory: Path) -> int:
    """The port of the lab that was here before; 0 when there was none."""
    try:
        lab = LabFile.parse((directory / LAB_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, LabFileError):
        return 0
    match = re.search(r":(\d+)/?$", lab.proxy)
    return int(match[1]) if match else 0


if __name__ == "__main__":
    sys.exit(main())
