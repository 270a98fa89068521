"""At most one live connection per device: siblings, other managers, and who came first."""

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from tests.manager.rival import KEY
from tests.manager.rivals import Rival, a_rival
from waziterm.manager.claims import Claims
from waziterm.manager.clock import SystemClock
from waziterm.manager.holder import Sought
from waziterm.manager.lock import owned
from waziterm.manager.registry import Peer, Registry

JID = "628123456789:1@s.whatsapp.net"
OTHER = "628123456789:2@s.whatsapp.net"


class StandingClock(SystemClock):
    """All things happen at one moment, until it is set on."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def now(self) -> float:
        return self.moment


def register(rival: Rival, folder: Path) -> None:
    rival.do("own", str(folder / "theirs"))
    rival.do("register", str(folder / "theirs"), str(folder / "run"))


def registry(folder: Path) -> Registry:
    return Registry(folder / "run", KEY, folder / "ours")


def claims(folder: Path) -> tuple[Claims, StandingClock]:
    clock = StandingClock()
    return Claims(registry(folder), clock), clock


async def test_the_later_of_two_siblings_is_told_who_has_the_device(folder: Path) -> None:
    mine, clock = claims(folder)
    await mine.claim("a", JID)
    clock.moment += 1.0
    await mine.claim("b", JID)
    await mine.claim("c", OTHER)
    assert [await mine.earlier_holder(name) for name in "abc"] == [
        "", "the instance a of this fleet", ""
    ]  # fmt: skip
    await mine.release("a")
    assert await mine.earlier_holder("b") == ""
    clock.moment += 1.0
    await mine.claim("a", JID)
    assert "instance b" in await mine.earlier_holder("a")


@pytest.mark.parametrize("later_s", [0.0, -5.0], ids=["standing", "set back"])
async def test_the_order_of_the_claims_counts_whatever_the_clock_does(
    folder: Path, later_s: float
) -> None:
    mine, clock = claims(folder)
    await mine.claim("b", JID)
    assert await mine.earlier_holder("b") == ""
    clock.moment += later_s
    await mine.claim("a", JID)
    assert "instance b" in await mine.earlier_holder("a")
    await mine.claim("b", OTHER)
    await mine.claim("b", JID)
    assert await mine.earlier_holder("a") == ""


async def test_of_two_siblings_at_one_moment_exactly_one_gives_way(folder: Path) -> None:
    mine, _ = claims(folder)
    await asyncio.gather(mine.claim("a", JID), mine.claim("b", JID))
    told = [await mine.earlier_holder(name) for name in "ab"]
    assert [bool(each) for each in told].count(True) == 1, told
    for name in "ab":
        assert (await mine.search(name, JID, Sought(()))).holder


@pytest.mark.parametrize("theirs", [999.0, 1000.0, 1001.0], ids=["earlier", "same", "later"])
def test_of_two_managers_exactly_one_gives_way(folder: Path, theirs: float) -> None:
    mine = registry(folder)
    with a_rival() as rival:
        register(rival, folder)
        rival.do("publish", {JID: theirs})
        mine.publish({JID: 1000.0})
        (folder / "ours").mkdir()
        with owned(folder / "ours" / "manager.lock"):
            peer = mine.holder(JID, 1000.0)
            their_peer = rival.do("holder", JID, theirs)
            assert mine.holder(JID) == Peer(rival.pid, folder / "theirs")
            assert rival.do("holder", JID, None) == os.getpid()
            assert mine.holder(OTHER) is None
        assert (peer is None) != (their_peer is None), (peer, their_peer)
        if theirs != 1000.0:
            assert (peer is not None) == (theirs < 1000.0)
    assert mine.holder(JID) is None, "a manager that is gone still counts"


def test_of_two_managers_that_claim_in_the_same_instant_the_later_one_gives_way(
    folder: Path,
) -> None:
    mine = registry(folder)
    with a_rival() as rival:
        register(rival, folder)

        def now() -> float:
            rival.begin("claim", JID)
            assert not rival.answers_within(0.3), "it claimed between our moment and our entry"
            return 1000.0

        assert mine.claim(JID, {}, now) == 1000.0
        (folder / "ours").mkdir()
        with owned(folder / "ours" / "manager.lock"):
            theirs = rival.answer()
            assert theirs > 1000.0
            assert rival.do("holder", JID, theirs) == os.getpid()
            assert mine.holder(JID, 1000.0) is None


def test_a_device_that_is_claimed_again_keeps_its_moment(folder: Path) -> None:
    assert registry(folder).claim(JID, {JID: 7.0}, lambda: 1000.0) == 7.0


async def test_another_manager_is_named_with_its_pid_and_directory(folder: Path) -> None:
    mine, _ = claims(folder)
    with a_rival() as rival:
        register(rival, folder)
        rival.do("publish", {JID: 999.0})
        await mine.claim("a", JID)
        named = f"another waziterm (pid {rival.pid}, {folder / 'theirs'})"
        assert await mine.earlier_holder("a") == named
        assert (await mine.search("a", JID, Sought(()))).holder == named


def test_an_entry_says_nothing_of_numbers_and_goes_with_its_manager(folder: Path) -> None:
    mine = registry(folder)
    mine.publish({JID: 1.0})
    (entry,) = (folder / "run").iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
    assert "628123456789" not in entry.read_text()
    mine.publish({})
    assert json.loads(entry.read_text())["live"] == {}
    mine.withdraw()
    mine.withdraw()
    assert not list((folder / "run").iterdir())


def test_entries_of_the_dead_and_what_is_no_entry_do_not_count(folder: Path) -> None:
    mine = registry(folder)
    with a_rival() as rival:
        register(rival, folder)
        rival.do("publish", {JID: 1.0})
        assert mine.holder(JID) is not None and not mine.stale()
        text = (folder / "run" / f"{rival.pid}.json").read_text()
        rival.kill()
    # A pid that was given again: it lives, but it has no lock on that directory.
    reused = text.replace(f'"pid": {rival.pid}', f'"pid": {os.getppid()}')
    (folder / "run" / f"{os.getppid()}.json").write_text(reused)
    for name, broken in {"1": "", "2": "[]", "3": '{"pid": "x"}', "4": "\0", "5": "null"}.items():
        (folder / "run" / f"{name}.json").write_text(broken)
    assert mine.holder(JID) is None
    assert {path.stem for path in mine.stale()} == {
        str(rival.pid), str(os.getppid()), "1", "2", "3", "4", "5"
    }  # fmt: skip


async def test_without_a_registry_the_siblings_still_know_each_other(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "run").write_text("a file where the folder should be")
    mine, clock = claims(folder)
    await mine.claim("a", JID)
    clock.moment += 1.0
    await mine.claim("b", JID)
    assert "instance a" in await mine.earlier_holder("b")
    assert "cannot be told" in caplog.text
    await mine.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("how", ["given away", "writable for all", "a link"])
def test_a_folder_that_others_control_is_neither_used_nor_believed(folder: Path, how: str) -> None:
    mine = registry(folder)
    with a_rival() as rival:
        register(rival, folder)
        rival.do("publish", {JID: 1.0})
        run = folder / "run"
        if how == "given away":
            os.chown(run, 65534, 65534)
        elif how == "writable for all":
            run.chmod(0o777)
        else:
            run.rename(folder / "elsewhere")
            run.symlink_to(folder / "elsewhere")
        assert mine.holder(JID) is None
        with pytest.raises(OSError, match="run"):
            mine.publish({JID: 1.0})
