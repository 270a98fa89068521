"""Names of hosts, looked up on threads of their own.

asyncio looks names up in the program's pool of threads, which a resolver that hangs would take up:
nobody could read a file any more, and the program's end would wait for it.
"""

import errno
import os
import socket
import threading
from concurrent.futures import Future

Found = tuple[str, ...] | OSError
"""The addresses of a name, or why there are none."""


def look_up(host: str) -> "Future[Found]":
    """What a name leads to, at some time; it cannot be cancelled."""
    future: Future[Found] = Future()
    future.set_running_or_notify_cancel()
    threading.Thread(target=_look_up, args=(host, future), name="look-up", daemon=True).start()
    return future


def _look_up(host: str, future: "Future[Found]") -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        future.set_result(error)
    except UnicodeError:
        future.set_result(OSError(errno.EINVAL, os.strerror(errno.EINVAL)))
    else:
        future.set_result(tuple(dict.fromkeys(str(each[4][0]) for each in found)))
