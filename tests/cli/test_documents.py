"""What verbs print with `--json`, byte by byte, with a manager and without: scripts read it.

`pytest tests/cli/test_documents.py --snapshot-update` writes it anew, after a change that
CHANGELOG.md tells of.
"""

import asyncio
import math
import re
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.alerts.delivering import write
from tests.cli.conftest import Call
from tests.control.scripted import ScriptedFleet, connected_view, pairing_view, view
from waziterm.domain.alerts.alert import Alert, AlertRule, AlertSeverity, AlertState
from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.version import UsedVersion
from waziterm.manager.files.datadir import DataDir
from waziterm.store.records import Change
from waziterm.store.store import open_store

AT = 1_767_225_600.0
NOW = AT + 90.0
NOW_TEXT = r"(?!2026-01-01)20[0-9]{2}-[0-9-]+T[0-9:.]+Z"
"""A moment of the test's own run, in what a verb prints."""
MANAGED = (
    "list",
    "status shop-a",
    "status nobody",
    "status Nobody!",
    "qr shop-b",
    "qr shop-a",
    "add shop-d --phone +6281234567890",
    "set shop-a note=paid tags=vip,jakarta device_name= --yes",
    "set shop-* isolate=true --yes",
    "set shop-a notes=paid",
    "import /srv/sessions --prefix shop- --yes",
    "import /srv/sessions --prefix shop- --dry-run",
    "import /srv/sessions",
    "import",
    "rename shop-c shop-e",
    "rename nobody shop-e",
    "start shop-c",
    "stop shop-a",
    "reconnect shop-a --takeover",
    "check",
    "fix --dry-run",
    "fix",
    "clean shop-a --yes",
    "clean shop-a",
    "clean-all --yes",
    "remove shop-a --yes",
    "trash",
    "restore shop-z-20250615T150640Z-1f2e",
    "restart --yes",
    "test shop-a",
    "test",
    "logs shop-a --limit 2",
    "logs --all --limit 3",
    "conflicts --since 2025-01-01",
    "janitor --dry-run",
    "messages",
    "messages shop-b --state unknown",
    "messages list --limit 1 --before m-0005",
    "messages --state lost",
    "messages cancel m-0005",
    "messages cancel m-0003",
    "messages cancel m-9999",
    "messages resend m-0003",
    "messages close m-0001",
    "opt-outs",
    "opt-outs list shop-b",
    "opt-outs remove o-7",
    "opt-outs remove o-9",
    "incidents",
    "incidents --since 2025-06-15T14:50 --open",
    "acknowledge 17",
    "acknowledge 99",
    "audit",
    "audit --since 2025-06-15T15:05:45 --by sari",
    "note",
    "note shift-is-yours",
    "silence shop-a --for 2h",
    "silence shop-a --end",
    "silence shop-a",
    "silence shop-[ab] --for 10m --yes",
    "silences",
    "token",
    "token list",
    "token add webshop --instance shop-* --instance bar --scope send",
    "token revoke webshop",
    "token revoke nobody",
    "qr shop-b --link --for 30m",
    "qr shop-b --unlink",
    "qr shop-b --for 30m",
    "qr shop-b --link --for 2d",
    "pair-code shop-b",
    "export shop-a --to /srv/shop-a.age --passphrase-file pyproject.toml --yes",
    "export shop-a --to /srv/shop-a.age --yes",
    "export shop-a --to /srv/shop-a --format baileys --yes",
    "export shop-a --to /srv/shop-a --format baileys --passphrase-file pyproject.toml --yes",
    "backup /srv/fleet.age --passphrase-file pyproject.toml",
    "restore-backup /srv/nowhere/fleet.age --passphrase-file pyproject.toml --yes",
    "import /srv/shop-a.age --name shop-e --passphrase-file pyproject.toml --yes",
    "import /srv/shop-a.age --passphrase-file pyproject.toml --dry-run",
    "import /srv/shop-a.age --passphrase-file pyproject.toml --prefix shop-",
    "alerts",
    "alerts list",
    "alerts test",
    "alerts test ops",
    "alerts test nobody",
    "alerts failed",
    "alerts retry msg_5c1e",
    "webhooks",
    "webhooks list",
    "webhooks test",
    "webhooks test nobody",
    "webhooks failed",
    "webhooks retry evt_5c1e",
    "undo --yes",
    "undo",
    "history shop-b",
    "history nobody",
    "stats --since 2025-01-01",
    "stats shop-* --since 2025-01-01 --by day",
    "status shop-b shop-*",
    "stop shop-c *-b --yes",
    "stop shop-*",
    "start shop-x*",
    "remove shop-a *-c --yes",
    "test *-[ac] --yes",
)
STORED = (
    "list",
    "status shop-a",
    "status nobody",
    "add shop-d --proxy http://me:secret@h:1",
    "set shop-a note=paid tags=vip,jakarta --yes",
    "set shop-a proxy=http://me:secret@127.0.0.1:9 --yes",
    "import /nowhere/sessions --yes",
    "rename shop-a shop-e",
    "start shop-a",
    "check",
    "trash",
    "restore shop-z-20250615T150640Z-1f2e",
    "logs shop-a",
    "logs --all",
    "conflicts --since 2025-01-01",
    "janitor",
    "messages",
    "messages cancel m-0005",
    "opt-outs",
    "incidents --since 2025-01-01",
    "acknowledge 2",
    "audit",
    "note",
    "silences",
    "token",
    "token add Web!",
    "token revoke webshop",
    "history shop-b",
    "stats",
    "qr shop-a --link",
    "pair-code shop-a",
    "export shop-a --to /srv/nowhere/shop-a.age --passphrase-file pyproject.toml --yes",
    "backup /srv/nowhere/fleet.age --passphrase-file pyproject.toml",
    "import /srv/nowhere/shop-a.age --passphrase-file pyproject.toml",
    "alerts",
    "alerts failed",
    "alerts test",
    "webhooks",
    "webhooks failed",
    "webhooks test",
    "undo --yes",
    "stop shop-*",
)


