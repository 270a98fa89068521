"""The conflicts of a history, however its changes follow each other."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from waziterm.domain.lifecycle.event_names import NAMING, EventName, tells_of_a_conflict
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.history.conflicts import conflicts_in
from waziterm.store.remembered import Transition
from waziterm.store.store import open_store

EVENTS = (*NAMING, EventName.STREAM_REPLACED, EventName.CONNECTED, EventName.DUE)
STATES = (State.COOLDOWN, State.HELD, State.CONNECTING, State.CONNECTED, State.STOPPED)
REASONS = (Reason.CONFLICT, Reason.RIVAL, Reason.ONLINE, Reason.RETRY)


def walked(changes: Sequence[Transition]) -> list[tuple[float, str, State, str]]:
    """What one change after the other tells: when, of whom, to what it led, and who it was."""
    found: list[tuple[float, str, State, str]] = []
    current: dict[str, int] = {}
    for change in changes:
        who = change.detail if change.event in NAMING else ""
        number = current.get(change.instance)
        if number is not None and change.event in NAMING:
            at, name, _, before = found[number]
            found[number] = at, name, change.to_state, who or before
        elif tells_of_a_conflict(change.event, change.reason):
            current[change.instance] = len(found)
            found.append((change.at, change.instance, change.to_state, who))
        elif change.to_state not in (State.COOLDOWN, State.HELD):
            current.pop(change.instance, None)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_conflict_goes_on_until_its_instance_leaves_it(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "waziterm.db"

    async def run() -> None:
        async with open_store(path) as store:
            for name in "abc":
                born = Instance(name, created_at=1.0, since=1.0, id=name)
                await store.save(born, event=None, at=1.0)
        with closing(sqlite3.connect(path)) as db, db:
            for at in range(2, 1500):
                db.execute(
                    "INSERT INTO transitions (instance, at, to_state, reason, code, detail, event)"
                    " VALUES (?, ?, ?, ?, '', ?, ?)",
                    (
                        *(chance.choice("abc"), float(at), chance.choice(STATES).value),
                        *(chance.choice(REASONS).slug, chance.choice(("", f"bot {at}"))),
                        chance.choice(EVENTS),
                    ),
                )
            db.execute("UPDATE transitions SET to_state = 'no state' WHERE id % 50 = 0")
        async with open_store(path) as store:
            for since in (0.0, 700.5):
                changes = await store.transitions(since=since, limit=10_000)
                told = await conflicts_in(store, since)
                assert [(each.at, each.instance, each.state, each.who) for each in told] == walked(
                    changes
                )
                assert len(told) > 100

    asyncio.run(run())
