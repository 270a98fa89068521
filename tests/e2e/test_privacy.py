"""What must not get out does not: everything that a fleet writes, sends and shows is searched.

In each setting and message that holds a secret there is a word of its own. It may stand where the
program has to keep it (`OWN_ROW`, `FULL`, keys in the session's file), and nowhere else.
"""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.delivering import becomes
from tests.alerts.receiver import Receiver, receiver, status
from tests.fleets import in_state, pair, shown
from waziterm.cli.run.log import program_log
from waziterm.config import load_settings
from waziterm.domain.codec import document
from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.domain.fleet.history import FleetLines, IncidentView
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.health.metrics import exposition
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import SessionManager, open_manager

HOOK, KEY, LOGIN, PROXY = (
    "hook-path-canary",
    "a2V5LW9mLTMyLWJ5dGVzLXdoaWNoLWlzLWEtY2FuYXJ5ISE=",
    "apprise-login-canary",
    "proxy-login-canary",
)
RECEIVED, WRITTEN, STRANGER = "text-that-came-canary", "text-of-the-phone-canary", "6289911122233"
OWN_ROW = "table instances"
"""Where a proxy's login may stand."""
FULL = (OWN_ROW, "table outbox", "table alerts_open")
"""Where an instance's number may stand in full: a sink may be told it so (`numbers = "full"`)."""


def config(folder: Path, there: Receiver, bad: Receiver) -> Path:
    file = folder / "config.toml"
    told = folder / "told"
    file.write_text(
        "[limits]\ncooldown_s = 1\n[alerts]\nflap_s = 1\nper_minute = 600\n"
        f'[[alerts.sinks]]\nname = "ops"\nwebhook = "{there.url}/{HOOK}"\n'
        f'secret = "whsec_{KEY}"\n'
        f'[[alerts.sinks]]\nname = "dead"\nwebhook = "http://127.0.0.1:9/{HOOK}"\n'
        f'secret = "whsec_{KEY}"\n'
        f'[[alerts.sinks]]\nname = "chat"\napprise = "json://u:{LOGIN}@127.0.0.1:{bad.port}/{LOGIN}"'
        f'\n[[alerts.sinks]]\nname = "program"\n'
        f'command = ["sh", "-c", "cat >> {told}; echo {{}} >> {told}; exit 3"]\n',
        encoding="utf-8",
    )
    file.chmod(0o600)
    return file


