"""The lab's server: its connections, who is online, and the troubles that it makes."""

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.lab.certs import noise_identity, tls_context
from waziterm.lab.connection import Connection, Ending
from waziterm.lab.desk import PairingDesk
from waziterm.lab.events import EventKind, Events
from waziterm.lab.linkcode import normal_code
from waziterm.lab.listener import HOST, Listener
from waziterm.lab.media import UPLOADS, MediaHost
from waziterm.lab.messages import history_for, message_for, sent_body, text_body
from waziterm.lab.node import Node
from waziterm.lab.pairing import parse_qr
from waziterm.lab.phonebook import PhoneBook
from waziterm.lab.phones import Device, Phone
from waziterm.lab.transport import CHAT_PATH, Channel, TransportError, read_connect
from waziterm.lab.trouble import Trouble, TroubleBook, TroubleKind
from waziterm.lab.webpage import PAGE_PATH, Page
from waziterm.lab.words import ReceiptMode, ReceivedMessage, ScanOutcome, SessionView

MAX_KEPT_MESSAGES = 1000
MAX_WAITING = 20_000
HISTORY_BYTES = 2000

REPLACED = Node("stream:error", content=(Node("conflict", {"type": "replaced"}),))
REMOVED = Node("stream:error", {"code": "401"}, (Node("conflict", {"type": "device_removed"}),))

log = logging.getLogger(__name__)


