"""Instances survive a restart whole, and each change leaves its transition."""

import asyncio
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.files import contents, query
from waziterm.domain.lifecycle.instance import Configured, Instance, PairingCode, QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.store.remembered import Transition
from waziterm.store.store import open_store

MOMENT = st.floats(0.0, 253_402_300_799.0)
"""Between 1970 and the year 10000: a row with any other is damaged (F38)."""
COUNT = st.integers(0, 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.from_regex(r"[a-z0-9][a-z0-9_-]{0,39}", fullmatch=True),
    "created_at": MOMENT,
    "phone": st.none() | TEXT,
    "proxy": st.none() | TEXT,
    "jid": st.none() | TEXT,
    "lid": st.none() | TEXT,
    "wanted": st.sampled_from(Wanted),
    "state": st.sampled_from(State),
    "reason": st.sampled_from(list(Reason)),
    "detail": TEXT,
    "since": MOMENT,
    "due": st.none() | MOMENT,
    "connected_at": st.none() | MOMENT,
    "attempt": COUNT,
    "cooldown_until": st.none() | MOMENT,
    "banned_until": st.none() | MOMENT,
    "hold": st.none() | st.sampled_from(list(Reason)),
    "guarded_at": st.none() | MOMENT,
    "conflicts": st.lists(MOMENT).map(tuple),
    "crashes": st.lists(MOMENT).map(tuple),
    "refusals": st.lists(MOMENT).map(tuple),
    "store_faults": st.lists(MOMENT).map(tuple),
    "short_lived": COUNT,
    "probe_misses": COUNT,
    "redialling": st.booleans(),
    "no_new_chats_until": st.none() | MOMENT,
    "trouble": st.none() | st.sampled_from(list(Reason)),
    "trouble_detail": TEXT,
    "trouble_at": st.none() | MOMENT,
    "down_since": st.none() | MOMENT,
    "phone_seen_at": st.none() | MOMENT,
    "imported_from": TEXT,
    "imported_at": st.none() | MOMENT,
    "untried": st.booleans(),
    "note": TEXT,
    "tags": st.lists(TEXT).map(tuple),
    "device_name": st.none() | TEXT,
    "former_jid": st.none() | TEXT,
    "isolate": st.none() | st.booleans(),
    "receipts": st.none() | st.booleans(),
    "configured": st.just(Configured()),
    "qr": st.none() | st.just(QrCode("2@a-secret", 1, 6, 20.0)),
    "id": st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    "code": st.none() | st.just(PairingCode("ABCD-1234", 20.0)),
}
INSTANCES = st.builds(Instance, **VALUES)
UNIQUE = (lambda pair: pair[0].name, lambda pair: pair[0].id)


def test_the_strategy_knows_every_field() -> None:
    assert set(VALUES) == {field.name for field in fields(Instance)}


@settings(max_examples=40)
@given(st.lists(st.tuples(INSTANCES, INSTANCES), max_size=6, unique_by=UNIQUE))
def test_every_field_but_the_qr_code_comes_back(pairs: list[tuple[Instance, Instance]]) -> None:
    async def check(path: Path) -> None:
        async with open_store(path) as store:
            for first, _ in pairs:
                await store.save(first, event=None, at=1.0)
        async with open_store(path) as store:
            firsts = tuple(replace(first, qr=None, code=None) for first, _ in pairs)
            assert await store.instances() == firsts
            changed = [replace(second, name=first.name, id=first.id) for first, second in pairs]
            for instance in reversed(changed):
                await store.save(instance, event=None, at=2.0)
            seconds = tuple(replace(each, qr=None, code=None) for each in changed)
            assert await store.instances() == seconds

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(check(Path(directory) / "waziterm.db"))


