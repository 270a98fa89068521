"""The takeover war in which no stream error arrives (whatsmeow loses the last node now and then).
It is never a conflict, so only the waits bound it; here two managers under the rules fight."""

from dataclasses import dataclass, field
from random import Random

import pytest

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.actions import Queue, StopWorker
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.rules import decide
from waziterm.domain.lifecycle.states import State

LIMITS = Limits()
LOGIN_S = 0.3
BLIND_KICKS = 4


@dataclass
class Side:
    """One manager's instance on a session that somebody else has too."""

    instance: Instance
    events: list[tuple[float, ev.Event]] = field(default_factory=list)


def kicks_in(seconds: float, lost: float, seed: int) -> tuple[list[float], list[State]]:
    """When a login kicked the other side out, and where both ended. lost: the share of the errors
    that the library does not see."""
    random = Random(seed)
    sides = [
        Side(Instance("shop", 0.0, jid="6281234567890:1@s.whatsapp.net"), [(at, ev.StartAsked())])
        for at in (0.0, 600.0)
    ]
    online: Side | None = None
    kicks: list[float] = []
    while True:
        now, side = min((min(s.events)[0], i) for i, s in enumerate(sides) if s.events)
        if now > 600.0 + seconds:
            return kicks, [each.instance.state for each in sides]
        me, event = sides[side], min(sides[side].events, key=lambda each: each[0])[1]
        me.events.remove((now, event))
        if isinstance(event, ev.Connected):
            if online is not None and online is not me:
                kicks.append(now)
                unheard = random.random() < lost
                told = ev.Disconnected() if unheard else ev.StreamReplaced()
                online.events.append((now + 0.01, told))
                if unheard:
                    online.events.append((now + 0.02 + LOGIN_S, ev.Connected()))
            online = me
        elif isinstance(event, ev.Disconnected | ev.StreamReplaced) and online is me:
            online = None
        decision = decide(me.instance, event, now, random.random(), LIMITS)
        me.instance = decision.instance
        if StopWorker() in decision.actions:
            me.events = [e for e in me.events if not isinstance(e[1], ev.Connected | ev.Dialling)]
            online = None if online is me else online
        me.events = [each for each in me.events if not isinstance(each[1], ev.Due)]
        if me.instance.due is not None:
            me.events.append((me.instance.due + 1e-6, ev.Due()))
        if any(isinstance(action, Queue) for action in decision.actions):
            me.events.append((now, ev.Dialling()))
        if isinstance(event, ev.Dialling) and me.instance.state is State.CONNECTING:
            me.events.append((now + LOGIN_S, ev.Connected()))


@pytest.mark.parametrize("seed", range(20))
def test_a_war_that_nobody_hears_comes_to_rest(seed: int) -> None:
    kicks, states = kicks_in(3600.0, 1.0, seed)
    assert State.HELD not in states and State.COOLDOWN not in states
    assert sum(at <= 720.0 for at in kicks) <= 14
    assert sum(at > 3000.0 for at in kicks) <= 12, "no rest"


@pytest.mark.parametrize("seed", range(40))
def test_a_war_of_which_one_kick_in_twenty_is_unheard_ends_as_before(seed: int) -> None:
    kicks, states = kicks_in(120.0, 0.05, seed)
    assert sum(at <= 720.0 for at in kicks) <= BLIND_KICKS + 1, kicks
    assert State.HELD in states
