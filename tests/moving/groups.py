"""A member of a group: what others are told of its chain, and what it writes on it.

By libsignal's version 3: a SenderKeyDistributionMessage is the version byte and a protobuf (1 id,
2 iteration, 3 chain key, 4 signing key), a SenderKeyMessage the version byte, a protobuf (1 id,
2 iteration, 3 ciphertext) and a signature of both.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.moving.ratchets import b64
from waziterm.lab.client import Lab
from waziterm.lab.keys import KEY_TYPE, KeyPair
from waziterm.lab.messages import text_body
from waziterm.lab.noise import hkdf
from waziterm.lab.protobufs import protobufs
from waziterm.lab.ratchet import NO_SALT

GROUP = "120363000000000016@g.us"
_VERSION = b"\x33"


@dataclass
class Member:
    """A member. lid: the user of its hidden id. iteration: of the next message."""

    lid: str
    signing: KeyPair = field(default_factory=KeyPair.generate)
    key_id: int = field(default_factory=lambda: secrets.randbelow(1 << 31))
    chain_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    iteration: int = 0

    def introduction(self, text: str) -> bytes:
        """The body of a message to another member, by which that one can read this one from now
        on."""
        told = protobufs().e2e.Message(conversation=text)
        told.senderKeyDistributionMessage.groupID = GROUP
        told.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage = (
            _VERSION
            + _number(1, self.key_id)
            + _number(2, self.iteration)
            + _bytes(3, self.chain_key)
            + _bytes(4, KEY_TYPE + self.signing.public)
        )
        body: bytes = told.SerializeToString()
        return body

    def write(self, text: str) -> bytes:
        """The next message, as it stands in `enc`."""
        seed = self._seed()
        padder = padding.PKCS7(128).padder()
        body = padder.update(text_body(text) + b"\x08" * 8) + padder.finalize()
        keys = hkdf(seed, NO_SALT, b"WhisperGroup", 48)
        encryptor = Cipher(algorithms.AES(keys[16:]), modes.CBC(keys[:16])).encryptor()
        ciphertext = encryptor.update(body) + encryptor.finalize()
        told = _VERSION + _number(1, self.key_id) + _number(2, self.iteration)
        told += _bytes(3, ciphertext)
        self._step()
        return told + self.signing.sign(told)

    def record(self, *, lost: int) -> list[dict[str, Any]]:
        """Its chain as Baileys 7 keeps it of somebody else's, when so many of the next messages
        have not come and those behind them have."""
        skipped = []
        for _ in range(lost):
            skipped.append({"iteration": self.iteration, "seed": _buffer(self._seed())})
            self._step()
        return [
            {
                "senderKeyId": self.key_id,
                "senderChainKey": {
                    "iteration": self.iteration,
                    "seed": _buffer(self.chain_key),
                },
                "senderSigningKey": {
                    "public": _buffer(KEY_TYPE + self.signing.public),
                    "private": {"type": "Buffer", "data": []},
                },
                "senderMessageKeys": skipped,
            }
        ]

    def _seed(self) -> bytes:
        return hmac.digest(self.chain_key, b"\x01", hashlib.sha256)

    def _step(self) -> None:
        self.chain_key = hmac.digest(self.chain_key, b"\x02", hashlib.sha256)
        self.iteration += 1


def write_down(member: Member, states: list[dict[str, Any]], auth: Path) -> None:
    """What Baileys 7 keeps of a member."""
    file = auth / f"sender-key-{GROUP}--{member.lid}_1--0.json"
    file.write_text(json.dumps(_buffer(json.dumps(states).encode())))


async def deliver(lab: Lab, jid: str, member: Member, data: bytes) -> None:
    """Bring a message of the group to a device that is online."""
    attrs = {
        "from": GROUP,
        "participant": f"{member.lid}@lid",
        "addressing_mode": "lid",
        "id": "3A" + secrets.token_hex(9).upper(),
        "t": str(int(time.time())),
        "type": "text",
        "notify": "a member",
    }
    enc = ("enc", {"v": "2", "type": "skmsg"}, data.decode(errors="surrogateescape"))
    await lab.send_stanza(jid, "message", attrs, (enc,))


def kept_of(session: Path, member: Member) -> tuple[int, list[int]]:
    """What the library keeps of a member's chain: the iteration of the next message, and of those
    that have not come."""
    with closing(sqlite3.connect(f"{session.as_uri()}?mode=ro", uri=True)) as db:
        (data,) = db.execute(
            "SELECT sender_key FROM whatsmeow_sender_keys WHERE chat_id = ? AND sender_id = ?",
            (GROUP, f"{member.lid}_1:0"),
        ).fetchone()
    state = json.loads(data)["SenderKeyStates"][0]
    skipped = [each["Iteration"] for each in state["Keys"] or []]
    return state["SenderChainKey"]["Iteration"], skipped


def _buffer(data: bytes) -> dict[str, str]:
    return {"type": "Buffer", "data": b64(data)}


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*made, value))


def _number(tag: int, value: int) -> bytes:
    return bytes([tag << 3]) + _varint(value)


def _bytes(tag: int, value: bytes) -> bytes:
    return bytes([tag << 3 | 2]) + _varint(len(value)) + value
