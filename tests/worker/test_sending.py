"""What a sent text carries, from a worker of either origin."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.worker.conftest import Linked
from tests.worker.hand import NAME, Hand, forked, spawned
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.manager.workers.zygote_line import Zygote
from waziterm.worker.protocol import Connect

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def from_a_zygote(ca_file: str) -> AsyncIterator[Hand]:
    zygote = Zygote(ca_file)
    try:
        async with forked(zygote) as hand:
            yield hand
    finally:
        await zygote.close()


@pytest.mark.parametrize("start", [spawned, from_a_zygote], ids=["spawned", "forked"])
async def test_no_text_carries_the_mark_of_a_bot(
    linked: Linked,
    monkeypatch: pytest.MonkeyPatch,
    start: Callable[[str], AbstractAsyncContextManager[Hand]],
) -> None:
    """`<bot biz_bot="1"/>` is what whatsmeow adds to each text unless its environment says no."""
    monkeypatch.setenv("NEONIZE_BOT_TAG", "on")
    file = LabFile.parse(linked.lab.file.read_text())
    async with start(file.ca_file) as hand:
        command = Connect(
            NAME, str(linked.session), linked.phone.jid, file.proxy, file.noise_root_key
        )
        await hand.tell(command)
        await hand.wait_for(ev.Connected)
        sent = await hand.text_id("hello")
        nth = 1
        while (received := await linked.lab.wait_message(linked.phone.jid, 10, nth=nth)).id != sent:
            nth += 1
        assert received.nodes and "bot" not in received.nodes, received.nodes
