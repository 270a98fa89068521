"""What an operator comes for, with the keys counted that it takes: each answer is on the screen
after so many at the most, in the smallest terminal and in a wide one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.tui import weeks
from tests.tui.painted import Shown, shown
from tests.tui.scripted import NOW, ScriptedFleet, connected, instance
from waziterm.domain.fleet.audit import AuditEntry, AuditResult, Person, Via
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Screen

SIZES = [(80, 24), (160, 50)]
AWAY = ("shop-07", "shop-19", "shop-33")
SARI, BUDI = (Person(who, 1000, 4121, Via.SCREEN, 1000, "pts/3") for who in ("sari", "budi"))
DAY_S = 86_400.0


class Counted:
    """An operator at a screen as it opens. keys: how many were pressed."""

    def __init__(self, screen: Shown) -> None:
        self.screen = screen
        self.keys = 0

    async def press(self, *keys: str) -> None:
        self.keys += len(keys)
        await self.screen.press(*keys)

    async def sees(self, *texts: str, within: int) -> None:
        """The texts come without another key, and no more were pressed than allowed."""
        await self.screen.says(*texts)
        assert self.keys <= within


@asynccontextmanager
async def operator(fleet: ScriptedFleet, size: tuple[int, int]) -> AsyncIterator[Counted]:
    """Someone who chose nothing yet."""
    async with shown(fleet, *size, look=Screen(title=False)) as screen:
        yield Counted(screen)


def fifty() -> ScriptedFleet:
    """Of which three did not come back, somewhere in the middle."""
    jid = "+62811••••9083:12@s.whatsapp.net"
    gone = {
        AWAY[0]: instance(AWAY[0], State.HELD, Reason.RIVAL, NOW - 240, jid=jid,
            detail="python bot.py (pid 4121)"),
        AWAY[1]: instance(AWAY[1], State.RETRYING, Reason.DROPPED, NOW - 90, jid=jid, attempt=4,
            next_attempt=NOW + 34),
        AWAY[2]: instance(AWAY[2], State.LOGGED_OUT, Reason.UNLINKED, NOW - 600),
    }  # fmt: skip
    names = [f"shop-{number:02}" for number in range(50)]
    views = (gone.get(name) or connected(name, f"{1000 + at}") for at, name in enumerate(names))
    return ScriptedFleet(*views)


def acted(days: float, who: Person, act: str, name: str) -> AuditEntry:
    return AuditEntry(NOW - days * DAY_S, who, act, (name,), {}, AuditResult.DONE)


at_every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@at_every_size
async def test_which_three_of_fifty_did_not_come_back(size: tuple[int, int]) -> None:
    async with operator(fifty(), size) as she:
        await she.press("z")
        await she.sees(*AWAY, "3 of 50 troubled", within=2)


@at_every_size
async def test_get_the_three_back(size: tuple[int, int]) -> None:
    fleet = fifty()
    async with operator(fleet, size) as she:
        await she.press("z", "asterisk", "r")
        await she.sees("Reconnect 3 marked instances?", *AWAY, within=3)
        await she.press("y")
        await she.sees("reconnect: asked of 3", within=4)
        assert sorted(fleet.calls) == [("reconnect", name, "takeover") for name in AWAY]


@at_every_size
async def test_did_it_get_worse_this_week(size: tuple[int, int]) -> None:
    """Its days, and how much more it drops than usually."""
    fleet = weeks.lived(0)
    fleet.views = {name: fleet.views[name] for name in ("shop-jakarta", "shop-surabaya")}
    async with operator(fleet, size) as she:
        await she.sees("▲3×", within=0)
        await she.press("enter")
        await she.sees("Sun 15", "now 15:06", "14 ▲3×", within=1)


@at_every_size
async def test_who_pressed_stop_yesterday(size: tuple[int, int]) -> None:
    fleet = fifty()
    fleet.acted = (
        *(acted(3 - number / 20, BUDI, "reconnect", "shop-02") for number in range(30)),
        acted(1.1, SARI, "stop", "shop-11"),
        acted(0.1, BUDI, "start", "shop-11"),
    )
    async with operator(fleet, size) as she:
        await she.press("7")
        await she.sees("Sat 14 Jun 12:42 sari stop shop-11 done", within=2)


@at_every_size
async def test_what_happens_next_to_the_held_one(size: tuple[int, int]) -> None:
    async with operator(fifty(), size) as she:
        await she.sees(AWAY[0], "held", "next: stop the other client", within=0)


@at_every_size
async def test_who_took_a_session(size: tuple[int, int]) -> None:
    async with operator(fifty(), size) as she:
        await she.sees("python bot.py (pid", within=0)


async def test_the_audit_tells_the_selected_act_in_full_and_leads_to_whom_it_met() -> None:
    fleet = fifty()
    refused = replace(
        acted(0.1, BUDI, "clean", "shop-11"), result=AuditResult.REFUSED, error="the disk is full"
    )
    gone = acted(0.2, SARI, "remove", "shop-99")
    fleet.acted = (gone, refused)
    async with operator(fleet, (80, 24)) as she:
        await she.press("7")
        text = await she.screen.says("budi (screen, pts/3)", "clean shop-11: refused: the disk")
        assert "✖ 12:42:40 budi clean shop-11 refused" in text
        await she.press("enter")
        await she.screen.sees("esc back", "shop-11")
        await she.press("7", "down")
        await she.screen.says("remove shop-99: done")
        await she.press("enter")
        await she.screen.says("no instance is selected here")


async def test_a_screen_that_opens_with_the_audit_reads_it() -> None:
    fleet = fifty()
    fleet.acted = (acted(0.1, BUDI, "start", "shop-11"),)
    for view, told in (("audit", "start shop-11: done"), ("trash", "in the trash")):
        look = Screen(title=False, view=type(Screen().view)(view))
        async with shown(fleet, look=look) as screen:
            await screen.says(told)
            text = await screen.until(lambda text: "is being read" not in text)
            assert "0 entries" not in text
