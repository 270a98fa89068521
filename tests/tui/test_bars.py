"""The bars: words beside glyphs as long as they fit, and the keys that do something here."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scriptedtools import OUTAGE, STOLEN
from tests.tui.painted import Shown, shown
from tests.tui.scripted import NOW, ScriptedFleet, connected, every_state, instance, pairing
from waziterm.domain.fleet.api import Changes, InstanceView
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.screen import Lang
from waziterm.domain.stats.strips import Recent
from waziterm.lang import speaking, tr, translations
from waziterm.tui.fleet.bars import CLOCK_FROM, header
from waziterm.tui.fleet.incidents import Incidents
from waziterm.tui.paint import look
from waziterm.tui.state.here import Home, View
from waziterm.tui.state.model import FleetModel

SEVEN = (
    State.CONNECTED, State.PAIRING, State.CONNECTING, State.RETRYING, State.COOLDOWN, State.HELD,
    State.LOGGED_OUT,
)  # fmt: skip
NOT_IN_TROUBLE = (State.CONNECTED, State.PAIRING, State.CONNECTING, State.STOPPED)


def fleet_in(*states: State) -> Iterator[InstanceView]:
    for number, state in enumerate(states):
        yield instance(f"shop-{number}", state, Reason.NEW)


def model_of(*states: State, home: Home | None = None, lab: bool = True) -> FleetModel:
    model = FleetModel(ScriptedFleet(*fleet_in(*states), lab=lab), home=home)
    model.load()
    model.incidents = (STOLEN, OUTAGE)
    return model


def painted(*states: State, width: int) -> str:
    return header(model_of(*states), NOW, width).text


def test_seven_states_at_120_columns_have_their_words_and_the_clock() -> None:
    line = painted(*[State.CONNECTED] * 11, *SEVEN, width=120)
    for state in SEVEN:
        assert state.label in line
    assert (
        "12 connected" in line
        and " LAB " in line
        and "15:06:40" in line
        and "4 !1" in line.replace("  ", " ")
    )


def test_the_header_counts_anew_what_has_changed() -> None:
    model = model_of(State.CONNECTED, State.CONNECTED, State.STOPPED)
    assert "2 connected" in header(model, NOW, 160).text
    held, sends = fleet_in(State.HELD, State.CONNECTED)
    unknown = replace(sends, messages=QueueCounts(unknown=3))
    model.apply(Changes(changed=(held, unknown)))
    line = header(model, NOW, 160).text
    assert "1 connected" in line and "1 held" in line and "messages  !3" in line
    model.apply(Changes(removed=(held.name,)))
    assert "held" not in header(model, NOW, 160).text
    model.load()
    line = header(model, NOW, 160).text
    assert "2 connected" in line and "messages" not in line


def test_the_header_counts_the_rows_that_nobody_has_acknowledged() -> None:
    """It counted the serious ones alone, and stood above rows and a line that counted all."""
    model = FleetModel(ScriptedFleet(*fleet_in(State.CONNECTED), lab=True))
    model.load()
    passed = replace(STOLEN, id=99, is_serious=False, acknowledged_at=None)
    model.incidents = (STOLEN, passed)
    rows = Incidents(model, lambda: NOW)
    keys = rows.keys()
    marked = [rows.spans(key, 120, NOW)[0][0] for key in keys]
    head = "".join(strip.text for strip in rows.head(120, NOW))
    assert marked == ["! ", "! "] and "2 not acknowledged" in head
    assert " incidents  !2 " in header(model, NOW, 120).text


def test_where_not_all_words_fit_those_in_trouble_keep_theirs() -> None:
    line = painted(*State, width=140)
    for state in State:
        assert (state.label in line) is (state not in NOT_IN_TROUBLE), state
    assert " LAB " in line


@pytest.mark.parametrize("states", [SEVEN, tuple(State)])
def test_a_wider_header_never_has_fewer_words(states: tuple[State, ...]) -> None:
    words = 0
    for width in range(30, 260):
        line = painted(*states, width=width)
        assert len(line) == width
        if width == CLOCK_FROM:
            words = 0  # Here the clock comes, for a word or two.
        told = sum(f" {state.label}" in line for state in states)
        assert told >= words, line
        words = told
    assert words == len(states)


def test_a_wide_header_says_whose_fleet_it_is_and_where_the_views_are() -> None:
    home = Home("box-3", "/srv/" + "long/" * 12 + "wa", attached=True)
    model = model_of(State.CONNECTED, State.PAIRING, home=home)
    model.recent = {"shop-0": Recent("shop-0", NOW, "", up_s=9921, seen_s=10_000)}
    line = header(model, NOW, 220, View.LIST).text
    assert line.startswith(" waziterm  box-3 · …") and "/wa · attached " in line
    assert "24 h up 99.2 %" in line and "success" not in line
    assert "1 wall 2 list 4 incidents  !1  5 scans 2 6 trash 7 audit  " in line
    assert "box-3" in header(model, NOW, 160, View.LIST).text


@pytest.mark.parametrize("lang", [Lang.EN, Lang.ID])
@pytest.mark.parametrize(
    ("states", "few"), [(SEVEN, 133), (tuple(State), 191)], ids=["seven", "all"]
)
def test_every_view_stands_beside_its_key_and_the_clock_is_there_from_100_columns(
    states: tuple[State, ...], few: int, lang: Lang
) -> None:
    """6 was on no bar, and at 130 columns there was no clock. few: columns below which there is no
    place for the keys of the views."""
    model = model_of(*states, home=Home("box-3", "/srv/wa"))
    named_by = ("wall", "list", "incidents", "scans", "trash", "audit")
    keys = dict(zip("124567", named_by, strict=True))
    with speaking(translations(lang, {})):
        words = {key: tr(word) for key, word in keys.items()}
        for width in range(34, 281):
            line = header(model, NOW, width, View.LIST).text
            assert ("15:06:40" in line) or width < 100, line
            named = [key for key, word in words.items() if f" {word} " in line]
            assert all(f"{key} {words[key]} " in line for key in named), line
            assert named or "1 2 4  !1  5 6 7 " in line or width < few, line
        assert len(named) == len(keys), line


@given(
    states=st.dictionaries(st.sampled_from(State), st.integers(1, 1500), max_size=len(State)),
    width=st.integers(20, 260),
    unseen=st.integers(0, 120),
    uptime=st.none() | st.floats(0, 1),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    view=st.none() | st.sampled_from(View),
    lang=st.sampled_from((Lang.EN, Lang.ID)),
)
def test_no_two_things_in_the_header_touch(
    states: dict[State, int],
    width: int,
    unseen: int,
    uptime: float | None,
    flags: tuple[bool, bool, bool],
    view: View | None,
    lang: Lang,
) -> None:
    """At 120 columns "1 banned" and the red badge stood side by side."""
    lab, read_only, hides = flags
    model = _counting(states, unseen, uptime)
    model.lab, model.read_only = lab, read_only
    if hides:
        model.filter("shop")
    with speaking(translations(lang, {})):
        strip = header(model, NOW, width, view)
        labels = [tr(state.label) for state in State]
    assert strip.cell_length == width
    for told in (f" {label} {key} " for label in labels for key in "14"):
        assert told not in strip.text, "a state's word and the key of a view read as one"
    cells = [(char, segment.style) for segment in strip for char in segment.text]
    badges = {look.ALARM, look.LAB}
    for (left, before), (right, after) in pairwise(cells):
        if before != after and (before in badges or after in badges):
            other = right if before in badges else left
            assert other == " " and not {before, after} <= badges, strip.text
        elif before != after and not {before, after} & badges:
            glyphs = "".join(sign.glyph for sign in look.SIGNS.values())
            assert " " in (left, right) or left in glyphs, strip.text


def _counting(states: dict[State, int], unseen: int, uptime: float | None) -> FleetModel:
    """A model that has so many in each state, without the work of making them."""
    model = model_of(*states)
    counts = Counter(states)
    model.counts = lambda: counts  # type: ignore[method-assign]
    model.incidents = tuple(replace(STOLEN, id=number) for number in range(unseen))
    if uptime is not None:
        model.recent = {"shop-0": Recent("shop-0", NOW, "", up_s=uptime, seen_s=1.0)}
    return model


# -- the footer


def keys(screen: Shown) -> str:
    return screen.text().splitlines()[-1]


async def test_the_wall_and_the_list_name_what_arranges_them() -> None:
    async with shown(every_state(), 200, 40) as screen:
        line = keys(screen)
        for said in ("enter show", "/ filter", "z troubled", "s stop", "? help", "q quit"):
            assert said in line
        assert "acknowledge" not in line and "esc" not in line and "sort" not in line
        await screen.press("2")
        await screen.until(lambda _: "o sort" in keys(screen) and "esc wall" in keys(screen))
        await screen.press("space")
        await screen.until(lambda _: "esc unmark" in keys(screen) and "start/stop" in keys(screen))
        await screen.press("escape", "z")
        await screen.until(lambda _: "esc show all" in keys(screen))


async def test_on_a_narrow_screen_what_acts_on_the_marked_ones_is_named_first() -> None:
    async with shown(every_state(), 80, 24) as screen:
        await screen.press("2", "space")
        await screen.until(lambda _: "esc unmark" in keys(screen))
        for said in ("s start/stop", "r reconnect", "c clean", "x remove", "? help", "q quit"):
            assert said in keys(screen)


async def test_while_a_filter_is_typed_only_its_keys_are_named() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("slash")
        await screen.until(lambda _: "enter keep the filter" in keys(screen))
        assert "quit" not in keys(screen)
        await screen.press(*"bali", "enter")
        await screen.until(lambda _: "q quit" in keys(screen))


async def test_the_incidents_name_acknowledge_until_it_is_done() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("4")
        await screen.until(lambda _: "A acknowledge" in keys(screen))
        line = keys(screen)
        assert "esc wall" in line
        assert "filter" not in line and "troubled" not in line and "sort" not in line
        await screen.press("down")
        await screen.until(lambda _: "acknowledge" not in keys(screen))


@pytest.mark.parametrize(
    ("view", "key"),
    [(view, key) for view in "456" for key in ("slash", "z", "o", "O", "v")] + [("5", "space")],
)
async def test_what_does_nothing_here_says_where_it_would(view: str, key: str) -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press(view, key)
        await screen.sees("filter, sort and marks are for the wall and the list; press 1 or 2")
        assert not screen.app.model.marked and not screen.app.model.arrangement.hides


async def test_the_queue_names_what_its_turn_can_do() -> None:
    async with shown(every_state(), 120, 40) as screen:
        await screen.press("5")
        await screen.until(lambda _: "esc wall" in keys(screen))
        line = keys(screen)
        assert "enter show" in line and "s stop" in line and "filter" not in line


async def test_an_empty_fleet_names_no_key_of_an_instance() -> None:
    async with shown(ScriptedFleet(), 200, 40) as screen:
        line = keys(screen)
        assert "a add" in line and "K check" in line and "? help" in line
        for said in ("enter", "/ filter", "s st", "r reconnect", "T test", "R restart", "x remove"):
            assert said not in line


async def test_one_instance_names_what_it_can_do_now() -> None:
    fleet = ScriptedFleet(connected("shop"), pairing("shop-new"))
    async with shown(fleet, 200, 60) as screen:
        await screen.press("enter")
        await screen.until(lambda _: "esc back" in keys(screen))
        assert "t send-test" in keys(screen) and "p code" not in keys(screen)
        await screen.press("right")
        await screen.until(lambda _: "p code" in keys(screen) and "Q other QR" in keys(screen))
        assert "send-test" not in keys(screen)


async def test_a_screen_that_only_watches_names_no_command() -> None:
    fleet = every_state()
    async with shown(fleet, 200, 40, attached=True, read_only=True) as screen:
        await screen.until(lambda _: "K check" in keys(screen))
        for said in ("s stop", "reconnect", "clean", "a add", "T test", "R restart", "u undo"):
            assert said not in keys(screen)
        await screen.press("4")
        await screen.until(lambda _: "esc wall" in keys(screen))
        assert "acknowledge" not in keys(screen)
