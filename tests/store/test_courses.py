"""What became of incidents is told from parts of the history, as all of it tells it."""

import asyncio
import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from waziterm.domain.incidents.outcome import closed_at, done_about
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.history import queries
from waziterm.manager.history.queries import incidents_in
from waziterm.store.store import Store, open_store

NAMES = ("a", "b", "c", "d")
STOOD = (
    *((State.RETRYING, Reason.DROPPED), (State.COOLDOWN, Reason.CONFLICT)),
    *((State.CONNECTING, Reason.RETRY), (State.CONNECTING, Reason.GUARDED)),
    *((State.CONNECTED, Reason.ONLINE), (State.STOPPED, Reason.BY_OPERATOR)),
    *((State.RETRYING, Reason.DIAL_FAILED), (State.HELD, Reason.RIVAL)),
)


async def lived(path: Path, chance: random.Random) -> None:
    """Instances that go from one state to the next, now and then several in the same second, and
    incidents that met some of them."""
    async with open_store(path) as store:
        for name in NAMES:
            born = Instance(name, created_at=1.0, since=1.0, id=name)
            await store.save(born, event=None, at=1.0)
    with closing(sqlite3.connect(path)) as db, db:
        at = 2.0
        for _ in range(800):
            at += chance.choice((0.0, 1.0, 30.0, 900.0))
            state, reason = chance.choice(STOOD)
            who = chance.choice(NAMES)
            db.execute(
                "INSERT INTO transitions (instance, at, to_state, reason, code, detail, event)"
                " VALUES (?, ?, ?, ?, '', '', 'Due')",
                (who, at, state.value, reason.slug),
            )
            if state in (State.RETRYING, State.COOLDOWN, State.HELD):
                met = {who, *chance.sample(NAMES, chance.choice((0, 0, 2)))}
                db.execute(
                    "INSERT INTO incidents (reason, began_at, last_at, instances, fleet, detail,"
                    " is_serious) VALUES (?, ?, ?, ?, 4, '', 1)",
                    (reason.slug, at, at + chance.choice((0, 0, 60, 4000)), json.dumps([*met])),
                )
        db.execute("UPDATE transitions SET to_state = 'no state' WHERE id % 40 = 0")


async def check(store: Store) -> int:
    """Each is told as the whole course of its instances tells it; how many there are."""
    whole = {each: await store.timeline(each, 0.0, 5000) for each in NAMES}
    standing = {each.id: each.reason for each in await store.instances()}
    told = await incidents_in(store, 0.0)
    for each in told:
        assert each.done == done_about(each, whole)
        assert each.closed_at == closed_at(each, whole, standing)
    return len(told)


@pytest.mark.parametrize("seed", range(6))
def test_what_became_of_an_incident_is_what_its_whole_history_tells(
    tmp_path: Path, seed: int
) -> None:
    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await lived(path, random.Random(seed))
        async with open_store(path) as store:
            assert await check(store) > 300

    asyncio.run(run())


def test_of_many_the_newest_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_LOOKED_THROUGH", 40)

    async def run() -> None:
        path = tmp_path / "waziterm.db"
        await lived(path, random.Random(1))
        async with open_store(path) as store:
            found = await incidents_in(store, 0.0)
            last, known = found[0], await store.courses(found[::-1], 40)
            assert last.id in known and len(known) < len(found) / 4
            assert [bool(each.done) for each in found if each.id not in known] == [False] * (
                len(found) - len(known)
            )

    asyncio.run(run())
