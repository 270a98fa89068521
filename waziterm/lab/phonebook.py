"""All phones of a lab, in memory and on disk: the one place that writes them down.

Each phone is one JSON file in `phones/`.
"""

import asyncio
import json
import secrets
from dataclasses import fields
from pathlib import Path
from typing import Any

from waziterm.domain.jid import Jid
from waziterm.lab.files import write_private
from waziterm.lab.keys import KeyPair
from waziterm.lab.phones import LID_SERVER, Bundle, Device, Phone
from waziterm.lab.ratchet import Chain, Session
from waziterm.lab.signalwire import Hello

SAVE_DELAY_S = 0.05


class PhoneBook:
    """All phones of one lab directory, in memory and on disk."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / "phones"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._phones: dict[str, Phone] = {}
        self._by_lid: dict[str, Phone] = {}
        self._unsaved: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        for file in sorted(self._folder.glob("*.json")):
            self._add(_phone(json.loads(file.read_text(encoding="utf-8"))))

    def of(self, number: str) -> Phone:
        """The phone with that number; every number has one. Raises ValueError."""
        phone = self._phones.get(number)
        if phone is None:
            if not (number.isascii() and number.isdigit() and 7 <= len(number) <= 15):
                raise ValueError("a phone number is 7 to 15 digits")
            phone = Phone(number, secrets.token_bytes(32))
            self._add(phone)
            self.save(phone)
        return phone

    def known(self, number: str) -> Phone | None:
        """The phone with that number, if anything has ever happened to it."""
        return self._phones.get(number)

    def find(self, jid: Jid) -> Phone | None:
        """The phone behind a JID or a LID; a number that is new gets one."""
        if jid.server == LID_SERVER:
            return self._by_lid.get(jid.user)
        try:
            return self.of(jid.user)
        except ValueError:
            return None

    def unused_number(self) -> str:
        """A number that no phone has yet."""
        while True:
            number = f"628{secrets.randbelow(10**9):09d}"
            if number not in self._phones:
                return number

    def save(self, phone: Phone) -> None:
        """Write a phone down soon; calls in quick succession become one write."""
        self._unsaved.add(phone.number)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SAVE_DELAY_S, self.flush)

    def flush(self) -> None:
        """Write down everything that changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._unsaved:
            phone = self._phones[self._unsaved.pop()]
            text = json.dumps(_plain(phone))
            write_private(self._folder / f"{phone.number}.json", text)

    def _add(self, phone: Phone) -> None:
        self._phones[phone.number] = phone
        self._by_lid[phone.lid.user] = phone


def _plain(value: Any) -> Any:
    """Dataclasses, dictionaries, lists and bytes as JSON can hold them (bytes become hex)."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    return value


def _phone(data: dict[str, Any]) -> Phone:
    return Phone(
        number=data["number"],
        seed=bytes.fromhex(data["seed"]),
        next_device=data["next_device"],
        next_prekey=data["next_prekey"],
        devices={int(number): _device(item) for number, item in data["devices"].items()},
        sessions={
            address: [_session(item) for item in items]
            for address, items in data["sessions"].items()
        },
    )


def _device(data: dict[str, Any]) -> Device:
    signed = data["signed"]
    return Device(
        number=data["number"],
        identity=bytes.fromhex(data["identity"]),
        noise=bytes.fromhex(data["noise"]),
        signed=None
        if signed is None
        else Bundle(
            signed["registration_id"],
            bytes.fromhex(signed["identity"]),
            signed["signed_id"],
            bytes.fromhex(signed["signed_key"]),
            bytes.fromhex(signed["signature"]),
        ),
        prekeys=[(number, bytes.fromhex(key)) for number, key in data["prekeys"]],
        prekey_count=data["prekey_count"],
        history_days=data.get("history_days"),
        name=data.get("name", ""),
    )


def _session(data: dict[str, Any]) -> Session:
    def unhex(name: str) -> bytes:
        return bytes.fromhex(data[name])

    def chain(name: str) -> Chain | None:
        item = data[name]
        return None if item is None else Chain(bytes.fromhex(item["key"]), item["index"])

    hello, ratchet = data["hello"], data["ratchet"]
    return Session(
        base_key=unhex("base_key"),
        ours=unhex("ours"),
        theirs=unhex("theirs"),
        root=unhex("root"),
        ratchet=KeyPair(bytes.fromhex(ratchet["private"]), bytes.fromhex(ratchet["public"])),
        their_ratchet=None if data["their_ratchet"] is None else unhex("their_ratchet"),
        receiving=chain("receiving"),
        sending=chain("sending"),
        previous=data["previous"],
        hello=None if hello is None else Hello(**hello),
    )
