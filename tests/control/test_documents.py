"""The answers of the socket and the names of the metrics, byte by byte: others read them.

`pytest tests/control/test_documents.py --snapshot-update` writes them anew, after a change that
CHANGELOG.md tells of.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from syrupy.assertion import SnapshotAssertion

from tests.control.scripted import ScriptedFleet, connected_view, pairing_view, view
from tests.control.test_server import ask
from waziterm.control.server.app import serve_control
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State

NOW = 1_767_225_690.0
A, B = "/v1/instances/shop-a", "/v1/instances/shop-b"
SINCE = "since=2025-01-01T00:00:00Z"
REQUESTS: tuple[tuple[str, str, dict[str, object] | None], ...] = (
    ("GET", "/v1", None),
    ("GET", "/v1/fleet", None),
    ("GET", "/v1/instances", None),
    ("POST", "/v1/instances", {"name": "shop-d", "phone": "+6281234567890"}),
    ("POST", "/v1/instances", {"name": "shop-a"}),
    ("POST", "/v1/instances", {"name": "no name"}),
    ("POST", "/v1/instances", {"name": 7}),
    ("POST", "/v1/instances", {"nam": "x"}),
    ("GET", A, None),
    ("GET", "/v1/instances/nobody", None),
    ("GET", A + "/qr", None),
    ("GET", B + "/qr", None),
    ("GET", A + "/logs?limit=2", None),
    ("GET", A + "/logs?limit=0", None),
    ("POST", A + "/start", {}),
    ("POST", A + "/stop", {}),
    ("POST", A + "/clean", {"logout": True}),
    ("POST", A + "/reconnect", {"takeover": True}),
    ("POST", A + "/send-test", {"to": "+6281234567890"}),
    ("POST", A + "/send-test", {"to": "none"}),
    ("POST", B + "/pairing-code", {}),
    ("POST", "/v1/janitor", {"dry_run": True}),
    ("POST", "/v1/check", {}),
    ("POST", "/v1/fix", {"dry_run": True}),
    ("POST", "/v1/restart", {}),
    ("POST", "/v1/clean-all", {"count": 2}),
    ("POST", A + "/remove", {}),
    ("POST", A + "/test", {}),
    ("GET", "/v1/conflicts?" + SINCE, None),
    ("GET", "/v1/sessions", None),
    ("GET", "/v1/trash", None),
    ("POST", "/v1/trash/shop-z-20250615T150640Z-1f2e/restore", {}),
    ("GET", "/v1/incidents?" + SINCE, None),
    ("GET", "/v1/incidents?since=noon", None),
    ("POST", "/v1/incidents/17/acknowledge", {}),
    ("POST", "/v1/incidents/99/acknowledge", {}),
    ("POST", "/v1/instances/shop-a/silence", {"seconds": 7200}),
    ("POST", "/v1/instances/shop-a/silence", {"seconds": -1}),
    ("GET", "/v1/silences", None),
    ("GET", B + "/timeline?" + SINCE, None),
    ("GET", "/v1/attempts?" + SINCE, None),
    ("GET", "/health", None),
    ("GET", "/ready", None),
    ("GET", "/v1/nothing", None),
    ("DELETE", "/v1/fleet", None),
)


@pytest.fixture
def fleet() -> ScriptedFleet:
    held = view("shop-c", state=State.HELD, reason=Reason.RIVAL, detail="python bot.py (pid 7)")
    waiting = view(
        "shop-e", state=State.RETRYING, reason=Reason.DROPPED, next_attempt=NOW + 4.5, attempt=2
    )
    return ScriptedFleet(
        connected_view("shop-a", NOW - 90.0),
        replace(pairing_view("shop-b", NOW + 15.0), phone="+62812••••4411"),
        held,
        waiting,
        at=NOW,
    )


@pytest.mark.parametrize(
    ("method", "url", "body"), REQUESTS, ids=[f"{verb} {url}" for verb, url, _ in REQUESTS]
)
async def test_an_answer_stays_as_it_is(
    folder: Path,
    fleet: ScriptedFleet,
    snapshot: SnapshotAssertion,
    method: str,
    url: str,
    body: dict[str, Any] | None,
) -> None:
    path = folder / "c.sock"
    async with serve_control(fleet, path):
        answer = await ask(path, method, url, **({} if body is None else {"json": body}))
    text = answer.text.replace(f'"pid": {os.getpid()}', '"pid": PID')
    assert f"{answer.status_code} {answer.headers['Content-Type']}\n{text}" == snapshot


async def test_a_refusal_stays_as_it_is(
    folder: Path, fleet: ScriptedFleet, snapshot: SnapshotAssertion
) -> None:
    fleet.refuse = FleetError("shop-a is held", "look", code=1)
    path = folder / "c.sock"
    async with serve_control(fleet, path):
        answer = await ask(path, "POST", A + "/start", json={})
    assert f"{answer.status_code}\n{answer.text}" == snapshot


async def test_the_metrics_keep_their_names(
    folder: Path, fleet: ScriptedFleet, snapshot: SnapshotAssertion
) -> None:
    path = folder / "c.sock"
    async with serve_control(fleet, path):
        text = (await ask(path, "GET", "/metrics")).text
    names = sorted(
        f"{family.type} {sample.name} {','.join(sorted(sample.labels))}".rstrip()
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    )
    assert "\n".join(dict.fromkeys(names)) == snapshot