async def test_a_transition_is_recorded_when_there_is_something_to_tell(tmp_path: Path) -> None:
    new = Instance("shop", 1.0, id="shop")
    online = replace(new, state=State.CONNECTED, reason=Reason.ONLINE)
    conflict = replace(online, state=State.COOLDOWN, reason=Reason.CONFLICT, detail="pid 7")
    async with open_store(tmp_path / "waziterm.db") as store:
        await store.save(new, event=None, at=1.0)
        await store.save(replace(new, attempt=2), event=None, at=2.0)
        await store.save(online, event="Connected", at=3.0)
        await store.save(online, event="ProbeAnswered", at=4.0)
        await store.save(conflict, event="StreamReplaced", at=5.0)
        await store.save(replace(conflict, detail="pid 8"), event=None, at=6.0)
        told = await store.transitions("shop")
    assert told == (
        Transition(1.0, "shop", None, State.STOPPED, Reason.NEW, "", "", "", "shop"),
        Transition(
            3.0, "shop", State.STOPPED, State.CONNECTED, Reason.ONLINE, "", "", "Connected", "shop"
        ),
        Transition(
            4.0,
            "shop",
            State.CONNECTED,
            State.CONNECTED,
            Reason.ONLINE,
            "",
            "",
            "ProbeAnswered",
            "shop",
        ),
        Transition(
            5.0,
            "shop",
            State.CONNECTED,
            State.COOLDOWN,
            Reason.CONFLICT,
            "440",
            "pid 7",
            "StreamReplaced",
            "shop",
        ),
        Transition(
            6.0, "shop", State.COOLDOWN, State.COOLDOWN, Reason.CONFLICT, "440", "pid 8", "", "shop"
        ),
    )


async def test_transitions_are_found_by_name_time_and_number(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        for at in range(1, 7):
            name = "even" if at % 2 == 0 else "odd"
            await store.save(Instance(name, 1.0, id=name), event=f"e{at}", at=float(at))
        assert [each.event for each in await store.transitions("even")] == ["e2", "e4", "e6"]
        assert [each.event for each in await store.transitions("odd", 3.0)] == ["e3", "e5"]
        assert [each.event for each in await store.transitions(None, 0.0, 2)] == ["e5", "e6"]


async def test_a_removed_instance_is_gone_and_its_history_is_not(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        for name in ("first", "second", "third"):
            await store.save(Instance(name, 1.0, id=name), event=None, at=1.0)
        await store.remove("second")
        await store.remove("never-there")
        assert [each.name for each in await store.instances()] == ["first", "third"]
        assert len(await store.transitions("second")) == 1


async def test_no_byte_of_a_qr_code_reaches_the_disk(tmp_path: Path) -> None:
    payload = "2@" + "QrSecret" * 20
    instance = Instance(
        "shop",
        1.0,
        id="shop",
        state=State.PAIRING,
        reason=Reason.QR_SHOWN,
        qr=QrCode(payload, 1, 6, 30.0),
    )
    async with open_store(tmp_path / "waziterm.db") as store:
        await store.save(instance, event="QrShown", at=1.0)
        await store.flush()
        held = contents(tmp_path)
    held["after closing"] = (tmp_path / "waziterm.db").read_bytes()
    assert any(b"qr_shown" in data for data in held.values())
    assert not [name for name, data in held.items() if b"QrSecret" in data]


async def test_text_that_is_not_unicode_is_stored_with_question_marks(tmp_path: Path) -> None:
    async with open_store(tmp_path / "waziterm.db") as store:
        await store.save(
            Instance("shop", 1.0, id="shop", detail="bad \udcff name"), event=None, at=1.0
        )
        assert (await store.instances())[0].detail == "bad ? name"


@pytest.mark.parametrize("column", ["state", "reason", "wanted", "hold", "trouble"])
async def test_f38_an_unknown_word_is_one_damaged_row(tmp_path: Path, column: str) -> None:
    path = tmp_path / "waziterm.db"
    async with open_store(path) as store:
        await store.save(Instance("shop", 1.0, id="shop"), event=None, at=1.0)
        await store.save(Instance("well", 1.0, id="well"), event=None, at=1.0)
    query(path, f"UPDATE instances SET {column} = 'entangled' WHERE name = 'shop'")
    async with open_store(path) as store:
        shop, well = await store.instances()
        assert well == Instance("well", 1.0, id="well")
        assert (shop.name, shop.state) == ("shop", State.STOPPED) and column in shop.detail
        assert shop.wanted is (Wanted.RUNNING if column == "trouble" else Wanted.STOPPED)
        assert await store.damaged_rows() == {"shop": column}
