"""F39: text that is not UTF-8, from WhatsApp or a stranger, in whatever the library tells."""

import ctypes
from collections.abc import Callable
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from tests.worker.conftest import Linked
from waziterm.domain.jid import Jid
from waziterm.domain.lifecycle import events as ev
from waziterm.lab.client import Lab
from waziterm.worker.neonize.client import Callbacks, Client
from waziterm.worker.neonize.library import messages
from waziterm.worker.neonize.mapping import EVENT_NAMES, jid_text, library_event, readable

BAD = b"caf\xe9 \xff\xfe\xc3\x28"
SHOWN = "caf� ��"
ON_THE_WIRE = "caf\udce9 \udcff\udcfe"


def wire(descriptor: Any, depth: int = 0) -> bytes:
    """A serialised message with that text in every string of it, two messages deep."""
    out = bytearray()
    for field in descriptor.fields:
        if field.type == field.TYPE_STRING:
            data = BAD
        elif field.type == field.TYPE_MESSAGE and depth < 2:
            data = wire(field.message_type, depth + 1)
        elif field.type in (field.TYPE_INT64, field.TYPE_BOOL, field.TYPE_UINT32, field.TYPE_ENUM):
            out += bytes((field.number << 3, 1)) if field.number < 16 else b""
            continue
        else:
            continue
        assert field.number < 16 and len(data) < 1 << 14
        out += bytes((field.number << 3 | 2, len(data) & 0x7F | 0x80, len(data) >> 7)) + data
    return bytes(out)


def is_text(message: Any) -> bool:
    """Whether no string in it, at any depth, is handed out as bytes."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_BYTES:
            continue
        repeated = not isinstance(value, str | bytes) and hasattr(value, "__iter__")
        for each in value if repeated else (value,):
            if isinstance(each, bytes) or (hasattr(each, "ListFields") and not is_text(each)):
                return False
    return True


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_every_event_is_told_in_text(name: str) -> None:
    message = getattr(messages, name).FromString(wire(getattr(messages, name).DESCRIPTOR))
    event = library_event(name, message, "", "")
    assert not any(isinstance(getattr(event, each.name), bytes) for each in fields(event))
    assert is_text(message)


@pytest.mark.parametrize(
    "name", ["LogEntry", "Device", "SendMessageReturnFunction", "PairPhoneReturnFunction"]
)
def test_every_message_of_the_library_can_be_made_readable(name: str) -> None:
    kind = getattr(messages, name)
    message = kind.FromString(wire(kind.DESCRIPTOR))
    assert not is_text(message)
    assert is_text(readable(message))
    if name == "Device":
        assert SHOWN in jid_text(message.JID)


class Go:
    """A library that calls back with whatever a test likes, and returns."""

    def __init__(self, call_back: Callable[[Any, Any, Any, Any], None]) -> None:
        self._call_back = call_back

    def Neonize(self, *given: Any) -> bytes:
        self._call_back(*given[6:10])
        return b""


def connected(told: Callbacks, call_back: Callable[[Any, Any, Any, Any], None]) -> None:
    same = lambda function: function  # noqa: E731
    binder = SimpleNamespace(
        gocode=Go(call_back),
        ProxySettings=None,
        func_string=same,
        func_callback_bytes=same,
        func_callback_bytes2=same,
    )
    Client(binder, told).connect("/nowhere", Jid("628123456789", 1), None, "waziterm")


@pytest.mark.parametrize("size", [0, 1, 20, 127, 128, 300, 20_000])
def test_of_records_at_debug_alone_is_nothing_told_whatever_a_text_says(size: int) -> None:
    text = ("\x12\x05DEBUG\x1a\x06Client" * size)[:size]
    told: list[tuple[str, str]] = []
    nobody: Any = None

    def call_back(_code: Any, _status: Any, _event: Any, log: Any) -> None:
        for level in ("DEBUG", "INFO", "DEBUG", "WARN"):
            record = messages.LogEntry(Message=text, Level=level, Name="Client/Recv")
            raw = record.SerializePartialToString()
            buffer = ctypes.create_string_buffer(raw, len(raw))
            log(ctypes.addressof(buffer), len(raw))

    def take(level: str, text: str) -> None:
        told.append((level, text))

    connected(Callbacks(nobody, nobody, nobody, nobody, nobody, nobody, take), call_back)
    assert told == [("INFO", text), ("WARN", text)]


def test_a_callback_that_fails_is_told_and_never_raises() -> None:
    lost: list[tuple[str, str]] = []

    def fail(*_: object) -> None:
        raise KeyError("of ours")

    def call_back(code: Any, status: Any, event: Any, log: Any) -> None:
        text = ctypes.create_string_buffer(b"text")
        code(b"id", ctypes.addressof(text))
        status(b"id", ctypes.addressof(text))
        event(b"id", ctypes.addressof(text), 0, 3)
        event(b"id", ctypes.addressof(text), 0, 9999)
        event(b"id", ctypes.addressof(text), 4, 11)
        log(ctypes.addressof(text), 0)
        log(ctypes.addressof(text), 4)

    told = Callbacks(
        device=fail,
        code=fail,
        status=fail,
        event=fail,
        unreadable=fail,
        lost=lambda what, error: lost.append((what, type(error).__name__)),
        log=fail,
    )
    connected(told, call_back)
    assert lost == [
        ("QR code", "KeyError"),
        ("login status", "KeyError"),
        ("Connected", "KeyError"),
        ("event", "KeyError"),
        ("StreamError", "DecodeError"),
        ("log record", "KeyError"),
        ("log record", "DecodeError"),
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_what_a_stranger_and_whatsapp_send_is_shown(linked: Linked) -> None:
    lab: Lab = linked.lab
    async with linked.resume() as hand:
        await hand.wait_for(ev.Connected)
        stranger = {"from": "628999000111@s.whatsapp.net", "t": "1764000000", "type": "text"}
        odd = {**stranger, "id": ON_THE_WIRE, "notify": ON_THE_WIRE}
        for tag in ("message", "notification", "receipt", "call", ON_THE_WIRE):
            for kind in ("pkmsg", ON_THE_WIRE):
                inner = ("enc", {"v": "2", "type": kind}, ON_THE_WIRE)
                await lab.send_stanza(linked.phone.jid, tag, odd, [inner])
        await hand.wait_for_line(f"Error decrypting message {SHOWN} from")
        await hand.wait_for_line(f"(type {SHOWN})")
        assert (await hand.probe()).error == ""
        assert await hand.text_id("still there")
        children = [(ON_THE_WIRE, {ON_THE_WIRE: ON_THE_WIRE}, ON_THE_WIRE)]
        await lab.send_stanza(linked.phone.jid, "stream:error", {"code": ON_THE_WIRE}, children)
        error = await hand.wait_for(ev.StreamError)
        assert error == ev.StreamError(SHOWN, SHOWN)
        await hand.wait_for_line(f'Unknown stream error: <stream:error code="{SHOWN}">')
        said = "\n".join(hand.lines)
        assert "Traceback" not in said and "was lost" not in said and "ctypes" not in said
