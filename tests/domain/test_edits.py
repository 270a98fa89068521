"""What a person sets of one instance: what it leads to, and what it never ends."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.domain.test_rules import LIMITS, online, paired, queues
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.actions import Dial
from waziterm.domain.lifecycle.instance import (
    DEVICE_NAME,
    Configured,
    Instance,
    OwnKey,
    OwnValue,
    QrCode,
)
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.rules import Decision, decide
from waziterm.domain.lifecycle.states import State
from waziterm.domain.names import check_tags

PROXY = "socks5://user:secret@proxy.example:1080"
NEW_WAY: dict[OwnKey, OwnValue] = {OwnKey.PROXY: PROXY}
NOW = 5000.0


def edit(instance: Instance, values: Mapping[OwnKey, OwnValue]) -> Decision:
    return decide(instance, ev.EditAsked(values), NOW, 0.0, LIMITS)


def dial_after(decision: Decision) -> Dial:
    dialling = decide(decision.instance, ev.Dialling(), NOW + 1.0, 0.0, LIMITS)
    [dial] = [each for each in dialling.actions if isinstance(each, Dial)]
    return dial


def test_a_note_and_tags_change_nothing_else() -> None:
    before = replace(online(), down_since=None)
    edited = edit(before, {OwnKey.NOTE: "paid until May", OwnKey.TAGS: ("vip",)})
    assert not edited.actions
    assert edited.instance == replace(before, note="paid until May", tags=("vip",))


@pytest.mark.parametrize("values", [NEW_WAY, {OwnKey.ISOLATE: True}])
def test_an_open_connection_is_made_anew_for_a_proxy_and_a_worker(
    values: dict[OwnKey, OwnValue],
) -> None:
    edited = edit(online(), values)
    assert queues(edited) and edited.instance.reason is Reason.EDITED
    dial = dial_after(edited)
    assert dial.shared is (OwnKey.ISOLATE not in values)
    assert dial.proxy == values.get(OwnKey.PROXY)
    assert not queues(edit(edited.instance, values)), "nothing is new"


@pytest.mark.parametrize(
    ("state", "reason", "barrier"),
    [
        (State.COOLDOWN, Reason.CONFLICT, {"cooldown_until": NOW + 9, "due": NOW + 9}),
        (State.HELD, Reason.RIVAL, {"hold": Reason.RIVAL}),
        (State.BANNED, Reason.TEMPORARY_BAN, {"banned_until": NOW + 99, "due": NOW + 99}),
        (State.OUTDATED, Reason.OUTDATED_CLIENT, {"hold": Reason.OUTDATED_CLIENT}),
        (State.STOPPED, Reason.BY_OPERATOR, {"cooldown_until": NOW + 9}),
        (State.LOGGED_OUT, Reason.UNLINKED, {}),
        (State.RETRYING, Reason.SHORT_LIVED, {"due": NOW + 60}),
        (State.RETRYING, Reason.LOGIN_REFUSED, {"due": NOW + 60}),
    ],
)
def test_nothing_that_an_edit_does_ends_a_barrier_or_shortens_a_wait(
    state: State, reason: Reason, barrier: dict[str, object]
) -> None:
    waits = paired(state=state, reason=reason, since=NOW - 1, trouble=reason, **barrier)
    edited = edit(waits, {**NEW_WAY, OwnKey.ISOLATE: True, OwnKey.DEVICE_NAME: "shop"})
    assert not edited.actions
    stands = ("state", "reason", "since", "due", "hold", "cooldown_until", "banned_until")
    for name in stands:
        assert getattr(edited.instance, name) == getattr(waits, name)


def test_who_waits_for_the_network_tries_the_new_way_now() -> None:
    waits = paired(state=State.RETRYING, reason=Reason.PROXY_FAILED, due=NOW + 60, attempt=7)
    edited = edit(waits, NEW_WAY)
    assert queues(edited) and edited.instance.attempt == 7, "the next wait is no shorter"
    assert not queues(edit(waits, {OwnKey.ISOLATE: True}))


@pytest.mark.parametrize(
    "reason", [Reason.GUARDED, Reason.TAKEOVER, Reason.PAIRED, Reason.AUTHENTICATED]
)
def test_an_attempt_that_is_made_once_is_not_made_twice(reason: Reason) -> None:
    tries = paired(state=State.CONNECTING, reason=reason, due=NOW + 60)
    refused = edit(tries, NEW_WAY)
    assert refused.refusal and refused.instance == tries
    assert edit(tries, {OwnKey.NOTE: "x"}).instance.note == "x"


def test_whose_turn_has_not_come_goes_by_the_new_values_when_it_has() -> None:
    queued = decide(paired(), ev.ReconnectAsked(True), NOW, 0.0, LIMITS).instance
    edited = edit(queued, NEW_WAY)
    assert not edited.actions and not edited.refusal
    assert dial_after(edited).proxy == PROXY


def test_a_pairing_shows_its_next_code_under_the_new_name() -> None:
    code = QrCode("2@a-secret", 1, 6, NOW + 20)
    shown = Instance("shop", 0.0, state=State.PAIRING, reason=Reason.QR_SHOWN, qr=code)
    edited = edit(shown, {OwnKey.DEVICE_NAME: "Toko 1"})
    assert queues(edited) and dial_after(edited).device == "Toko 1"
    assert not queues(edit(online(), {OwnKey.DEVICE_NAME: "Toko 1"}))


def test_what_is_set_beats_the_config_and_a_variable_beats_both() -> None:
    says = Configured("http://fleet.example:1", "Fleet", isolate=True)
    it = replace(paired(), configured=says)
    assert (it.way, it.device, it.is_isolated) == ("http://fleet.example:1", "Fleet", True)
    it = replace(it, proxy=PROXY, device_name="Own", isolate=False)
    assert (it.way, it.device, it.is_isolated) == (PROXY, "Own", False)
    it = replace(it, configured=replace(says, fixed=frozenset(OwnKey)))
    assert (it.way, it.device, it.is_isolated) == ("http://fleet.example:1", "Fleet", True)
    assert (paired().way, paired().device, paired().is_isolated) == (None, DEVICE_NAME, False)


def test_no_login_of_a_proxy_is_in_what_is_printed() -> None:
    says = Configured(PROXY)
    for each in (ev.EditAsked(NEW_WAY), says, replace(paired(), proxy=PROXY, configured=says)):
        assert "secret" not in repr(each)


def test_tags_are_words_of_a_narrow_alphabet() -> None:
    assert check_tags(" #VIP,jakarta  vip ") == ("vip", "jakarta")
    assert check_tags("") == ()
    for wrong in ("a b c:d", "x" * 25, " ".join("abcdefghijk"), "\x1b[31m"):
        with pytest.raises(ValueError, match="tag"):
            check_tags(wrong)
