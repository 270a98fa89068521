"""Counts of durations, as they are stored: however they are written, they sum up to the same."""

import random
from collections import Counter

import pytest

from waziterm.store.counts import AT_ONCE, joined_buckets, text_of_buckets


def drawn(chance: random.Random) -> dict[int, int]:
    """Few or many buckets, near to each other or not, counted seldom or often."""
    first, last = chance.choice(((140, 260), (0, 420), (0, 5), (200, 9000)))
    many = chance.choice((1, 7, 8, 9, 100))
    most = chance.choice((1, 255, 256, 65_535, 65_536, 1 << 40))
    return {chance.randint(first, last): chance.randint(1, most) for _ in range(many)}


@pytest.mark.parametrize("seed", range(30))
def test_counts_that_are_joined_sum_up(seed: int) -> None:
    chance = random.Random(seed)
    wanted, texts = Counter[int](), []
    for _ in range(chance.choice((1, 2, AT_ONCE))):
        counts = drawn(chance)
        wanted.update(counts)
        text = text_of_buckets(counts)
        assert text is not None and joined_buckets(text) == counts
        texts.append(text)
    assert joined_buckets(",".join(texts)) == dict(wanted)


@pytest.mark.parametrize("most", [255, 65_535])
def test_as_many_as_are_added_at_once_fit(most: int) -> None:
    counts = dict.fromkeys(range(150, 250), most)
    text = text_of_buckets(counts)
    assert text is not None and text.startswith('"150')
    found = joined_buckets(",".join([text] * AT_ONCE))
    assert found == dict.fromkeys(counts, most * AT_ONCE)


def test_no_counts_are_none() -> None:
    assert text_of_buckets({}) is None
    assert joined_buckets(None) == {}
