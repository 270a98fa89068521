"""One client's connection, from its CONNECT to its end."""

import asyncio
import time
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from waziterm.domain.jid import Jid
from waziterm.lab import linkcode, messages, pairing, queries
from waziterm.lab.binary import decode, encode
from waziterm.lab.events import EventKind
from waziterm.lab.node import SERVER, Node
from waziterm.lab.noise import Established, FrameReader, Responder, frame
from waziterm.lab.phones import Device, Phone, Wanted
from waziterm.lab.transport import Channel
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import ScanOutcome

if TYPE_CHECKING:
    from waziterm.lab.server import Server

GRACE_S = 0.3
LINK_TIMEOUT_S = 8.0


class Ending(StrEnum):
    """How the lab ends a connection."""

    GRACE = "grace"
    ABRUPT = "abrupt"
    RESET = "reset"


class Connection:
    """A client behind the Noise handshake: pairing, logged in, or about to end.

    number: unique in this lab process, from 1. jid: the linked device, None while pairing.
    version: what the client says to be, "" before the handshake is done.
    """

    def __init__(self, server: "Server", channel: Channel, number: int) -> None:
        self.number = number
        self.since = time.time()
        self.jid: Jid | None = None
        self.logged_in = False
        self.detail = ""
        self.version = ""
        self._server = server
        self._channel = channel
        self._noise: Established | None = None
        self._ending = False
        self._requests = 0
        self._owner: tuple[Phone, Device] | None = None
        self._unfinished = False
        self._wanted = Wanted()

    async def run(self) -> None:
        """Serve the client until it or the lab ends the connection."""
        frames = FrameReader()
        responder: Responder | None = None
        try:
            while (data := await self._channel.receive()) is not None:
                for body in frames.feed(data):
                    if self._noise is not None:
                        self._handle(decode(self._noise.receive.decrypt(body)))
                    elif responder is None:
                        responder = Responder(self._server.noise, frames.header)
                        self._channel.send(frame(responder.hello(body)))
                    else:
                        self._noise = responder.finish(body)
                        self._begin(self._noise)
                await self._channel.drain()
        except ValueError as error:
            self.detail = self.detail or f"protocol error: {error}"
            self._channel.close(1002)
        finally:
            self._drop_unfinished()

    def send(self, node: Node) -> None:
        """Send a node, as late as the troubles in force want it; SILENT swallows it."""
        troubles = self._server.troubles
        if self._ending or troubles.active(TroubleKind.SILENT, self.jid):
            return
        slow = troubles.active(TroubleKind.SLOW, self.jid)
        if slow is None:
            self._write(node)
        else:
            self._server.later(slow.delay_s, lambda: None if self._ending else self._write(node))

    def end(self, ending: Ending, *nodes: Node, detail: str) -> bool:
        """End the connection, after some last nodes. What the client still sends is ignored.

        False when it was ending already.
        """
        if self._ending:
            return False
        for node in nodes:
            self._write(node)
        self._ending = True
        self.detail = detail
        self.logged_in = False
        self._server.forget(self)
        match ending:
            case Ending.GRACE:
                self._server.later(GRACE_S, self._channel.close)
            case Ending.ABRUPT:
                self._channel.close()
            case Ending.RESET:
                self._channel.reset()
            case _:
                assert_never(ending)
        return True

    def scanned(
        self, phone: Phone, qr: pairing.QrCode, outcome: ScanOutcome, code: int
    ) -> Jid | None:
        """The phone has scanned this connection's code; the new device's JID, if there is one.

        code: with which WhatsApp refuses, for REFUSED.
        """
        match outcome:
            case ScanOutcome.NO_MULTIDEVICE:
                self.send(Node("ib", content=(Node("downgrade_webclient"),)))
            case ScanOutcome.DEVICES_FULL:
                pass
            case ScanOutcome.REFUSED:
                self._refuse({"reason": str(code), "location": "lab"})
            case ScanOutcome.PASSKEY | ScanOutcome.PASSKEY_GARBLED | ScanOutcome.PASSKEY_CONTINUED:
                self.send(pairing.passkey_demand(self._request_id(), outcome))
            case (
                ScanOutcome.PAIRED
                | ScanOutcome.ABRUPT
                | ScanOutcome.WRONG_HMAC
                | ScanOutcome.WRONG_SIGNATURE
                | ScanOutcome.GARBLED
            ):
                return self._link(phone, qr, outcome)
            case _:
                assert_never(outcome)
        return None

    def time_lock(self, lasts_s: int) -> None:
        """Tell the client that its account may start no new chats for so long; 0: that it may."""
        ends_at = int(time.time()) + lasts_s if lasts_s else None
        self.send(messages.time_lock(self._request_id(), ends_at))

    async def code_typed(self, link: linkcode.LinkCode, phone: Phone, code: str) -> Jid:
        """The client's pairing code was typed on a phone; the new device's JID.

        Raises LinkCodeError when it is not the client's code, or the client does not finish.
        """
        link.done = asyncio.get_running_loop().create_future()
        node = await asyncio.to_thread(linkcode.typed, link, phone, code, self._request_id())
        self.send(node)
        try:
            async with asyncio.timeout(LINK_TIMEOUT_S):
                return await link.done
        except TimeoutError as error:
            raise linkcode.LinkCodeError("the client does not finish the pairing") from error

    def _link(self, phone: Phone, qr: pairing.QrCode, outcome: ScanOutcome) -> Jid:
        assert self._noise is not None
        self._server.desk.forget(self)
        device = phone.link(qr.identity, self._noise.client_static, self._wanted)
        self._unfinished = True
        self._owner = (phone, device)
        self.jid = Jid(phone.number, device.number)
        node = pairing.pair_success(self._request_id(), phone, device, qr, outcome)
        if outcome is ScanOutcome.ABRUPT:
            self.end(Ending.ABRUPT, node, detail="abrupt end of pairing")
        else:
            self.send(node)
        return self.jid

    @property
    def device_name(self) -> str:
        """Under which name its phone shows it, "" before it is linked."""
        return self._owner[1].name if self._owner is not None else ""

    @property
    def client_static(self) -> bytes:
        """The client's Noise key; empty before the handshake is done."""
        return self._noise.client_static if self._noise is not None else b""

    def send_frame(self, data: bytes) -> None:
        """Send bytes in the place of an encoded node."""
        assert self._noise is not None
        self._channel.send(frame(self._noise.send.encrypt(data)))

    def _write(self, node: Node) -> None:
        self.send_frame(encode(node))

    def _request_id(self) -> str:
        self._requests += 1
        return f"{self.number}-{self._requests}"

    def _begin(self, noise: Established) -> None:
        claimed = noise.payload.userAgent.appVersion
        self.version = f"{claimed.primary}.{claimed.secondary}.{claimed.tertiary}"
        if not noise.payload.username:
            if self._is_failed():
                return
            if self._is_too_old(claimed.tertiary):
                self._refuse({"reason": "405", "location": "lab"})
                return
            self._wanted = pairing.wanted(noise.payload.devicePairingData)
            refs = self._server.desk.new_refs(self)
            self._server.events.emit(EventKind.PAIRING, None, self.number, self.version)
            self.send(pairing.pair_device(self._request_id(), refs))
            return
        self.jid = Jid(str(noise.payload.username), noise.payload.device)
        self._owner = self._server.owner(self.jid, noise.client_static)
        self._server.dials[self.jid] += 1
        if self._is_failed():
            return
        if self._is_too_old(claimed.tertiary):
            self._refuse({"reason": "405", "location": "lab"})
        elif self._owner is None:
            self._refuse({"reason": "401", "location": "lab"})
        elif not self._server.troubles.active(TroubleKind.SILENT, self.jid):
            self._log_in(self._owner[0], self.jid)

    def _is_failed(self) -> bool:
        """Whether a login failure is in force; the client is then told."""
        failure = self._server.troubles.use(TroubleKind.LOGIN_FAILURE, self.jid)
        if failure is None or failure.code is None:
            return False
        attrs = {"reason": str(failure.code)} if failure.code else {}
        attrs["location"] = "lab"
        if failure.ban_code is not None:
            attrs["code"] = str(failure.ban_code)
        if failure.expire_s is not None:
            attrs["expire"] = str(failure.expire_s)
        self._refuse(attrs)
        return True

    def _is_too_old(self, number: int) -> bool:
        trouble = self._server.troubles.active(TroubleKind.OLD_VERSION, self.jid)
        return trouble is not None and number < (trouble.code or 0)

    def _refuse(self, attrs: dict[str, str]) -> None:
        jid, reason = None if self.jid is None else str(self.jid), attrs.get("reason", "")
        self._server.events.emit(EventKind.LOGIN_FAILED, jid, self.number, reason or "none")
        detail = f"failure {reason or 'without a reason'}"
        self.end(Ending.GRACE, Node("failure", attrs), detail=detail)

    def _log_in(self, phone: Phone, jid: Jid) -> None:
        self.logged_in = True
        self._server.logged_in(self, jid)
        lid = Jid(phone.lid.user, jid.device, phone.lid.server)
        self.send(Node("success", {"t": str(int(time.time())), "lid": lid}))
        waiting = self._server.waiting(jid)
        counts = {"count": str(len(waiting)), "message": str(len(waiting)), "receipt": "0"}
        counts |= {"notification": "0", "appdata": "0"}
        self.send(Node("ib", {"from": SERVER}, (Node("offline_preview", counts),)))
        for node in waiting:
            self.send(node)
        self.send(Node("ib", {"from": SERVER}, (Node("offline", {"count": counts["count"]}),)))

    def _handle(self, node: Node) -> None:
        if self._ending:
            return
        if not self.logged_in:
            self._handle_pairing(node)
            return
        handler: dict[str, Callable[[Node], None]] = {
            "iq": self._handle_query,
            "message": self._handle_message,
            "receipt": self._handle_receipt,
            "ack": self._handle_ack,
        }
        if node.tag in handler:
            handler[node.tag](node)

    def _handle_pairing(self, node: Node) -> None:
        if node.tag != "iq":
            return
        if node.child("pair-device-sign") is not None:
            self._finish_pairing()
            self.end(Ending.GRACE, Node("stream:error", {"code": "515"}), detail="restart required")
        elif node.text("type") == "set" and node.child(linkcode.REG) is not None:
            self._handle_link_code(node)
        elif node.text("type") == "get" and not (
            queries.is_ping(node) and self._server.troubles.active(TroubleKind.NO_PONG, self.jid)
        ):
            self.send(queries.result(node))

    def _handle_link_code(self, node: Node) -> None:
        link = linkcode.hello(node)
        if link is not None:
            if not self._refuses_code(node, link):
                self._server.desk.wait_for_code(link, self)
                self.send(linkcode.hello_answer(node, link))
            return
        link = self._server.desk.code_of(self)
        refused = link is not None and self._refuses_code(node, link)
        if not refused:
            self.send(queries.result(node))
        if link is None or link.done is None or link.done.done():
            return
        if refused:
            link.done.set_exception(linkcode.LinkCodeError("WhatsApp refused the pairing code"))
            return
        try:
            finished = linkcode.finish(node, link, self.client_static)
        except ValueError as error:
            link.done.set_exception(error)
            return
        if finished is not None:
            link.done.set_result(self._link(*finished, ScanOutcome.PAIRED))

    def _refuses_code(self, query: Node, link: linkcode.LinkCode) -> bool:
        """Whether a message of a pairing by code is to be answered with an error; it is then."""
        trouble = self._server.troubles.use(TroubleKind.CODE_REFUSED, Jid(link.number))
        if trouble is None or trouble.code is None:
            return False
        self.send(queries.error(query, trouble.code))
        return True

    def _finish_pairing(self) -> None:
        """The device has signed: from now on the phone knows it, across restarts too."""
        if self._owner is None or not self._unfinished:
            return
        self._unfinished = False
        self._server.book.save(self._owner[0])
        self._server.book.flush()
        assert self.jid is not None
        self._server.linked(self.jid)
        self._server.events.emit(EventKind.PAIRED, str(self.jid), self.number)

    def _drop_unfinished(self) -> None:
        if self._owner is not None and self._unfinished:
            self._owner[0].devices.pop(self._owner[1].number, None)

    def _handle_query(self, node: Node) -> None:
        if node.text("type") not in ("get", "set") or self._owner is None:
            return
        if queries.is_ping(node) and self._server.troubles.active(TroubleKind.NO_PONG, self.jid):
            return
        mute = self._server.troubles.active(TroubleKind.MUTE, self.jid)
        if mute is not None and queries.is_among(node, mute.query):
            self._server.events.emit(
                EventKind.TROUBLE, str(self.jid), self.number, TroubleKind.MUTE
            )
            return
        if node.attrs.get("xmlns") == "passive":
            self._server.events.emit(EventKind.PROBE, str(self.jid), self.number)
        refusal = self._server.troubles.active(TroubleKind.QUERY_ERROR, self.jid)
        if refusal is not None and queries.is_among(node, refusal.query):
            self.send(queries.error(node, refusal.code or 0))
            return
        if node.attrs.get("xmlns") == "md" and node.child("remove-companion-device") is not None:
            self.send(queries.result(node))
            self._server.remove_device(Jid(self._owner[0].number, self._owner[1].number))
            return
        phone, device = self._owner
        self.send(queries.answer(node, self._server.book, phone, device))
        if device.signed is not None:
            self._server.begin_history(Jid(phone.number, device.number))

    def _handle_message(self, node: Node) -> None:
        if self._owner is None:
            return
        phone, device = self._owner
        refused = self._server.troubles.use(TroubleKind.SEND_REFUSED, self.jid)
        if refused is not None:
            self.send(messages.ack(node, refused.code))
            return
        delivery = messages.deliver(
            node, phone, device.number, self._server.book, self._server.media
        )
        for target, onward in delivery.onward:
            self._server.pass_on(target, onward)
        if delivery.recipient is not None and delivery.received is not None:
            self._server.received(delivery.recipient, delivery.received, self)
        if not self._server.troubles.use(TroubleKind.DROP_ACKS, self.jid):
            self.send(messages.ack(node))
        for retry in delivery.retries:
            self.send(retry)
        if delivery.received is not None:
            for receipt in messages.receipts(node, self._server.receipt_mode):
                self._server.pass_on(Jid(phone.number, device.number), receipt)

    def _taken(self, ids: tuple[str, ...], how: str) -> None:
        """The device has taken messages, if that arrives."""
        if self.jid is None or self._server.troubles.use(TroubleKind.DROP_RECEIPTS, self.jid):
            return
        self._server.taken(self.jid, ids, how, self.number)

    def _handle_ack(self, node: Node) -> None:
        if node.text("class") == "message":
            self._taken((node.text("id"),), "refused" if node.text("error") else "ack")

    def _handle_receipt(self, node: Node) -> None:
        self.send(messages.ack(node))
        listed = node.child("list")
        more = (each.text("id") for each in listed.all("item")) if listed is not None else ()
        self._taken((node.text("id"), *more), node.text("type"))
        to = node.jid("to")
        if to is None or to.device == 0 or self._owner is None:
            return
        phone = self._server.book.find(to)
        if phone is not None and phone is not self._owner[0]:
            attrs = {name: value for name, value in node.attrs.items() if name != "to"}
            attrs |= {"from": self._owner[0].lid, "t": str(int(time.time()))}
            self._server.pass_on(Jid(phone.number, to.device), Node("receipt", attrs, node.content))
