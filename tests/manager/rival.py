"""A program for the tests: another manager, or another client, on the same machine.

It leaves its parent, so that it is nobody's child, and ends when its stdin does. Each line that
it reads is a JSON list of a word and its arguments; it answers each with a line of JSON.
"""

import json
import os
import select
import socket
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from waziterm.manager.files.lock import owned
from waziterm.manager.rivals import registry as registries
from waziterm.manager.rivals.registry import Registry


def main() -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    registry = Registry("/srv/rival")
    answering: list[threading.Thread] = []
    with ExitStack() as stack:
        print(json.dumps(os.getpid()), flush=True)
        for line in sys.stdin:
            answer: Any = None
            match json.loads(line):
                case ["own", root]:
                    Path(root).mkdir(exist_ok=True)
                    stack.enter_context(owned(Path(root) / "manager.lock"))
                case ["become", uid]:
                    os.setgroups([])
                    os.setgid(uid)
                    os.setuid(uid)
                case ["register", root]:
                    registry = Registry(root)
                case ["claim", key, beside]:
                    peer = registry.claim(bytes.fromhex(key), beside=beside)
                    answer = str(peer) if peer else None
                    answering += _answer(registry, bytes.fromhex(key))
                case ["release", key]:
                    registry.release(bytes.fromhex(key))
                    for thread in answering:
                        thread.join()
                case ["holder", key]:
                    peer = registry.holder(bytes.fromhex(key))
                    answer = str(peer) if peer else None
                case ["squat", key, place, told]:
                    # What somebody can do who has seen the name, and an answer to it.
                    address = registries._address(bytes.fromhex(key), place)
                    taken = stack.enter_context(socket.socket(socket.AF_UNIX))
                    taken.bind(address)
                    taken.listen()
                    threading.Thread(target=_tell, args=(taken, told), daemon=True).start()
                case ["open", path]:
                    stack.enter_context(Path(path).open("r+b"))
                case ["read", path]:
                    stack.enter_context(Path(path).open("rb"))
                case ["call", host, port]:
                    stack.enter_context(socket.create_connection((host, port)))
            print(json.dumps(answer), flush=True)


def _answer(registry: Registry, key: bytes) -> list[threading.Thread]:
    """Answer whoever asks about a device, as the event loop of a manager does."""

    def answer(sock: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while True:
                # A name is free again only when nobody waits at its socket any more.
                if select.select([sock], [], [], 0.02)[0]:
                    registry.answer(key)

    sock = registry.listening(key)
    if sock is None:
        return []
    thread = threading.Thread(target=answer, args=(sock,), daemon=True)
    thread.start()
    return [thread]


def _tell(taken: socket.socket, told: str | None) -> None:
    held = []
    while True:
        asking, _ = taken.accept()
        if told is None:
            held.append(asking)
            continue
        with asking, suppress(OSError):
            asking.sendall(told.encode())


if __name__ == "__main__":
    main()
