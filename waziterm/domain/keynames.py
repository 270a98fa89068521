"""Names of keys that an operator may bind: those of keys that terminals send, as Textual has them.

A terminal sends bytes, not keys. Many keys have none of their own: shift and a letter is that
capital letter, ctrl+i is tab. What is bound to such a name can never be pressed.
"""

import unicodedata
from itertools import chain, combinations
from string import ascii_lowercase, punctuation

_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""Where Textual's name is not that of Unicode (`KEY_NAME_REPLACEMENTS` of textual.keys)."""

_SAME = {"ctrl+h": "backspace", "ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket":
    "escape", "alt+b": "ctrl+left", "alt+f": "ctrl+right", "return": "enter", "esc": "escape",
    "shift+enter": "enter", "shift+space": "space", "shift+backspace": "backspace",
    "ctrl+enter": "enter", "ctrl+space": "ctrl+@"}  # fmt: skip
"""Keys that are sent, or called, as another one. alt+b and alt+f: Textual reads them so."""
_ONLY_PLAIN = ("enter", "tab", "escape", "space", "backspace", "f3")
"""Keys that keep no modifier on their way; of f3 its bytes are those of a cursor's position."""
_MODIFIED = ("up", "down", "left", "right", "home", "end", "insert", "delete", "pageup",
    "pagedown", *(f"f{number}" for number in range(1, 13) if number != 3))  # fmt: skip
_MODIFIERS = ("alt", "ctrl", "shift")
"""In the order in which Textual names them."""
_FIXED = {
    "ctrl+c": "leaves the screen",
    "ctrl+q": "leaves the screen",
    "ctrl+l": "paints the screen again",
}
"""Keys that nothing else may have, and what they do."""
_BEGIN_SEQUENCES = "opx"
"""ESC and one of these, as a capital letter, is the beginning of another key's bytes."""

_ON_KEYBOARDS = 0x10000
"""Beyond are pictures, whose names are words such as banana."""


def keys_of_terminal(raw: object) -> str:
    """The names of keys, separated by commas, as Textual has them: `slash` for `/`.

    Raises TypeError for what is no text, and ValueError for a key that no terminal sends, or that
    always does what `_FIXED` says.
    """
    if not isinstance(raw, str):
        raise TypeError(raw)
    return ",".join(dict.fromkeys(_key(name.strip()) for name in raw.split(",")))


def _key(name: str) -> str:
    if len(name) == 1 and name.isprintable():
        return _of_character(name)
    *modifiers, last = name.split("+")
    key = "+".join((*sorted(modifiers), last))
    if key in _FIXED:
        raise ValueError(f"{key} always {_FIXED[key]}")
    if key in names_of_keys() or _is_character(name):
        return key
    if not name:
        raise ValueError("no key between commas; the key , is called comma")
    if modifiers == ["shift"] and len(last) == 1 and last.isalpha():
        raise ValueError(f"terminals send no {key}, but {last.upper()}")
    if key in _SAME:
        raise ValueError(f"terminals send no {key}, but {_SAME[key]}")
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    near = get_close_matches(key.lower(), names_of_keys(), 3)
    said = f"; near it: {', '.join(near)}" if near else ""
    raise ValueError(f"terminals send no key {name}{said}")


def _of_character(character: str) -> str:
    if character.isalnum():
        return character
    name = unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")
    return _RENAMED.get(name, name)


def _is_character(name: str) -> bool:
    """Whether this is Textual's name of a character that is on some keyboard, as `euro_sign`."""
    try:
        character = unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return ord(character) < _ON_KEYBOARDS and _of_character(character) == name


def names_of_keys() -> dict[str, None]:
    """All names of more than one character, in an order of which the first ones are usual."""
    subsets = chain.from_iterable(combinations(_MODIFIERS, count) for count in range(4))
    return dict.fromkeys(
        (
            *_ONLY_PLAIN,
            "shift+tab",
            *("+".join((*subset, key)) for subset in subsets for key in _MODIFIED),
            *(
                key
                for key in (f"ctrl+{letter}" for letter in ascii_lowercase)
                if key not in _SAME and key not in _FIXED
            ),
            *(f"alt+{letter}" for letter in ascii_lowercase if f"alt+{letter}" not in _SAME),
            *(f"alt+shift+{each}" for each in ascii_lowercase if each not in _BEGIN_SEQUENCES),
            *(_of_character(character) for character in punctuation),
            "ctrl+@",
            "ctrl+backslash",
            "ctrl+right_square_bracket",
            "ctrl+circumflex_accent",
            "ctrl+underscore",
        )
    )
