"""One instance of a worker: its connect, its events, its requests."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, assert_never

from waziterm.domain.jid import Jid
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.inbound import Inbound, LostWhy, MessageLost
from waziterm.domain.messages.sending import (
    Acknowledged,
    NotSent,
    OptOut,
    Outgoing,
    Receipt,
    Refused,
    Sent,
    Uncertain,
)
from waziterm.worker.instance.journal import Journal
from waziterm.worker.instance.pairing import Pairing
from waziterm.worker.instance.store_file import (
    FileId,
    SessionFileError,
    StoreFaultError,
    check_path,
    check_resumable,
    file_id,
    standing_fault,
)
from waziterm.worker.neonize.client import Callbacks, Client, LibraryError, QueryRefusedError
from waziterm.worker.neonize.logs import LibraryLog
from waziterm.worker.neonize.mapping import (
    DEVICES_FULL,
    NOTE_NAMES,
    REFUSALS,
    connect_error,
    history_part,
    library_event,
    log_line,
    no_code,
    note,
    opted_out,
    pairing_error,
    pairing_refusal,
    phone_sent_at,
    refusal,
    refused_code,
)
from waziterm.worker.neonize.opening import Calls, Opening, Start
from waziterm.worker.neonize.outgoing import UnsendableError, body_of, recipient
from waziterm.worker.neonize.phrases import (
    FAILURE_NODE,
    PAIRING_ENDS,
    PAIRING_ERROR,
    PAIRING_REFUSED,
    CodeRefused,
    EventLost,
    HandlerBusy,
    HandlerDone,
    LoginAccepted,
    LoginRefused,
    MessageIgnored,
    ReceiptSeen,
    RedialFailed,
    Sign,
    SocketEnded,
    StoreAlarm,
    StreamEnds,
    TimeLock,
    code_refusal,
    not_sent,
    send_refused,
    store_alarm,
    undelivered,
)
from waziterm.worker.neonize.received import lost, received
from waziterm.worker.neonize.rootkey import RootKeyError
from waziterm.worker.pipe import Outbox
from waziterm.worker.protocol import (
    Answered,
    Connect,
    Happened,
    HeardOptOut,
    HeardReceipt,
    JournalGrew,
    Leave,
    Logout,
    Lost,
    Noted,
    PairByCode,
    Probe,
    RollJournal,
    SendMessage,
)

Call = Probe | Logout | PairByCode | Leave | RollJournal
Request = SendMessage | Call

MAX_REQUESTS = 8
SLOW_QUERIES_S = 10.0
"""After so long without `Connected` an accepted login is told. The queries take a few round trips,
and after a pairing 812 keys are made in between, which takes a busy box seconds."""
QUIET_S, QUIET_LIMIT_S = 0.1, 2.0
"""What leaves waits until the library has told nothing for so long, and at most so long."""
FAILED_REDIALS = 2
"""So many failed redials are told: the library goes on with them, 2 s later each time, and
whoever keeps the fleet knows better when to dial."""
LOCKED_ALARMS, LOCKED_WITHIN_S = 3, 60.0
"""So many alarms of a locked file are a lock that stays. Each came after the library's own wait of
5 s."""
BUSY_GRACE_S = 1.0
"""For so long a node that took 30 s may still come to its end: after a freeze of the whole process
it does."""
PHONE_EVERY_S = 3600.0
"""A sign of the phone is told when it is so much younger than the last one that was."""
_REMEMBERED = 200
"""So many messages that could not be decrypted are told once, however often they come."""
_TOLD_LOSSES = frozenset(10**power for power in range(9))
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
    probes: has a probe made. trust: makes the process trust a lab's key; raises RootKeyError.
    """

    def __init__(
        self,
        command: Connect,
        outbox: Outbox,
        opening: Opening,
        binder: Any,
        probes: Callable[[Callable[[], None]], None],
        trust: Callable[[str], None],
    ) -> None:
        self._command = command
        self._outbox = outbox
        self._opening = opening
        self._probes = probes
        self._trust = trust
        self._pairing = Pairing()
        self._log = LibraryLog(self._note, self._on_sign)
        self._lock = threading.Lock()
        self._client = Client(
            binder,
            Callbacks(
                device=self._on_device,
                code=self._on_code,
                status=self._on_status,
                event=self._on_event,
                unreadable=self._on_unreadable,
                lost=self._on_lost,
                log=self._log.take,
            ),
            receipts=command.receipts,
        )
        self._journal = Journal(Path(command.inbox)) if command.inbox else None
        self._undecryptable: deque[str] = deque(maxlen=_REMEMBERED)
        self._opt_out_words = frozenset(command.opt_out_words)
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
        self._drop: SocketEnded | None = None
        self._slow: threading.Timer | None = None
        self._busy: threading.Timer | None = None
        self._accepted_at = 0.0
        self._redials = 0
        self._file: FileId | None = None
        self._told_store = False
        self._losses: Counter[str] = Counter()
        self._phone_sent_at = 0.0
        self._told_at = 0.0
        self._is_told = False
        self._locked: deque[float] = deque(maxlen=LOCKED_ALARMS)

    def start(self) -> None:
        """Connect when the worker's other starts have begun."""
        pairs = self._command.jid is None
        self._opening.start(self._start, last=pairs or self._command.alone)

    def request(self, request: Request) -> None:
        """Carry a request out in another thread, and answer it."""
        with self._lock:
            if isinstance(request, Leave):
                error, self._left = "", True
            elif isinstance(request, PairByCode) and not self._shows_qr:
                error = "no QR code is shown"
            elif not (self._connected or isinstance(request, PairByCode | RollJournal)):
                error = "not connected"
            elif self._requests >= MAX_REQUESTS:
                error = f"{MAX_REQUESTS} requests are still unanswered"
            else:
                error = ""
            if not error:
                self._requests += 1
        if error:
            sent = NotSent(error) if isinstance(request, SendMessage) else None
            answered = Answered(self._command.instance, request.request, 0.0, error)
            self._outbox.send(replace(answered, sent=sent))
        elif isinstance(request, Probe):
            self._probes(partial(self._answer, request))
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
        except StoreFaultError as error:
            self._finished(ev.StoreFailing(error.fault, log_line(str(error))))
        except (RootKeyError, ValueError) as error:
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
            self._client.connect(command.session, jid, command.proxy, command.device_name)
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
            # A reason says it in fewer words.
            self._note(f"error: {log_line(text)}")
            self._finished(connect_error(text))
            return
        name = undelivered(text)
        if name in REFUSALS:
            self._finished(refusal(self._log.evidence(FAILURE_NODE), name))
        else:
            self._deaf(text)

    def _finished(self, event: ev.WorkerEvent) -> None:
        """The last event: the library neither holds a connection nor dials again."""
        with self._lock:
            self._connected, self._over = False, True
        self._happened(event)

    def _on_device(self, jid: str, lid: str) -> None:
        with self._lock:
            self._delivered = True
            self._own = (jid, lid)
            self._file = file_id(self._command.session)
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
        match status:
            case "error":
                self._happened(pairing_error(self._log.evidence(PAIRING_ERROR)))
            case "err-unexpected-state":
                self._happened(pairing_refusal(self._log.evidence(PAIRING_REFUSED)))
            case "timeout" if code := self._log.evidence(PAIRING_ENDS, 0.0):
                self._happened(replace(end, code=int(code)))
            case _:
                self._happened(end)

    def _on_event(self, name: str, message: Any) -> None:
        self._is_told = True
        try:
            self._take_event(name, message)
        finally:
            self._told_at, self._is_told = time.monotonic(), False

    def _take_event(self, name: str, message: Any) -> None:
        if name == "UndecryptableMessage":
            self._on_undecryptable(message.Info)
            self._note(note(name))
            return
        if name in NOTE_NAMES:
            self._take_in(message)
            part = history_part(message)
            if part is not None:
                self._happened(part)
            if (asked := opted_out(message, self._opt_out_words)) is not None:
                self._heard(asked)
            self._note(note(name) if part is None else f"history received, {part.percent} %")
            self._note_phone(phone_sent_at(message))
            return
        event = library_event(name, message, *self._own)
        if isinstance(event, ev.Connected):
            self._settled()
        elif isinstance(event, ev.Disconnected):
            event = self._explained(event)
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

    def _take_in(self, message: Any) -> None:
        """Write a message to the journal, before anything else is done with it."""
        try:
            kept: Inbound | None = received(message)
        except Exception as error:  # noqa: BLE001 - a stranger has made it
            self._on_lost("Message", error)
            kept = lost(message.Info, LostWhy.UNREADABLE, time.time())
        if kept is not None:
            self._keep(kept)

    def _on_unreadable(self, info: Any) -> None:
        self._keep(lost(info, LostWhy.UNREADABLE, time.time()))

    def _on_undecryptable(self, info: Any) -> None:
        message = lost(info, LostWhy.UNDECRYPTABLE, time.time())
        if message.whatsapp_id not in self._undecryptable:
            self._undecryptable.append(message.whatsapp_id)
            self._keep(message)

    def _keep(self, message: Inbound) -> None:
        """Also after the instance has left: the sender has the receipt."""
        if self._journal is None:
            return
        try:
            self._journal.write(message)
        except OSError as error:
            said = f"it cannot be written to the journal: {error.strerror}"
            self._lost("message", lambda: said)
        else:
            self._outbox.send(JournalGrew(self._command.instance))

    def _note_phone(self, sent_at: float | None) -> None:
        """Tell that the phone is there, once in a while."""
        if sent_at is not None and sent_at - self._phone_sent_at >= PHONE_EVERY_S:
            self._phone_sent_at = sent_at
            self._happened(ev.PhoneSeen(max(0.0, time.time() - sent_at)))

    def _on_lost(self, what: str, error: Exception) -> None:
        self._lost(what, lambda: repr(error))

    def _lost(self, what: str, why: Callable[[], str]) -> None:
        """Count what was lost, and say so once of each kind and then ever less often: whoever can
        write to this number can have it happen as often as they like."""
        with self._lock:
            self._losses[what] += 1
            times, total = self._losses[what], self._losses.total()
        if not self._left:
            self._outbox.send(Lost(self._command.instance, total))
        if times in _TOLD_LOSSES:
            so_far = f", {times} so far" if times > 1 else ""
            said = log_line(why())
            self._note(f"error: what the library told was lost ({what}{so_far}): {said}")

    # -- what the library's log says ----------------------------------------------------------

    def _on_sign(self, sign: Sign) -> None:
        match sign:
            case LoginAccepted():
                self._settled()
                self._accepted_at = time.monotonic()
                self._slow = _started(threading.Timer(SLOW_QUERIES_S, self._tell_slow))
            case LoginRefused(code, is_fatal):
                if is_fatal:
                    # The library is about to crash, with all that share the worker, and waits for
                    # this call's end. It holds this client's lock, so nothing may be asked of it.
                    self._finished(ev.ConnectFailure(code))
                    _wait_for_ever()
                self._happened(ev.ConnectFailure(code))
            case StreamEnds(code):
                self._drop = SocketEnded(ev.DropKind.ERROR, f"code {code}")
            case SocketEnded():
                self._drop = self._drop or sign
            case RedialFailed(detail):
                self._redials += 1
                if self._redials == FAILED_REDIALS:
                    self._happened(ev.DialFailed(log_line(detail)))
            case StoreAlarm():
                self._on_alarm(sign)
            case CodeRefused():
                self._happened(refused_code(sign))
            case TimeLock():
                self._on_time_lock(sign)
            case ReceiptSeen(ids, chat, kind, at):
                now = time.time()
                for each in ids:
                    self._heard(Receipt(each, chat, kind, min(at or now, now)))
            case HandlerBusy():
                self._on_busy(sign)
            case HandlerDone():
                self._not_busy()
            case EventLost(event):
                self._lost(event, lambda: "neonize failed on it")
            case MessageIgnored(whatsapp_id, chat):
                self._keep(MessageLost(whatsapp_id, chat, time.time(), LostWhy.OLD_COUNTER))
            case _:
                assert_never(sign)

    def _on_time_lock(self, lock: TimeLock) -> None:
        self._note(f"WhatsApp: this number may start {'no ' if lock.is_active else ''}new chats")
        if lock.until is not None or not lock.is_active:
            self._happened(ev.NewChatsBarred(lock.until))

    def _settled(self) -> None:
        """A login has come, or its first queries are answered: what was before is over."""
        slow, self._slow = self._slow, None
        if slow is not None:
            slow.cancel()
        self._drop, self._redials = None, 0

    def _tell_slow(self) -> None:
        with self._lock:
            waits = not (self._connected or self._over)
        if waits and self._drop is None:
            self._happened(ev.Authenticated())

    def _on_busy(self, busy: HandlerBusy) -> None:
        """Each connection has a queue of its own: what is left of the last one says nothing."""
        if time.monotonic() - busy.for_s < self._accepted_at:
            return
        self._not_busy()
        said = f"it has worked on one {busy.tag or 'node'} for {busy.for_s:.0f} s"
        self._busy = _started(threading.Timer(BUSY_GRACE_S, self._still_busy, (said,)))

    def _not_busy(self) -> None:
        busy, self._busy = self._busy, None
        if busy is not None:
            busy.cancel()

    def _still_busy(self, why: str) -> None:
        with self._lock:
            waits = self._connected
        if waits:
            self._deaf(why)

    def _deaf(self, why: str) -> None:
        """The connection may still stand, but nothing will be heard of it."""
        with self._lock:
            self._connected = False
        self._happened(ev.LibraryDeaf(log_line(why)))

    def _explained(self, event: ev.Disconnected) -> ev.Disconnected:
        """The end of a connection with what the log said of it before."""
        drop = self._drop
        self._settled()
        return event if drop is None else ev.Disconnected(drop.how, drop.detail)

    def _on_alarm(self, alarm: StoreAlarm) -> None:
        """The library could not use its file; a lock that is soon gone counts for nothing."""
        if alarm.fault is ev.StoreFault.LOCKED:
            now = time.monotonic()
            self._locked.append(now)
            if len(self._locked) < LOCKED_ALARMS or now - self._locked[0] > LOCKED_WITHIN_S:
                return
        seen = standing_fault(self._command.session, self._file)
        self._tell_store(*(seen or (alarm.fault, alarm.detail)))

    def _tell_store(self, fault: ev.StoreFault, detail: str) -> None:
        with self._lock:
            told, self._told_store = self._told_store, True
        if not told:
            self._happened(ev.StoreFailing(fault, log_line(detail)))

    def _answer(self, request: Request) -> None:
        start = time.monotonic()
        error = ""
        sent: Sent | None = None
        is_refused = False
        try:
            if isinstance(request, SendMessage):
                sent = self._sent(request.message)
                error = "" if isinstance(sent, Acknowledged) else sent.error
            else:
                self._carry_out(request)
        except QueryRefusedError as answer:
            error, is_refused = str(answer), True
        except Exception as failure:  # noqa: BLE001 - every request must be answered
            error = self._told_of(failure)
        finally:
            with self._lock:
                self._requests -= 1
        took_s = time.monotonic() - start
        answered = Answered(self._command.instance, request.request, took_s, error)
        self._outbox.send(replace(answered, sent=sent, is_refused=is_refused))

    def _told_of(self, failure: Exception) -> str:
        """One line of what failed; what it says of the session file is told too."""
        if alarm := store_alarm(str(failure)):
            self._on_alarm(alarm)
        return log_line(str(failure)) or type(failure).__name__

    def _sent(self, message: Outgoing) -> Sent:
        """Send a message. What is not known for certain is `Uncertain`."""
        calls = self._calls()
        try:
            to = recipient(message.to)
            body = body_of(message, to, partial(self._client.upload, calls))
        except UnsendableError as error:
            return NotSent(str(error), error.code, is_final=True)
        except Exception as failure:  # noqa: BLE001 - nothing is sent before it has a body
            return NotSent(f"the file was not uploaded: {self._told_of(failure)}", "upload")
        try:
            return self._client.send(calls, to, body)
        except Exception as failure:  # noqa: BLE001 - whoever asked must hear of it
            said, told = str(failure), self._told_of(failure)
            if code := send_refused(said):
                return Refused(code, told)
            return not_sent(said) or Uncertain(told)

    def _carry_out(self, request: Call) -> None:
        match request:
            case PairByCode(phone=phone):
                # The library knows the newest code alone: two must be told in their order.
                with self._code_lock:
                    try:
                        code = self._client.pairing_code(self._calls(), phone)
                    except LibraryError as error:
                        refused = code_refusal(str(error))
                        if refused is None:
                            raise
                        if refused.code == DEVICES_FULL:
                            self._happened(refused_code(refused))
                        raise LibraryError(no_code(refused)) from error
                    self._happened(ev.CodeShown(code, self._pairing.left_s()))
            case Probe():
                if fault := standing_fault(self._command.session, self._file):
                    self._tell_store(*fault)
                self._client.probe(self._calls())
            case Logout():
                self._client.logout(self._calls())
                with self._lock:
                    self._connected, self._over = False, True
            case Leave():
                self._disconnect()
                self._await_quiet()
                if self._journal is not None:
                    self._journal.close()
            case RollJournal():
                if self._journal is not None:
                    self._journal.roll()
            case _:
                assert_never(request)

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

    def _await_quiet(self) -> None:
        """Wait for what the library has still to tell: it takes a message, whose sender has the
        receipt then, or a logout, deletes the device, and tells of it later; up to 100 events wait
        (neonize `Neonize`, `eventChan`)."""
        now = time.monotonic()
        ends, quiet = now + QUIET_LIMIT_S, now + QUIET_S
        while now < min(ends, quiet):
            time.sleep(min(ends, quiet) - now)
            now = time.monotonic()
            quiet = QUIET_S + (now if self._is_told else self._told_at)

    @property
    def _is_nothing(self) -> bool:
        """Whether the library neither has a connection nor makes one."""
        with self._lock:
            return self._over or not self._entered

    def _calls(self) -> Calls:
        return self._opening.close()

    def _happened(self, event: ev.WorkerEvent) -> None:
        if not self._left or ev.is_verdict(event):
            self._outbox.send(Happened(self._command.instance, event))

    def _heard(self, what: Receipt | OptOut) -> None:
        if not self._left:
            name = self._command.instance
            if isinstance(what, Receipt):
                self._outbox.send(HeardReceipt(name, what))
            else:
                self._outbox.send(HeardOptOut(name, what))

    def _note(self, text: str) -> None:
        if not self._left:
            self._outbox.send(Noted(self._command.instance, text))


def _started(timer: threading.Timer) -> threading.Timer:
    timer.daemon = True
    timer.start()
    return timer


def _wait_for_ever() -> NoReturn:
    """Keep the calling thread until the process ends."""
    while True:
        threading.Event().wait()
