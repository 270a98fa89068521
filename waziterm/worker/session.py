"""The one instance that a worker holds: its connect, its events, its requests."""

import threading
import time
from dataclasses import replace
from typing import Any

from waziterm.domain import events as ev
from waziterm.domain.jid import Jid
from waziterm.worker.client import Client, DialError, error_text, quiet_library, trust_lab
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
from waziterm.worker.pairing import Pairing
from waziterm.worker.pipe import Outbox
from waziterm.worker.protocol import (
    Answered,
    Connect,
    Happened,
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

Request = SendText | Probe | Logout | PairByCode

MAX_REQUESTS = 8
_TELL_OWN_JIDS = frozenset({"Connected", "PairStatus"})
_OFFLINE = (
    ev.Disconnected,
    ev.StreamReplaced,
    ev.LoggedOut,
    ev.TemporaryBan,
    ev.ConnectFailure,
    ev.ClientOutdated,
)


class Session:
    """Carries a `Connect` out and reports all that happens to it.

    The library calls back on its own threads and must be called only while its client is
    connected: any call on a client that it does not have crashes the process.
    """

    def __init__(self, command: Connect, outbox: Outbox) -> None:
        self._command = command
        self._outbox = outbox
        self._pairing = Pairing()
        self._log = LibraryLog(self._note)
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._delivered = False
        self._connected = False
        self._shows_qr = False
        self._code_lock = threading.Lock()
        self._requests = 0

    def start(self) -> None:
        """Connect, in a thread of its own: the library keeps it for the whole session."""
        threading.Thread(target=self._run, name="connect", daemon=True).start()

    def request(self, request: Request) -> None:
        """Carry a request out in a thread of its own, and answer it."""
        with self._lock:
            if isinstance(request, PairByCode) and not self._shows_qr:
                error = "no QR code is shown"
            elif not (self._connected or isinstance(request, PairByCode)):
                error = "not connected"
            elif self._requests >= MAX_REQUESTS:
                error = f"{MAX_REQUESTS} requests are still unanswered"
            else:
                error = ""
                self._requests += 1
        if error:
            self._outbox.send(Answered(self._command.instance, request.request, 0.0, error))
        else:
            threading.Thread(
                target=self._answer, args=(request,), name="request", daemon=True
            ).start()

    def _run(self) -> None:
        command = self._command
        quiet_library(self._log)
        try:
            check_path(command.session)
            jid = Jid.parse(command.jid) if command.jid else None
            if jid is not None:
                check_resumable(command.session, jid)
            if command.noise_root_key is not None:
                trust_lab(command.noise_root_key)
            self._client = Client(
                command.session,
                jid,
                on_device=self._on_device,
                on_code=self._on_code,
                on_status=self._on_status,
                on_event=self._on_event,
                on_lost=self._on_lost,
            )
            self._client.connect(command.proxy)
        except SessionFileError as error:
            self._happened(ev.SessionBroken(str(error)))
        except (SessionBusyError, RootKeyError, ValueError) as error:
            self._happened(ev.DialFailed(log_line(str(error))))
        except DialError as error:
            self._ended(error_text(error))
        except Exception as error:  # noqa: BLE001 - a worker without its session must not linger
            self._leave(f"the connect failed unexpectedly: {error!r}")
        else:
            self._ended("it returned")

    def _ended(self, text: str) -> None:
        with self._lock:
            self._connected = False
            delivered = self._delivered
        if not delivered:
            self._happened(connect_error(text))
            return
        name = undelivered(text)
        if name in REFUSALS:
            self._happened(refusal(self._log.evidence(FAILURE_NODE), name))
        else:
            # The connection may still stand, but nothing will be heard of it: start afresh.
            self._leave(f"the library went deaf: {text}")

    def _on_device(self) -> None:
        with self._lock:
            self._delivered = True

    def _on_code(self, payload: str) -> None:
        shown = self._pairing.code(payload)
        with self._lock:
            self._shows_qr = True
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
        try:
            if name in NOTE_NAMES:
                self._note(note(name))
                return
            jid, lid = self._own_jids(name)
            event = library_event(name, message, jid, lid)
            with self._lock:
                if isinstance(event, ev.Connected):
                    self._connected = True
                elif isinstance(event, _OFFLINE):
                    self._connected = False
        except Exception as error:  # noqa: BLE001 - ctypes would print a traceback and go on
            self._on_lost(name, error)
        else:
            self._happened(event)

    def _on_lost(self, name: str, error: Exception) -> None:
        self._note(f"error: an event was lost ({name}): {log_line(repr(error))}")

    def _own_jids(self, event_name: str) -> tuple[str, str]:
        if self._client is None or event_name not in _TELL_OWN_JIDS:
            return "", ""
        return self._client.own_jids()

    def _answer(self, request: Request) -> None:
        start = time.monotonic()
        message_id = error = ""
        try:
            message_id = self._carry_out(request)
        except Exception as failure:  # noqa: BLE001 - every request must be answered
            error = log_line(error_text(failure)) or type(failure).__name__
        finally:
            with self._lock:
                self._requests -= 1
        took_s = time.monotonic() - start
        self._outbox.send(
            Answered(self._command.instance, request.request, took_s, error, message_id)
        )

    def _carry_out(self, request: Request) -> str:
        assert self._client is not None
        match request:
            case SendText(to=to, text=text):
                target = to or self._client.own_jids()[0]
                return self._client.send_text(Jid.parse(target).account, text)
            case PairByCode(phone=phone):
                # The library knows the newest code alone: two must be told in their order.
                with self._code_lock:
                    code = self._client.pairing_code(phone)
                    self._happened(ev.CodeShown(code, self._pairing.left_s()))
            case Probe():
                self._client.probe()
            case Logout():
                self._client.logout()
                with self._lock:
                    self._connected = False
        return ""

    def _leave(self, why: str) -> None:
        self._outbox.leave(Noted(self._command.instance, f"error: {log_line(why)}"), 1)

    def _happened(self, event: ev.WorkerEvent) -> None:
        self._outbox.send(Happened(self._command.instance, event))

    def _note(self, text: str) -> None:
        self._outbox.send(Noted(self._command.instance, text))
