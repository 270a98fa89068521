"""What each view and dialog says, in each size and both languages: one text per size and language.

Colours are those of the pictures. After a change that is meant: `--snapshot-update`, once the
difference was looked at.
"""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.tui import weeks
from tests.tui.painted import DEADLINE_S, Shown, shown
from tests.tui.scripted import NOW
from tests.tui.weeks import Lived
from waziterm.domain.screen import Lang, Screen, View
from waziterm.tui.state.here import Home

SIZES = [(80, 24), (120, 36), (160, 50), (220, 60)]
RARE = SIZES[1::2]
"""Those that `make soak` alone looks at."""
SAID: Mapping[str, tuple[str, ...]] = {
    "wall of rows": (),
    "wall of cards": ("h",),
    "wall, filtered": ("h", "slash", *"tag:vip", "enter"),
    "list": ("escape", "2"),
    "list, marked": ("space", "space"),
    "one in full": ("escape", "g", "enter"),
    "its log": ("l",),
    "its log, searched": ("slash", *"probe", "enter"),
    "the log of all": ("escape", "escape", "L"),
    "incidents": ("4",),
    "queue of scans": ("5",),
    "trash": ("6",),
    "audit": ("7",),
    "messages": ("8",),
    "help": ("1", "question_mark"),
    "palette": ("escape", "ctrl+p"),
    "check": ("escape", "K"),
    "fix": ("escape", "F"),
    "full test": ("escape", "T", "n"),
    "restart, asked": ("escape", "R"),
    "add": ("escape", "a"),
    "edit": ("escape", "e"),
    "columns": ("escape", "2", "w"),
    "clean, asked": ("escape", "1", "c"),
    "clean all, asked": ("escape", "C"),
    "undo, asked": ("escape", "u"),
    "note": ("escape", "4", "N"),
    "quit, asked": ("escape", "1", "q"),
}
"""By what is seen, the keys that lead there from the one before."""


READING = ("being read", "dibaca", "searching", "mencari")
"""What stands where something is still to come."""


@pytest.fixture(scope="module")
def world() -> Lived:
    """One fleet for all: an instance in each state and some more, with a week behind them."""
    fleet = weeks.lived(12)
    first = fleet.views["shop-jakarta"]
    fleet.views["shop-jakarta"] = replace(first, tags=("vip",), note="paid until May")
    return fleet


def is_rare(size: tuple[int, int], lang: Lang) -> bool:
    """Whether it is left to `make soak`: each size is seen in one language before."""
    return size in RARE or (size == SIZES[0]) is (lang is Lang.ID)


@pytest.mark.parametrize(
    ("size", "lang"),
    [
        pytest.param(
            *case,
            id=f"{case[0][0]}x{case[0][1]}-{case[1].value}",
            marks=pytest.mark.soak if is_rare(*case) else (),
        )
        for case in itertools.product(SIZES, (Lang.EN, Lang.ID))
    ],
)
async def test_what_is_said(
    world: Lived,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    lang: Lang,
) -> None:
    monkeypatch.setattr("textual.widgets.Input.cursor_blink", False)
    told = []
    world.clock.at = NOW
    home = Home("box-3", "/srv/waziterm")
    async with shown(world, *size, look=Screen(title=False), lang=lang, home=home) as screen:
        await screen.until(lambda _: bool(screen.app.model.recent))
        for what, keys in SAID.items():
            screen.app.message.take_away()
            await screen.press(*keys)
            lines = (await still(screen)).split("\n")
            assert len(lines) == size[1], what
            told.append("\n".join((f"── {what} ──", *(line.rstrip() for line in lines))))
    assert "\n".join(told) == snapshot


async def still(screen: Shown) -> str:
    """What is on the screen once it stays so, and nothing is being read any more."""
    seen = ""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            await screen.pilot.pause(0.02)
            now = screen.text()
            if now == seen and not any(word in now for word in READING):
                return now
            seen = now


def test_every_view_is_among_them() -> None:
    keys = {key for each in SAID.values() for key in each}
    assert {"1", "2", "4", "5", "6", "7", "8"} <= keys and len(View) == 7
