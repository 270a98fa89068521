"""The other side of a demo: phones that scan what the fleet shows, and the plan carried out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import assert_never

from waziterm.cli.demo.plan import SILENCE_S, Act, Turn
from waziterm.domain.fleet.api import Changes, Fleet, FleetError, InstanceView
from waziterm.domain.frozen import dataclass
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import LabError, Scanned

SCAN_AFTER_S = 1.5
"""A person needs a moment to hold a phone in front of the code."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Happened:
    """An act that was carried out."""

    act: Act
    instance: str


class Play:
    """One running demo. happened: what was carried out so far, in order."""

    def __init__(self, fleet: Fleet, lab: Lab, names: list[str], tasks: asyncio.TaskGroup) -> None:
        self.happened: list[Happened] = []
        self._fleet = fleet
        self._lab = lab
        self._names = names
        self._tasks = tasks
        self._running: set[asyncio.Task[None]] = set()
        self._phones: dict[str, Scanned] = {}
        self._seen: dict[str, str] = {}

    async def run(self, acts: Iterable[Act]) -> None:
        """Add the instances, scan their codes, carry out the acts. Raises FleetError, LabError."""
        began = asyncio.get_running_loop().time()
        async with self._fleet.subscribe() as subscription:
            for name in self._names:
                await self._fleet.add(name)
            self.spawn(self._carry_out(acts, began))
            while True:
                self._look(await subscription.next())

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Do something at the same time; it ends with the demo at the latest."""
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def close(self) -> None:
        """End whatever still goes on."""
        for task in self._running:
            task.cancel()

    def _look(self, changes: Changes) -> None:
        views = changes.snapshot.instances if changes.snapshot is not None else ()
        for view in (*views, *changes.changed):
            if view.qr is not None and self._seen.get(view.name) != view.qr.payload:
                self._seen[view.name] = view.qr.payload
                self.spawn(self._scan(view, view.qr.payload))

    async def _scan(self, view: InstanceView, payload: str) -> None:
        await asyncio.sleep(SCAN_AFTER_S)
        if self._seen.get(view.name) != payload:
            return
        known = self._phones.get(view.name)
        try:
            scanned = await self._lab.scan(payload, known.number if known else None)
        except LabError as error:
            # The code has gone meanwhile; its successor is scanned when it is shown.
            _log.info("demo: the phone of %s could not scan: %s", view.name, error)
            return
        self._phones[view.name] = scanned

    async def _carry_out(self, acts: Iterable[Act], began: float) -> None:
        loop = asyncio.get_running_loop()
        for act in acts:
            await asyncio.sleep(max(0.0, began + act.at_s - loop.time()))
            name = self._names[act.victim]
            phone = self._phones.get(name)
            if phone is not None:
                self.happened.append(Happened(act, name))
                self.spawn(self._one(act.turn, name, phone.jid))

    async def _one(self, turn: Turn, name: str, jid: str) -> None:
        match turn:
            case Turn.SEND_TEST:
                try:
                    await self._fleet.send_test(name)
                except FleetError as error:
                    _log.info("demo: no send-test by %s: %s", name, error)
            case Turn.TCP_DROP:
                await self._trouble(name, TroubleKind.TCP_RESET, jid)
            case Turn.SERVER_RESTART:
                await self._trouble(name, TroubleKind.STREAM_ERROR, jid, code=503)
            case Turn.CONFLICT:
                await self._trouble(name, TroubleKind.CONFLICT, jid)
            case Turn.SILENCE:
                await self._trouble(name, TroubleKind.SILENT, jid)
                await asyncio.sleep(SILENCE_S)
                await self._lab.clear(TroubleKind.SILENT, jid)
            case _:
                assert_never(turn)

    async def _trouble(
        self, name: str, kind: TroubleKind, jid: str, *, code: int | None = None
    ) -> None:
        """Make trouble for a connection; for none, where whoever watches has ended it."""
        try:
            await self._lab.trouble(kind, jid, code=code)
        except LabError as error:
            if any(each.jid == jid for each in await self._lab.sessions()):
                raise
            _log.info("demo: no %s of %s: %s", kind, name, error)


@asynccontextmanager
async def playing(
    fleet: Fleet, lab: Lab, names: list[str], acts: Iterable[Act]
) -> AsyncIterator[Play]:
    """A demo that goes on while the context lasts.

    names: of the instances that it adds. Raises what the fleet or the lab raised meanwhile.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            play = Play(fleet, lab, names, tasks)
            play.spawn(play.run(acts))
            try:
                yield play
            finally:
                play.close()
    except BaseExceptionGroup as group:
        # The task group wraps even what the caller's own code raised in the context.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
