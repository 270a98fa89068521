"""One client of neonize's library, with the traps of version 0.5 closed."""

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from waziterm.domain.frozen import dataclass
from waziterm.domain.jid import Jid
from waziterm.domain.messages.sending import Acknowledged
from waziterm.worker.neonize.library import companion, messages
from waziterm.worker.neonize.mapping import EVENT_NUMBERS, answered_with, jid_text, readable
from waziterm.worker.neonize.opening import Calls
from waziterm.worker.neonize.phrases import RECEIPT, TIME_LOCK
from waziterm.worker.neonize.private import library_path, proxy_settings
from waziterm.worker.neonize.rootkey import replace_root_key

# At DEBUG whatsmeow logs QR codes and whole nodes, and with no level all of it crosses into
# Python; at INFO it logs what it does, with JIDs. A linked device is listened to at DEBUG all the
# same, for a time lock is told nowhere else, and receipts cannot be subscribed to (`mapping`);
# everything else of it goes no further than `_on_log`.
_PAIRING_LOG, _LINKED_LOG = b"INFO", b"DEBUG"
_TIME_LOCK, _RECEIPT = TIME_LOCK.encode(), RECEIPT.encode()
_AT_DEBUG = messages.LogEntry(Level="DEBUG").SerializePartialToString()
"""The level as it stands in a record."""
_DEVICE = 0
_NAMES = {number: name for name, number in EVENT_NUMBERS.items()}
_SUBSCRIBED = bytes(EVENT_NUMBERS.values())
# WhatsApp answers 400 to a browser and a system that it does not know; the number of a browser is
# whatsmeow's `PairClientChrome`.
_BROWSER, _BROWSER_NUMBER = "Chrome (Linux)", 1
# A phone sends a new device its history of months, and a worker grows with each part. What we need
# of it are the tokens without which WhatsApp refuses a first message (463), and those are valid
# for four weeks (whatsmeow `tctoken.go`).
_HISTORY_DAYS = 28


class LibraryError(Exception):
    """The library refused, or could not do it; the message is its own, in one string."""


class QueryRefusedError(LibraryError):
    """WhatsApp answered a query with an error, which the message names."""


