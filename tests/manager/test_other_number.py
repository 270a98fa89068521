"""F21: a code that another phone than the expected one has scanned."""

import pytest

from tests.manager.hosting import Host
from tests.manager.test_supervising import worker_of
from waziterm.domain.fleet.api import Notice
from waziterm.domain.jid import same_number
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.states import State
from waziterm.tui.text import words


def linked(host: Host, number: str) -> list[Notice]:
    """Add an instance for a number and let one scan its code; the notices that came of it."""
    notices: list[Notice] = []

    async def watch() -> None:
        async with host.fleet.subscribe() as changes:
            while True:
                notices.extend((await changes.next()).notices)

    host.open()
    watching = host.world.task(watch())
    host.world.task(host.fleet.add("shop", "+628123456789"))
    host.world.settle()
    worker = worker_of(host, "shop")
    jid = f"{number}:1@s.whatsapp.net"
    worker.say(ev.QrShown("2@secret", 1, 6, 60.0))
    worker.say(ev.PairSucceeded(jid, "1@lid", "android"))
    host.world.settle()
    told = list(notices)
    worker.say(ev.Connected(jid))
    host.world.settle()
    watching.cancel()
    return told


def test_f21_a_scan_by_another_number_is_told_at_once_with_its_undo(host: Host) -> None:
    (told,) = linked(host, "628999888777")
    view = host.view("shop")
    said = f"linked {view.other_number} instead of {view.phone}"
    assert "•" in view.other_number
    assert told.text == f"{said}; `waziterm clean shop --logout` unlinks it"
    assert view.state is State.CONNECTED, "nothing is done by itself"
    moves = host.world.run(host.fleet.timeline("shop"))
    assert said in [moved.detail for moved in moves]
    findings = host.world.run(host.fleet.check())
    (found,) = [each for each in findings if each.kind == "other_number"]
    assert found.evidence == said
    host.close()
    host.open()
    assert host.view("shop").other_number == view.other_number


def test_f21_numbers_that_look_the_same_masked_are_told_apart(host: Host) -> None:
    (told,) = linked(host, "628129996789")
    view = host.view("shop")
    assert view.other_number == view.phone
    said = f"linked another number than the one named, which looks the same masked: {view.phone}"
    assert told.text == f"{said}; `waziterm clean shop --logout` unlinks it"
    (found,) = [each for each in host.world.run(host.fleet.check()) if each.kind == "other_number"]
    assert found.evidence == said
    assert words.other_number(view) == told.text


def test_f21_the_number_that_was_named_is_nothing_to_tell(host: Host) -> None:
    assert linked(host, "628123456789") == []
    assert host.view("shop").other_number == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+5215512345678", "525512345678", True),
        ("+5491123456789", "541123456789", True),
        ("+5511987654321", "551187654321", True),
        ("+628123456789", "628123456788", False),
        ("+5215512345678", "525512345679", False),
    ],
)
def test_f21_a_number_written_in_two_ways_is_one(one: str, other: str, same: bool) -> None:
    assert same_number(one, other) is same and same_number(other, one) is same
