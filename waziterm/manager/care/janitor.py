"""The janitor's rounds: survey, plan, carry out, and a stored line for each act."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, assert_never

from waziterm.domain.lifecycle import events as ev
from waziterm.manager.clock import Clock
from waziterm.manager.files.data_files import DataFiles
from waziterm.manager.instances import Instances
from waziterm.store.errors import StoreError
from waziterm.store.store import Store

if TYPE_CHECKING:
    from waziterm.domain.upkeep.ages import Ages
    from waziterm.domain.upkeep.janitor import Act, Survey

log = logging.getLogger(__name__)

CALM_S = 3600.0
"""So long after a start, or after the clock was set, nothing is deleted."""
JUMP_S = 60.0
"""A clock that was set by less than that, in sum, is as right as it was."""
_LATE_S = 60.0
"""A round may come so much later than its pause says."""


class Janitor:
    """Goes round every `every_s` seconds.

    keep_trash_s: how long a trash entry stays, 0 for ever. keep_history_s: how long transitions,
    attempts, sends, incidents and acts stay in the store. tidy: deletes what is kept no longer of
    messages; it is told whether the clock can be believed.
    """

    def __init__(
        self,
        files: DataFiles,
        store: Store,
        instances: Instances,
        clock: Clock,
        keep_trash_s: float,
        keep_history_s: float,
        tidy: Callable[[bool], Awaitable[None]],
    ) -> None:
        self._tidy = tidy
        self._files = files
        self._store = store
        self._instances = instances
        self._clock = clock
        self._keep_trash_s = keep_trash_s
        self._keep_history_s = keep_history_s
        self._every_s = 0.0
        self._applied = asyncio.Event()
        self._known: frozenset[Act] = frozenset()
        self._one_round = asyncio.Lock()
        self._looked_at = self._calm_from = clock.elapsed()
        self._shift = clock.shift

    async def run(self, every_s: float) -> None:
        """Go round until cancelled. A round that fails is logged; the next one comes."""
        self._every_s = every_s
        while True:
            await self._pause()
            try:
                await self.round()
            except Exception:
                # Whatever lies about in the directory must not end the fleet.
                log.exception("the janitor's round failed")

    def apply(self, every_s: float, keep_trash_s: float, keep_history_s: float) -> None:
        """Go by other settings from now on; the pause until the next round begins anew."""
        self._every_s = every_s
        self._keep_trash_s = keep_trash_s
        self._keep_history_s = keep_history_s
        self._applied.set()

    async def _pause(self) -> None:
        """Wait for the next round's moment, by the settings as they are at its end."""
        while True:
            self._applied.clear()
            over = asyncio.ensure_future(self._clock.sleep(self._every_s))
            applied = asyncio.ensure_future(self._applied.wait())
            try:
                await asyncio.wait((over, applied), return_when=asyncio.FIRST_COMPLETED)
                if over.done():
                    return
            finally:
                over.cancel()
                applied.cancel()

    async def planned(self) -> tuple[Act, ...]:
        """What a round would do now, and what it would report."""
        from waziterm.domain.upkeep.janitor import plan  # noqa: PLC0415 - not before the first paint

        return plan(await self._survey(await self._aged()))

    async def round(self) -> tuple[Act, ...]:
        """Go round once. Each act is stored; what is only reported is stored when it is new."""
        async with self._one_round:
            return await self._round()

    async def _round(self) -> tuple[Act, ...]:
        from waziterm.domain.upkeep.janitor import ActKind, plan  # noqa: PLC0415 - as above
        from waziterm.manager.care.ages import write_ages  # noqa: PLC0415 - as above

        store, looked_at = self._store, self._clock.elapsed()
        ages = await self._aged()
        self._looked_at = looked_at
        if ages.wants_mark:
            ages = ages.marked(self._clock.now(), await store.newest_rows())
        await write_ages(store, ages)
        survey = await self._survey(ages)
        acts = plan(survey)
        ids = {each.name: each.id for each in survey.instances}
        for act in acts:
            await self._carry_out(act, survey)
            if act not in self._known:
                now = self._clock.now()
                await store.add_act(now, act.kind, act.subject, act.why, ids.get(act.subject))
                log.info("janitor: %s %s: %s", act.kind, act.subject, act.why)
        self._known = frozenset(act for act in acts if act.kind is ActKind.REPORT)
        past = ages.past(self._keep_history_s)
        if past is not None and self._is_calm():
            before = self._clock.now() - self._keep_history_s
            await store.prune(min(before, past.at), past.rows)
            await write_ages(store, ages.without_marks_before(past))
        await store.make_spans(self._clock.now())
        try:
            await self._tidy(self._is_calm())
        except StoreError as error:
            log.warning("the messages were not tidied: %s", error)
        return acts

    async def _aged(self) -> Ages:
        """The ages of what there is now. What is longer than two pauses was no round's to see: the
        machine was suspended, or we were stopped."""
        from waziterm.manager.care.ages import read_ages  # noqa: PLC0415 - as above

        clock, store = self._clock, self._store
        passed_s = clock.elapsed() - self._looked_at
        if passed_s > 2 * self._every_s + _LATE_S:
            passed_s, self._calm_from = 0.0, clock.elapsed()
        entries = [entry.id for entry in await self._files.trash.entries()]
        return (await read_ages(store)).looked(passed_s, entries, self._keep_trash_s)

    def _is_calm(self) -> bool:
        """Whether something may be deleted: the start is long ago, and the clock was not set."""
        clock = self._clock
        clock.now()
        if abs(clock.shift - self._shift) > JUMP_S:
            self._shift, self._calm_from = clock.shift, clock.elapsed()
        return clock.elapsed() - self._calm_from >= CALM_S

    def _expired(self, ages: Ages) -> dict[str, float]:
        """The trash entries whose time is over, and for how long each was kept."""
        if not self._keep_trash_s or not self._is_calm():
            return {}
        return {
            entry: ages.age_s(entry)
            for entry in ages.trash
            if ages.left_s(entry, self._keep_trash_s) <= 0.0
        }

    async def _survey(self, ages: Ages) -> Survey:
        import psutil  # noqa: PLC0415 - as above

        from waziterm.domain.upkeep.janitor import Survey  # noqa: PLC0415 - as above

        return Survey(
            now=self._clock.now(),
            instances=tuple(supervisor.instance for supervisor in self._instances),
            dead={
                view.name: view.pid
                for view in self._instances.views()
                if view.pid is not None and not psutil.pid_exists(view.pid)
            },
            stuck=self._instances.stuck(),
            sessions=self._files.sessions.identities(),
            expired=self._expired(ages),
            workers=self._instances.workers(),
            per_worker=self._instances.per_worker,
        )

    async def _carry_out(self, act: Act, survey: Survey) -> None:
        from waziterm.domain.upkeep.janitor import ActKind  # noqa: PLC0415 - as above

        match act.kind:
            case ActKind.END_WAIT | ActKind.END_PAIRING:
                self._instances.of(act.subject).revive(act.why)
            case ActKind.REGROUP:
                await self._instances.tell(act.subject, ev.RegroupAsked())
            case ActKind.REPLACE_WORKER:
                self._instances.of(act.subject).lost(survey.dead[act.subject])
            case ActKind.DELETE_TRASH:
                entry = await self._files.trash.entry(act.subject)
                if entry is not None:
                    await self._files.trash.delete(entry)
            case ActKind.REPORT:
                pass
            case _:
                assert_never(act.kind)
