"""What strangers can send, odd and hostile, drawn from a seed; and the history of one's own phone.

The kinds and their attributes are those that whatsmeow's node handlers read (`message.go`,
`receipt.go`, `notification.go`, `call.go`, `presence.go`); each is cut, doubled, emptied or filled
with garbage. What the server alone can send (`iq`, `success`, `failure`, `stream:error`, `ib`) is
not among them.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.lab.protobufs import protobufs

Child = tuple[str, Mapping[str, str], Any]
STRANGERS = tuple(f"6289990{number:05}" for number in range(12))
DEEP = (3, 20, 40, 90)
"""A message that quotes 40 times cannot be read any more where neonize's protobuf is read."""
LONG = 60_000


@dataclass(frozen=True, slots=True)
class Stanza:
    """A node of any kind, unencrypted as the server passes it on."""

    tag: str
    attrs: Mapping[str, str]
    content: Sequence[Child] | str = ()

    async def send(self, lab: Lab, jid: str) -> None:
        await lab.send_stanza(jid, self.tag, self.attrs, self.content)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that can be decrypted. number: whose phone sends it."""

    body: bytes
    number: str

    async def send(self, lab: Lab, jid: str) -> None:
        await lab.send_message(jid, self.body, self.number)


def history_notice() -> bytes:
    """What one's own phone sends for each part of the history; it asks for a download."""
    message: Any = protobufs().e2e.Message()
    protocol = message.protocolMessage
    protocol.type = 5
    history = protocol.historySyncNotification
    history.directPath = "/v/history"
    history.mediaKey = history.fileSHA256 = history.fileEncSHA256 = bytes(32)
    history.fileLength = 10
    history.syncType = 3
    body: bytes = message.SerializeToString()
    return body


def quoting(depth: int) -> bytes:
    """A message that quotes one that quotes one, and so on."""
    message: Any = protobufs().e2e.Message(conversation="x")
    for _ in range(depth):
        outer = protobufs().e2e.Message()
        outer.extendedTextMessage.text = "x"
        outer.extendedTextMessage.contextInfo.quotedMessage.CopyFrom(message)
        message = outer
    body: bytes = message.SerializeToString()
    return body


