"""Pairing with a code that is typed on the phone: the real library on a local WhatsApp."""

from pathlib import Path

import pytest

from tests.worker.conftest import Linked
from tests.worker.hand import NAME, Hand, connecting
from waziterm.domain.lifecycle import events as ev
from waziterm.lab.client import Lab
from waziterm.lab.words import LabError
from waziterm.manager.workers.process import Message
from waziterm.worker.protocol import Answered, PairByCode

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "6281234567890"


async def ask(hand: Hand, request: int) -> Answered:
    await hand.tell(PairByCode(NAME, request, NUMBER))
    return await hand.answer(request)


async def test_the_code_that_is_typed_on_the_phone_links_the_device(
    shared_lab: Lab, tmp_path: Path
) -> None:
    async with connecting(shared_lab, tmp_path / "session.db") as hand:
        await hand.wait_for(ev.QrShown)
        assert (await ask(hand, 101)).error == ""
        shown = await hand.wait_for(ev.CodeShown)
        kinds = [type(message) for message in hand.said]
        assert kinds.index(Answered) > hand.said.index(_report_of(hand, shown))
        assert 150 < shown.valid_s <= 160
        assert shown.code not in repr(shown) and NUMBER not in repr(PairByCode(NAME, 1, NUMBER))

        phone = await shared_lab.enter_code(shown.code, NUMBER)

        assert (await hand.wait_for(ev.PairSucceeded)).jid == phone.jid
        assert (await hand.wait_for(ev.Connected)).jid == phone.jid
        assert (await hand.probe()).error == ""
        said = "\n".join(hand.lines)
        for secret in (shown.code, shown.code.replace("-", ""), NUMBER):
            assert secret not in said


async def test_only_the_newest_code_counts(shared_lab: Lab, tmp_path: Path) -> None:
    async with connecting(shared_lab, tmp_path / "session.db") as hand:
        await hand.wait_for(ev.QrShown)
        await ask(hand, 101)
        await ask(hand, 102)
        older, newer = (event for event in hand.events if isinstance(event, ev.CodeShown))
        assert older.code != newer.code
        with pytest.raises(LabError, match="the pairing code is wrong"):
            await shared_lab.enter_code(older.code, NUMBER)
        phone = await shared_lab.enter_code(newer.code, NUMBER)
        assert (await hand.wait_for(ev.Connected)).jid == phone.jid


async def test_a_linked_device_makes_no_code(linked: Linked) -> None:
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        assert (await ask(hand, 101)).error == "no QR code is shown"
        assert (await hand.probe()).error == ""
        assert not [event for event in hand.events if isinstance(event, ev.CodeShown)]


def _report_of(hand: Hand, event: ev.WorkerEvent) -> Message:
    return next(message for message in hand.said if getattr(message, "event", None) is event)