def cells(database: Path) -> Iterator[tuple[str, str]]:
    """Every row of a database, with its table."""
    with closing(sqlite3.connect(database)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
        for table in tables:
            for row in db.execute(f"SELECT * FROM {table}"):
                yield f"table {table}", repr(row)


def files(data: DataDir) -> Iterator[tuple[str, str]]:
    """Every file of the data directory that is neither a database nor a session."""
    for path in sorted(data.root.rglob("*")):
        if path.is_file() and path.suffix not in (".db", ".db-wal", ".db-shm"):
            yield str(path.relative_to(data.root)), path.read_bytes().decode(errors="replace")


async def said(fleet: SessionManager) -> dict[str, str]:
    """What screens, verbs and the metrics are told."""
    now = fleet.now()
    views = fleet.snapshot().instances
    shown_: dict[str, Any] = {
        "views": document(tuple[InstanceView, ...], views, now),
        "lines": document(FleetLines, await fleet.fleet_lines(limit=5000), now),
        "incidents": document(tuple[IncidentView, ...], await fleet.incidents(), now),
        "timelines": [repr(await fleet.timeline(view.name)) for view in views],
        "check": repr(await fleet.check()),
        "conflicts": repr(await fleet.conflicts()),
        "alerts": repr(await fleet.alerts()),
        "failed": repr(await fleet.failed_alerts()),
        "webhooks": repr(await fleet.webhooks()),
        "given up": repr(await fleet.failed_webhooks()),
        "stats": repr(await fleet.stats()),
    }
    found = {what: json.dumps(each, default=str) for what, each in shown_.items()}
    found["metrics"] = exposition(fleet.snapshot()).decode()
    return found


async def lived(fleet: SessionManager, lab: Lab) -> dict[str, str]:
    """Let a fleet go through what tells of numbers, texts and codes; those that came up, by what
    they are."""
    await fleet.add("shop")
    view = await shown(fleet, "shop", lambda view: view.qr is not None)
    assert view.qr is not None
    parts = view.qr.payload.split(",")
    secrets = {f"part {n} of a QR code": part for n, part in enumerate(parts) if len(part) > 20}
    phone = await lab.scan(view.qr.payload)
    secrets["the number"] = phone.jid.partition("@")[0].partition(":")[0]
    await in_state(fleet, "shop", State.CONNECTED)
    await pair(fleet, lab, "other")
    await fleet.add("behind", proxy=f"http://u:{PROXY}@127.0.0.1:9")
    await lab.send_text(phone.jid, RECEIVED, STRANGER)
    await lab.write(phone.jid, WRITTEN, STRANGER)
    await fleet.send_test("shop")
    try:
        await fleet.send_test("other", f"+{STRANGER}")
    except FleetError as error:
        assert STRANGER not in f"{error} {error.hint}"
    await lab.trouble(TroubleKind.CONFLICT, phone.jid)
    await in_state(fleet, "shop", State.COOLDOWN)
    await in_state(fleet, "shop", State.CONNECTED)
    await lab.wait_online(phone.jid, 30.0)
    await lab.trouble(TroubleKind.DEVICE_REMOVED, phone.jid)
    await in_state(fleet, "shop", State.LOGGED_OUT)
    return secrets


async def test_nothing_that_is_secret_gets_out(
    lab: Lab, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = DataDir(folder / "data")
    secrets = {
        "a webhook's path": HOOK, "a webhook's key": KEY, "an Apprise login": LOGIN,
        "a proxy's login": PROXY, "a text that came": RECEIVED, "a phone's text": WRITTEN,
        "a stranger's number": STRANGER,
    }  # fmt: skip
    lab_file = LabFile.parse(lab.file.read_text())
    async with receiver() as there, receiver(*[status(500)] * 99) as bad:
        settings = load_settings(data_dir=data.root, environ={}, file=config(folder, there, bad))
        data.create()
        with program_log(data.log):
            async with open_manager(data.root, settings, lab_file) as fleet:
                secrets |= await lived(fleet, lab)
                await fleet.test_alerts(None)
                async with asyncio.timeout(20.0), there.came:
                    await there.came.wait_for(
                        lambda: "logged_out" in {each.json["rule"] for each in there.got}
                    )

                async def all_failed() -> bool:
                    records = await fleet._store.sink_records()
                    return all(records[each].last_error for each in ("dead", "chat", "program"))

                await becomes(all_failed)
                found = await said(fleet)
                found["the receiver"] = "\n".join(
                    f"{each.headers} {each.body.decode()}" for each in there.got
                )
                found["Apprise's receiver"] = "\n".join(each.body.decode() for each in bad.got)
    found["the command's input"] = (folder / "told").read_text()
    found |= dict(files(data))
    for number, (table, row) in enumerate(cells(data.database)):
        found[f"{table}, {number}"] = row
    out, err = capfd.readouterr()
    found |= {"stdout": out, "stderr": err}
    # What is searched is what there was: each of them tells of the instance.
    for what in ("lines", "incidents", "the receiver", "Apprise's receiver", "the command's input"):
        assert "shop" in found[what], what
    assert "sink dead" in found["logs/waziterm.log"]
    assert "••••" in found["the receiver"]
    allowed = {"the number": FULL, "a proxy's login": (OWN_ROW,)}
    leaks = [
        (what, where)
        for what, secret in secrets.items()
        for where in found
        if secret in found[where] and not where.startswith(allowed.get(what, ()))
    ]
    assert not leaks
    raw = b"".join(path.read_bytes() for path in data.root.glob("waziterm.db*"))
    for what in secrets.keys() - allowed.keys():
        assert secrets[what].encode() not in raw, f"{what}, in what a database has deleted"
