"""The rule that operators use today, for comparison: on a conflict reconnect after 10 s, for ever.

It holds a session with the same worker process as the manager does, and has no other memory
than the 10 s: it asks nobody who else has the session, and it never gives up.
"""

import asyncio

from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.events import Connected, StreamReplaced
from waziterm.manager.workers.process import WorkerProcess
from waziterm.worker.protocol import Connect, Happened

PAUSE_S = 10.0


class NaiveClient:
    """One session under the naive rule. `run` until it is cancelled.

    session: path of the whatsmeow store. connected: whether it is online now. conflicts: how
    often it was told of one.
    """

    def __init__(self, session: str, jid: str, lab: LabFile) -> None:
        self._connect = Connect(
            instance="naive",
            session=session,
            jid=jid,
            proxy=lab.proxy,
            noise_root_key=lab.noise_root_key,
        )
        self._ca_file = lab.ca_file
        self.connected = asyncio.Event()
        self.conflicts = 0

    async def run(self) -> None:
        """Connect; after a conflict wait, and connect again."""
        while True:
            worker = await WorkerProcess.spawn(ca_file=self._ca_file)
            try:
                await worker.send(self._connect)
                async for message in worker.messages():
                    match message:
                        case Happened(event=Connected()):
                            self.connected.set()
                        case Happened(event=StreamReplaced()):
                            self.conflicts += 1
                            break
            finally:
                self.connected.clear()
                await worker.kill()
            await asyncio.sleep(PAUSE_S)