HELD_ALERT = Alert(
    *("1", AT, AlertRule.HELD, AlertSeverity.CRITICAL, AlertState.FIRING, "shop-b", ("shop-b",)),
    *("+6281234567890", "rival", "440", AT, "shop-b is held.", "stop the other client"),
)


@pytest.fixture
def fleet() -> ScriptedFleet:
    return ScriptedFleet(
        connected_view("shop-a", AT),
        pairing_view("shop-b", NOW + 15.0),
        view("shop-c", state=State.HELD, reason=Reason.RIVAL, detail="python bot.py (pid 7)"),
        at=NOW,
    )


@pytest.mark.parametrize("line", MANAGED)
def test_with_a_manager(
    call: Call, managed: DataDir, snapshot: SnapshotAssertion, line: str
) -> None:
    done = call(*line.split(), "--data-dir", str(managed.root), "--json")
    shown = re.sub(r'"slowest_s": [0-9.]+', '"slowest_s": S', done.out)
    shown = shown.replace(str(managed.root), "DATA")
    assert f"exit {done.code}\n{shown}" == snapshot


async def fill(data: DataDir) -> None:
    """Leave a fleet as a manager does that was killed while one was connected, one held."""
    fresh = Instance(
        "shop-a", created_at=AT, id="shop-a", since=AT, jid="6281234567890:3@s.whatsapp.net"
    )
    connected = replace(
        fresh, state=State.CONNECTED, reason=Reason.ONLINE, connected_at=AT, since=AT
    )
    held = Instance(
        "shop-b",
        created_at=AT,
        wanted=Wanted.STOPPED,
        state=State.HELD,
        reason=Reason.RIVAL,
        hold=Reason.RIVAL,
        since=AT,
    )
    data.create()
    async with open_store(data.database) as store:
        await store.save(connected, event="Connected", at=AT)
        await store.save(held, event="StreamReplaced", at=AT)
        met = Incident(
            Reason.RIVAL, AT, AT, ("shop-b",), 2, "python bot.py (pid 7)", met=(held.id,)
        )
        await store.record(Change(held, None, AT, incident=met))
        await write(store, HELD_ALERT, "gone")
        await store.give_up_strays((), AT)
        store.add_line("shop-a", LogLine(1, AT, Source.LIBRARY, "line 1"))


@pytest.mark.parametrize("line", STORED)
def test_without_a_manager(
    call: Call,
    data: DataDir,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
) -> None:
    asyncio.run(fill(data))
    monkeypatch.setattr(UsedVersion, "warned_from", property(lambda _: math.inf))
    done = call(*line.split(), "--data-dir", str(data.root), "--json")
    shown = re.sub(r"msg_[0-9a-f]{32}", "msg_…", done.out)
    shown = re.sub(NOW_TEXT, "NOW", shown.replace(str(data.root), "DATA"))
    # neonize is what is installed, and older every day.
    shown = re.sub(r'("number": "2\.3000|"age_days": )[.0-9]+', r"\1…", shown)
    assert f"exit {done.code}\n{shown}" == snapshot
