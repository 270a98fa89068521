"""The verbs of messages out on a manager's own queue, and on its file when no manager runs."""

import asyncio

import pytest

from tests.manager.hosting import Host
from tests.manager.world import BEGIN
from waziterm.config import load_settings
from waziterm.domain.care.findings import FindingKind
from waziterm.domain.errors import InstanceNotFoundError
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.messages.message import MessageState, MessageView
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode, Resolution
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.fleet import StoredFleet

TEXT = "Your order is ready"
JID = "6281234567890:1@s.whatsapp.net"
TO = "+62 811 2345 6789"


def opened(host: Host) -> None:
    """A fleet of one that is linked and stopped: it takes messages, and none of them leaves."""
    stopped = Instance(
        "shop", BEGIN, since=BEGIN, jid=JID, state=State.STOPPED, wanted=Wanted.STOPPED
    )
    host.prepare(stopped)
    host.open()


def sent(host: Host) -> MessageView:
    return host.world.run(host.fleet.send_message("shop", TO, TEXT))


def test_a_message_waits_is_counted_read_and_taken_back(host: Host) -> None:
    opened(host)
    assert host.view("shop").messages is None
    assert host.world.run(host.fleet.messages()) == ()
    assert not (host.root / "messages.db").exists(), "nobody sends anything here"
    taken = sent(host)
    assert (taken.instance, taken.state, taken.code) == ("shop", MessageState.QUEUED, "stopped")
    assert "2345" not in taken.to and taken.to.endswith("6789")
    host.world.pass_time(1.0)
    counts = host.view("shop").messages
    assert counts is not None and (counts.queued, counts.waits_for) == (1, "stopped")
    assert host.world.run(host.fleet.messages("shop")) == (taken,)
    assert host.world.run(host.fleet.messages(state=MessageState.SENT)) == ()
    text = host.world.run(host.fleet.message_text(taken.id))
    assert (text.instance, text.text) == ("shop", TEXT)
    gone = host.world.run(host.fleet.cancel_message(taken.id))
    assert (gone.state, gone.waits_for_person) == (MessageState.CANCELLED, False)
    host.world.pass_time(1.0)
    counts = host.view("shop").messages
    assert counts is not None and counts.queued == 0
    assert host.world.run(host.fleet.opt_outs()) == ()


def test_what_nothing_has_is_wrong_usage(host: Host) -> None:
    opened(host)
    fleet, taken = host.fleet, sent(host)
    for asked, refusal, code in (
        (fleet.cancel_message("msg_x"), RefusalCode.MESSAGE_NOT_FOUND, 2),
        (fleet.messages(before="msg_x"), RefusalCode.MESSAGE_NOT_FOUND, 2),
        (fleet.message_text("msg_x"), RefusalCode.MESSAGE_NOT_FOUND, 2),
        (fleet.remove_opt_out("x"), RefusalCode.OPT_OUT_NOT_FOUND, 2),
        (fleet.send_message("shop", TO, ""), RefusalCode.WRONG_CONTENT, 2),
        (fleet.send_message("shop", "status@broadcast", TEXT), RefusalCode.WRONG_RECIPIENT, 2),
        (fleet.resolve_message(taken.id, Resolution.CLOSE), RefusalCode.TOO_LATE, 1),
    ):
        with pytest.raises(MessageRefusedError) as refused:
            host.world.run(asked)
        assert (refused.value.refusal, refused.value.code) == (refusal, code)
        assert TEXT not in str(refused.value)


def test_check_names_a_queue_that_waits_for_over_half_of_its_time(host: Host) -> None:
    opened(host)
    sent(host)
    kinds = {each.kind for each in host.world.run(host.fleet.check())}
    assert FindingKind.MESSAGES_LATE not in kinds
    host.world.pass_time(13 * 3600.0)
    (late,) = [
        each
        for each in host.world.run(host.fleet.check())
        if each.kind is FindingKind.MESSAGES_LATE
    ]
    assert late.instance == "shop" and "waziterm messages shop" in late.act


def test_without_a_manager_the_file_tells_them_and_no_text_is_elsewhere(host: Host) -> None:
    opened(host)
    taken = sent(host)
    host.close()
    files = StoredFleet(DataDir(host.root), load_settings)
    (found,) = asyncio.run(files.messages("shop"))
    assert (found.id, found.instance, found.to) == (taken.id, "shop", taken.to)
    assert asyncio.run(files.messages(state=MessageState.UNKNOWN)) == ()
    assert asyncio.run(files.opt_outs("shop")) == ()
    assert asyncio.run(files.messages(before=taken.id)) == ()
    with pytest.raises(MessageRefusedError, match="there is no message msg_x"):
        asyncio.run(files.messages(before="msg_x"))
    with pytest.raises(InstanceNotFoundError):
        asyncio.run(files.messages("nobody"))
    for each in host.root.rglob("*"):
        if each.is_file() and not each.name.startswith("messages.db"):
            assert TEXT.encode() not in each.read_bytes(), each.name
