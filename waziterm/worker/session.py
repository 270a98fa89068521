"""One instance of a worker: its connect, its events, its requests."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from waziterm.domain import events as ev
from waziterm.domain.jid import Jid
from waziterm.worker.client import Callbacks, Client, LibraryError
from waziterm.worker.logs import FAILURE_NODE, PAIRING_ERROR, LibraryLog
from waziterm.worker.mapping import (
    NOTE_NAMES,
    REFUSALS,
    connect_error,
    library_event,
    log_line,
    note,
    refusal,
    undelivered,
)
from waziterm.worker.opening import Calls, Opening, Start
from waziterm.worker.pairing import Pairing
from waziterm.worker.pipe import Outbox
from waziterm.worker.protocol import (
    Answered,
    Connect,
    Happened,
    Leave,
    Logout,
    Noted,
    PairByCode,
    Probe,
    SendText,
)
from waziterm.worker.rootkey import RootKeyError
from waziterm.worker.sessionfile import (
    SessionBusyError,
    SessionFileError,
    check_path,
    check_resumable,
)

Request = SendText | Probe | Logout | PairByCode | Leave

MAX_REQUESTS = 8
_OFFLINE = (
    ev.Disconnected,
    ev.StreamReplaced,
    ev.LoggedOut,
    ev.TemporaryBan,
    ev.ConnectFailure,
    ev.ClientOutdated,
)
# The library does not dial again after these (whatsmeow `connectionevents.go`).
_FINAL = tuple(event for event in _OFFLINE if event is not ev.Disconnected)


class Session:
    """Carries a `Connect` out and reports all that happens to it, until `Leave`.

    The library calls back on its own threads. binder: neonize's, loaded. opening: of this worker.
    trust: makes the process trust a lab's key; raises RootKeyError.
    """

    def __init__(
        self,
        command: Connect,
        outbox: Outbox,
        opening: Opening,
        binder: Any,
        trust: Callable[[str], None],
    ) -> None:
        self._command = command
        self._outbox = outbox
        self._opening = opening
        self._trust = trust
        self._pairing = Pairing()
        self._log = LibraryLog(self._note)
        self._lock = threading.Lock()
        self._client = Client(
            binder,
            Callbacks(
                device=self._on_device,
                code=self._on_code,
                status=self._on_status,
                event=self._on_event,
                lost=self._on_lost,
                log=self._log.take,
            ),
        )
        self._start = Start(self._prepare, self._run, self._refused)
        self._own = ("", "")
        self._delivered = False
        self._connected = False
        self._over = False
        self._entered = False
        self._left = False
        self._shows_qr = False
        self._code_lock = threading.Lock()
        self._requests = 0

    def start(self) -> None:
        """Connect when the worker's other starts have begun."""
        pairs = self._command.jid is None
        self._opening.start(self._start, last=pairs or self._command.alone)

    def request(self, request: Request) -> None:
        """Carry a request out in a thread of its own, and answer it."""
        with self._lock:
            if isinstance(request, Leave):
                error, self._left = "", True
            elif isinstance(request, PairByCode) and not self._shows_qr:
                error = "no QR code is shown"
            elif not (self._connected or isinstance(request, PairByCode)):
                error = "not connected"
            elif self._requests >= MAX_REQUESTS:
                error = f"{MAX_REQUESTS} requests are still unanswered"
            else:
                error = ""
            if not error:
                self._requests += 1
        if error:
            self._outbox.send(Answered(self._command.instance, request.request, 0.0, error))
        else:
            threading.Thread(
                target=self._answer, args=(request,), name="request", daemon=True
            ).start()

    def _prepare(self) -> bool:
        command = self._command
        try:
            check_path(command.session)
            if command.jid is not None:
                check_resumable(command.session, Jid.parse(command.jid))
            if command.noise_root_key is not None:
                self._trust(command.noise_root_key)
        except SessionFileError as error:
            self._finished(ev.SessionBroken(str(error)))
        except (SessionBusyError, RootKeyError, ValueError) as error:
            self._finished(ev.DialFailed(log_line(str(error))))
        except Exception as error:  # noqa: BLE001 - an instance must not go silent
            self._finished(ev.DialFailed(log_line(f"unexpectedly: {error!r}")))
        else:
            with self._lock:
                self._entered = not self._left
            return self._entered
        return False

    def _refused(self, why: str) -> None:
        self._finished(ev.NotStarted(why))

    def _run(self) -> None:
        command = self._command
        try:
            jid = Jid.parse(command.jid) if command.jid else None
            self._client.connect(command.session, jid, command.proxy)
        except LibraryError as error:
            self._ended(str(error))
        except Exception as error:  # noqa: BLE001 - an instance must not go silent
            self._ended(f"unexpectedly: {error!r}")
        else:
            self._ended("it returned")

    def _ended(self, text: str) -> None:
        with self._lock:
            delivered = self._delivered
        if not delivered:
            self._finished(connect_error(text))
            return
        name = undelivered(text)
        if name in REFUSALS:
            self._finished(refusal(self._log.evidence(FAILURE_NODE), name))
        else:
            # The connection may still stand, but nothing will be heard of it.
            with self._lock:
                self._connected = False
            self._happened(ev.LibraryDeaf(log_line(text)))

    def _finished(self, event: ev.WorkerEvent) -> None:
        """The last event: the library neither holds a connection nor dials again."""
        with self._lock:
            self._connected, self._over = False, True
        self._happened(event)

    def _on_device(self, jid: str, lid: str) -> None:
        with self._lock:
            self._delivered = True
            self._own = (jid, lid)
        self._start.begun.set()

    def _on_code(self, payload: str) -> None:
        shown = self._pairing.code(payload)
        with self._lock:
            self._shows_qr = True
        self._start.begun.set()
        self._happened(shown)

    def _on_status(self, status: str) -> None:
        with self._lock:
            self._shows_qr = False
        end = self._pairing.status(status)
        if end is None:
            return
        if status == "error":
            end = replace(end, detail=log_line(self._log.evidence(PAIRING_ERROR)))
        elif status == "err-unexpected-state" and (node := self._log.evidence(FAILURE_NODE)):
            self._happened(refusal(node))
            return
        self._happened(end)

    def _on_event(self, name: str, message: Any) -> None:
        if name in NOTE_NAMES:
            self._note(note(name))
            return
        event = library_event(name, message, *self._own)
        with self._lock:
            if isinstance(event, ev.Connected):
                self._connected, self._over = True, False
            elif isinstance(event, _OFFLINE):
                self._connected, self._over = False, isinstance(event, _FINAL)
            late = self._left and self._connected
        if late:
            # A redial that was under way when the instance left.
            threading.Thread(target=self._disconnect, name="leave", daemon=True).start()
        self._happened(event)

    def _on_lost(self, what: str, error: Exception) -> None:
        self._note(f"error: what the library told was lost ({what}): {log_line(repr(error))}")

    def _answer(self, request: Request) -> None:
        start = time.monotonic()
        message_id = error = ""
        try:
            message_id = self._carry_out(request)
        except Exception as failure:  # noqa: BLE001 - every request must be answered
            error = log_line(str(failure)) or type(failure).__name__
        finally:
            with self._lock:
                self._requests -= 1
        took_s = time.monotonic() - start
        self._outbox.send(
            Answered(self._command.instance, request.request, took_s, error, message_id)
        )

    def _carry_out(self, request: Request) -> str:
        match request:
            case SendText(to=to, text=text):
                target = Jid.parse(to or self._own[0]).account
                return self._client.send_text(self._calls(), target, text)
            case PairByCode(phone=phone):
                # The library knows the newest code alone: two must be told in their order.
                with self._code_lock:
                    code = self._client.pairing_code(self._calls(), phone)
                    self._happened(ev.CodeShown(code, self._pairing.left_s()))
            case Probe():
                self._client.probe(self._calls())
            case Logout():
                self._client.logout(self._calls())
                with self._lock:
                    self._connected, self._over = False, True
            case Leave():
                self._disconnect()
        return ""

    def _disconnect(self) -> None:
        """Let the connection go. One that the library has ended by itself needs no call, so the
        worker may go on starting others; one that is being dialled has first to come."""
        if self._is_nothing:
            return
        calls = self._calls()
        self._start.begun.wait()
        if not self._is_nothing:
            self._client.disconnect(calls)
        with self._lock:
            self._connected = False

    @property
    def _is_nothing(self) -> bool:
        """Whether the library neither has a connection nor makes one."""
        with self._lock:
            return self._over or not self._entered

    def _calls(self) -> Calls:
        return self._opening.close()

    def _happened(self, event: ev.WorkerEvent) -> None:
        if not self._left:
            self._outbox.send(Happened(self._command.instance, event))

    def _note(self, text: str) -> None:
        if not self._left:
            self._outbox.send(Noted(self._command.instance, text))
