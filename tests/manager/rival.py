"""A program for the tests: another manager, or another client, on the same machine.

It leaves its parent, so that it is nobody's child, and ends when its stdin does. Each line that
it reads is a JSON list of a word and its arguments; it answers each with a line of JSON.
"""

import json
import os
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from waziterm.manager.lock import owned
from waziterm.manager.registry import Registry

KEY = b"a key of the tests"


def main() -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    registry: Registry | None = None
    with ExitStack() as stack:
        print(json.dumps(os.getpid()), flush=True)
        for line in sys.stdin:
            answer: Any = None
            match json.loads(line):
                case ["own", root]:
                    Path(root).mkdir(exist_ok=True)
                    stack.enter_context(owned(Path(root) / "manager.lock"))
                case ["register", root, folder]:
                    registry = Registry(Path(folder), KEY, Path(root))
                case ["publish", live] if registry:
                    registry.publish(live)
                case ["claim", jid] if registry:
                    answer = registry.claim(jid, {}, time.time)
                case ["holder", jid, before] if registry:
                    peer = registry.holder(jid, before)
                    answer = peer.pid if peer else None
                case ["open", path]:
                    stack.enter_context(Path(path).open("rb"))
                case ["call", host, port]:
                    stack.enter_context(socket.create_connection((host, port)))
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
