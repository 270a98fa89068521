"""The palette offers all that there is, and says on whom it acts; themes and languages switch."""

from textual.widgets import Input

from tests.tui.painted import Shown, shown
from tests.tui.scripted import ScriptedFleet, big, connected, every_state
from waziterm.domain.screen import Density, KeyAction, Lang, Theme
from waziterm.domain.upkeep.janitor import Act, ActKind
from waziterm.tui.app.look_commands import LANGS, THEMES
from waziterm.tui.app.palette import _BY_THE_ARROWS
from waziterm.tui.commands.keys import KEYS, AppKey
from waziterm.tui.paint.themes import PALETTES
from waziterm.tui.screens.instance import FocusScreen
from waziterm.tui.state.arrange import Sort
from waziterm.tui.state.here import View


async def field(screen: Shown) -> Input:
    """Open the palette: where its words are typed, all at once, for each letter is a search."""
    await screen.press("colon")
    await screen.until(lambda _: isinstance(screen.app.screen.focused, Input), "the field")
    typed = screen.app.screen.focused
    assert isinstance(typed, Input)
    return typed


async def find(screen: Shown, words: str, *sees: str) -> str:
    """Search the palette, and leave it open."""
    (await field(screen)).value = words
    return await screen.says(*sees)


WORDS = {
    "conflicts": "the incidents", "full": "test", "restore": "undo", "trash": "the trash",
    "log of": "log of all", "sort by since": "sort by since", "theme light": "theme: light",
    "clean every": "clean every session", "messages": "messages", "janitor": "janitor",
    "said": "what was said here lately",
    "tidy": "janitor", "rename": "edit: shop-a", "who": "the audit",
    "density cards": "density: cards", "remove shop": "remove shop-a", "test all": "test: all",
}  # fmt: skip


async def test_a_search_finds_whatever_there_is() -> None:
    async with shown(ScriptedFleet(connected("shop-a")), 120, 60) as screen:
        typed = await field(screen)
        for words, name in WORDS.items():
            typed.value = words
            await screen.says(name)


async def test_every_key_is_offered_where_it_works() -> None:
    """But those that lead on from where one is."""
    async with shown(every_state(), 160, 260) as screen:
        offered = ""
        for keys in ([], ["enter"], ["escape", "8"]):
            await screen.press(*keys, "ctrl+p")
            offered += await screen.says("glossary")
            await screen.press("escape")
        told: dict[KeyAction, list[str]] = {}
        for key in KEYS:
            told.setdefault(key.action, []).append(key.told)
        for action, texts in told.items():
            if action not in (*_BY_THE_ARROWS, KeyAction.SHOW_WHOSE):
                assert any(text in offered for text in texts), action


async def test_every_look_order_and_instance_is_offered() -> None:
    async with shown(every_state(), 160, 300) as screen:
        await screen.press("ctrl+p")
        offered = await screen.says("glossary", "show shop-surabaya")
        words = [f"theme: {word}" for word in THEMES.values()]
        words += [f"language: {word}" for word in LANGS.values()]
        words += [f"density: {density.value}" for density in Density]
        words += [f"sort by {sort.value}" for sort in Sort]
        words += [f"show {name}" for name in screen.fleet.views]
        assert [word for word in words if word not in offered] == []


async def test_whatever_acts_on_instances_names_them() -> None:
    async with shown(every_state(), 160, 300) as screen:
        await screen.press("ctrl+p")
        text = await screen.says("glossary")
        meant = [key for key in KEYS if isinstance(key, AppKey) and key.meant]
        assert {key.action for key in KEYS if isinstance(key, AppKey) and key.do_on} <= {
            key.action for key in meant
        }
        for key in meant:
            assert f"{key.label}: shop-jakarta" in text, key.action


