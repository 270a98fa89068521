"""The stream's JSON: what was put in comes out, whatever it is; anything else is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control.scripted import connected_view, pairing_view
from waziterm.control.codec import CodecError, Frame, answered_view, decode, encode
from waziterm.control.views import instance_json
from waziterm.domain.fleet.api import Changes, FleetView, InstanceView, LogLine, Notice, Source
from waziterm.domain.lifecycle.instance import PairingCode, QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.version import Origin, UsedVersion

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
fleets = st.builds(
    FleetView,
    at=moments,
    lab=st.booleans(),
    library=texts,
    version=versions,
    instances=st.lists(views, max_size=3).map(tuple),
    attempts=numbers,
    attempts_ok=numbers,
)
lines = st.builds(LogLine, seq=numbers, at=moments, source=st.sampled_from(Source), text=texts)
notices = st.builds(Notice, at=moments, text=texts, instance=st.none() | texts)
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


def test_an_answers_instance_keeps_the_code_that_is_known() -> None:
    shown = pairing_view("shop", 1_767_225_700.0)
    answer = instance_json(shown, 1_767_225_600.0)
    assert answered_view(answer, shown) == shown
    assert answered_view(answer, None) == replace(shown, qr=None)
    versioned = replace(shown, version=UsedVersion(1047769893, Origin.READ, 1_767_225_000.5))
    assert answered_view(instance_json(versioned, 1_767_225_600.0), shown) == versioned
    coded = replace(shown, code=PairingCode("ABCD-EFGH", 1_767_225_700.0), phone="+62812••••4411")
    answer = instance_json(coded, 1_767_225_600.0)
    assert "ABCD-EFGH" not in str(answer)
    assert answered_view(answer, coded) == coded
    assert answered_view(answer, shown) == replace(coded, code=None)
    assert shown.qr is not None
    older = replace(shown, qr=replace(shown.qr, index=1))
    assert answered_view(answer, older).qr is None
    connected = connected_view("shop")
    assert answered_view(instance_json(connected, 1_767_225_700.0), None) == connected
    with pytest.raises(CodecError):
        answered_view({"name": "shop"}, None)
