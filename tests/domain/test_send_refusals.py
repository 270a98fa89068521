"""Refused messages, and the lock on new chats."""

from dataclasses import replace

import pytest

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.actions import StopWorker
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.rules import decide
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.send_refusals import send_refusal

NOW = 1_700_000_000.0
ONLINE = Instance(
    "shop", 0.0, jid="6281234567890:1@s.whatsapp.net", state=State.CONNECTED, reason=Reason.ONLINE,
    since=NOW, connected_at=NOW,
)  # fmt: skip


def after(instance: Instance, event: ev.Event) -> Instance:
    return decide(instance, event, NOW, 0.5, Limits()).instance


@pytest.mark.parametrize(
    ("until", "kept"), [(NOW + 60, NOW + 60), (NOW, None), (NOW - 60, None), (None, None)]
)
def test_a_lock_on_new_chats_changes_nothing_but_itself(
    until: float | None, kept: float | None
) -> None:
    before = replace(ONLINE, no_new_chats_until=NOW + 7)
    decision = decide(before, ev.NewChatsBarred(until), NOW, 0.5, Limits())
    assert decision.instance == replace(before, no_new_chats_until=kept)
    assert not decision.actions


@pytest.mark.parametrize("event", [ev.LoggedOut(False, 401), ev.CleanAsked()])
def test_it_belongs_to_the_account(event: ev.Event) -> None:
    locked = replace(ONLINE, no_new_chats_until=NOW + 60)
    assert after(locked, event).no_new_chats_until is None


@pytest.mark.parametrize(
    "event",
    [ev.StopAsked(), ev.Booted(), ev.Disconnected(), ev.StreamReplaced(), ev.WorkerDied("x")],
)
def test_it_outlives_the_connection(event: ev.Event) -> None:
    locked = replace(ONLINE, no_new_chats_until=NOW + 60)
    assert after(locked, event).no_new_chats_until == NOW + 60


def test_it_ends_by_itself_at_its_moment_on_whatsapps_clock() -> None:
    locked = replace(ONLINE, no_new_chats_until=NOW + 60)
    assert locked.shifted(3600).no_new_chats_until == NOW + 60
    view = InstanceView(
        "shop", State.CONNECTED, Reason.ONLINE, "", "", Wanted.RUNNING, True, None, NOW,
        no_new_chats_until=NOW + 60,
    )  # fmt: skip
    assert view.new_chats_barred(NOW + 59) == NOW + 60
    assert view.new_chats_barred(NOW + 60) is None


@pytest.mark.parametrize(
    ("code", "until", "said", "next_step"),
    [
        (463, NOW, "start new chats (463) until 2023-11-14 22:13 UTC", "where a chat exists"),
        (463, None, "start a chat with that contact (463); it told no end", "wait a day"),
        (479, NOW, "as it was made (479)", "check the number"),
        (429, None, "no more messages of this number for now (429)", "wait an hour"),
        (400, None, "refused the message (400)", "nothing is sent again"),
    ],
)
def test_every_refusal_says_what_it_means_and_what_helps(
    code: int, until: float | None, said: str, next_step: str
) -> None:
    refusal = send_refusal(code, until)
    assert said in refusal.said and next_step in refusal.next_step
    assert "reconnect" not in refusal.next_step


def test_an_unanswered_message_ends_the_librarys_own_redial_too() -> None:
    """It would send that message once more, of which nobody knows whether it has arrived."""
    dropped = after(replace(ONLINE, connected_at=NOW - 600), ev.Disconnected())
    assert dropped.redialling
    decision = decide(dropped, ev.SendUnanswered(90.0), NOW, 0.5, Limits())
    assert decision.instance.reason is Reason.SEND_UNANSWERED
    assert not decision.instance.redialling and StopWorker() in decision.actions