class Strangers:
    """An endless source of what they send; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._number = 0

    def next(self) -> Stanza | Message:
        kinds = (
            (30, self._message),
            (15, self._undecryptable),
            (20, self._receipt),
            (20, self._notification),
            (8, self._call),
            (7, self._presence),
        )
        (make,) = self._chance.choices([each for _, each in kinds], [weight for weight, _ in kinds])
        return make()

    # -- the kinds ------------------------------------------------------------------------------

    def _message(self) -> Message:
        chance, e2e = self._chance, protobufs().e2e
        message: Any = e2e.Message()
        body: bytes | None = None
        match chance.randrange(12):
            case 0:
                body = chance.randbytes(chance.randrange(1, 400))
            case 1:
                body = quoting(chance.choice(DEEP))
            case 2:
                message.conversation = chance.choice("a\x1b\u202e\0\U0001f600") * LONG
            case 3:
                text = b"caf\xe9\xff" * chance.randrange(1, 50)
                body = b"\x0a" + _varint(len(text)) + text
            case 4:
                message.protocolMessage.type = chance.choice((0, 3, 5, 6, 9, 14, 16, 17))
                message.protocolMessage.key.ID = self._word()
            case 5:
                message.reactionMessage.text = self._word()
                message.reactionMessage.key.remoteJID = self._word()
            case 6:
                message.deviceSentMessage.destinationJID = self._word()
                message.deviceSentMessage.message.conversation = "x"
            case 7:
                inner = message.senderKeyDistributionMessage
                inner.groupID = "120363@g.us"
                inner.axolotlSenderKeyDistributionMessage = chance.randbytes(40)
            case 8:
                message.imageMessage.URL = self._word()
                message.imageMessage.fileLength = 1 << 62
                message.imageMessage.mediaKey = chance.randbytes(3)
            case 9:
                message.messageContextInfo.messageSecret = chance.randbytes(chance.choice((0, 32)))
                message.pollCreationMessage.name = self._word()
            case 10:
                body = b""
            case _:
                message.ephemeralMessage.message.viewOnceMessage.message.conversation = self._word()
        whole: bytes = message.SerializeToString() if body is None else body
        return Message(whole, chance.choice(STRANGERS))

    def _undecryptable(self) -> Stanza:
        chance = self._chance
        kind = chance.choice(("pkmsg", "msg", "skmsg", "msmsg", "frskmsg", "", self._text()))
        enc = ("enc", self._cut({"v": chance.choice("123"), "type": kind}), self._bytes(300))
        others: tuple[Child, ...] = (
            ("unavailable", {"type": chance.choice(("view_once", "hosted", ""))}, ()),
            ("plaintext", {}, self._bytes(50)),
            ("participants", {}, [("to", {"jid": self._jid()}, [enc])]),
            ("biz", {"actual_actors": "9", "host_storage": "9"}, ()),
            ("verified_name", {"v": "x"}, self._bytes(80)),
            ("reporting", {}, [("reporting_tag", {}, self._bytes(20))]),
        )
        inner = [enc] * chance.randrange(3) + chance.sample(others, chance.randrange(3))
        attrs = self._stanza() | {"type": chance.choice(("text", "media", "poll", self._text()))}
        if chance.random() < 0.4:
            attrs |= {"from": "120363000000000001@g.us", "participant": self._jid()}
        return Stanza(chance.choice(("message", "message", "status", "appdata")), attrs, inner)

    def _receipt(self) -> Stanza:
        chance = self._chance
        kinds = ("", "read", "retry", "server-error", "played", "played-self", "inactive", "sender",
                 "hist_sync", "peer_msg", "read-self", "enc_rekey_retry", self._text())  # fmt: skip
        item = ("item", self._cut({"id": self._text()}), ())
        user = ("user", self._cut({"t": self._time(), "jid": self._jid()}), ())
        retry = ("retry", self._cut({"count": chance.choice(("1", "5", "-1", "x")), "id": "3A",
                                     "t": self._time(), "v": "1"}), ())  # fmt: skip
        inner: tuple[Child, ...] = (
            ("list", {}, [item] * chance.randrange(1, 200)),
            ("participants", {"key": self._text()}, [user] * chance.randrange(5)),
            retry,
            ("registration", {}, self._bytes(4)),
            ("keys", {}, [("type", {}, self._bytes(1)), ("identity", {}, self._bytes(32))]),
        )
        attrs = self._stanza() | {"type": chance.choice(kinds)}
        return Stanza("receipt", attrs, chance.sample(inner, chance.randrange(4)))

    def _notification(self) -> Stanza:
        chance = self._chance
        inner: dict[str, tuple[Child, ...]] = {
            "encrypt": (("identity", {}, ()),),
            "account_sync": (("devices", {"dhash": "2:x"}, [("device", {"jid": self._jid()}, ())]),
                             ("picture", {}, ()), ("privacy", {}, ()), ("blocklist", {}, ())),
            "devices": (
                ("add", {"device_hash": self._text()}, [("device", {"jid": self._jid()}, ())]),
                ("remove", {"device_hash": "2:x"}, ()), ("update", {"hash": self._text()}, ()),
            ),
            "w:gp2": (
                ("add", {}, [("participant", self._cut({"jid": self._jid()}), ())]),
                ("subject", self._cut({"subject": self._text(), "s_t": self._time()}), ()),
                ("create", {"type": "new"}, [("group", {"id": self._text()}, ())]),
                ("ephemeral", {"expiration": "-1"}, ()), ("locked", {}, ()), ("delete", {}, ()),
                ("description", {"id": "x"}, [("body", {}, self._bytes(100))]),
            ),
            "picture": (("set", self._cut({"jid": self._jid(), "id": "1"}), ()),
                        ("delete", {}, ())),
            "mediaretry": (("encrypt", {}, [("enc_p", {}, self._bytes(40)),
                                            ("enc_iv", {}, self._bytes(12))]),
                           ("rmr", {"jid": self._jid()}, ()), ("error", {"code": "x"}, ())),
            "privacy_token": (("tokens", {}, [("token", self._cut({"jid": self._jid(), "t": "1",
                              "type": "trusted_contact"}), self._bytes(20))]),),
            "newsletter": (("live_updates", {}, [("messages", {}, ())]),),
            "mex": (("update", {"op_name": self._text()}, chance.choice(("{", "[]", '{"data":1}'))),
                    ("update", {"op_name": "NotificationNewsletterJoin"}, '{"data":{"x":[]}}')),
            "status": (("set", {}, self._bytes(200)),),
            "server_sync": (("collection", self._cut({"name": "regular", "version": "9"}), ()),),
            "business": (("verified_name", {"jid": self._jid()}, self._bytes(20)),),
            "psa": (), "pay": (), "": (),
        }  # fmt: skip
        kind = chance.choice(tuple(inner))
        attrs = self._cut(self._stanza() | {"type": kind}, 0.05)
        several = [each for each in inner[kind] for _ in range(chance.randrange(3))]
        return Stanza("notification", attrs, several)

    def _call(self) -> Stanza:
        chance = self._chance
        kinds = ("offer", "accept", "preaccept", "transport", "offer_notice", "relaylatency",
                 "terminate", "reject", "mute", self._text())  # fmt: skip
        call = {"call-id": self._text(), "call-creator": self._jid(), "reason": self._text()}
        inner: Child = (chance.choice(kinds), self._cut(call), [("te", {}, self._bytes(30))])
        return Stanza("call", self._stanza(), [inner] * chance.choice((0, 1, 1, 3)))

    def _presence(self) -> Stanza:
        chance = self._chance
        if chance.random() < 0.5:
            kinds = {"type": chance.choice(("available", "unavailable", self._text())),
                     "last": chance.choice(("deny", "none", "error", self._time()))}  # fmt: skip
            return Stanza("presence", self._stanza() | self._cut(kinds))
        state = chance.choice(("composing", "paused", self._text()))
        return Stanza("chatstate", self._stanza(), [(state, {"media": self._text()}, ())])

    # -- parts ----------------------------------------------------------------------------------

    def _stanza(self) -> dict[str, str]:
        self._number += 1
        attrs = {
            "from": self._jid(),
            "id": self._chance.choice((f"3A{self._number:016X}", self._text())),
            "t": self._time(),
            "notify": self._text(),
        }
        return self._cut(attrs, 0.03)

    def _cut(self, attrs: Mapping[str, str], share: float = 0.15) -> dict[str, str]:
        """The attributes, some of them missing."""
        return {key: value for key, value in attrs.items() if self._chance.random() >= share}

    def _jid(self) -> str:
        stranger = self._chance.choice(STRANGERS)
        return self._chance.choice(
            (
                f"{stranger}@s.whatsapp.net",
                f"{stranger}:{self._chance.randrange(99)}@s.whatsapp.net",
                f"{stranger}@lid",
                "status@broadcast",
                "120363000000000002@newsletter",
                "@s.whatsapp.net",
                self._text(),
            )
        )

    def _time(self) -> str:
        return self._chance.choice(("1764000000", "0", "-1", "9" * 18, "x"))

    def _text(self) -> str:
        """What stands in an attribute, in one of ten not UTF-8."""
        return "\udcff\udcfe" if self._chance.random() < 0.1 else self._word()

    def _word(self) -> str:
        return self._chance.choice(
            ("", "x", "\x1b[2J", "[bold]x[/]", "%s%n", "\0", "é" * 50, "w" * 900)
        )

    def _bytes(self, most: int) -> str:
        """Bytes as `Lab.send_stanza` takes them."""
        data = self._chance.randbytes(self._chance.randrange(most + 1))
        return data.decode(errors="surrogateescape")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


async def until_receipted(lab: Lab, whatsapp_id: str, position: int, limit_s: float) -> None:
    """Wait until a device has sent the receipt of this message."""
    await lab.wait_event(
        lambda event: event.kind is EventKind.RECEIPTED and event.detail == whatsapp_id,
        limit_s,
        position=position,
    )


async def keep_busy(lab: Lab, jid: str, sender: str, limit_s: float) -> list[str]:
    """Send messages that take us longer than the library; their ids, when it has sent the receipts
    and has not told of all of them."""
    slow = protobufs().e2e.Message(contactsArrayMessage={"contacts": [{}] * 40_000})
    body, position = slow.SerializeToString(), lab.position
    ids = [await lab.send_message(jid, body, sender) for _ in range(20)]
    await until_receipted(lab, ids[-1], position, limit_s)
    return ids
