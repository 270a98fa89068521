"""Hands each command of the manager to the session that it is for. Loads neonize."""

import sys

from waziterm.worker.pipe import Outbox
from waziterm.worker.protocol import Answered, Connect, Noted, ProtocolError, decode_command
from waziterm.worker.session import Request, Session


class Desk:
    """The commands of one worker, which holds one instance for its whole life."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._instance: str | None = None
        self._session: Session | None = None

    def take(self, line: bytes) -> None:
        """Start what a command asks for; nothing in it blocks on the library."""
        try:
            command = decode_command(line)
        except ProtocolError as error:
            print(f"worker: not a command: {error}", file=sys.stderr, flush=True)  # noqa: T201
            return
        if isinstance(command, Connect):
            self._connect(command)
        else:
            self._request(command)

    def _connect(self, command: Connect) -> None:
        if self._session is not None:
            text = f"error: this worker already holds {self._instance}"
            self._outbox.send(Noted(command.instance, text))
            return
        self._instance = command.instance
        self._session = Session(command, self._outbox)
        self._session.start()

    def _request(self, request: Request) -> None:
        if self._session is None or request.instance != self._instance:
            error = "this worker does not hold that instance"
            self._outbox.send(Answered(request.instance, request.request, 0.0, error))
        else:
            self._session.request(request)
