"""WhatsApp's version numbers: what is one, how old it is, and what a page of WhatsApp tells."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain import version as v
from waziterm.domain.version import Origin, UsedVersion, VersionChoice, VersionMode

OWN = 1047769893
NOW = datetime(2026, 11, 27, tzinfo=UTC).timestamp()
numbers = st.integers(v.LOWEST, v.HIGHEST)


def day(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@given(numbers)
def test_a_setting_reads_back(number: int) -> None:
    for choice in (
        VersionChoice(),
        VersionChoice(VersionMode.COMPILED),
        VersionChoice(VersionMode.FIXED, number),
    ):
        assert VersionChoice.parse(str(choice)) == choice


@given(
    st.text(max_size=30)
    | st.sampled_from(
        [
            "2.3000.5",
            "2.3000.9999999999",
            "2.2413.1047769893",
            "fixed",
            "AUTO",
            "2.3000.1047769893 ",
            "2.3000.١٠٤٧٧٦٩٨٩٣",
        ]
    )
)
def test_nothing_else_is_a_setting(text: str) -> None:
    if text not in ("auto", "compiled") and not text.startswith("2.3000.1"):
        with pytest.raises(ValueError, match=r'"auto", "compiled" or "2\.3000\.N"'):
            VersionChoice.parse(text)


@pytest.mark.parametrize(
    ("number", "when"),
    [
        (1025473630, "2025-08-04"),
        (1033287297, "2026-02-11"),
        (OWN, "2026-09-21"),
        ((1033287297 + OWN) // 2, "2026-06-02"),
        (OWN + 1_000_000, "2026-10-06"),
        (1_000_000_000, "2023-11-28"),
    ],
)
def test_about_when_a_number_was_current(number: int, when: str) -> None:
    assert v.day_text(v.dated_about(number, NOW)) == when


@given(numbers, numbers)
def test_a_higher_number_is_never_older_and_none_is_of_tomorrow(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert v.dated_about(low, NOW) <= v.dated_about(high, NOW) <= NOW


def test_refusals_are_expected_after_four_months_and_warned_of_after_three() -> None:
    used = UsedVersion(OWN, Origin.COMPILED, day("2026-09-21"))
    assert v.day_text(used.warned_from) == "2026-12-21"
    assert v.day_text(used.refusals_from) == "2027-01-21"
    assert used.age_days(NOW) == 67
    assert v.day_text(v.months_after(day("2026-10-31"), 4)) == "2027-02-28"
    assert v.day_text(v.months_after(day("2027-10-31"), 4)) == "2028-02-29"


PAGES = [
    b'{"client_revision":%d,',
    b'x{\\"server_revision\\":1,\\"client_revision\\":%d,\\"tier\\"',
    b'\\\\"client_revision\\\\": %d}',
    b"client_revision: %d;",
]


@given(st.sampled_from(PAGES), numbers, st.binary(max_size=50), st.binary(max_size=50))
def test_a_page_tells_its_number(page: bytes, number: int, before: bytes, after: bytes) -> None:
    assert v.revision_in(before + page % number + after, whole=False) == number


@given(numbers)
def test_a_number_that_may_go_on_is_not_taken(number: int) -> None:
    page = b'{"client_revision":%d' % number
    assert v.revision_in(page, whole=False) is None
    assert v.revision_in(page, whole=True) == number


@given(st.binary(max_size=200))
def test_any_bytes_are_a_page(page: bytes) -> None:
    found = v.revision_in(page, whole=True)
    assert found is None or v.objection(found, OWN) or v.is_sane(found)


@given(st.integers(0, 10**40), numbers)
def test_only_a_newer_number_that_can_be_is_used(number: int, refused: int) -> None:
    used = not v.objection(number, refused)
    assert used == (refused < number <= v.HIGHEST)