async def test_the_janitor_shows_first_what_it_would_do() -> None:
    fleet = every_state()
    old = Act(ActKind.DELETE_TRASH, "shop-old-20250501", "kept for 31 days")
    fleet.tidied = (Act(ActKind.END_WAIT, "shop-malang", "it waits for 3 h"), old)
    async with shown(fleet, 120, 60) as screen:
        await find(screen, "janitor", "janitor")
        await screen.press("enter")
        await screen.says("Janitor: what it would do", "→ shop-malang: end its wait")
        await screen.says("shop-old-20250501: delete it from the trash", "enter show shop-malang")
        assert fleet.calls == [("tidy_up", "dry run")]
        await screen.press("y")
        await screen.says("✓ shop-malang: end its wait", "esc close")
        assert fleet.calls[1:] == [("tidy_up", "")]


async def test_it_says_on_whom_it_acts() -> None:
    fleet = ScriptedFleet(connected("shop-a"), connected("shop-b"))
    async with shown(fleet, 120, 60) as screen:
        await screen.press("right")
        await find(screen, "reconnect", "reconnect: shop-b")
        await screen.press("escape", "asterisk")
        await find(screen, "reconnect", "reconnect: 2 marked")
        await screen.press("escape", "enter")
        await screen.until(lambda _: isinstance(screen.app.screen, FocusScreen))
        await find(screen, "clean", "clean: shop-b")
        await screen.press("escape", "5")
        await screen.pilot.pause()
        await screen.press("escape", "escape", "5")
        assert "clean:" not in await find(screen, "clean", "clean shop-a")
        assert fleet.calls == []


async def test_a_key_of_the_fleet_works_from_an_instance() -> None:
    async with shown(big(3), 120, 60) as screen:
        await screen.press("2", "enter")
        await find(screen, "mark all", "mark all shown, or unmark them")
        await screen.press("enter")
        await screen.sees("3 marked", "NAME")
        await find(screen, "sort by uptime", "sort by uptime")
        await screen.press("enter")
        await screen.sees("UP▲")
        assert screen.app.model.arrangement.sort is Sort.UPTIME
        assert screen.app.screens.shown is View.LIST


def paper(screen: Shown) -> str:
    """The background in the middle of the screen's left edge, or "" where it is none's."""
    return f"#{screen.cells()[20][0].bg}"


async def test_a_theme_is_seen_while_it_is_chosen_and_kept_or_not() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await find(screen, "theme …", "each is seen while it is chosen")
        await screen.press("enter")
        await screen.says("▌ dark", "↑ ↓ look at it", "esc as before")
        await screen.press("down", "down", "down")
        await screen.says("▌ light")
        await screen.until(lambda _: paper(screen) != PALETTES[Theme.DARK].background)
        await screen.press("escape")
        await screen.until(lambda _: paper(screen) == PALETTES[Theme.DARK].background)
        await find(screen, "theme blue", "theme: dark, blue")
        await screen.press("enter")
        await screen.says('the theme lasts until you leave; [screen] theme = "dark-blue" keeps it')
        for key in ("1", "2", "4", "enter"):
            await screen.press(key)
            await screen.pilot.pause()
            seen = {f"#{cell.bg}" for row in screen.cells() for cell in row}
            assert PALETTES[Theme.DARK_BLUE].background in seen, key
            assert not seen & {PALETTES[Theme.DARK].background, PALETTES[Theme.DARK].raised}, key


async def test_the_language_changes_at_once_and_back() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("2")
        await find(screen, "indonesia", "language: Bahasa Indonesia")
        await screen.press("enter")
        await screen.sees("NAMA", "SEBAB", "ditahan")
        await screen.press("1")
        await screen.sees("percobaan terjaga")
        await find(screen, "english", "English")
        await screen.press("enter")
        await screen.sees("one guarded attempt", "held")
        assert screen.app.looks.lang is Lang.EN


async def test_what_was_said_can_be_read_again() -> None:
    fleet = every_state()
    async with shown(fleet, 120, 40) as screen:
        fleet.notice("the disk is full", trouble=True)
        await screen.sees("✖ the disk is full")
        await screen.press("t")
        await screen.sees("accepted by WhatsApp")
        await find(screen, "said", "what was said here lately")
        await screen.press("enter")
        await screen.says("15:06:40 ✖ the disk is full", "15:06:40 ✓ shop-jakarta: send-test")