class Server:
    """One WhatsApp: phones, linked devices, connections.

    directory: where keys and phones live; a server started there again is the same one.
    """

    def __init__(self, directory: Path) -> None:
        self.noise = noise_identity(directory)
        self.book = PhoneBook(directory)
        self.desk = PairingDesk()
        self.troubles = TroubleBook()
        self.events = Events()
        self.receipt_mode = ReceiptMode.READ
        self.page = Page()
        self.media = MediaHost()
        self.dials: Counter[Jid] = Counter()
        self.logins: Counter[Jid] = Counter()
        self.online: dict[Jid, Connection] = {}
        self._expect_history: set[Jid] = set()
        self._tls, self._ca_file = tls_context(directory)
        self._channels: dict[int, Channel] = {}
        self._inbox: dict[str, deque[ReceivedMessage]] = defaultdict(
            lambda: deque(maxlen=MAX_KEPT_MESSAGES)
        )
        self._waiting: dict[Jid, deque[Node]] = defaultdict(lambda: deque(maxlen=MAX_WAITING))
        self._owed: dict[Jid, dict[str, Node]] = defaultdict(dict)
        self._receipted: dict[Jid, dict[str, str]] = defaultdict(dict)
        self._number = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._listener = Listener(self._accept)

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[LabFile]:
        """Serve on a port (0 for any) until the block ends; gives what clients need to know.

        Raises OSError when the port is taken.
        """
        await self._listener.open(port)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                yield LabFile(
                    proxy=f"http://{HOST}:{self._listener.port}",
                    ca_file=str(self._ca_file),
                    noise_root_key=self.noise.root_public.hex(),
                )
                self.troubles.clear(None, None)
                self._listener.close()
                self._reset_all()
        finally:
            self._listener.close()
            self.book.flush()

    def later(self, delay_s: float, act: Callable[[], object]) -> None:
        """Do something after a delay."""
        asyncio.get_running_loop().call_later(delay_s, act)

    def scan(
        self, qr_text: str, number: str | None, outcome: ScanOutcome, code: int
    ) -> tuple[Phone, Jid]:
        """A phone scans a QR code: the one with that number, or a new one. code: see
        `Connection.scanned`.

        Returns the phone and the new device's JID (the phone's own when there is no device).
        Raises ValueError when nobody shows that code, or the number is none.
        """
        qr = parse_qr(qr_text)
        connection = self.desk.shows(qr)
        phone = self.book.of(number or self.book.unused_number())
        return phone, connection.scanned(phone, qr, outcome, code) or phone.jid

    async def enter_code(self, text: str, number: str) -> tuple[Phone, Jid]:
        """A pairing code is typed on a phone; the phone and the new device's JID.

        Raises ValueError when no client waits for one there, or the code is wrong.
        """
        code = normal_code(text)
        phone = self.book.of(number)
        link, connection = self.desk.code_on(number)
        return phone, await connection.code_typed(link, phone, code)

    def owner(self, jid: Jid, noise_key: bytes) -> tuple[Phone, Device] | None:
        """The phone and the linked device behind a login; None when the phone knows no such."""
        phone = self.book.known(jid.user)
        device = phone.devices.get(jid.device) if phone is not None else None
        if phone is None or device is None or device.noise != noise_key:
            return None
        return phone, device

    def logged_in(self, connection: Connection, jid: Jid) -> None:
        """A device is online; an older connection of the same device is told and closed."""
        older = self.online.get(jid)
        self.online[jid] = connection
        self.logins[jid] += 1
        self.events.emit(EventKind.LOGIN, str(jid), connection.number, connection.version)
        if older is not None:
            self._kick(older, jid, "newer login")
        rival = self.troubles.use(TroubleKind.RIVAL, jid)
        if rival is not None:
            self.later(rival.delay_s, lambda: self._kick(connection, jid, "rival"))
        self._end_early(connection, jid)

    def forget(self, connection: Connection) -> None:
        """A connection is over, or about to be: nothing is for it any more."""
        self.desk.forget(connection)
        if connection.jid is not None and self.online.get(connection.jid) is connection:
            del self.online[connection.jid]

    def act(self, trouble: Trouble) -> int:
        """Do to the open connections what the trouble says; returns how many were hit.

        Raises ValueError when it is meant for a device that is not online.
        """
        hit = [(jid, c) for jid, c in self.online.items() if trouble.hits(jid)]
        if not hit and trouble.target is not None:
            raise ValueError(f"{trouble.target} has no open connection")
        for jid, connection in hit:
            self.events.emit(EventKind.TROUBLE, str(jid), connection.number, trouble.kind)
            match trouble.kind:
                case TroubleKind.CONFLICT:
                    self._kick(connection, jid, "trouble")
                case TroubleKind.CONFLICT_ABRUPT:
                    self._kick(connection, jid, "trouble", Ending.ABRUPT)
                case TroubleKind.DEVICE_REMOVED:
                    self.remove_device(jid)
                case TroubleKind.STREAM_ERROR:
                    node = Node("stream:error", {"code": str(trouble.code)})
                    connection.end(Ending.GRACE, node, detail=f"stream error {trouble.code}")
                case TroubleKind.TIME_LOCK:
                    connection.time_lock(trouble.expire_s or 0)
                case TroubleKind.TCP_RESET:
                    connection.end(Ending.RESET, detail="tcp reset")
                case TroubleKind.WS_CLOSE:
                    connection.end(Ending.ABRUPT, detail="websocket close")
                case _:
                    raise ValueError(f"{trouble.kind} stands, it does not act once")
        return len(hit)

    async def put_in_force(self, trouble: Trouble) -> None:
        """Let a standing trouble begin."""
        self.troubles.add(trouble)
        self.events.emit(
            EventKind.TROUBLE, str(trouble.target) if trouble.target else None, 0, trouble.kind
        )
        match trouble.kind:
            case TroubleKind.OUTAGE:
                self._go_down()
            case TroubleKind.RESETS:
                self._reset_again(trouble)
            case TroubleKind.FLAPPING:
                self._flap(trouble, down=True)

    def _end_early(self, connection: Connection, jid: Jid) -> None:
        """A stream that has just begun is to end again soon, if a storm is on."""
        error = self.troubles.use(TroubleKind.EARLY_ERROR, jid)
        if error is not None:
            node = Node("stream:error", {"code": str(error.code)})
            detail = f"stream error {error.code}"
            self.later(error.delay_s, partial(connection.end, Ending.GRACE, node, detail=detail))
        close = self.troubles.use(TroubleKind.EARLY_CLOSE, jid)
        if close is not None:
            detail = "websocket close"
            self.later(close.delay_s, partial(connection.end, Ending.ABRUPT, detail=detail))

    def _reset_again(self, trouble: Trouble) -> None:
        if not self.troubles.holds(trouble):
            return
        for jid, connection in tuple(self.online.items()):
            if trouble.hits(jid):
                connection.end(Ending.RESET, detail="tcp reset")
        self.later(trouble.delay_s, lambda: self._reset_again(trouble))

    def _flap(self, trouble: Trouble, *, down: bool) -> None:
        if not self.troubles.holds(trouble) or self._tasks is None:
            return
        if down:
            self._go_down()
        else:
            self._tasks.create_task(self._listener.up())
        self.later(trouble.delay_s, lambda: self._flap(trouble, down=not down))

    def _go_down(self) -> None:
        self._listener.down()
        self._reset_all()

    async def clear(self, kind: TroubleKind | None, target: Jid | None) -> None:
        """End standing troubles: of one kind or all, for one target or everyone."""
        self.troubles.clear(kind, target)
        away = (TroubleKind.OUTAGE, TroubleKind.FLAPPING)
        if all(self.troubles.active(each, None) is None for each in away):
            await self._listener.up()

    def remove_device(self, jid: Jid) -> None:
        """A phone removes a linked device: it is told (401) and can never log in again.

        Raises ValueError when the phone has no such device.
        """
        phone = self.book.known(jid.user)
        if phone is None or phone.devices.pop(jid.device, None) is None:
            raise ValueError(f"no phone has a linked device {jid}")
        self.book.save(phone)
        connection = self.online.get(jid)
        if connection is not None:
            connection.end(Ending.GRACE, REMOVED, detail="device removed")

    def received(self, phone: Phone, message: ReceivedMessage, connection: Connection) -> None:
        """A phone has read a message."""
        self._inbox[phone.number].append(message)
        self.events.emit(EventKind.MESSAGE, str(phone.jid), connection.number, message.id)

    def messages(self, jid: Jid) -> tuple[ReceivedMessage, ...]:
        """The latest texts that an account's phone has read, oldest first."""
        phone = self.book.find(jid)
        return tuple(self._inbox[phone.number]) if phone is not None else ()

    def send_text(self, to: Jid, text: str, number: str | None) -> str:
        """A phone (a new one without a number) writes to a linked device; the message's id.

        Raises ValueError when there is no such device or it has uploaded no keys yet.
        """
        sender = self.book.of(number or self.book.unused_number())
        if sender is self.book.known(to.user):
            raise ValueError("a phone does not write to its own linked device")
        return self.send_message(to, text_body(text), sender.number)

    def send_message(self, to: Jid, body: bytes, number: str | None) -> str:
        """Like `send_text`, with any body, and from the device's own phone too, which tells its
        linked devices of the history that way."""
        receiver = self.book.known(to.user)
        if receiver is None or to.device not in receiver.devices:
            raise ValueError(f"no phone has a linked device {to}")
        sender = self.book.of(number or self.book.unused_number())
        node = message_for(sender, receiver, to.device, body)
        self.book.save(sender)
        self.book.save(receiver)
        self.pass_on(to, node)
        return node.text("id")

    def write(self, account: Jid, text: str, to: str | None, ago_s: float) -> None:
        """A phone has written by itself, to a phone (a new one without a number) that has no
        linked devices; its own linked devices get their copies, as WhatsApp makes them.

        Raises ValueError when there is no such phone, or one of its devices has uploaded no keys.
        """
        phone = self.book.known(account.user)
        if phone is None:
            raise ValueError(f"no phone has the number of {account}")
        reader = self.book.of(to or self.book.unused_number())
        if reader.devices:
            raise ValueError("the phone that is written to has linked devices of its own")
        body = sent_body(reader.jid, text)
        for device in phone.devices:
            node = message_for(phone, phone, device, body, reader.jid, ago_s)
            self.pass_on(Jid(phone.number, device), node)
        self.book.save(phone)

    def send_stanza(self, to: Jid, node: Node) -> None:
        """Bring a node of any kind to a device that is online. Raises ValueError when it is not."""
        connection = self.online.get(to)
        if connection is None:
            raise ValueError(f"{to} has no open connection")
        connection.send(node)

    def send_frame(self, to: Jid, data: bytes) -> None:
        """Bring bytes that need be no node to a device that is online, encrypted as nodes are.

        Raises ValueError when it is not.
        """
        connection = self.online.get(to)
        if connection is None:
            raise ValueError(f"{to} has no open connection")
        connection.send_frame(data)

    def sessions(self) -> tuple[SessionView, ...]:
        """The devices that are online."""
        return tuple(
            SessionView(
                *(str(jid), c.since, c.number, self.logins[jid], self.dials[jid], c.version),
                name=c.device_name,
            )
            for jid, c in self.online.items()
        )

    def linked(self, jid: Jid) -> None:
        """A phone has linked a device: it sends it its history as soon as it can."""
        self._expect_history.add(jid)

    def begin_history(self, jid: Jid) -> None:
        """A device has uploaded its keys; a new one gets its phone's history, which is short."""
        if jid in self._expect_history:
            self._expect_history.remove(jid)
            self.send_history(jid, HISTORY_BYTES, HISTORY_BYTES, 1)

    def send_history(self, to: Jid, size: int, part: int, days: int) -> int:
        """A phone sends its linked device its history; in how many parts. See `history_for`.

        Raises ValueError when there is no such device or it has uploaded no keys yet.
        """
        phone = self.book.known(to.user)
        if phone is None or to.device not in phone.devices:
            raise ValueError(f"no phone has a linked device {to}")
        parts = 0
        for node in history_for(phone, to.device, size, part, days):
            self.pass_on(to, node)
            parts += 1
        self.book.save(phone)
        return parts

    def pass_on(self, jid: Jid, node: Node) -> None:
        """Bring a node to a linked device, at once or when it logs in. A message is brought again
        at each login until the device has taken it, as by WhatsApp; but the history, which the
        phone sends itself, is not."""
        connection = self.online.get(jid)
        is_kept = node.tag == "message" and node.text("category") != "peer"
        if is_kept and len(self._owed[jid]) < MAX_WAITING:
            self._owed[jid][node.text("id")] = node
        elif connection is None:
            self._waiting[jid].append(node)
        if connection is not None:
            connection.send(node)

    def taken(self, jid: Jid, ids: Iterable[str], how: str, connection: int) -> None:
        """A device has taken messages. how: the type of its receipt, "" for the usual one; `ack`
        when it sends none, and `refused` when it does not even read them."""
        for each in ids:
            if self._owed[jid].pop(each, None) is not None:
                self._receipted[jid][each] = how
                self.events.emit(EventKind.RECEIPTED, str(jid), connection, each)

    def receipted(self, jid: Jid) -> dict[str, str]:
        """The messages that a device has taken, by their ids, in order, and how; see `taken`."""
        return dict(self._receipted[jid])

    def drop_messages(self, jid: Jid) -> None:
        """WhatsApp loses what it still has for a linked device: it does not bring it again."""
        self._owed.pop(jid, None)
        self._waiting.pop(jid, None)

    def waiting(self, jid: Jid) -> tuple[Node, ...]:
        """What came while a device was away, or did not arrive."""
        return (*self._owed[jid].values(), *self._waiting.pop(jid, ()))

    def _kick(
        self, connection: Connection, jid: Jid, why: str, ending: Ending = Ending.GRACE
    ) -> None:
        if connection.end(ending, REPLACED, detail="conflict"):
            self.events.emit(EventKind.KICK, str(jid), connection.number, why)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._tasks is not None
        self._number += 1
        channel = Channel(reader, writer)
        self._channels[self._number] = channel
        self._tasks.create_task(self._serve(reader, channel, self._number))

    async def _serve(self, reader: asyncio.StreamReader, channel: Channel, number: int) -> None:
        """One client; whatever goes wrong with it is written down and ends only it."""
        connection: Connection | None = None
        detail = ""
        self.events.emit(EventKind.DIAL, None, number)
        try:
            target = await read_connect(reader)
            if self.troubles.active(TroubleKind.REFUSE_CONNECT, None):
                self.events.emit(EventKind.REFUSED, None, number, target)
                channel.refuse()
                detail = "connect refused"
                return
            path = await channel.open(self._tls)
            if channel.upload is not None and path.startswith(UPLOADS):
                self.events.emit(EventKind.UPLOAD, None, number, path.split("/")[2])
                await channel.respond("200 OK", self.media.take(path, channel.upload))
                detail = "upload"
                return
            if path != CHAT_PATH:
                detail = await self._show_page(channel, number, path)
                return
            connection = Connection(self, channel, number)
            await connection.run()
            detail = connection.detail or "closed by the client"
        except TransportError as error:
            detail = str(error)
        except Exception:
            detail = "error in the lab"
            log.exception("connection %d", number)
        finally:
            self._channels.pop(number, None)
            jid = str(connection.jid) if connection is not None and connection.jid else None
            if connection is not None:
                self.forget(connection)
            channel.abort()
            self.events.emit(EventKind.CLOSE, jid, number, detail)

    async def _show_page(self, channel: Channel, number: int, path: str) -> str:
        page = self.page if path == PAGE_PATH else Page()
        self.events.emit(EventKind.PAGE, None, number, page.mode)
        await page.show(channel)
        return f"page {page.mode}"

    def _reset_all(self) -> None:
        for channel in tuple(self._channels.values()):
            channel.reset()
