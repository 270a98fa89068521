"""What the library tells and cannot be taken in, and a library that tells nothing any more."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.hostile import quoting
from tests.worker.conftest import Linked
from tests.worker.hand import Hand
from waziterm.domain.lifecycle import events as ev
from waziterm.worker.protocol import Lost

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEEPER_THAN_PROTOBUF = 120
"""Messages in each other that protobuf still reads are 100."""


@pytest_asyncio.fixture(loop_scope="module")
async def connected(linked: Linked) -> AsyncIterator[Hand]:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        yield hand


async def losses(hand: Hand, total: int) -> None:
    """Wait until so many are told as lost."""
    position = 0
    while (lost := await hand.wait_for(Lost, position)).total < total:
        position = hand.said.index(lost) + 1


async def test_an_event_that_cannot_be_mapped_is_counted_and_the_next_one_comes(
    linked: Linked, connected: Hand
) -> None:
    lab, jid = linked.lab, linked.phone.jid
    node: tuple[str, dict[str, str], Any] = ("x", {}, ())
    for _ in range(DEEPER_THAN_PROTOBUF):
        node = ("x", {}, [node])
    for _ in range(12):
        await lab.send_stanza(jid, "stream:error", {"code": "516"}, [node])
    await losses(connected, 12)
    said = [line for line in connected.lines if "was lost" in line]
    assert len(said) == 2 and "(StreamError, 10 so far): DecodeError" in said[1]
    await lab.send_stanza(jid, "stream:error", {"code": "517"})
    assert await connected.wait_for(ev.StreamError) == ev.StreamError("517", "")
    assert not any("Traceback" in line or "ctypes" in line for line in connected.lines)


async def test_a_message_that_cannot_be_read_is_counted_and_the_next_one_comes(
    linked: Linked, connected: Hand
) -> None:
    lab, jid = linked.lab, linked.phone.jid
    for _ in range(3):
        await lab.send_message(jid, quoting(40))
    await losses(connected, 3)
    assert "message received" not in connected.lines
    await lab.send_text(jid, "hello")
    await connected.wait_for_line("message received")
    assert [line for line in connected.lines if "was lost (Message)" in line]
    assert (await connected.probe()).error == ""
