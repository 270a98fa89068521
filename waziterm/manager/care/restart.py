"""The smart restart: stop all, check, fix, rotate the log, start staggered, see that they live."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from logging.handlers import RotatingFileHandler

from waziterm.domain.care.findings import Finding, FindingKind, FixReport
from waziterm.domain.errors import ManagerEndingError
from waziterm.domain.fleet.api import Subscription
from waziterm.domain.fleet.tools import Comeback, Progress, RestartReport, Step
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.care.checkup import Checkup
from waziterm.manager.care.cleaning import Cleaning
from waziterm.manager.clock import Clock
from waziterm.manager.instances import Instances

VERIFY_S = 60.0
"""How long what was started may take to come back; what takes longer is told as not back."""


class Restart:
    """Restarts a fleet. subscribe: tells when something changes."""

    def __init__(
        self,
        instances: Instances,
        checkup: Checkup,
        cleaning: Cleaning,
        clock: Clock,
        subscribe: Callable[[], AbstractAsyncContextManager[Subscription]],
    ) -> None:
        self._instances = instances
        self._checkup = checkup
        self._cleaning = cleaning
        self._clock = clock
        self._subscribe = subscribe

    async def run(
        self, clean_sessions: int | None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        """See `domain.fleet.protocol.Fleet.restart`. However it ends, nobody stays paused."""
        began = self._clock.elapsed()
        if clean_sessions is not None:
            self._cleaning.expect(clean_sessions)
        try:
            names = tuple(supervisor.instance.name for supervisor in self._instances)
            for done, name in enumerate(names, 1):
                await self._instances.tell(name, ev.PauseAsked())
                yield Progress(Step.STOP, done, len(names), name)
            cleaned = 0
            if clean_sessions is not None:
                cleaned = len(await self._cleaning.clean_all(clean_sessions, logout=False))
                yield Progress(Step.CLEAN, cleaned, cleaned)
            found = _not_by_us(await self._checkup.check())
            yield Progress(Step.CHECK, len(found), len(found))
            fixed = await self._checkup.fix(dry_run=False)
            fixed = replace(fixed, remaining=_not_by_us(fixed.remaining))
            yield Progress(Step.FIX, len(fixed.steps), len(fixed.steps))
            await asyncio.to_thread(_rotate)
            yield Progress(Step.ROTATE, 1, 1)
            async for told in self._started(names, fixed, cleaned, began):
                yield told
        finally:
            for supervisor in self._instances:
                if supervisor.instance.reason is Reason.PAUSED:
                    supervisor.post(ev.Booted())

    async def _started(
        self, names: tuple[str, ...], fixed: FixReport, cleaned: int, began: float
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        starts: dict[str, float] = {}
        for done, name in enumerate(names, 1):
            await self._instances.resume(name)
            if self._instances.of(name).instance.state.is_live:
                starts[name] = self._clock.elapsed()
            yield Progress(Step.START, done, len(names), name)
        back: dict[str, float] = {}
        end = self._clock.elapsed() + VERIFY_S
        async with self._subscribe() as changes:
            waiting = set(starts)
            while waiting and self._clock.elapsed() < end:
                if self._instances.is_closing:
                    raise ManagerEndingError
                for name in sorted(waiting):
                    state = self._instances.of(name).instance.state
                    if state is State.CONNECTED:
                        back[name] = self._clock.elapsed() - starts[name]
                        yield Progress(Step.VERIFY, len(back), len(starts), name)
                    if state is State.CONNECTED or not state.is_live:
                        waiting.discard(name)
                if waiting:
                    await _changed(changes, end - self._clock.elapsed())
        comebacks = tuple(
            Comeback(
                name,
                self._instances.of(name).instance.state,
                self._instances.of(name).instance.reason,
                name in starts,
                back.get(name),
            )
            for name in names
            if name in self._instances
        )
        yield RestartReport(comebacks, fixed, cleaned, self._clock.elapsed() - began)


def _not_by_us(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Without that they are not connected, which a restart does itself."""
    return tuple(each for each in found if each.kind is not FindingKind.NOT_CONNECTED)


async def _changed(changes: Subscription, wait_s: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, wait_s)):
            await changes.next()
    except TimeoutError:
        return


def _rotate() -> None:
    """Begin a new log file, where the program has one."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, RotatingFileHandler):
            handler.acquire()
            try:
                handler.doRollover()
            finally:
                handler.release()
