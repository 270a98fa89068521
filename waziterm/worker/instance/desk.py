"""Passes each command of the manager to the session that it is for."""

from typing import Any

from waziterm.domain.codec import CodecError
from waziterm.domain.messages.sending import NotSent
from waziterm.worker.instance.prober import Prober
from waziterm.worker.instance.session import Request, Session
from waziterm.worker.neonize.client import trust_lab
from waziterm.worker.neonize.opening import Opening
from waziterm.worker.neonize.rootkey import RootKeyError
from waziterm.worker.pipe import Outbox, complain
from waziterm.worker.protocol import Answered, Connect, Noted, SendMessage, decode_command


class Desk:
    """The commands of one worker. Each instance is connected once; what has left does not come
    back. binder: neonize's, loaded."""

    def __init__(self, outbox: Outbox, binder: Any) -> None:
        self._outbox = outbox
        self._binder = binder
        self._opening = Opening()
        self._prober = Prober()
        self._trusted: str | None = None
        self._sessions: dict[str, Session] = {}

    def take(self, line: bytes) -> None:
        """Start what a command asks for; nothing in it blocks on the library."""
        try:
            command = decode_command(line)
        except CodecError as error:
            complain(f"worker: not a command: {error}")
            return
        if isinstance(command, Connect):
            self._connect(command)
        else:
            self._request(command)

    def look(self) -> float | None:
        """Let no probe wait for another one that takes long. In how many seconds to look again;
        None for not before the next command."""
        return self._prober.look()

    def _connect(self, command: Connect) -> None:
        if command.instance in self._sessions:
            text = f"error: this worker already holds {command.instance}"
            self._outbox.send(Noted(command.instance, text))
            return
        session = Session(
            command, self._outbox, self._opening, self._binder, self._prober.take, self._trust
        )
        self._sessions[command.instance] = session
        session.start()

    def _trust(self, noise_root_key: str) -> None:
        """Trust a lab's key; one for the whole process. Called by one start at a time."""
        if self._trusted is None:
            trust_lab(self._binder, noise_root_key)
            self._trusted = noise_root_key
        elif self._trusted != noise_root_key:
            raise RootKeyError("this worker trusts another lab already")

    def _request(self, request: Request) -> None:
        session = self._sessions.get(request.instance)
        if session is None:
            error = "this worker does not hold that instance"
            sent = NotSent(error) if isinstance(request, SendMessage) else None
            self._outbox.send(Answered(request.instance, request.request, 0.0, error, sent))
        else:
            session.request(request)
