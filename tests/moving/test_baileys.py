"""The field map of Baileys, on the folder of a real one and on what is wrong in others."""

import base64
import copy
from typing import Any

import pytest

from tests.moving.sample import JID, read, unpack
from waziterm.domain.moving.plan import Carried, Heals
from waziterm.moving.baileys import NotADeviceError, converted
from waziterm.moving.records import dump_session, parse_session

SESSION = "session-791105894330621_1.0"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any]]:
    return read(unpack(tmp_path_factory.mktemp("sample"))[0])


def changed(value: Any, path: str, new: Any) -> Any:
    """A copy with another value under a dotted path; `...` takes it away."""
    made = copy.deepcopy(value)
    *before, last = path.split(".")
    held = made
    for part in before:
        held = held[part]
    if new is ...:
        del held[last]
    else:
        held[last] = new
    return made


def test_a_real_folder_is_read_whole(sample: tuple[Any, dict[str, Any]]) -> None:
    creds, entries = sample
    found = converted(creds, entries.items())
    assert found.rows.device.jid == JID
    assert found.rows.device.lid == "791105894330621:1@lid"
    assert not found.dropped
    assert found.heals == (Heals.DEVICE_LISTS,)
    assert len(found.rows.pre_keys) == sum(name.startswith("pre-key-") for name in entries)
    assert max(each.key_id for each in found.rows.pre_keys) == creds["nextPreKeyId"] - 1
    assert len(found.rows.sessions) == 4
    assert {each.lid for each in found.rows.lids} >= {"791105894330621"}
    for each in found.rows.sessions:
        assert dump_session(parse_session(each.session)) == each.session


@pytest.mark.parametrize(
    "form",
    [
        lambda data: {"type": "Buffer", "data": list(data)},
        lambda data: {"buffer": True, "data": base64.b64encode(data).decode()},
        list,
        lambda data: {str(place): byte for place, byte in enumerate(data)},
        lambda data: base64.b64encode(data).decode(),
    ],
    ids=["numbers", "buffer", "array", "by index", "base64"],
)
def test_bytes_are_read_in_every_form(form: Any, sample: tuple[Any, dict[str, Any]]) -> None:
    creds, _ = sample
    data = base64.b64decode(creds["noiseKey"]["private"]["data"])
    found = converted(changed(creds, "noiseKey.private", form(data)), ())
    assert found.rows.device.noise_key == data


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("me", ..., "not linked"),
        ("me.id", "4915100000007@s.whatsapp.net", "not linked"),
        ("me.id", 7, "not linked"),
        ("account", ..., "not linked"),
        ("noiseKey.private.data", "AAAA", "noiseKey.private"),
        ("noiseKey.public.data", base64.b64encode(bytes(range(32))).decode(), "noiseKey.private"),
        ("signedPreKey.keyId", -1, "signedPreKey.keyId"),
        ("signedPreKey.signature.data", base64.b64encode(bytes(64)).decode(), "signed prekey"),
        ("account.accountSignature", base64.b64encode(bytes(64)).decode(), "has not signed it"),
        ("account.deviceSignature", base64.b64encode(bytes(64)).decode(), "signed its account"),
        ("account.details", "AAAA", "has not signed it"),
        ("registrationId", 1 << 32, "registrationId"),
        ("advSecretKey", None, "advSecretKey"),
    ],
)
def test_creds_that_are_no_device_are_refused_in_one_line(
    path: str, value: Any, said: str, sample: tuple[Any, dict[str, Any]]
) -> None:
    with pytest.raises(NotADeviceError, match=said) as refused:
        converted(changed(sample[0], path, value), ())
    assert "\n" not in str(refused.value)


def test_an_unregistered_device_is_a_device(sample: tuple[Any, dict[str, Any]]) -> None:
    creds, _ = sample
    assert creds["registered"] is False
    assert converted(changed(creds, "registered", True), ()).rows.device.jid == JID


def entry_of(session: Any) -> str:
    return f"_sessions.{next(iter(session['_sessions']))}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("registrationId", "x"),
        ("currentRatchet", ...),
        ("currentRatchet.rootKey", base64.b64encode(bytes(32)).decode()),
        ("currentRatchet.rootKey", "AAAA"),
        ("currentRatchet.previousCounter", None),
        ("currentRatchet.ephemeralKeyPair.privKey", base64.b64encode(bytes([7] * 32)).decode()),
        ("currentRatchet.lastRemoteEphemeralKey", "AAAA"),
        ("indexInfo.closed", 1795808057630),
        ("indexInfo.remoteIdentityKey", ...),
        ("indexInfo.baseKey", base64.b64encode(b"\x06" + bytes([7] * 32)).decode()),
        ("_chains", {}),
        ("_chains", []),
        ("pendingPreKey.signedKeyId", -1),
        ("pendingPreKey.baseKey", ""),
    ],
)
def test_a_session_that_is_in_doubt_is_dropped(
    path: str, value: Any, sample: tuple[Any, dict[str, Any]]
) -> None:
    creds, entries = sample
    session = entries[SESSION]
    place, inner = next(iter(session["_sessions"].items()))
    wrong = {**session, "_sessions": {place: changed(inner, path, value)}}
    found = converted(creds, {**entries, SESSION: wrong}.items())
    assert found.dropped == {Carried.SESSIONS: 1}
    assert Heals.SESSIONS in found.heals
    assert len(found.rows.sessions) == 3


def test_the_largest_prekey_is_kept_or_made(sample: tuple[Any, dict[str, Any]]) -> None:
    creds, entries = sample
    last = creds["nextPreKeyId"] - 1
    without = {name: each for name, each in entries.items() if name != f"pre-key-{last}"}
    found = converted(creds, without.items())
    made = max(found.rows.pre_keys, key=lambda each: each.key_id)
    assert made.key_id == last
    assert made.uploaded


def test_a_folder_of_6_keeps_a_session_under_number_and_hidden_id(
    sample: tuple[Any, dict[str, Any]],
) -> None:
    creds, entries = sample
    old = {
        name.replace("_1.0", ".0"): each
        for name, each in entries.items()
        if not name.startswith("lid-mapping-")
    }
    creds = changed(creds, "me.lid", ...)
    found = converted(creds, old.items())
    assert found.rows.device.lid is None
    assert Heals.HIDDEN_IDS in found.heals
    names = {each.their_id for each in found.rows.sessions}
    assert {"791105894330621:0", "791105894330621_1:0"} <= names
