"""What meets many instances alike is one line, and what differs is none."""

from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.care.findings import FindingKind
from waziterm.domain.care.grouping import MANY, groups, timeless
from waziterm.domain.phrase import Phrase

TEST = "it tries again by itself; `waziterm test {}` names the layer that fails"


def down(
    name: str, lasts: str = "5 min", why: str = "no DNS answer"
) -> tuple[str, str, str | None, str, str]:
    return (
        "not_connected",
        "problem",
        name,
        f"not connected for {lasts}: {why}",
        TEST.format(name),
    )


def test_an_outage_is_one_however_long_each_is_down() -> None:
    names = [f"shop-{number}" for number in range(12)]
    found = [down(name, f"{place + 5} min") for place, name in enumerate(names)]
    (one,) = groups(found)
    assert (one.first, one.names, one.by_name) == (0, tuple(names), True)
    assert one.listed == "shop-0, shop-1, shop-2, …"


def test_what_differs_stays_apart_and_a_few_are_told_one_by_one() -> None:
    found = [down("a"), down("b"), down("c", why="refused"), ("stuck", "problem", None, "x", "y")]
    assert [group.names for group in groups(found)] == [("a",), ("b",), ("c",), ("",)]


def test_what_to_do_is_told_of_all_where_it_names_nobody() -> None:
    found = [("held", "problem", name, "why", "end it") for name in "abc"]
    (one,) = groups(found)
    assert not one.by_name


def test_how_long_it_lasts_is_left_out_in_every_language() -> None:
    said = Phrase("not connected for {lasts}: {why}", lasts="5 min", why="no answer")
    told = timeless(FindingKind.NOT_CONNECTED, said)
    assert told == "not connected: no answer" and isinstance(told, Phrase)
    assert timeless(FindingKind.NOT_CONNECTED, str(said)) == told
    assert timeless(FindingKind.HELD, said) is said


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["held", "not_connected"]),
            st.sampled_from(["problem", "notice"]),
            st.none() | st.sampled_from(["a", "b", "c", "shop-a"]),
            st.sampled_from(["not connected for 5 min: x", "y"]),
            st.sampled_from(["`waziterm start a`", "wait"]),
        )
    )
)
def test_each_finding_is_in_one_group(found: list[tuple[str, str, str | None, str, str]]) -> None:
    told = groups(found)
    assert sum(len(group.names) for group in told) == len(found)
    assert [group.first for group in told] == sorted(group.first for group in told)
    assert all(group.is_one or len(group.names) >= MANY for group in told)
