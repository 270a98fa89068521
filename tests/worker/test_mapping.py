"""The library's words and the domain's, on neonize's own message classes."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.sending import OptOut
from waziterm.worker.instance.pairing import Pairing
from waziterm.worker.neonize.mapping import (
    EVENT_NAMES,
    EVENT_NUMBERS,
    NOTE_NAMES,
    answered_with,
    connect_error,
    jid_text,
    library_event,
    log_line,
    opted_out,
    refusal,
)
from waziterm.worker.neonize.phrases import undelivered


@pytest.fixture(scope="module")
def pb() -> Any:
    """neonize's `Neonize_pb2`, loaded without neonize, whose Go runtime has no place in a test."""
    spec = importlib.util.find_spec("neonize")
    assert spec is not None and spec.submodule_search_locations
    folder = str(Path(spec.submodule_search_locations[0]) / "proto")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("Neonize_pb2")
    finally:
        sys.path.remove(folder)


def test_every_event_that_it_maps_is_one_of_the_library(pb: Any) -> None:
    assert [name for name in EVENT_NAMES if not hasattr(pb, name)] == []


def test_the_numbers_are_the_librarys() -> None:
    folder = importlib.util.find_spec("neonize")
    assert folder is not None and folder.submodule_search_locations
    text = (Path(folder.submodule_search_locations[0]) / "events.py").read_text()
    table = text[text.index("EVENT_TO_INT") : text.index("INT_TO_EVENT")]
    theirs = {
        name.removesuffix("Ev"): int(number)
        for name, number in re.findall(r"^    (\w+): (\d+),$", table, re.MULTILINE)
    }
    assert {name: theirs[name] for name in EVENT_NUMBERS} == EVENT_NUMBERS
    unasked = set(EVENT_NAMES + NOTE_NAMES) ^ set(EVENT_NUMBERS)
    assert not unasked, f"subscribe to what is mapped, in EVENT_NUMBERS, and no more: {unasked}"


def test_pair_status(pb: Any) -> None:
    jid = pb.JID(User="628123456789", Device=3, Server="s.whatsapp.net", RawAgent=0, Integrator=0)
    status = pb.PairStatus(ID=jid, BusinessName="\x1b[1mToko", Platform="android")
    status.Status = pb.PairStatus.SUCCESS
    assert library_event("PairStatus", status, "", "77:3@lid") == ev.PairSucceeded(
        "628123456789:3@s.whatsapp.net", "77:3@lid", "android", "Toko"
    )
    status.Status = pb.PairStatus.ERROR
    status.Error = "bad\nkey"
    assert library_event("PairStatus", status, "", "") == ev.PairFailed(
        ev.PairingEnd.ERROR, "bad key"
    )


def test_every_logout_reason_and_every_ban(pb: Any) -> None:
    for name, code in (("LOGGED_OUT", 401), ("MAIN_DEVICE_GONE", 403), ("UNKNOWN_LOGOUT", 406)):
        message = pb.LoggedOut(OnConnect=True, Reason=name)
        assert library_event("LoggedOut", message, "", "") == ev.LoggedOut(True, code)
    codes = [
        library_event("TemporaryBan", pb.TemporaryBan(Code=name, Expire=90), "", "")
        for name in _names(pb.TemporaryBan.TempBanReason)
    ]
    assert codes == [ev.TemporaryBan(code, 90.0) for code in (101, 102, 103, 104, 106)]


def test_no_failure_reason_of_the_library_is_unknown(pb: Any) -> None:
    raw = pb.Node(Tag="failure")
    for name in _names(pb.ConnectFailureReason):
        event = library_event(
            "ConnectFailure", pb.ConnectFailure(Reason=name, Message="", Raw=raw), "", ""
        )
        assert isinstance(event, ev.ConnectFailure) and event.code >= 400, name


def test_the_rest(pb: Any) -> None:
    raw = pb.Node(Tag="stream:error", Nodes=[pb.Node(Tag="xml-not-well-formed")])
    cases = [
        ("Connected", pb.Connected(status=True), ev.Connected("a@lid", "b@lid")),
        ("Disconnected", pb.Disconnected(status=True), ev.Disconnected()),
        (
            "KeepAliveTimeout",
            pb.KeepAliveTimeout(ErrorCount=3, LastSuccess=0),
            ev.KeepAliveTimeout(3),
        ),
        ("KeepAliveRestored", pb.KeepAliveRestored(), ev.KeepAliveRestored()),
        ("StreamReplaced", pb.StreamReplaced(), ev.StreamReplaced()),
        ("ClientOutdated", pb.ClientOutdated(), ev.ClientOutdated()),
        (
            "StreamError",
            pb.StreamError(Code="516", Raw=raw),
            ev.StreamError("516", "xml-not-well-formed"),
        ),
    ]
    for name, message, expected in cases:
        assert library_event(name, message, "a@lid", "b@lid") == expected
    assert jid_text(pb.JID(User="", Device=0, Server="", RawAgent=0, Integrator=0)) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("failed to dial whatsapp web websocket: dial tcp: no such host", ev.DialFailed),
        ("noise handshake failed: failed to verify server cert", ev.DialFailed),
        ('unsupported proxy scheme "gopher"', ev.DialFailed),
        ("", ev.DialFailed),
        ("failed to upgrade database: file is not a database", ev.SessionBroken),
        ("no such table: whatsmeow_device", ev.SessionBroken),
        # Not broken: trying again may help, cleaning never would.
        ("failed to upgrade database: database is locked", ev.StoreFailing),
        ("failed to upgrade database: database or disk is full", ev.StoreFailing),
    ],
)
def test_why_a_connect_failed(text: str, kind: type) -> None:
    error = connect_error(text)
    assert type(error) is kind
    assert error.detail


