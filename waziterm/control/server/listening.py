"""Listening at the control socket, whose file is made again when somebody takes it away. A verb
loads `listener` for the path's limit, and no event loop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from waziterm.control.server.listener import identity, listener
from waziterm.domain.errors import FleetError

LOOK_S = 0.5
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
        server = await loop.create_unix_server(protocol, sock=file.enter_context(listener(path)))

        async def keep() -> None:
            nonlocal server
            born, said = identity(path), ""
            while True:
                await asyncio.sleep(LOOK_S)
                if born is not None and await asyncio.to_thread(identity, path) == born:
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
                server = await loop.create_unix_server(protocol, sock=sock)
                born, said = identity(path), ""
                log.warning("the control socket was taken away, and made again: %s", path)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            server.close()
