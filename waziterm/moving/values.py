"""Bytes, numbers and texts in the JSON of Baileys and of what stores it elsewhere."""

import base64
import binascii
from collections.abc import Mapping

from waziterm.domain.phrase import Phrase
from waziterm.domain.text import storable

_MOST_TEXT = 200
_MOST_BYTES = 100_000


class ValueFormError(ValueError):
    """A value is not what stands there; said: what it is, without the value."""

    def __init__(self, said: Phrase) -> None:
        super().__init__(said)
        self.said = said


def bytes_of(value: object, *sizes: int) -> bytes:
    """Bytes in any of the forms in which JSON has them: `{"type": "Buffer", "data": …}`,
    `{"buffer": true, …}`, an array, an object by index, base64. sizes: the lengths that are
    allowed, none for any. Raises ValueFormError."""
    data = _bytes(value)
    if data is None:
        raise ValueFormError(Phrase("no bytes"))
    if sizes and len(data) not in sizes:
        wanted = "/".join(map(str, sizes))
        raise ValueFormError(
            Phrase("{count} bytes instead of {wanted}", count=len(data), wanted=wanted)
        )
    return data


def _bytes(value: object) -> bytes | None:
    if isinstance(value, dict) and (value.get("type") == "Buffer" or value.get("buffer") is True):
        value = value["data"] if "data" in value else value.get("value")
    if isinstance(value, dict) and 0 < len(value) <= _MOST_BYTES:
        value = [value.get(str(number)) for number in range(len(value))]
    if isinstance(value, list) and len(value) <= _MOST_BYTES:
        numbers = [each for each in value if type(each) is int and 0 <= each < 256]
        return bytes(numbers) if len(numbers) == len(value) else None
    if isinstance(value, str):
        try:
            return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
        except (binascii.Error, ValueError):
            return None
    return None


def key_of(value: object) -> bytes:
    """A public key, 32 bytes, with or without Signal's type before it. Raises ValueFormError."""
    data = bytes_of(value, 32, 33)
    if len(data) == 33 and data[0] != 5:
        raise ValueFormError(Phrase("a public key of another kind"))
    if not any(data[-32:]):
        raise ValueFormError(Phrase("a key of zeros"))
    return data[-32:]


def secret_of(value: object) -> bytes:
    """A private key or a key of a chain, 32 bytes. Raises ValueFormError."""
    data = bytes_of(value, 32)
    if not any(data):
        raise ValueFormError(Phrase("a key of zeros"))
    return data


def number_of(value: object, end: int, *, least: int = 0) -> int:
    """A whole number from `least` up to before `end`, also as a text or as `{low, high}`. Raises
    ValueFormError."""
    if isinstance(value, dict) and type(value.get("low")) is int and type(value.get("high")) is int:
        value = (value["low"] & 0xFFFFFFFF) + (value["high"] << 32)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not least <= value < end:
        raise ValueFormError(Phrase("no number that can be"))
    return value


def text_of(value: object) -> str:
    """A text, short and of UTF-8; "" for what is none."""
    if not isinstance(value, str):
        return ""
    return storable(value.replace("\0", ""))[:_MOST_TEXT]


def member(value: object, path: str) -> object:
    """What stands under a dotted path; None for nothing."""
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value
