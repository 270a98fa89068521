"""The history over a real socket: to an attached screen without loss, as JSON, and refusals."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control.live import LiveFleet, two_shops
from tests.control.test_server import ask
from tests.scriptedtools import AT, ATTEMPTS, MOVES, OUTAGE, STOLEN
from waziterm.control.client.remote import RemoteFleet, attached
from waziterm.domain.codec import CodecError, decode, encode
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.fleet.history import Attempt, AttemptKind, IncidentView, Moved
from waziterm.domain.fleet.readonly import read_only
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase
from waziterm.domain.stats.strips import Recent

T = TypeVar("T")

moments = st.integers(0, 4 * 10**12).map(lambda number: number / 1000)
texts = st.text(max_size=20)
reasons = st.sampled_from(list(Reason))
incidents = st.builds(
    IncidentView,
    reason=reasons,
    began_at=moments,
    last_at=moments,
    names=st.lists(texts, max_size=3).map(tuple),
    fleet=st.integers(0, 999),
    detail=texts,
    is_serious=st.booleans(),
    id=st.integers(0, 2**40),
    acknowledged_at=st.none() | moments,
    done=texts,
    closed_at=st.none() | moments,
    acknowledged_by=texts,
    note=texts,
)
moves = st.builds(Moved, at=moments, state=st.sampled_from(State), reason=reasons, detail=texts)
attempts = st.builds(
    Attempt,
    at=moments,
    instance=texts,
    kind=st.sampled_from(AttemptKind),
    took_s=st.none() | moments,
    ok=st.none() | st.booleans(),
)


@pytest.fixture
def fleet() -> LiveFleet:
    return two_shops()


@pytest.fixture
async def far(socket_path: Path) -> AsyncIterator[RemoteFleet]:
    async with attached(socket_path, lambda: 4711) as attached_fleet:
        yield attached_fleet


def again(kind: type[T], value: T) -> T:
    """What is left of a value on the other side of the socket."""
    read: T = decode(kind, json.loads(json.dumps(encode(kind, value))))
    return read


@given(incidents, moves, attempts)
def test_what_is_told_comes_out_as_it_went_in(
    incident: IncidentView, moved: Moved, attempt: Attempt
) -> None:
    assert again(IncidentView, incident) == incident
    assert again(Moved, moved) == moved
    assert again(Attempt, attempt) == attempt


async def test_an_attached_screen_reads_the_history(far: RemoteFleet) -> None:
    assert await far.incidents() == (STOLEN, OUTAGE)
    assert await far.incidents(AT - 1000) == (STOLEN,)
    assert await far.timeline("shop-b") == MOVES
    assert await far.timeline("shop-b", AT - 589, 99) == MOVES[1:]
    assert await far.timeline("shop-b", limit=1) == MOVES[-1:]
    assert await far.timeline("shop-a") == ()
    assert await far.attempts(0.0) == ATTEMPTS
    assert await far.attempts(AT - 8000, "shop-a") == (ATTEMPTS[1], ATTEMPTS[3])


async def test_an_attached_screen_acknowledges(far: RemoteFleet, fleet: LiveFleet) -> None:
    await far.acknowledge(STOLEN.id)
    assert fleet.calls == [("acknowledge", STOLEN.id)]
    assert [each.acknowledged_at for each in await far.incidents()] == [AT, AT - 3600]
    with pytest.raises(FleetError, match="there is no incident 999") as caught:
        await far.acknowledge(999)
    assert caught.value.code == 2
    with pytest.raises(FleetError, match="no instance is called 'nobody'") as caught:
        await far.timeline("nobody")
    assert caught.value.code == 2


async def test_the_recent_past_comes_piece_by_piece(far: RemoteFleet, fleet: LiveFleet) -> None:
    fleet.lately = tuple(
        Recent(name, AT, "u8h0-0", 1.5, 2.0, 0.75, (0, 4), 0.5, 0.4) for name in ("a", "b", "c")
    )
    fleet.told_at_once = 2
    assert await far.recent() == fleet.lately[:2]
    assert await far.recent("b") == fleet.lately[2:]
    assert await far.recent("c") == ()
    assert await far.recent(name="a", days=7) == fleet.lately[:1]
    assert await read_only(far).recent("b") == fleet.lately[2:]
    with pytest.raises(FleetError, match="'days' must be a number from 1 to 7"):
        await far.recent(days=8)


async def test_read_only_reads_it_and_acknowledges_nothing(
    far: RemoteFleet, fleet: LiveFleet
) -> None:
    only = read_only(far)
    assert await only.incidents(AT - 1000) == (STOLEN,)
    assert await only.timeline("shop-b", AT - 589, 2) == MOVES[2:]
    assert await only.attempts(0.0, "shop-b") == (ATTEMPTS[0], ATTEMPTS[2])
    with pytest.raises(FleetError, match="only watches") as caught:
        await only.acknowledge(STOLEN.id)
    assert caught.value.code == 2
    assert fleet.calls == []


def test_what_was_done_can_be_said_in_another_language_on_the_other_side() -> None:
    sent, come = STOLEN.done, again(IncidentView, STOLEN).done
    assert isinstance(sent, Phrase) and isinstance(come, Phrase)
    assert come.template == sent.template
    assert [type(value) for value in come.values.values()] == [Phrase] * 3
    assert list(come.values.values()) == list(sent.values.values())


@pytest.mark.parametrize(
    "done",
    [
        *(7, [], {}, {"template": 1, "values": {}}, {"template": "{x}", "values": {}}),
        *({"template": "{x:>99999999}", "values": {"x": "a"}}, {"template": "a", "values": []}),
        *({"template": "{x.__class__}", "values": {"x": 1}}, {"template": "{0}", "values": {}}),
        *({"template": "a", "values": {"x": [1]}}, {"template": "a", "values": {"template": "b"}}),
    ],
)
def test_what_is_no_phrase_is_refused(done: object) -> None:
    data = encode(IncidentView, STOLEN) | {"done": done}
    with pytest.raises(CodecError, match=r"incident_view\.done must be a text or a phrase"):
        decode(IncidentView, data)


async def test_the_documented_fields(socket_path: Path) -> None:
    since = "?since=2025-06-15T14:50:00Z"
    (incident,) = (await ask(socket_path, "GET", f"/v1/incidents{since}")).json()
    assert incident == {
        "id": 17,
        "reason": "conflict",
        "code": "440",
        "sentence": "another client took over this session",
        "detail": "python bot.py (pid 7)",
        "began_at": "2025-06-15T14:56:40.000Z",
        "last_at": "2025-06-15T14:56:50.000Z",
        "names": ["shop-b"],
        "fleet": 12,
        "serious": True,
        "acknowledged_at": None,
        "done": "cool-down, one guarded attempt, connected after 12 s",
        "done_parts": {
            "template": "{part0}, {part1}, {part2}",
            "values": {
                "part0": {"template": "cool-down", "values": {}},
                "part1": {"template": "one guarded attempt", "values": {}},
                "part2": {
                    "template": "connected after {span}",
                    "values": {"span": {"template": "{count} s", "values": {"count": 12}}},
                },
            },
        },
        "kind": "conflict",
        "severity": "problem",
        "closed_at": None,
        "acknowledged_by": "",
        "note": "",
        "told": [
            {"sink": "ops", "at": "2025-06-15T14:56:41.000Z", "ok": True},
            {"sink": "mail", "at": "2025-06-15T14:56:40.000Z", "ok": None},
        ],
    }
    url = "/v1/instances/shop-b/timeline?limit=1"
    assert (await ask(socket_path, "GET", url)).json() == [
        {
            "at": "2025-06-15T14:56:52.000Z",
            "state": "connected",
            "reason": "online",
            "code": "",
            "sentence": "logged in",
            "detail": "",
        }
    ]
    assert (await ask(socket_path, "GET", f"/v1/attempts{since}&name=shop-b")).json() == [
        {
            "at": "2025-06-15T14:56:51.000Z",
            "instance": "shop-b",
            "kind": "guarded",
            "took_s": 1.25,
            "ok": True,
        }
    ]
    answer = await ask(socket_path, "POST", "/v1/incidents/17/acknowledge")
    assert answer.json() == {"acknowledged": 17}


@pytest.mark.parametrize(
    ("method", "url", "status", "words"),
    [
        ("GET", "/v1/incidents?since=yesterday", 400, "'since' is no moment"),
        ("GET", "/v1/incidents?from=1", 400, "unknown query value 'from'; allowed: since"),
        ("GET", "/v1/attempts?name=Shop%20A", 400, "cannot be an instance name"),
        ("GET", "/v1/attempts?instance=a", 400, "allowed: since, name"),
        ("GET", "/v1/instances/nobody/timeline", 404, "no instance is called 'nobody'"),
        ("GET", "/v1/instances/%00/timeline", 400, "cannot be an instance name"),
        ("GET", "/v1/instances/shop-b/timeline?limit=0", 400, "'limit' must be"),
        ("GET", "/v1/instances/shop-b/timeline?limit=1001", 400, "'limit' must be"),
        ("GET", "/v1/instances/shop-b/timeline?limit=many", 400, "'limit' must be"),
        ("POST", "/v1/incidents/-1/acknowledge", 400, "an incident's id is a number"),
        ("POST", "/v1/incidents/%D9%A1/acknowledge", 400, "an incident's id is a number"),
        ("POST", "/v1/incidents/9999999999999999/acknowledge", 400, "an incident's id is"),
        ("POST", "/v1/incidents/18/acknowledge", 400, "there is no incident 18"),
        ("GET", "/v1/incidents/17/acknowledge", 405, "this path takes POST"),
    ],
)
async def test_a_wrong_request_gets_one_clear_line(
    socket_path: Path, method: str, url: str, status: int, words: str
) -> None:
    answer = await ask(socket_path, method, url)
    assert answer.status_code == status
    body = answer.json()
    assert set(body) == {"error", "code", "hint"} and body["code"] == 2
    assert words in body["error"] and "\n" not in body["error"]


async def test_acknowledging_takes_no_body(socket_path: Path, fleet: LiveFleet) -> None:
    answer = await ask(socket_path, "POST", "/v1/incidents/17/acknowledge", json={"all": True})
    assert answer.status_code == 400 and "unknown field 'all'" in answer.json()["error"]
    assert fleet.calls == []
