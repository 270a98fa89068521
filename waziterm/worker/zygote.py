"""`python -m waziterm.worker.zygote --fd N`: forks workers for the manager at the other end of N.

It has loaded all that a worker needs but the library itself, whose Go runtime would not survive a
fork; what it loaded is shared by all workers. It has one thread. The manager asks with one packet
that carries two sockets, the worker's pipe and its output, and a JSON object that names the
`library` to load, null for neonize's own; the answer is one packet with the
worker's pid, and its pidfd. When a worker ends, a packet tells how. Nothing but the manager's end
of the socket keeps it alive.

It forks another zygote as well, for a manager that wants one in reserve: that one, and all that
both fork, is of the version that was on disk when the first one was executed.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from waziterm.worker.pipe import complain, leave
from waziterm.worker.protocol import ANOTHER
from waziterm.worker.serve import begin, serve

_LONGEST = 4096

Held = Callable[[str | None], Any] | None
"""What loads the library, see `worker.neonize.library.held`; None to read it from the disk."""


def main() -> int:
    """Fork workers until the manager is gone. Returns 2 when fd N cannot serve."""
    begun = begin("waziterm.worker.zygote", __doc__)
    if begun is None:
        return 2
    manager, _ = begun
    from waziterm.worker.instance import desk  # noqa: F401, PLC0415 - the one heavy import, while fds are few
    from waziterm.worker.neonize.library import held  # noqa: PLC0415 - comes with it

    library: Held = None
    # What is wrong is told by the worker that needs it.
    with contextlib.suppress(ImportError, OSError):
        library = held()
    # What is there now is never garbage: the collector must not write on its shared pages.
    gc.collect()
    gc.freeze()
    _serve(manager, library)
    return 0


def _serve(manager: socket.socket, held: Held) -> None:
    woken, wake = socket.socketpair()
    for sock in (woken, wake):
        sock.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([manager, woken], [], [])
        if woken in ready:
            woken.recv(_LONGEST)
            _report_ended(manager)
        if manager in ready:
            try:
                data, fds, _, _ = socket.recv_fds(manager, _LONGEST, 2)
            except OSError:
                return
            if not data:
                return
            if data == ANOTHER:
                become = partial(_become_zygote, held)
            else:
                become = partial(_become_worker, held, json.loads(data)["library"])
            _fork(manager, fds, (woken, wake), become)


def _fork(
    manager: socket.socket,
    fds: list[int],
    mine: tuple[socket.socket, ...],
    become: Callable[..., NoReturn],
) -> None:
    try:
        pid = os.fork()
    except OSError as error:
        manager.send(json.dumps({"error": error.errno}).encode())
        pid = -1
    if pid == 0:
        signal.set_wakeup_fd(-1)
        for sock in (manager, *mine):
            sock.close()
        become(*fds)
    for fd in fds:
        os.close(fd)
    if pid > 0:
        pidfd = os.pidfd_open(pid)
        socket.send_fds(manager, [json.dumps({"forked": pid}).encode()], [pidfd])
        os.close(pidfd)


def _become_worker(held: Held, library: str | None, pipe: int, output: int) -> NoReturn:
    try:
        os.setsid()
        for fd in (1, 2):
            os.dup2(output, fd)
        os.close(output)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        serve(socket.socket(fileno=pipe), library, held)
    except BaseException as error:  # noqa: BLE001 - a fork must never return into the zygote
        complain(f"waziterm.worker: {error!r}")
    finally:
        leave(1)


def _become_zygote(held: Held, line: int) -> NoReturn:
    try:
        os.setsid()
        _serve(socket.socket(fileno=line), held)
    finally:
        leave(0)


def _report_ended(manager: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        try:
            manager.send(json.dumps({"ended": pid, "code": code}).encode())
        except OSError:
            return


if __name__ == "__main__":
    leave(main())
