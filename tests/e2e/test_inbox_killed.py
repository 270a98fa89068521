"""Messages in while workers are killed: what a sender has a receipt for is told, or is named."""

import asyncio
import json
import os
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError

from tests.fleets import in_state, pair, shown
from tests.hostile import Message as Hostile
from tests.hostile import Strangers, keep_busy
from tests.programs import packing
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind, LabEvent
from waziterm.lab.messages import text_body
from waziterm.lab.protobufs import protobufs
from waziterm.manager.manager import SessionManager, open_manager

CUSTOMERS = tuple(f"62899900{number:04}" for number in range(8))
AT_ONCE = 25
SHORT = {
    "WAZITERM_LIMITS__BACKOFF_FIRST_S": "0.5",
    "WAZITERM_LIMITS__BACKOFF_CAP_S": "1",
    "WAZITERM_LIMITS__CRASH_BUDGET": "100",
}
SETTLED_S = 300.0
_FOR_PROGRAMS = {
    "protocolMessage",
    "senderKeyDistributionMessage",
    "messageContextInfo",
}


@asynccontextmanager
async def fleet_on(lab: Lab, folder: Path) -> AsyncIterator[SessionManager]:
    settings = load_settings(data_dir=folder / "data", environ=SHORT | packing())
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(folder / "data", settings, file) as fleet:
        yield fleet


def is_for_programs(body: bytes) -> bool:
    """Whether a message says nothing to people: keys or settings alone."""
    message: Any = protobufs().e2e.Message()
    try:
        message.ParseFromString(body)
    except DecodeError:
        return False
    fields = {field.name for field, _ in message.ListFields()}
    if not fields or not fields <= _FOR_PROGRAMS:
        return False
    return message.protocolMessage.type not in (0, 14) or not message.HasField("protocolMessage")


class Campaign:
    """One shop, and people who write to it. count: how many messages."""

    def __init__(self, fleet: SessionManager, lab: Lab, jid: str, count: int) -> None:
        self._fleet, self._lab, self._jid, self._count = fleet, lab, jid, count
        self._strangers = Strangers(18)
        self._chance = random.Random(18)
        self.sent: dict[str, bytes] = {}
        self.odd = 0
        self._written = asyncio.Condition()

    async def write(self) -> None:
        """Send all of them, one in three hostile, some at once."""
        async with asyncio.TaskGroup() as tasks:
            for first in range(AT_ONCE):
                tasks.create_task(self._write(range(first, self._count, AT_ONCE)))

    async def _write(self, numbers: range) -> None:
        for number in numbers:
            body, sender = text_body(f"message {number}"), self._chance.choice(CUSTOMERS)
            while self._chance.random() < 0.33:
                made = self._strangers.next()
                if isinstance(made, Hostile):
                    body, sender = made.body, made.number
                    self.odd += 1
                    break
            self.sent[await self._lab.send_message(self._jid, body, sender)] = body
            async with self._written:
                self._written.notify_all()

    async def kill(self, times: int) -> None:
        """Kill the worker so often while messages come."""
        for time in range(1, times + 1):
            view = await in_state(self._fleet, "shop", State.CONNECTED, 120)
            due = self._count * time // (times + 1) + self._chance.randrange(20)
            async with self._written:
                await self._written.wait_for(lambda: len(self.sent) >= due)  # noqa: B023
            pid = self._fleet.view("shop").pid or view.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await shown(self._fleet, "shop", lambda view: view.pid != pid, 120)  # noqa: B023

    async def settled(self) -> dict[str, str]:
        """By its id, how each message was taken, once all are that will be."""
        await in_state(self._fleet, "shop", State.CONNECTED, 120)
        async with asyncio.timeout(SETTLED_S):
            while True:
                position = self._lab.position
                taken = await self._lab.receipted(self._jid)
                if len(taken) >= len(self.sent):
                    return taken
                await self._lab.wait_event(_is_receipt, SETTLED_S, position=position)


def _is_receipt(event: LabEvent) -> bool:
    return event.kind is EventKind.RECEIPTED


def told(root: Path) -> list[tuple[int, str, dict[str, Any]]]:
    """The events of the one instance: number, type, data."""
    with closing(sqlite3.connect(root / "messages.db")) as db:
        rows = db.execute("SELECT seq, type, body FROM events ORDER BY seq").fetchall()
    return [(seq, kind, json.loads(data)) for seq, kind, data in rows if "message" in kind]


async def campaign(lab: Lab, folder: Path, count: int, kills: int) -> None:
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        run = Campaign(fleet, lab, phone.jid, count)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run.write())
            tasks.create_task(run.kill(kills))
        taken = await run.settled()
    assert not list((folder / "data" / "inbox").glob("*.journal*"))
    events = told(folder / "data")
    received = Counter(data["id"] for _, kind, data in events if kind == "message.received")
    losses = [data for _, kind, data in events if kind == "message.lost"]
    lost, whys = {data["id"] for data in losses}, Counter(data["why"] for data in losses)
    quiet = {each for each, body in run.sent.items() if is_for_programs(body)}
    receipted = [each for each, how in taken.items() if how != "refused"]
    named = received.keys() | lost | quiet
    unnamed = [each for each in receipted if each not in named]
    print(
        f"{len(run.sent)} sent, {run.odd} odd, {len(taken)} receipted ({Counter(taken.values())}),"
        f" {len(received)} told, {len(quiet)} for programs, lost by name {dict(whys)},"
        f" {kills} kills, {len(unnamed)} unnamed losses"
    )
    assert received.keys() | lost <= run.sent.keys()
    assert set(received.values()) == {1}, "told twice"
    assert not received.keys() & {data["id"] for data in losses if data["why"] == "old_counter"}
    assert len(unnamed) <= max(1, kills / 5), unnamed


async def test_a_killed_worker(lab: Lab, folder: Path) -> None:
    await campaign(lab, folder, 120, 1)


@pytest.mark.soak
async def test_ten_thousand_messages_and_twenty_kills(lab: Lab, folder: Path) -> None:
    await campaign(lab, folder, 10_000, 20)


@pytest.mark.parametrize("stops", [True, False])
async def test_what_is_ended_has_told_all_that_has_a_receipt(
    lab: Lab, folder: Path, stops: bool
) -> None:
    """The library sends the receipt before it tells."""
    async with fleet_on(lab, folder) as fleet:
        phone = await pair(fleet, lab, "shop")
        sent = await keep_busy(lab, phone.jid, CUSTOMERS[0], SETTLED_S)
        if stops:
            await fleet.stop("shop")
    assert [data["id"] for _, _, data in told(folder / "data")] == sent
