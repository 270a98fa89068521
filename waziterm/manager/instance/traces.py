"""What sessions know of messages of which nobody can say whether they were sent."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping

from waziterm.domain.errors import FleetError
from waziterm.domain.messages.sending import Trace
from waziterm.domain.phrase import Phrase
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.workers.pool import Pool
from waziterm.store.message_secrets import traces_in

LOOK_S = 10.0
"""For so long at most a connect waits for whoever wants to look something up before it."""
SAME_S = 2.0
"""For so many seconds the answer to who has a file open is not asked for again."""


class Traces:
    """Looks messages up in the sessions of instances, before those connect again: what their phones
    say of a message comes with the connection, and is of use once its id is known."""

    def __init__(self, sessions: SessionFiles, pool: Pool) -> None:
        self._sessions = sessions
        self._pool = pool
        self._expected: dict[str, asyncio.Event] = {}
        self._searching = asyncio.Lock()
        self._asked_for: frozenset[str] = frozenset()
        self._asked_at = 0.0
        self._holders: Mapping[str, str] = {}

    def expect(self, identity: str) -> None:
        """Let the instance with this id not connect before `look` was asked about it."""
        self._expected.setdefault(identity, asyncio.Event())

    def known(self, identity: str) -> None:
        """Nothing has to be looked up before it connects."""
        if (expected := self._expected.pop(identity, None)) is not None:
            expected.set()

    async def looked(self, identity: str) -> None:
        """Wait until what is expected was looked up, `LOOK_S` seconds at most."""
        expected = self._expected.get(identity)
        if expected is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await expected.wait()
            self.known(identity)

    async def look(self, identity: str, jid: str, secrets: Collection[str]) -> Mapping[str, Trace]:
        """See `domain.messages.sending.Phones.traces`. jid: of the device that has sent."""
        try:
            await self._pool.done_with(secrets)
            await self._refuse_others(identity)
            path = self._sessions.path(identity)
            return await asyncio.to_thread(traces_in, path, jid, secrets)
        finally:
            self.known(identity)

    async def _refuse_others(self, identity: str) -> None:
        """A worker of a manager that was killed ends with it, unless it is frozen; then it could
        send what was not sent yet. Raises FleetError."""
        async with self._searching:
            # All processes are looked through, so those that boot together are asked for at once.
            now = asyncio.get_running_loop().time()
            if identity not in self._asked_for or now - self._asked_at > SAME_S:
                wanted = frozenset((identity, *self._expected))
                self._holders = await self._search(wanted)
                self._asked_for, self._asked_at = wanted, now
        if identity in self._holders:
            raise FleetError(
                Phrase("{who} has the session file open", who=self._holders[identity]),
                Phrase("end that program; it is looked again"),
            )

    async def _search(self, identities: Collection[str]) -> Mapping[str, str]:
        from waziterm.manager.rivals.search import holders_of  # noqa: PLC0415 - not before the first paint

        files = {each: self._sessions.files(each) for each in identities}
        return await asyncio.to_thread(holders_of, files, self._pool.pids())
