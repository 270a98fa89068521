"""The stream's JSON: what was put in comes out, whatever it is; anything else is refused."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control.scripted import QR_TEXT, connected_view, pairing_view
from waziterm.control.frame import Frame, decode, encode
from waziterm.domain.codec import CodecError, document
from waziterm.domain.fleet.api import Changes, FleetView, InstanceView, LogLine, Notice, Source
from waziterm.domain.fleet.counts import Counts, WorkerUse
from waziterm.domain.lifecycle.instance import PairingCode, QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.phrase import as_it_is
from waziterm.domain.version import Origin, UsedVersion

WHOLE = Frame(1.0, 0, 0, Changes(changed=(pairing_view("a", 9.0),)))

texts = st.text(max_size=20)
numbers = st.integers(0, 2**53)
moments = st.floats(0, 4e9, allow_nan=False)
versions = st.none() | st.builds(UsedVersion, numbers, st.sampled_from(Origin), moments)
views = st.builds(
    InstanceView,
    name=texts,
    state=st.sampled_from(State),
    reason=st.sampled_from(list(Reason)),
    detail=texts,
    next_step=texts,
    wanted=st.sampled_from(Wanted),
    paired=st.booleans(),
    jid=st.none() | texts,
    since=moments,
    next_attempt=st.none() | moments,
    connected_at=st.none() | moments,
    probe_s=st.none() | moments,
    probed_at=st.none() | moments,
    sent=numbers,
    attempt=numbers,
    attempts=numbers,
    attempts_ok=numbers,
    proxy=st.none() | texts,
    pid=st.none() | numbers,
    phone=st.none() | texts,
    version=versions,
    qr=st.none() | st.builds(QrCode, texts, numbers, numbers, moments),
    code=st.none() | st.builds(PairingCode, texts, moments),
)
counted = st.builds(
    Counts,
    attempts=numbers,
    drops=st.dictionaries(st.sampled_from(list(Reason)), numbers, max_size=3),
    connects=st.lists(numbers, max_size=3).map(tuple),
    connects_s=moments,
)
uses = st.builds(
    WorkerUse,
    pid=numbers,
    slot=numbers,
    instances=st.lists(texts, max_size=3).map(tuple),
    cpu_s=moments,
    memory_bytes=numbers,
)
fleets = st.builds(
    FleetView,
    at=moments,
    lab=st.booleans(),
    library=texts,
    version=versions,
    instances=st.lists(views, max_size=3).map(tuple),
    attempts=numbers,
    attempts_ok=numbers,
    counts=st.dictionaries(texts, counted, max_size=3),
    workers=st.lists(uses, max_size=3).map(tuple),
    workers_cpu_s=moments,
)
lines = st.builds(LogLine, seq=numbers, at=moments, source=st.sampled_from(Source), text=texts)
notices = st.builds(Notice, at=moments, text=texts.map(as_it_is), instance=st.none() | texts)
changes = st.builds(
    Changes,
    snapshot=st.none() | fleets,
    changed=st.lists(views, max_size=3).map(tuple),
    removed=st.lists(texts, max_size=3).map(tuple),
    lines=st.dictionaries(texts, st.lists(lines, max_size=3).map(tuple), max_size=3),
    notices=st.lists(notices, max_size=3).map(tuple),
)
frames = st.builds(
    Frame,
    at=moments,
    attempts=numbers,
    attempts_ok=numbers,
    changes=changes,
    sessions=st.none() | st.lists(texts, max_size=3).map(tuple),
)


@given(frames)
def test_a_frame_comes_out_as_it_went_in_on_one_line(frame: Frame) -> None:
    text = encode(frame)
    assert b"\n" not in text
    assert decode(text) == frame


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"{", b"[]", b"null", b"{}", b'{"snapshot": 1}', b"1" * 5000]
)
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(CodecError):
        decode(text)


@given(st.binary(max_size=60))
def test_random_bytes_are_refused(text: bytes) -> None:
    with pytest.raises(CodecError):
        decode(text)


def test_a_frame_of_another_version_is_refused() -> None:
    text = encode(Frame(1.0, 0, 0, Changes(changed=(connected_view("a"),))))
    with pytest.raises(CodecError):
        decode(text.replace(b'"online"', b'"a reason that does not exist"'))


def test_the_keys_of_an_object_are_checked_as_its_values_are() -> None:
    dropped = Counts().dropped(Reason.CONFLICT)
    fleet = FleetView(1.0, lab=False, instances=(), counts={"a": dropped})
    text = encode(Frame(1.0, 0, 0, Changes(snapshot=fleet)))
    assert b'"drops":{"conflict":1}' in text
    with pytest.raises(CodecError, match="drops is no Reason: 'no such reason'"):
        decode(text.replace(b'{"conflict":1}', b'{"no such reason":1}'))
    assert document(Counts, dropped, 0.0)["drops"] == {"conflict": 1}


def test_an_unknown_field_is_ignored_and_a_wrong_type_names_its_field() -> None:
    frame = Frame(1.0, 0, 0, Changes(changed=(connected_view("a"),)))
    data = json.loads(encode(frame))
    data["of_a_newer_version"] = data["changes"]["changed"][0]["too"] = {"x": [1]}
    assert decode(json.dumps(data).encode()) == frame
    data["changes"]["changed"][0]["paired"] = "yes"
    with pytest.raises(CodecError, match=r"instance_view\.paired must be true or false, not str"):
        decode(json.dumps(data).encode())


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
places = st.sampled_from([
    *((name,) for name in ("at", "attempts", "changes", "sessions")),
    *(("changes", name) for name in ("snapshot", "changed", "removed", "lines", "notices")),
    *(("changes", "changed", 0, field.name) for field in fields(InstanceView)),
])  # fmt: skip


@given(places, anything)
def test_whatever_stands_in_a_field_is_read_or_refused(
    place: tuple[str | int, ...], value: object
) -> None:
    data = json.loads(encode(WHOLE))
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    try:
        read = decode(json.dumps(data).encode())
    except CodecError as error:
        assert str(error).count("\n") == 0
    else:
        assert decode(encode(read)) == read


def test_an_instances_document_holds_no_code() -> None:
    shown = pairing_view("shop", 1_767_225_700.0)
    versioned = replace(shown, version=UsedVersion(1047769893, Origin.READ, 1_767_225_000.5))
    frame = Frame(1.0, 0, 0, Changes(changed=(versioned,)))
    assert decode(encode(frame)) == frame
    assert document(InstanceView, versioned, 1_767_225_600.0)["version"] == {
        "number": "2.3000.1047769893",
        "origin": "read",
        "dated": "2025-12-31T23:50:00.500Z",
        "age_days": 0,
        "refusals_from": "2026-04-30T23:50:00.500Z",
    }
    coded = replace(shown, code=PairingCode("ABCD-EFGH", 1_767_225_700.0), phone="+62812••••4411")
    told = document(InstanceView, coded, 1_767_225_600.0)
    assert "ABCD-EFGH" not in str(told) and QR_TEXT not in str(told)
    assert told["qr"] == {"index": 2, "count": 6, "seconds_left": 100.0}
