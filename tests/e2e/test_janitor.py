"""The janitor's rounds on a real fleet: what it does is what the dry run said, and is stored."""

from dataclasses import replace
from pathlib import Path

from tests.fleets import in_state, pair
from tests.sessions import session_of
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.domain.upkeep.janitor import ActKind
from waziterm.lab.client import Lab
from waziterm.manager.clock import SystemClock
from waziterm.manager.manager import open_manager
from waziterm.manager.world import real_world
from waziterm.store.store import open_store


class LaterClock(SystemClock):
    """The system's, on which a day passes when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0

    def elapsed(self) -> float:
        return super().elapsed() + self.passed_s


async def test_a_round_does_what_the_dry_run_said_and_no_key_is_touched(
    lab: Lab, folder: Path
) -> None:
    data = folder / "data"
    environ = {"WAZITERM_TRASH__KEEP_DAYS": "1", "WAZITERM_JANITOR__EVERY_S": "86400"}
    settings = load_settings(data_dir=data, environ=environ)
    file, clock = LabFile.parse(lab.file.read_text()), LaterClock()
    async with (
        real_world(file) as world,
        open_manager(data, settings, file, world=replace(world, clock=clock)) as fleet,
    ):
        await pair(fleet, lab, "kept")
        await pair(fleet, lab, "cleaned")
        await fleet.clean("cleaned")
        (data / "sessions" / "orphan.db").write_bytes(b"somebody's keys")
        (entry,) = await fleet.trash()
        await fleet.tidy_up()
        clock.passed_s += 90_000
        said = await fleet.tidy_up(dry_run=True)
        assert list((data / "trash").iterdir())
        assert [(act.kind, act.subject) for act in said] == [
            (ActKind.REPORT, "orphan.db"),
            (ActKind.DELETE_TRASH, entry.id),
        ]
        assert {act.kind for act in await fleet.tidy_up()} == {act.kind for act in said}
        assert not list((data / "trash").iterdir())
        assert [act.kind for act in await fleet.tidy_up()] == [ActKind.REPORT]
        await in_state(fleet, "kept", State.CONNECTED)
        assert {path.name for path in (data / "sessions").glob("*.db")} == {
            session_of(data, "kept").name,
            "orphan.db",
        }
    async with open_store(data / "waziterm.db") as store:
        assert [(act.kind, act.subject) for act in await store.acts()] == [
            ("report", "orphan.db"),
            ("delete_trash", entry.id),
        ]
