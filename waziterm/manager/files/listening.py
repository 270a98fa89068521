"""Listening at the control socket, whose file is made again when somebody takes it away. A verb
loads `listener` for the path's limit, and no event loop."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from waziterm.domain.errors import FleetError
from waziterm.manager.files.listener import identity, listener

LOOK_S = 1.0
"""Seconds between two looks at the file; a verb waits longer for an answer."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def listening(path: Path, protocol: Callable[[], asyncio.Protocol]) -> AsyncIterator[None]:
    """Serve a protocol at `path` while the context is open, also when its file is removed or
    replaced meanwhile. Who is connected stays so.

    Call it as `listener`, whose errors it raises.
    """
    loop = asyncio.get_running_loop()
    with ExitStack() as file:
        sock = file.enter_context(listener(path))
        born = identity(path)
        home = path.parent.stat()
        server = await loop.create_unix_server(protocol, sock=sock)

        async def keep() -> None:
            nonlocal born, server
            said = ""
            while True:
                await asyncio.sleep(LOOK_S)
                if born is not None and await asyncio.to_thread(identity, path) == born:
                    continue
                if not await asyncio.to_thread(_is_still, path.parent, home):
                    # The whole directory was renamed, and the socket with it: it still answers.
                    continue
                server.close()
                file.close()
                try:
                    sock = file.enter_context(listener(path))
                except FleetError as error:
                    born = None
                    if said != (said := str(error)):
                        log.warning("verbs cannot reach this manager: %s", said)
                    continue
                born, said = identity(path), ""
                server = await loop.create_unix_server(protocol, sock=sock)
                log.warning("the control socket was taken away, and made again: %s", path)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            server.close()


def _is_still(path: Path, found: os.stat_result) -> bool:
    """Whether the same directory lies at a path as when it was looked at."""
    try:
        return os.path.samestat(path.stat(), found)
    except OSError:
        return False
