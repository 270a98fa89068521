"""When a pairing code is shown, and how long."""

from dataclasses import replace

import pytest

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance, PairingCode
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.rules import decide
from waziterm.domain.lifecycle.states import State

NOW = 1000.0
SHOWN = ev.CodeShown("ABCD-EFGH", 150.0)


def after(instance: Instance, *events: ev.Event) -> Instance:
    for event in events:
        instance = decide(instance, event, NOW, 0.5, Limits()).instance
    return instance


def pairing() -> Instance:
    asked = after(Instance("shop", created_at=0.0), ev.StartAsked(), ev.Dialling())
    return after(asked, ev.QrShown("qr", 1, 6, 60.0))


def test_a_code_changes_nothing_but_itself_and_outlives_the_qr_code() -> None:
    before = pairing()
    coded = after(before, SHOWN)
    assert coded == replace(before, code=PairingCode("ABCD-EFGH", NOW + 150.0))
    later = after(coded, ev.QrShown("next", 2, 6, 20.0))
    assert later.code == coded.code
    assert later.qr is not None and later.qr.index == 2
    assert after(coded, ev.CodeShown("JKLM-NPQR", 10.0)).code == PairingCode("JKLM-NPQR", NOW + 10)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (ev.PairSucceeded("628123456789:1@s.whatsapp.net", "", "android"), State.CONNECTING),
        (ev.PairFailed(ev.PairingEnd.TIMEOUT), State.STOPPED),
        (ev.PairFailed(ev.PairingEnd.NO_MULTIDEVICE), State.CONNECTING),
        (ev.WorkerDied("signal 9"), State.RETRYING),
        (ev.StopAsked(), State.STOPPED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_ends_with_the_pairing(event: ev.Event, state: State) -> None:
    ended = after(pairing(), SHOWN, event)
    assert (ended.state, ended.code) == (state, None)


def test_one_that_comes_late_is_not_shown() -> None:
    for instance in (
        Instance("shop", created_at=0.0),
        after(pairing(), ev.StopAsked()),
        after(pairing(), ev.PairSucceeded("628123456789:1@s.whatsapp.net", "", "android")),
    ):
        assert after(instance, SHOWN) == instance


def test_its_text_is_in_no_repr() -> None:
    coded = after(pairing(), SHOWN)
    assert "ABCD" not in f"{coded!r} {SHOWN!r}"


def test_a_phone_that_is_too_old_stands_beside_the_new_code_and_after_it() -> None:
    too_old = ev.PairFailed(ev.PairingEnd.NO_MULTIDEVICE)
    again = after(pairing(), too_old, ev.Dialling(), ev.QrShown("new", 1, 6, 60.0))
    assert (again.state, again.reason) == (State.PAIRING, Reason.NO_MULTIDEVICE)
    next_code = after(again, ev.QrShown("next", 2, 6, 20.0))
    assert next_code.reason is Reason.NO_MULTIDEVICE
    over = after(next_code, ev.PairFailed(ev.PairingEnd.TIMEOUT))
    assert (over.state, over.reason) == (State.STOPPED, Reason.NO_MULTIDEVICE)
    assert after(over, ev.StartAsked()).reason is Reason.ASKED
