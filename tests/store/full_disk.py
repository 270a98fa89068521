"""A program for the tests: meets a disk that takes nothing more, then one that does again.

The limit on the size of files stands for the disk: SQLite gets a short write, then an error.
"""

import asyncio
import json
import logging
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.lifecycle.instance import Instance
from waziterm.store.errors import StoreError
from waziterm.store.store import open_store


class Told(logging.Handler):
    """Sets an event when the store logs something."""

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()
        self.event.set()


def limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def main(path: Path) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    told = Told()
    logging.getLogger("waziterm.store").addHandler(told)
    async with open_store(path) as store:
        instance = Instance("shop", 1.0, id="shop", detail="x" * 3000)
        await store.save(instance, event="turn 0", at=0.0)
        limit(path.with_name(path.name + "-wal").stat().st_size + 300_000)
        turn = 0
        try:
            while True:
                changed = replace(instance, attempt=turn + 1)
                await store.save(changed, event=f"turn {turn + 1}", at=turn + 1.0)
                turn += 1
        except StoreError as error:
            seen["save"] = [str(error), error.hint, error.code]
        seen["turns"] = turn
        seen["attempt"] = (await store.instances())[0].attempt
        seen["transitions"] = len(await store.transitions("shop"))

        for seq in range(1, 101):
            store.add_line("shop", LogLine(seq, 1.0, Source.WORKER, "y" * 500))
        async with asyncio.timeout(20):
            await told.event.wait()
        seen["logged"] = told.text
        try:
            await store.flush()
        except StoreError as error:
            seen["flush"] = str(error)
        seen["shown"] = len(await store.lines("shop", limit=1000))

        limit(resource.RLIM_INFINITY)
        await store.save(replace(instance, attempt=1000), event="again", at=1000.0)
        seen["after"] = (await store.instances())[0].attempt
    return seen


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
