"""A panel says who, which state, why, what comes next and when, in any size."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.scripted import HOSTILE, NOW, connected, every_state, instance, pairing
from waziterm.domain.fleet.api import InstanceView, LogLine, Source
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.tui.fleet import panel
from waziterm.tui.paint import look
from waziterm.tui.text.format import since

FLEET = every_state()
LINES = [LogLine(seq, NOW - 60 + seq, Source.LIBRARY, f"line {seq}") for seq in range(20)]


def text(view: InstanceView, width: int = 40, height: int = 9, now: float = NOW) -> str:
    return "\n".join(strip.text for strip in panel.draw(view, LINES, width, height, now))


@given(
    st.sampled_from(list(FLEET.views.values())),
    st.sampled_from([*HOSTILE, "什么宽字" * 12, ""]),
    st.sampled_from(["a" * 40, "雅加达商店" * 8, "한국🛍️店🇮🇩", "x"]),
    st.booleans(),
    st.integers(panel.MIN_WIDTH, 90),
    st.integers(panel.MIN_HEIGHT, 20),
)
def test_every_panel_is_a_whole_rectangle(
    view: InstanceView, detail: str, name: str, marked: bool, width: int, height: int
) -> None:
    shown = instance(name, view.state, view.reason, jid=view.jid, detail=detail, qr=view.qr)
    lines = [LogLine(1, NOW, Source.LIBRARY, detail)]
    for selected in (False, True):
        strips = panel.draw(shown, lines, width, height, NOW, selected=selected, marked=marked)
        assert len(strips) == height
        assert all(strip.cell_length == width for strip in strips)
        assert strips[0].text[0] in "╭┏" and strips[-1].text[-1] in "╯┛"
        assert f"{look.SIGNS[view.state].glyph} {view.state.label}" in strips[0].text


@pytest.mark.parametrize("view", FLEET.views.values(), ids=lambda view: view.state.value)
def test_state_is_a_glyph_and_a_word(view: InstanceView) -> None:
    top = text(view).splitlines()[0]
    assert view.name in top
    assert f"{look.SIGNS[view.state].glyph} {view.state.label}" in top


def test_every_state_has_its_own_glyph() -> None:
    assert set(look.SIGNS) == set(State)
    assert len({sign.glyph for sign in look.SIGNS.values()}) == len(State)


def flat(shown: str) -> str:
    """The panel's text without its frame and line ends."""
    return " ".join(shown.replace("│", " ").split())


def test_a_cooldown_says_why_what_next_when_and_which_key() -> None:
    said = flat(text(FLEET.views["shop-bandung"], 60))
    reason = Reason.CONFLICT
    assert f"{reason.sentence} (440) · python bot.py (pid 4121)" in said
    assert f"next in 0:07: {reason.next_step} · r = now" in said
    assert "▲ cool-down 0:07" in said
    assert "+62811••••9083" in said


def test_one_that_was_never_linked_says_so_once() -> None:
    said = flat(text(instance("shop", State.STOPPED, Reason.NEW), 50))
    assert said.count("not linked yet") == 1
    assert f"next: {Reason.NEW.next_step}" in said


def test_no_key_is_offered_that_shortens_a_ban() -> None:
    assert "r = now" not in text(FLEET.views["shop-kupang"], 80)


def test_the_reason_and_the_next_step_come_before_the_log_where_space_is_short() -> None:
    small = flat(text(FLEET.views["shop-aceh"], 38, 7))
    assert f"{Reason.RIVAL.sentence} (440)" in small
    assert f"next: {Reason.RIVAL.next_step}" in small


def test_evidence_matters_more_than_a_key_that_the_footer_names() -> None:
    small = flat(text(FLEET.views["shop-bandung"], 40, 7))
    assert "(pid 4121)" in small and "next in 0:07" in small and "r = now" not in small


def test_who_took_a_session_is_not_cut_where_space_is_short() -> None:
    view = replace(FLEET.views["shop-aceh"], detail="node app.js (pid 812)")
    small = flat(text(view, 38, 7))
    assert "node app.js (pid 812)" in small and f"next: {Reason.RIVAL.next_step}" in small


def test_a_connected_one_shows_uptime_probe_and_the_newest_lines() -> None:
    shown = text(connected("shop"), 40, 9)
    assert "up 3 d 03 h" in shown and "probe 80 ms · sent 3" in shown
    assert "line 19" in shown and "line 15" in shown and "line 14" not in shown


def test_an_old_probe_says_how_old_it_is() -> None:
    assert "probe 80 ms, 10 min ago" in text(connected("shop"), 60, now=NOW + 600)


def test_a_pairing_without_a_valid_code_waits_for_the_next() -> None:
    assert "QR ready, code 2 of 6, 0:14 left" in text(pairing("shop"), 60)
    assert "waiting for the next QR code" in text(pairing("shop"), 60, now=NOW + 15)


def test_who_is_not_linked_says_so() -> None:
    assert "not linked yet" in text(instance("shop", State.STOPPED, Reason.NEW))


def test_a_lock_on_new_chats_stands_beside_connected_until_it_ends() -> None:
    locked = replace(connected("shop"), no_new_chats_until=NOW + 90)
    assert "cannot start new chats until" in flat(text(locked))
    assert "cannot start new chats" not in flat(text(locked, now=NOW + 90))


def test_a_silence_is_shown_until_it_ends_and_hides_no_reason() -> None:
    silenced = replace(connected("shop"), silenced_until=NOW + 90)
    until = since(NOW + 90, NOW)
    assert f"silenced until {until}" in text(silenced)
    assert "silenced" not in text(silenced, now=NOW + 90)
    held = replace(instance("shop", State.HELD, Reason.RIVAL), silenced_until=NOW + 90)
    for height in (5, 6, 10):
        assert "keeps taking" in flat(text(held, 60, height))
    assert "silenced until" in text(held, 60, 10)


def test_a_pairing_with_a_phone_that_is_too_old_says_so_beside_its_new_code() -> None:
    shown = replace(pairing("shop"), reason=Reason.NO_MULTIDEVICE)
    shown = replace(shown, next_step=Reason.NO_MULTIDEVICE.next_step)
    said = flat(text(shown, 60, 12))
    assert "QR ready" in said and "too old to link devices (411)" in said
    assert "update WhatsApp on the phone" in said


def test_a_phone_that_is_silent_for_long_is_told_of() -> None:
    silent = replace(connected("shop"), phone_seen_at=NOW - 13.5 * 86_400)
    said = "no sign from the phone for 13 days: open WhatsApp on it"
    assert said in flat(text(silent, 70)) and said in flat(text(silent, 40))
    assert "line 19" in text(silent, 40), "the log has its place too"
    assert "no sign" not in text(replace(silent, phone_seen_at=NOW - 11.9 * 86_400), 70)
    assert "no sign" not in text(replace(silent, state=State.RETRYING), 70)
    for height in range(panel.MIN_HEIGHT, 12):
        assert len(panel.draw(silent, LINES, panel.MIN_WIDTH, height, NOW)) == height
