"""The check and the fix of a fleet, in a running manager or on the files alone."""

import asyncio
import logging
from dataclasses import replace

from waziterm.domain.care.diagnosis import diagnose, mended, steps_of
from waziterm.domain.care.evidence import Survey
from waziterm.domain.care.findings import Finding, FixReport, FixStep
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.manager.care.evidence import CheckSources, inspect
from waziterm.manager.care.mending import Mended, mend
from waziterm.store.connection import finished

__all__ = ["CheckSources", "Checkup"]

log = logging.getLogger(__name__)


class Checkup:
    """Checks and fixes, one at a time. Its methods raise FleetError."""

    def __init__(self, sources: CheckSources) -> None:
        self._sources = sources
        self._turn = asyncio.Lock()

    async def check(self) -> tuple[Finding, ...]:
        """Everything that is wrong or will be, the worst first. Changes nothing."""
        async with self._turn:
            return diagnose(await self._seen())

    async def fix(self, *, dry_run: bool) -> FixReport:
        """Do what a check proposes and needs nobody's decision, then check again.

        A step that fails is told, and the others go on. dry_run: only tell what would be done,
        and what would then be left.
        """
        async with self._turn:
            survey = await self._seen()
            steps = steps_of(diagnose(survey))
            if dry_run:
                return FixReport(True, steps, diagnose(mended(survey, steps)))
            done = [await self._carried_out(step) for step in steps]
            return FixReport(False, tuple(done), diagnose(await self._seen()))

    async def _seen(self) -> Survey:
        try:
            return await inspect(self._sources)
        except OSError as error:
            raise FleetError(
                Phrase("the check cannot look: {why}", why=plain(str(error)))
            ) from error

    async def _carried_out(self, step: FixStep) -> FixStep:
        try:
            # A step that was begun is ended, even when nobody waits for it any more: meanwhile
            # the instance is stopped, and its file may be half-way.
            done = await finished(mend(step, self._sources))
        except OSError as error:
            done = Mended(error=plain(error.strerror or str(error)))
        except FleetError as error:
            done = Mended(error=error.told)
        log.info("fix: %s %s: %s", step.remedy, step.subject, done.error or "done")
        why = f"failed: {done.error}" if done.error else step.act
        try:
            at, kind = self._sources.clock.now(), step.remedy.value
            ids = {each.name: each.id for each in self._sources.instances()}
            whose = ids.get(step.instance or "")
            await self._sources.store.add_act(at, kind, step.subject, why, whose)
        except FleetError as error:
            done = replace(
                done, error=done.error or Phrase("done, but not stored: {why}", why=str(error))
            )
        return replace(step, error=done.error, backup=done.backup)
