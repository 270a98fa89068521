"""Ratchets with phones of the lab as Baileys has them, at any point of a chat.

Both sides are the lab's own ratchet (`waziterm/lab/ratchet.py`): one is written down as a phone of
the lab, the other as an entry of Baileys.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from waziterm.lab.keys import KEY_TYPE, KeyPair
from waziterm.lab.phonebook import _plain
from waziterm.lab.phones import SIGNED_PREKEY_ID, Phone
from waziterm.lab.ratchet import Session, accept, begin
from waziterm.lab.signalwire import parse_prekey, parse_signal


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class Chat:
    """A device's ratchet with one phone. skipped: by the ratchet key of the phone, the seeds of the
    messages that have not come to the device."""

    phone: Phone
    ours: Session
    theirs: Session | None = None
    skipped: dict[bytes, dict[int, bytes]] = field(default_factory=dict)
    closed: dict[bytes, int] = field(default_factory=dict)

    @classmethod
    def begun(cls, identity: KeyPair, registration: int, number: str, seed: bytes) -> "Chat":
        """The device has a phone's keys, and nothing was sent yet."""
        phone = Phone(number, seed)
        bundle = phone.bundle()
        assert bundle.prekey_id is not None and bundle.prekey is not None
        ours = begin(
            *(identity, registration, bundle.identity),
            (bundle.signed_id, bundle.signed_key),
            (bundle.prekey_id, bundle.prekey),
        )
        return cls(phone, ours)

    def send(self) -> None:
        """The device writes, and the phone reads it."""
        kind, data, self.ours = self.ours.encrypt(b"to the phone")
        if kind == "pkmsg":
            first = parse_prekey(data)
            if self.theirs is None:
                assert first.signed_prekey_id == SIGNED_PREKEY_ID and first.prekey_id is not None
                prekey = self.phone.prekey(first.prekey_id)
                self.theirs = accept(first, self.phone.identity, self.phone.signed_prekey, prekey)
            message = first.message
        else:
            message = parse_signal(data)
        assert self.theirs is not None
        _, self.theirs = self.theirs.decrypt(message)

    def answer(self, lost: int) -> None:
        """The phone writes, and the device reads the last; so many before it have not come."""
        assert self.theirs is not None
        for _ in range(lost + 1):
            _, data, self.theirs = self.theirs.encrypt(b"to the device")
        message = parse_signal(data)
        before = self.ours
        _, self.ours = before.decrypt(message)
        turned = before.their_ratchet != message.ratchet_key
        assert before.their_ratchet is not None and before.receiving is not None
        if turned and before.their_ratchet in self.skipped:
            self.closed[before.their_ratchet] = before.receiving.index
        # Seeds of their own: nobody sends those messages once more.
        seeds = self.skipped.setdefault(message.ratchet_key, {})
        for each in range(0 if turned else before.receiving.index, message.counter):
            seeds[each] = hashlib.sha256(message.ratchet_key + bytes([each])).digest()

    def entry(self, created: int) -> dict[str, Any]:
        """The entry of a session in Baileys."""
        ours = self.ours
        chains: dict[str, Any] = {}
        if ours.sending is not None:
            chains[b64(KEY_TYPE + ours.ratchet.public)] = {
                "chainKey": {"counter": ours.sending.index - 1, "key": b64(ours.sending.key)},
                "chainType": 1,
                "messageKeys": {},
            }
        has_answer = ours.hello is None
        if has_answer and ours.receiving is not None and ours.their_ratchet is not None:
            seeds = self.skipped.get(ours.their_ratchet, {})
            chains[b64(KEY_TYPE + ours.their_ratchet)] = {
                "chainKey": {"counter": ours.receiving.index - 1, "key": b64(ours.receiving.key)},
                "chainType": 2,
                "messageKeys": {str(number): b64(seed) for number, seed in seeds.items()},
            }
        for key, index in self.closed.items():
            chains[b64(KEY_TYPE + key)] = {
                "chainKey": {"counter": index - 1},
                "chainType": 2,
                "messageKeys": {str(n): b64(seed) for n, seed in self.skipped[key].items()},
            }
        assert ours.their_ratchet is not None
        base = b64(KEY_TYPE + ours.base_key)
        made: dict[str, Any] = {
            "registrationId": self.phone.registration_id,
            "currentRatchet": {
                "ephemeralKeyPair": {
                    "pubKey": b64(KEY_TYPE + ours.ratchet.public),
                    "privKey": b64(ours.ratchet.private),
                },
                "lastRemoteEphemeralKey": b64(KEY_TYPE + ours.their_ratchet),
                "previousCounter": ours.previous - 1,
                "rootKey": b64(ours.root),
            },
            "indexInfo": {
                "baseKey": base,
                "baseKeyType": 1,
                "closed": -1,
                "used": created,
                "created": created,
                "remoteIdentityKey": b64(KEY_TYPE + ours.theirs),
            },
            "_chains": chains,
        }
        if ours.hello is not None:
            made["pendingPreKey"] = {
                "signedKeyId": ours.hello.signed_prekey_id,
                "preKeyId": ours.hello.prekey_id,
                "baseKey": base,
            }
        return made


def chat_at_random(identity: KeyPair, registration: int, number: str, random: Random) -> Chat:
    """A chat in which things have happened."""
    chat = Chat.begun(identity, registration, number, random.randbytes(32))
    for _ in range(random.randint(1, 4)):
        chat.send()
    for _ in range(random.randint(0, 6)):
        if random.random() < 0.5:
            chat.send()
        else:
            chat.answer(random.choice((0, 0, 0, 1, 3)))
    return chat


def write_down(chats: list[Chat], lid: str, auth: Path, phones: Path) -> None:
    """Write both sides of chats: into a folder of Baileys, and into the phones of a lab. lid: of
    the device, `USER:DEVICE@lid`."""
    for number, chat in enumerate(chats):
        assert chat.theirs is not None
        user = chat.phone.lid.user
        entry = chat.entry(1795808057000 + number)
        base = entry["indexInfo"]["baseKey"]
        (auth / f"session-{user}_1.0.json").write_text(
            json.dumps({"_sessions": {base: entry}, "version": "v1"})
        )
        (auth / f"lid-mapping-{chat.phone.number}.json").write_text(json.dumps(user))
        phone = replace(chat.phone, sessions={lid: [chat.theirs]})
        (phones / f"{phone.number}.json").write_text(json.dumps(_plain(phone)))