def trust_lab(binder: Any, noise_root_key: str) -> None:
    """Trust a lab's server instead of WhatsApp's, in this process. Raises RootKeyError."""
    replace_root_key(library_path(binder), bytes.fromhex(noise_root_key))


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Whom a client tells. They run on threads of the library and must not block.

    device: it is ready for calls; the device's own JID and LID, "" where it has none.
    code: a QR code's text. status: a login status.
    event: the name and the message of an event in `EVENT_NUMBERS`.
    unreadable: the `MessageInfo` of a message that cannot be read otherwise.
    lost: what could not be told, because it could not be read or whoever was told failed, and why.
    log: the level and the text of a log record.
    """

    device: Callable[[str, str], None]
    code: Callable[[str], None]
    status: Callable[[str], None]
    event: Callable[[str, Any], None]
    unreadable: Callable[[Any], None]
    lost: Callable[[str, Exception], None]
    log: Callable[[str, str], None]


class Client:
    """One connection of one device, started once and never stopped.

    The library knows it by an id of its own: given a JID alone, neonize would take its user for
    the id, and an attempt that ends late would stop its successor. `Stop` is never called, because
    it writes the maps that every call reads. A call asks for `Calls`, the proof that no client is
    being started in this process any more. receipts: let the log tell of them too.
    """

    def __init__(self, binder: Any, callbacks: Callbacks, *, receipts: bool = False) -> None:
        self._binder = binder
        self._told_at_debug = (_TIME_LOCK, _RECEIPT) if receipts else (_TIME_LOCK,)
        self._go = binder.gocode
        self._to = callbacks
        self._id = os.urandom(16).hex().encode()
        self._in_use: tuple[object, ...] = ()
        self._threads: set[int] = set()

    def connect(self, session: str, jid: Jid | None, proxy: str | None, device_name: str) -> None:
        """Connect, and stay in the call for as long as the library delivers events.

        session: path of the whatsmeow store. jid: the device to resume, or None to pair a new one.
        device_name: what the phone shows of a new one.
        Raises LibraryError when the first dial failed, or later when the library could not
        deliver an event: it delivers nothing from then on.
        """
        binder = self._binder
        device = _jid_message(jid).SerializeToString() if jid else b""
        props = companion.DeviceProps(
            os=device_name,
            platformType=companion.DeviceProps.SAFARI,
            historySyncConfig=companion.DeviceProps.HistorySyncConfig(
                recentSyncDaysLimit=_HISTORY_DAYS
            ),
        ).SerializeToString()
        settings = proxy_settings(binder, proxy) if proxy else None
        on_code = binder.func_string(self._survived("QR code", self._on_code))
        on_status = binder.func_string(self._survived("login status", self._on_status))
        on_event = binder.func_callback_bytes(self._survived("event", self._on_event))
        on_log = binder.func_callback_bytes2(self._survived("log record", self._on_log))
        # The call ends when an event cannot be delivered; the client lives on and logs: without
        # its callbacks it would take the process down (SIGSEGV, seen on a failure 429 at login).
        self._in_use = (on_code, on_status, on_event, on_log, settings, props, device)
        error = self._go.Neonize(
            session.encode(),
            self._id,
            device,
            len(device),
            int(jid is None),
            _LINKED_LOG if jid else _PAIRING_LOG,
            on_code,
            on_status,
            on_event,
            on_log,
            _SUBSCRIBED,
            len(_SUBSCRIBED),
            props,
            len(props),
            b"",
            0,
            ctypes.byref(settings) if settings is not None else None,
        )
        _raise_if(error)

    def _survived(self, what: str, act: Callable[..., None]) -> Callable[..., None]:
        """A callback that never raises: of an exception ctypes would print a traceback and go on,
        and nobody would be told."""

        def call(*given: Any) -> None:
            self._keep_thread()
            try:
                act(*given)
            except Exception as error:  # noqa: BLE001 - there is nobody above who could take it
                self._to.lost(what, error)

        return call

    def _keep_thread(self) -> None:
        """Let Python know the library's thread from now on: else it makes all that it has of one
        anew for each callback, and maps memory for it."""
        thread = threading.get_ident()
        if thread not in self._threads:
            self._threads.add(thread)
            ctypes.pythonapi.PyGILState_Ensure()

    def _on_code(self, _id: bytes, text: int) -> None:
        self._to.code(_text(text))

    def _on_status(self, _id: bytes, text: int) -> None:
        self._to.status(_text(text))

    def _on_event(self, _id: bytes, data: int, size: int, number: int) -> None:
        name = "Device" if number == _DEVICE else _NAMES[number]
        raw = ctypes.string_at(data, size)
        try:
            message = getattr(messages, name).FromString(raw)
            if number == _DEVICE:
                readable(message)
                self._to.device(jid_text(message.JID), jid_text(message.LID))
            else:
                self._to.event(name, message)
        except Exception as error:  # noqa: BLE001 - as above, but here its name is known
            self._to.lost(name, error)
            if number == _DEVICE:
                self._to.device("", "")
            elif name == "Message" and isinstance(error, DecodeError):
                # The two classes begin alike; what is deep in the other one is passed over here.
                self._to.unreadable(messages.UndecryptableMessage.FromString(raw).Info)

    def _on_log(self, data: int, size: int) -> None:
        raw = ctypes.string_at(data, size)
        # Most records are whole nodes of no use: they are not even read.
        if raw.startswith(_AT_DEBUG, _behind_message(raw)) and not any(
            told in raw for told in self._told_at_debug
        ):
            return
        entry = messages.LogEntry.FromString(raw)
        readable(entry)
        self._to.log(entry.Level, entry.Message)

    def upload(self, _calls: Calls, data: bytes, kind: int) -> Any:
        """Encrypt a file and upload it to WhatsApp; neonize's `UploadResponse`. kind: of its
        `MediaType`. Raises LibraryError."""
        answer = self._go.Upload(self._id, data, len(data), kind)
        uploaded = readable(messages.UploadReturnFunction.FromString(answer))
        _raise_if(uploaded.Error)
        return uploaded.UploadResponse

    def send(self, _calls: Calls, to: Jid, body: bytes) -> Acknowledged:
        """Send a message and wait for the server's acknowledgement. body: a serialised
        `E2E.Message`.

        Raises LibraryError.
        """
        target = _jid_message(to).SerializeToString()
        data = self._go.SendMessage(self._id, target, len(target), body, len(body))
        answer = readable(messages.SendMessageReturnFunction.FromString(data))
        _raise_if(answer.Error)
        return Acknowledged(str(answer.SendResponse.ID), jid_text(answer.SendResponse.Chat))

    def probe(self, _calls: Calls) -> None:
        """One query to WhatsApp and back; raises LibraryError when there was no answer, and
        QueryRefusedError when it was an error.

        It is the query that whatsmeow sends after each login (`SetPassive`), so it changes
        nothing.
        """
        error = self._go.SetPassive(self._id, False)
        if error and (told := answered_with(error.decode(errors="replace"))):
            raise QueryRefusedError(told)
        _raise_if(error)

    def pairing_code(self, _calls: Calls, phone: str) -> str:
        """Have WhatsApp make a pairing code; the phone shows a notification that leads to where it
        is typed. Returns it, for example `ABCD-EFGH`; raises LibraryError.

        phone: digits. To be called after the first QR code (whatsmeow `PairPhone`).
        """
        asked = messages.PairPhoneParams(
            phone=phone,
            clientDisplayName=_BROWSER,
            clientType=_BROWSER_NUMBER,
            showPushNotification=True,
        ).SerializeToString()
        answer = readable(
            messages.PairPhoneReturnFunction.FromString(
                self._go.PairPhone(self._id, asked, len(asked))
            )
        )
        _raise_if(answer.Error)
        return str(answer.Code)

    def logout(self, _calls: Calls) -> None:
        """Unlink the device at WhatsApp; raises LibraryError."""
        _raise_if(self._go.Logout(self._id))

    def disconnect(self, _calls: Calls) -> None:
        """Close the connection for good: the library does not redial, and tells nothing of it.

        While it dials it waits for the end of that (whatsmeow `Client.Disconnect`).
        """
        self._go.Disconnect(self._id)


def _behind_message(record: bytes) -> int:
    """Where the next field of a `LogEntry` begins: `Message` comes first, with its length as a
    varint (protobuf's encoding), unless it is empty."""
    if record[:1] != b"\n":
        return 0
    size, at = 0, 1
    while at < len(record):
        byte = record[at]
        size |= (byte & 0x7F) << 7 * (at - 1)
        at += 1
        if byte < 0x80:
            break
    return at + size


def _raise_if(error: bytes | str) -> None:
    if error:
        raise LibraryError(error.decode(errors="replace") if isinstance(error, bytes) else error)


def _text(address: int) -> str:
    return ctypes.string_at(address).decode(errors="replace")


def _jid_message(jid: Jid) -> Any:
    return messages.JID(
        User=jid.user,
        RawAgent=0,
        Device=jid.device,
        Integrator=0,
        Server=jid.server,
        IsEmpty=False,
    )
