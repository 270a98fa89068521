"""Pictures of the main states, compared with those of the last good look (`--snapshot-update`)."""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import App as TextualApp
from textual.pilot import Pilot

from tests.scriptedtools import CONFLICT, MOVES
from tests.tui import scripted, weeks
from tests.tui.painted import AS_ADDED, DEADLINE_S
from tests.tui.scripted import ScriptedFleet
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Density, Screen, Theme
from waziterm.tui.app.app import WazitermApp
from waziterm.tui.paint.finish import Finish
from waziterm.tui.screens.instance import FocusScreen
from waziterm.tui.state.here import Home, View


def _never_linked() -> ScriptedFleet:
    """One that was just added and stopped, beside one that was linked."""
    new = scripted.instance("shop-new", State.STOPPED, Reason.NEW)
    return ScriptedFleet(new, scripted.connected("shop-jakarta"))


def _with_a_past() -> ScriptedFleet:
    fleet = scripted.every_state()
    fleet.courses = dict.fromkeys(fleet.views, MOVES)
    fleet.fought = tuple(replace(CONFLICT, instance=name, at=MOVES[1].at) for name in fleet.views)
    return fleet


SIZES = [(80, 24), (120, 40), (200, 60)]
WALL_SIZES = [(80, 24), (120, 36), (160, 50), (220, 60)]
AS_FIRST_SEEN = Screen(title=False)
"""What somebody sees who chose nothing."""
VIEWS: dict[str, tuple[Callable[[], ScriptedFleet], list[str]]] = {
    "wall": (scripted.every_state, []),
    "wall_past": (scripted.busy, []),
    "wall_200": (lambda: scripted.big(200), []),
    "list": (scripted.every_state, ["2"]),
    "list_200": (lambda: scripted.big(200), ["2", "end"]),
    "list_filtered": (scripted.every_state, ["2", "slash", *"ban", "enter"]),
    "list_marked": (scripted.every_state, ["2", "space", "space"]),
    "incidents": (scripted.every_state, ["4"]),
    "queue": (scripted.every_state, ["5"]),
    "trash": (scripted.every_state, ["6"]),
    "audit": (scripted.every_state, ["7"]),
    "messages": (scripted.sending, ["8"]),
    "messages_wall": (scripted.sending, ["h"]),
    "message_write": (scripted.sending, ["m"]),
    "fleet_log": (scripted.every_state, ["L"]),
    "check": (scripted.every_state, ["K"]),
    "restart": (scripted.every_state, ["R", "y"]),
    "wall_scrolled": (scripted.every_state, ["end"]),
    "empty": (ScriptedFleet, []),
    "focus_qr": (lambda: ScriptedFleet(scripted.pairing("shop-medan")), ["enter"]),
    "focus_connected": (_with_a_past, ["enter"]),
    "focus_cooldown": (_with_a_past, ["right", "enter"]),
    "log": (scripted.every_state, ["l"]),
    "message": (scripted.every_state, ["t"]),
    "add": (ScriptedFleet, ["a", *"-x", "enter"]),
    "clean": (scripted.every_state, ["c"]),
    "quit": (scripted.every_state, ["q"]),
    "help": (scripted.every_state, ["question_mark"]),
    "hostile": (scripted.hostile, []),
    "never_linked": (_never_linked, []),
}
EVERY_VIEW = (
    "wall", "list", "focus_qr", "focus_cooldown", "focus_connected", "incidents", "queue", "trash",
    "audit", "messages", "empty", "help", "log",
)  # fmt: skip


SOAKED = [(view, Theme.HIGH_CONTRAST) for view in EVERY_VIEW[5:]]
SOAKED += [(view, each) for each in (Theme.DARK_BLUE, Theme.DARK_WARM) for view in EVERY_VIEW]
"""The pictures of views in themes at which `make soak` alone looks."""
WEEKS: dict[str, list[str]] = {"list": ["2"], "focus": ["enter"]}
"""With a week behind them; on a wide screen more stands beside the list."""


@pytest.mark.parametrize(
    "size", [(80, 24), (120, 36), (160, 50), (220, 60)], ids=lambda size: f"{size[0]}x{size[1]}"
)
@pytest.mark.parametrize("view", WEEKS)
def test_week(snap_compare: Callable[..., bool], view: str, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, WazitermApp)
        app.model.selected = "shop-jakarta"
        await pilot.press(*WEEKS[view])
        async with asyncio.timeout(DEADLINE_S):
            while not read_of(app):
                await pilot.pause(0.05)
            await settled(pilot)

    app = App(lambda: weeks.lived(12), home=Home("box-3", "/srv/waziterm"))
    assert snap_compare(app, terminal_size=size, run_before=look)


