"""neonize's client, with the traps of version 0.5 closed. Importing this module loads neonize.

The library takes about half a second and 60 MB; it starts a Go runtime, and prints on fds 1
and 2.
"""

import ctypes
import logging
import uuid
from collections.abc import Callable
from typing import Any

# isort: off
# neonize imports `magic`, which looks for libmagic: pylibmagic must come first to provide one.
import pylibmagic  # noqa: F401
import neonize

# isort: on
import neonize.client
from google.protobuf.message import DecodeError
from neonize._binder import gocode
from neonize.events import EVENT_TO_INT, INT_TO_EVENT
from neonize.exc import NeonizeError
from neonize.proto import Neonize_pb2
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import ClientName, ClientType

from waziterm.domain.instance import DEVICE_NAME
from waziterm.domain.jid import Jid
from waziterm.worker.mapping import EVENT_NAMES, NOTE_NAMES, is_round_trip, jid_text
from waziterm.worker.rootkey import replace_root_key

LIBRARY_VERSION: str = neonize.__version__
DialError = NeonizeError
_DEVICE_CODE = EVENT_TO_INT[Neonize_pb2.Device]


def quiet_library(handler: logging.Handler) -> None:
    """Send all log records of the library to `handler` alone, at a level without secrets.

    At DEBUG whatsmeow logs QR codes and whole nodes, and with no level set all of it crosses
    into Python; at INFO it logs what it does, with JIDs. Importing neonize installs a handler
    on the root logger, which goes.
    """
    neonize.client.log.setLevel(logging.INFO)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # It warns of a missing ffmpeg, which only media need.
    logging.getLogger("neonize.utils.ffmpeg").setLevel(logging.ERROR)


def trust_lab(noise_root_key: str) -> None:
    """Trust a lab's server instead of WhatsApp's, in this process. Raises RootKeyError."""
    replace_root_key(gocode._name, bytes.fromhex(noise_root_key))


class Client:
    """One connection attempt of one device: at most one in a process, started once.

    session: path of the whatsmeow store. jid: the device to resume, or None to pair a new one.
    The callbacks run on the library's thread of this connect, one at a time:
    on_device: its client is ready for calls, with the device as far as known;
    on_code: a QR code's text; on_status: a login status;
    on_event: the name and the message of an event in `EVENT_NAMES` or `NOTE_NAMES`;
    on_lost: the name of an event whose message could not be read, and why.
    """

    def __init__(
        self,
        session: str,
        jid: Jid | None,
        *,
        on_device: Callable[[], None],
        on_code: Callable[[str], None],
        on_status: Callable[[str], None],
        on_event: Callable[[str, Any], None],
        on_lost: Callable[[str, Exception], None],
    ) -> None:
        client = neonize.client.NewClient(
            session,
            jid=_jid_message(jid) if jid else None,
            props=DeviceProps(os=DEVICE_NAME, platformType=DeviceProps.SAFARI),
            new_device=jid is None,
        )
        # Given a JID, neonize takes its user as the client's id: an attempt that ends late
        # would then stop its successor. Neither may the garbage collector stop anything.
        client.uuid = uuid.uuid4().hex.encode()
        client.contact.uuid = client.chat_settings.uuid = client.uuid
        client._stop_finalizer.detach()
        client._NewClient__onLoginStatus = lambda _id, status: on_status(
            ctypes.string_at(status).decode(errors="replace")
        )
        client.qr(lambda _client, payload: on_code(payload.decode(errors="replace")))
        for name in EVENT_NAMES + NOTE_NAMES:
            client.event(getattr(Neonize_pb2, name))(_named(name, on_event))
        deliver = client.event.execute

        def execute(client_id: int, data: int, size: int, code: int) -> None:
            try:
                deliver(client_id, data, size, code)
            except DecodeError as error:
                on_lost(INT_TO_EVENT[code].__name__, error)
            if code == _DEVICE_CODE:
                on_device()

        client.event.execute = execute
        self._client = client

    def connect(self, proxy: str | None) -> None:
        """Connect, and stay in the call for as long as the library delivers events.

        Raises DialError when the first dial failed, or later when the library could not
        deliver an event: it delivers nothing from then on.
        """
        self._client.connect(neonize.client.ProxySettings(proxy) if proxy else None)

    def own_jids(self) -> tuple[str, str]:
        """The device's own JID and LID as the library has them now, "" where it has none."""
        device = self._client.get_me()
        return jid_text(device.JID), jid_text(device.LID)

    def send_text(self, to: Jid, text: str) -> str:
        """Send a text and wait for the server's acknowledgement; returns the message's id.

        Raises NeonizeError.
        """
        # A message object, because neonize searches a plain string for mentions.
        response = self._client.send_message(_jid_message(to), Message(conversation=text))
        return str(response.ID)

    def probe(self) -> None:
        """One query to WhatsApp and back; raises NeonizeError when there was no answer.

        It is the query that whatsmeow sends after each login (`SetPassive`), so it changes
        nothing. An answer that is an error is an answer.
        """
        try:
            self._client.set_passive(False)
        except NeonizeError as error:
            if not is_round_trip(error_text(error)):
                raise

    def pairing_code(self, phone: str) -> str:
        """Have WhatsApp make a pairing code; the phone shows a notification that leads to where it
        is typed. Returns it, for example `ABCD-EFGH`; raises NeonizeError.

        phone: digits. To be called after the first QR code (whatsmeow `PairPhone`).
        """
        # Left to itself, neonize takes the number of a platform for that of a client. WhatsApp
        # answers 400 to a browser and system that it does not know.
        return str(self._client.PairPhone(phone, True, ClientName.LINUX, ClientType.CHROME))

    def logout(self) -> None:
        """Unlink the device at WhatsApp; raises NeonizeError."""
        self._client.logout()


def error_text(error: BaseException) -> str:
    """What the library says in an error; some of its errors carry bytes."""
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)


def _named(name: str, on_event: Callable[[str, Any], None]) -> Callable[[Any, Any], None]:
    return lambda _client, message: on_event(name, message)


def _jid_message(jid: Jid) -> Any:
    return Neonize_pb2.JID(
        User=jid.user,
        RawAgent=0,
        Device=jid.device,
        Integrator=0,
        Server=jid.server,
        IsEmpty=False,
    )