def test_what_the_library_could_not_deliver() -> None:
    text = "proto: required field neonize.TemporaryBan.Code not set"
    assert undelivered(text) == "TemporaryBan"
    assert undelivered("something else") == ""
    node = '<failure code="105" expire="31536000" reason="402"/>'
    assert refusal(node, "TemporaryBan") == ev.TemporaryBan(105, 31536000.0)
    assert refusal(node) == ev.TemporaryBan(105, 31536000.0)
    assert refusal("", "TemporaryBan") == ev.TemporaryBan(0, 0.0)
    assert refusal('<failure reason="418"/>') == ev.ConnectFailure(418)


def test_what_counts_as_a_round_trip() -> None:
    told = answered_with("info query returned status 500: internal-server-error")
    assert told == "error 500: internal-server-error"
    assert answered_with("info query returned an unknown error") == "error an unknown error"
    assert not answered_with("info query timed out")
    assert not answered_with("websocket disconnected before info query returned response")
    assert not answered_with("websocket not connected")


def test_a_log_line_has_no_secret() -> None:
    code = "2@" + "Ab3/" * 30 + "=,x"
    line = log_line(f"\x1b[2J{code} http://me:pass@proxy:1 +628123456789\n{'q' * 5000}")
    assert line.startswith("[QR code] http://[credentials]@proxy:1 +6281••••6789 qqq")
    assert len(line) == 500


def test_pairing_statuses() -> None:
    now = 0.0
    pairing = Pairing(lambda: now)
    assert pairing.code("first") == ev.QrShown("first", 1, 6, 60.0)
    assert pairing.status("success") is None
    now = 5.0
    closed = pairing.status("timeout")
    assert closed is not None and closed.end is ev.PairingEnd.ERROR and "closed" in closed.detail
    for index in range(2, 7):
        now += 20.0
        assert pairing.code(f"code {index}") == ev.QrShown(f"code {index}", index, 6, 20.0)
    assert pairing.status("timeout") == ev.PairFailed(ev.PairingEnd.TIMEOUT)
    assert pairing.code("one more").count == 7
    for text, end in (
        ("err-client-outdated", ev.PairingEnd.CLIENT_OUTDATED),
        ("err-scanned-without-multidevice", ev.PairingEnd.NO_MULTIDEVICE),
        ("error", ev.PairingEnd.ERROR),
        ("err-unexpected-state", ev.PairingEnd.REFUSED),
        ("passkey-request", ev.PairingEnd.PASSKEY),
        ("passkey-confirmation", ev.PairingEnd.PASSKEY),
    ):
        assert pairing.status(text) == ev.PairFailed(end)
    strange = pairing.status("a later word")
    assert strange is not None and strange.end is ev.PairingEnd.ERROR
    assert "a later word" in strange.detail


def test_fewer_codes_than_usual_that_ran_out_are_a_timeout() -> None:
    now = 0.0
    pairing = Pairing(lambda: now)
    pairing.code("first of two")
    now = 20.0
    pairing.code("second of two")
    now = 39.9
    assert pairing.status("timeout") == ev.PairFailed(ev.PairingEnd.TIMEOUT)


def _names(enum: Any) -> list[str]:
    return [value.name for value in enum.DESCRIPTOR.values]


def written(pb: Any, text: str | bytes = "STOP", **changed: Any) -> Any:
    """A message of a person's, as neonize passes it on."""
    lid = pb.JID(User="4711", Device=0, Server="lid", RawAgent=0, Integrator=0)
    number = pb.JID(User="628999", Device=0, Server="s.whatsapp.net", RawAgent=0, Integrator=0)
    message = pb.Message()
    source = message.Info.MessageSource
    source.Sender.CopyFrom(lid)
    source.SenderAlt.CopyFrom(number)
    source.IsFromMe = source.IsGroup = False
    for name, value in changed.items():
        setattr(source, name, value)
    message.Info.Timestamp = 1_700_000_000_000
    raw = text.encode() if isinstance(text, str) else text
    # Field 1 of an `E2E.Message` is the text.
    message.Message.MergeFromString(b"\x0a" + bytes([len(raw)]) + raw)
    return message


WORDS = ("stop", "berhenti")


@pytest.mark.parametrize("text", ["STOP", "stop", " Stop ", "stop.", " BERHENTI . ", "Berhenti."])
def test_who_asks_to_be_sent_no_more(pb: Any, text: str) -> None:
    chats = ("4711@lid", "628999@s.whatsapp.net")
    assert opted_out(written(pb, text), WORDS) == OptOut(chats, 1_700_000_000.0)


@pytest.mark.parametrize(
    "text", ["", "please stop", "stop it", "stop!", b"\xff\xfestop", "s" * 120]
)
def test_nothing_but_the_word_is_an_opt_out(pb: Any, text: str | bytes) -> None:
    assert opted_out(written(pb, text), WORDS) is None
    assert opted_out(written(pb), ()) is None


def test_neither_a_group_nor_the_own_phone_opts_out(pb: Any) -> None:
    assert opted_out(written(pb, IsGroup=True), WORDS) is None
    assert opted_out(written(pb, IsFromMe=True), WORDS) is None
    odd = written(pb)
    odd.Info.MessageSource.SenderAlt.Server = "newsletter"
    found = opted_out(odd, WORDS)
    assert found is not None and found.chats == ("4711@lid",)
