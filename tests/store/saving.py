"""A program for the tests: saves without end, and says what was acknowledged."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.fleet.history import AttemptKind
from waziterm.domain.lifecycle.instance import Instance
from waziterm.store.records import Change
from waziterm.store.store import Store, open_store


async def save(store: Store, name: str) -> None:
    instance = Instance(name, 1.0, id=name)
    turn = 0
    while True:
        turn += 1
        changed = replace(instance, attempt=turn)
        await store.record(Change(changed, f"turn {turn}", turn, begins=AttemptKind.RETRY))
        print(name, turn, flush=True)
        store.add_line(name, LogLine(turn, turn, Source.MANAGER, f"turn {turn}"))


async def main() -> None:
    async with open_store(Path(sys.argv[1])) as store, asyncio.TaskGroup() as group:
        for name in ("a", "b", "c"):
            group.create_task(save(store, name))


if __name__ == "__main__":
    asyncio.run(main())
