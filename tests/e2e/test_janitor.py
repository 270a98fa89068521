"""The janitor's rounds on a real fleet: what it does is what the dry run said, and is stored."""

import json
from pathlib import Path

from tests.fleets import in_state, pair
from waziterm.config import load_settings
from waziterm.domain.janitor import ActKind
from waziterm.domain.labfile import LabFile
from waziterm.domain.states import State
from waziterm.lab.client import Lab
from waziterm.manager.manager import open_manager
from waziterm.store.store import open_store


async def test_a_round_does_what_the_dry_run_said_and_no_key_is_touched(
    lab: Lab, folder: Path
) -> None:
    data = folder / "data"
    settings = load_settings(data_dir=data, environ={"WAZITERM_TRASH__KEEP_DAYS": "1"})
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(data, settings, file) as fleet:
        await pair(fleet, lab, "kept")
        await pair(fleet, lab, "cleaned")
        await fleet.clean("cleaned")
        (data / "sessions" / "orphan.db").write_bytes(b"somebody's keys")
        (manifest,) = (data / "trash").glob("*/manifest.json")
        entry = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(entry | {"at": entry["at"] - 2 * 86_400}))
        said = await fleet.tidy_up(dry_run=True)
        assert manifest.exists()
        assert [(act.kind, act.subject) for act in said] == [
            (ActKind.REPORT, "orphan.db"),
            (ActKind.DELETE_TRASH, entry["id"]),
        ]
        assert await fleet.tidy_up() == said
        assert not list((data / "trash").iterdir())
        assert [act.kind for act in await fleet.tidy_up()] == [ActKind.REPORT]
        await in_state(fleet, "kept", State.CONNECTED)
        assert {path.name for path in (data / "sessions").glob("*.db")} == {
            "kept.db",
            "orphan.db",
        }
    async with open_store(data / "waziterm.db") as store:
        assert [(act.kind, act.subject) for act in await store.acts()] == [
            ("report", "orphan.db"),
            ("delete_trash", entry["id"]),
        ]
