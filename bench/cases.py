"""The troubles of the mix: what is done to an instance, and what the rules demand then.

405 is not among them: it stops the whole fleet, so it is no trouble of one instance. Nor is an
outage, which has a bench of its own.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.watch import Watch
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind

BAN_S = 8
SILENT_S = 10.0
SLOW_S = 3.0
RIVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """An instance that trouble is made for."""

    name: str
    jid: str
    lab: Lab
    watch: Watch

    @property
    def worker(self) -> int:
        """The process id of its worker."""
        pid = self.watch.latest(self.name).pid
        assert pid is not None
        return pid


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of trouble.

    make: makes it. through: a state that has to be shown on the way. reason: of the last state,
    None for any. within_s: seconds from the trouble to the last state: the waits of the rules
    and 20 s, because many instances get their new workers at the same time.
    """

    what: str
    make: Callable[[Target], Awaitable[None]]
    within_s: float
    ends: State = State.CONNECTED
    reason: Reason | None = None
    through: State | None = None


async def _tcp_reset(target: Target) -> None:
    await target.lab.trouble(TroubleKind.TCP_RESET, target.jid)


def _act(kind: TroubleKind, code: int | None = None) -> Callable[[Target], Awaitable[None]]:
    """A trouble that happens at once to the open connection."""

    async def make(target: Target) -> None:
        await target.lab.trouble(kind, target.jid, code=code)

    return make


def _refused(
    code: int, ban_code: int | None = None, expire_s: int | None = None
) -> Callable[[Target], Awaitable[None]]:
    """The connection is lost, and the next logins are refused: that of the library's own redial,
    which the manager may have given up by then, and that of the manager's attempt."""

    async def make(target: Target) -> None:
        await target.lab.trouble(
            TroubleKind.LOGIN_FAILURE,
            target.jid,
            code=code,
            ban_code=ban_code,
            expire_s=expire_s,
            times=2,
        )
        await _tcp_reset(target)

    return make


async def _living_rival(target: Target) -> None:
    """Somebody takes the session, and again after each of our logins."""
    await target.lab.trouble(TroubleKind.RIVAL, target.jid, delay_s=RIVAL_S)
    await target.lab.trouble(TroubleKind.CONFLICT, target.jid)


async def _silence(target: Target) -> None:
    """Nothing is answered for a while, on a connection that stays open."""
    await target.lab.trouble(TroubleKind.SILENT, target.jid)
    await asyncio.sleep(SILENT_S)
    await target.lab.clear(TroubleKind.SILENT, target.jid)


async def _slow_login(target: Target) -> None:
    """The connection is lost, and the next login's answers take long."""
    await target.lab.trouble(TroubleKind.SLOW, target.jid, delay_s=SLOW_S)
    lost_at = time.time()
    await _tcp_reset(target)
    await target.watch.seen(
        target.name, lambda view: (view.connected_at or 0.0) > lost_at, since=lost_at
    )
    await target.lab.clear(TroubleKind.SLOW, target.jid)


async def _worker_killed(target: Target) -> None:
    os.kill(target.worker, signal.SIGKILL)


async def _worker_hangs(target: Target) -> None:
    os.kill(target.worker, signal.SIGSTOP)


CASES = (
    Case("TCP reset", _act(TroubleKind.TCP_RESET), 25),
    Case("websocket closed", _act(TroubleKind.WS_CLOSE), 25),
    Case("stream error 503", _act(TroubleKind.STREAM_ERROR, 503), 25),
    Case("stream error 516", _act(TroubleKind.STREAM_ERROR, 516), 25),
    Case("login refused, 500", _refused(500), 25),
    Case("login refused, 503", _refused(503), 25),
    Case("slow login", _slow_login, 30),
    Case("conflict (440)", _act(TroubleKind.CONFLICT), 35, through=State.COOLDOWN),
    Case("conflict whose node may get lost", _act(TroubleKind.CONFLICT_ABRUPT), 35),
    Case("silence", _silence, 50, through=State.DEGRADED),
    Case("worker killed", _worker_killed, 25),
    Case("worker hangs", _worker_hangs, 65),
    Case(
        "temporary ban (402)",
        _refused(402, ban_code=101, expire_s=BAN_S),
        BAN_S + 25,
        through=State.BANNED,
    ),
    Case("living rival", _living_rival, 40, State.HELD, Reason.RIVAL, State.COOLDOWN),
    Case("login refused, 409", _refused(409), 25, State.HELD, Reason.REFUSED),
    Case("unlinked (401)", _refused(401), 25, State.LOGGED_OUT, Reason.UNLINKED),
    Case("locked (403)", _refused(403), 25, State.LOGGED_OUT, Reason.LOCKED),
    Case("banned (406)", _refused(406), 25, State.LOGGED_OUT, Reason.ACCOUNT_BANNED),
)
