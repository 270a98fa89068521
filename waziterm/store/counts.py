"""Counts as they are stored: in JSON, which SQLite joins with commas where many are summed up.

An object has them by what is counted. Where many durations are, their counts are one number of
fixed places, in a text: a year of an instance is summed up by few additions then.
"""

import json
import struct
from collections.abc import Mapping

_SHORT, _LONG = "H", "I"
_PLACES = {_SHORT: 16, _LONG: 32}
"""How many bits a place has, by the word for it, which is that of `struct` too."""
_MANY = 8
_LONGER = 4
"""So many buckets are stored as one number, where that is not so many times as long."""
AT_ONCE = 255
"""So many numbers can be added: of each count there is half of a place's bits at most."""
_BUCKETS = 4096
"""No duration is in a later bucket: what claims to be is damaged, and would be a huge number."""


def text_of(counts: Mapping[str, int] | Mapping[int, int]) -> str | None:
    """Counts as they are stored; NULL where there are none."""
    return json.dumps(counts, separators=(",", ":")) if counts else None


def text_of_buckets(counts: Mapping[int, int]) -> str | None:
    """The same of durations, see `domain.stats.hours.bucket_of`."""
    text = text_of(counts)
    if text is None or len(counts) < _MANY:
        return text
    first, last, most = min(counts), max(counts), max(counts.values())
    for word, bits in _PLACES.items():
        is_long = (last - first) * bits // 4 > _LONGER * len(text)
        if last < _BUCKETS and most < 1 << bits // 2 and not is_long:
            return f'"{first}{word}{sum(n << (at - first) * bits for at, n in counts.items()):x}"'
    return text


def joined(texts: str | None) -> dict[str, int]:
    """What counts that were joined sum up to. Raises ValueError, TypeError and AttributeError for
    what is none."""
    if texts is None:
        return {}
    counts: dict[str, int] = {}
    for each in json.loads(f"[{texts}]"):
        for key, count in each.items():
            counts[key] = counts.get(key, 0) + count
    return counts


def joined_buckets(texts: str | None) -> dict[int, int]:
    """The same of durations, of at most `AT_ONCE`."""
    if texts is None:
        return {}
    short = long = 0
    few: dict[str, int] = {}
    for each in json.loads(f"[{texts}]"):
        if type(each) is str:
            first, is_short, digits = each.partition(_SHORT)
            if is_short:
                short += _number(int(first), digits, _PLACES[_SHORT])
            else:
                first, _, digits = each.partition(_LONG)
                long += _number(int(first), digits, _PLACES[_LONG])
        else:
            for key, count in each.items():
                few[key] = few.get(key, 0) + count
    counts = {int(key): count for key, count in few.items()}
    if short:
        counts = _added(_counts(short, _SHORT), counts)
    if long:
        counts = _added(_counts(long, _LONG), counts)
    return counts


def _number(first: int, digits: str, bits: int) -> int:
    """A number of places, moved to its first bucket."""
    if not 0 <= first < _BUCKETS or len(digits) > _BUCKETS * bits // 4 or digits[:1] == "-":
        raise ValueError(f"no counts from {first} on")
    return int(digits, 16) << first * bits


def _counts(number: int, word: str) -> dict[int, int]:
    bits = _PLACES[word]
    first = ((number & -number).bit_length() - 1) // bits
    number >>= first * bits
    many = -(-number.bit_length() // bits)
    each = struct.unpack(f"<{many}{word}", number.to_bytes(many * bits // 8, "little"))
    return {bucket: count for bucket, count in enumerate(each, first) if count}


def _added(counts: dict[int, int], more: Mapping[int, int]) -> dict[int, int]:
    for bucket, count in more.items():
        counts[bucket] = counts.get(bucket, 0) + count
    return counts
