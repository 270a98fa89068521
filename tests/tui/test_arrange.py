"""Filter and order of what is shown."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.scripted import NOW, connected, every_state, instance
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.fleet.query import query_of
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.stats.strips import Recent
from waziterm.tui.state.arrange import Arrangement, Sort
from waziterm.tui.state.arrange import arranged as arranged_at
from waziterm.tui.state.filtering import fits as fits_at
from waziterm.tui.state.filtering import wrong_in

VIEWS = tuple(every_state().views.values())
patterns = st.text(alphabet="!shop kartmdn40", max_size=8)


def fits(pattern: str, view: InstanceView) -> bool:
    return fits_at(query_of(pattern), view, NOW)


def arranged(
    views: Iterable[InstanceView],
    by: Arrangement,
    conflicts: Mapping[str, int],
    recent: Mapping[str, Recent],
) -> list[str]:
    return arranged_at(views, by, conflicts, recent, NOW)


def test_a_pattern_finds_letters_in_order_and_inverts() -> None:
    view = connected("shop-jakarta")
    assert all(fits(pattern, view) for pattern in ("", "jak", "spjk", "SHOP", "connected", "!"))
    assert not any(fits(pattern, view) for pattern in ("kaj", "held", "!jak", "shop held"))
    held = instance("x", State.HELD, Reason.RIVAL)
    assert fits("reason:440 reason:another", held) and not fits("reason:aotherc", held)


@pytest.mark.parametrize(
    ("pattern", "hidden"),
    [
        ("!conn", {"shop-jakarta", "shop-surabaya", "shop-bali"}),
        ("!state:conn", {"shop-jakarta", "shop-surabaya", "shop-bali"}),
        ("!STATE:connected", {"shop-jakarta", "shop-surabaya"}),
        ("!reason:conn", {"shop-malang"}),
        ("!reason:440", {"shop-bandung", "shop-aceh"}),
        ("!number:4411", {"shop-jakarta"}),
        ("!name:bali", {"shop-bali"}),
        ("!state:logged_out", {"shop-batam"}),
        ("!state:cooldown", {"shop-bandung"}),
        ("!shop state:held", {"shop-aceh"}),
        ("!state:", set()),
        ("state:", set()),
        ("!name:", set()),
    ],
)
def test_f26_a_field_says_where_and_a_bare_word_means_name_number_or_state(
    pattern: str, hidden: set[str]
) -> None:
    left_out = {view.name for view in VIEWS if not fits(pattern, view)}
    assert left_out == hidden


def test_f26_what_a_sentence_says_is_no_state() -> None:
    """`!conn` hid "retrying: the connection was closed"."""
    retrying = instance("shop", State.RETRYING, Reason.DROPPED)
    assert "conn" in Reason.DROPPED.sentence and fits("!conn", retrying)
    assert not fits("conn", retrying) and fits("reason:conn", retrying)


def test_only_the_troubled() -> None:
    names = arranged(VIEWS, Arrangement(troubled=True), {}, {})
    assert names and all(view.state.is_trouble for view in VIEWS if view.name in names)


def test_by_conflicts_the_worst_is_first_and_ties_keep_their_order() -> None:
    views = [connected(name) for name in "abcd"]
    by = Arrangement(sort=Sort.CONFLICTS, descending=True)
    assert arranged(views, by, {"c": 3, "b": 1}, {}) == ["c", "b", "a", "d"]


def test_by_uptime_and_by_drops_the_worst_week_is_first() -> None:
    views = [connected(name) for name in ("well", "new", "ill")]
    weeks = {
        "well": Recent("well", 0, "", uptime=1.0, drops=(0, 1)),
        "ill": Recent("ill", 0, "", uptime=0.93, drops=(4, 0)),
    }
    for sort, order in (
        (Sort.UPTIME, ["ill", "well", "new"]),
        (Sort.DROPS, ["ill", "well", "new"]),
    ):
        by = Arrangement(sort=sort, descending=sort is Sort.DROPS)
        assert arranged(views, by, {}, weeks) == order


@given(patterns, st.booleans(), st.sampled_from(Sort), st.booleans())
def test_nothing_is_shown_twice_and_a_filter_and_its_inverse_share_the_fleet(
    pattern: str, troubled: bool, sort: Sort, descending: bool
) -> None:
    by = Arrangement(pattern, troubled, sort, descending)
    names = arranged(VIEWS, by, {}, {})
    assert len(set(names)) == len(names)
    word = pattern.replace("!", "").strip()
    if word:
        kept = arranged(VIEWS, Arrangement(word, troubled), {}, {})
        left = arranged(VIEWS, Arrangement("!" + word, troubled), {}, {})
        assert sorted(kept + left) == sorted(arranged(VIEWS, Arrangement("", troubled), {}, {}))


def test_the_next_column_comes_round() -> None:
    by = Arrangement()
    for _ in Sort:
        by = by.sorted_by_next()
    assert by.sort is Sort.TROUBLE


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("tag:vip", "ab"),
        ("TAG:VIP !tag:jkt", "a"),
        ("tag:j*", "b"),
        ("tag:vi", ""),
        ("!tag:vip", "c"),
        ("note:paid", "a"),
        ("proxy:id-7", "b"),
        ("proxy:secret", ""),
        ("up", "ac"),
        ("tag:vip !up", "b"),
        ("since>1h", "b"),
        ("since<10m", "c"),
        ("tag:vip state:held proxy:id-7 since>1h !up", "b"),
        ("since>", "abc"),
        ("since>5", "abc"),
        ("tag:", "abc"),
        ("colour:red", "abc"),
    ],
)
def test_a_field_finds_what_a_person_has_set(pattern: str, meant: str) -> None:
    a = replace(connected("a", up_s=1800), tags=("vip",), note="Paid until May")
    b = instance("b", State.HELD, Reason.RIVAL, NOW - 7200)
    b = replace(b, tags=("vip", "jkt"), proxy="socks5://•••@id-7.example:1080")
    c = connected("c", up_s=5)
    shown = arranged((a, b, c), Arrangement(pattern, sort=Sort.FLEET), {}, {})
    assert "".join(shown) == meant


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (
            "colour:red",
            "no field colour; allowed: name: state: number: reason: tag:",
        ),
        ("shop since:1h", "since is followed by > or <; allowed: since>1h since<10m"),
        ("since>1week", "1week is no time; allowed: 30s 10m 2h 1d"),
        ("tag:vip up !shop", ""),
    ],
)
def test_a_wrong_field_is_one_line_that_says_what_is_allowed(pattern: str, said: str) -> None:
    wrong = wrong_in(pattern)
    assert wrong.startswith(said) and bool(wrong) is bool(said)
