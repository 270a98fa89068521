"""The way back into Baileys, read by the reader of the way in."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.moving.sample import read, unpack
from waziterm.domain.moving.rows import DeviceRows, SyncKeyRow
from waziterm.moving.baileys import Converted, converted
from waziterm.moving.baileys_out import folder_of
from waziterm.moving.records import dump_session, parse_session


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    auth, _ = unpack(tmp_path_factory.mktemp("sample"))
    creds, entries = read(auth)
    return converted(creds, entries.items())


def there_and_back(rows: DeviceRows) -> Converted:
    files = json.loads(json.dumps(folder_of(rows, 1_767_225_600.0)))
    return converted(files.pop("creds"), files.items())


def without_skipped(rows: DeviceRows) -> DeviceRows:
    """Without the keys of single messages, which do not go along, and the chains that then hold
    nothing."""
    sessions = []
    for row in rows.sessions:
        record = parse_session(row.session)
        states = [
            replace(
                state,
                receivers=tuple(
                    replace(each, skipped=())
                    for each in state.receivers
                    if each.index or each.skipped
                ),
            )
            for state in (record.current, *record.previous)
        ]
        kept = replace(record, current=states[0], previous=tuple(states[1:]))
        sessions.append(replace(row, session=dump_session(kept)))
    return replace(rows, sessions=tuple(sessions))


def by_key(rows: DeviceRows) -> dict[str, object]:
    """Whatever the order."""
    return {
        "device": rows.device,
        **{
            name: sorted(getattr(rows, name), key=repr)
            for name in ("pre_keys", "identities", "sender_keys", "sync_keys", "lids", "tokens")
        },
        "sessions": {each.their_id: parse_session(each.session) for each in rows.sessions},
    }


def test_a_real_device_is_the_same_after_the_way_back(sample: Converted) -> None:
    again = there_and_back(sample.rows)
    assert not again.dropped
    assert by_key(again.rows) == by_key(without_skipped(sample.rows))
    assert len(again.rows.sessions) == len(sample.rows.sessions) > 3


def test_what_was_never_sent_is_no_count(sample: Converted) -> None:
    row = sample.rows.sessions[0]
    record = parse_session(row.session)
    odd = replace(record, current=replace(record.current, previous_counter=(1 << 32) - 1))
    rows = replace(sample.rows, sessions=(replace(row, session=dump_session(odd)),))
    (back,) = there_and_back(rows).rows.sessions
    assert parse_session(back.session).current.previous_counter == 0


def test_a_row_in_doubt_stays_behind(sample: Converted) -> None:
    rows = replace(sample.rows, sessions=(replace(sample.rows.sessions[0], session=b"{}"),))
    assert not there_and_back(rows).rows.sessions


def test_names_lead_into_the_folder(sample: Converted, tmp_path: Path) -> None:
    for name in folder_of(sample.rows, 0.0):
        assert Path(name).name == name and ":" not in name


def test_baileys_6_finds_what_it_needs(sample: Converted) -> None:
    """Its names of hidden ids, and the key without which it holds back what comes."""
    keys = tuple(SyncKeyRow(bytes([at]), bytes(range(32)), at, b"") for at in (2, 3, 1))
    files = folder_of(replace(sample.rows, sync_keys=keys), 0.0)
    assert files["creds"]["myAppStateKeyId"] == base64.b64encode(bytes([3])).decode()
    hidden = [name for name in files if name.startswith("session-") and "_1." in name]
    assert hidden and all(files[each.replace("_1.", ".")] == files[each] for each in hidden)