def text_of(app: TextualApp[Any]) -> str:
    """What is on the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(text for text, *_ in strip) for strip in strips)


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until nothing more is laid out: the screen stays as it is."""
    seen = ""
    while (now := text_of(pilot.app)) != seen:
        seen = now
        await pilot.pause(0.1)


def read_of(app: WazitermApp) -> bool:
    """Whether what takes its time is on the screen: the days of all, the week of one."""
    text = text_of(app)
    beside = app.screen.size.width >= 160 or isinstance(app.screen, FocusScreen)
    return bool(app.model.recent) and (
        not beside or "not connected: when" in text or "back in" in text
    )


def test_every_view_has_its_pictures() -> None:
    without = {each.value for each in View} - (VIEWS.keys() & set(EVERY_VIEW))
    assert not without, f"give these a picture in VIEWS and EVERY_VIEW: {without}"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("view", VIEWS)
def test_view(
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
    view: str,
    size: tuple[int, int],
) -> None:
    _, keys = VIEWS[view]
    monkeypatch.setattr("textual.widgets.Input.cursor_blink", False)
    assert snap_compare(app_of(view), terminal_size=size, run_before=after(keys))


@pytest.mark.parametrize("size", WALL_SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("density", Density)
def test_wall(snap_compare: Callable[..., bool], size: tuple[int, int], density: Density) -> None:
    keys = ["h"] if density is Density.CARDS else []
    assert snap_compare(app_of("wall_past"), terminal_size=size, run_before=after(keys))


@pytest.mark.parametrize(
    ("view", "theme"),
    [
        *((view, Theme.LIGHT) for view in (*EVERY_VIEW, "check", "quit", "add", "wall_past")),
        *((view, Theme.HIGH_CONTRAST) for view in (*EVERY_VIEW[:5], "quit", "wall_past")),
        *(pytest.param(*each, marks=pytest.mark.soak) for each in SOAKED),
    ],
)
def test_theme(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, view: str, theme: Theme
) -> None:
    _, keys = VIEWS[view]
    monkeypatch.setattr("textual.widgets.Input.cursor_blink", False)
    app = app_of(view, Finish(theme))
    assert snap_compare(app, terminal_size=(120, 40), run_before=after(keys))


@pytest.mark.parametrize("view", ["wall", "wall_past", "list", "focus_qr"])
def test_ascii(snap_compare: Callable[..., bool], view: str) -> None:
    _, keys = VIEWS[view]
    app = app_of(view, Finish(ascii=True))
    assert snap_compare(app, terminal_size=(80, 24), run_before=after(keys))


@pytest.mark.parametrize("view", ["wall", "wall_past", "focus_qr"])
def test_no_color(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    """Without colours, glyphs, words and heavy borders still say it all."""
    monkeypatch.setenv("NO_COLOR", "1")
    _, keys = VIEWS[view]
    assert snap_compare(app_of(view), terminal_size=(80, 24), run_before=after(keys))


class App(WazitermApp):
    """Built inside the test's event loop's thread, on a fleet with a clock that stands still."""

    CSS_PATH = str(Path(inspect.getfile(WazitermApp)).with_name("waziterm.tcss"))

    def __init__(
        self,
        build: Callable[[], ScriptedFleet],
        finish: Finish | None = None,
        home: Home | None = None,
        look: Screen = AS_ADDED,
    ) -> None:
        fleet = build()
        self.has_past = bool(fleet.lately)
        super().__init__(fleet, clock=fleet.clock, look=look, home=home)
        if finish is not None:
            finish.put_on(self)


def app_of(view: str, finish: Finish | None = None) -> "App":
    """What the wall does is seen on the wall; all else is known by who was added first."""
    return App(VIEWS[view][0], finish, look=AS_FIRST_SEEN if view.startswith("wall") else AS_ADDED)


def after(keys: list[str]) -> Callable[[Pilot[Any]], Any]:
    async def press(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, App)
        await pilot.pause()
        async with asyncio.timeout(DEADLINE_S):
            # The first paint does not wait for the days of all.
            while app.has_past and not app.model.recent:
                await pilot.pause(0.05)
        await pilot.press(*keys)
        await pilot.pause()
        async with asyncio.timeout(DEADLINE_S):
            # Nor does the detail beside a list for what it reads.
            while "is being read" in text_of(app):
                await pilot.pause(0.05)
            await settled(pilot)

    return press
