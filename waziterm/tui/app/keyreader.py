"""Keys from the bytes that a terminal sends, whatever they are and however they are split.

Textual's parser is asked about one whole sequence at a time, and started afresh after each that it
does not know. It alone would type an unknown sequence as keys, which act on the fleet, raise where
a number in it is too large, and wait for ever for the end of a paste.
"""

import logging
import re
from codecs import getincrementaldecoder
from enum import Enum, auto

from textual import constants, events, messages
from textual.message import Message

from waziterm.domain.text import plain
from waziterm.tui.textual_private import is_key, new_parser

SEQUENCE_S = 0.5
"""How long an unfinished sequence waits for its rest, in seconds. A slow line may split it."""
STRING_S = 1.0
"""The same for what a terminal tells in free text, such as its colours, after its last byte."""
PASTE_CHARS = 65_536
"""So much of a paste is kept: more than any field here takes."""

_LONGEST = 32
"""A longer sequence means nothing, and Textual would type it."""
_ESC = "\x1b"
_ANSWER = f"{_ESC}[0n"
"""What a terminal says once it has taken `ESC [ 5 n` and all before it (ECMA-48, DSR)."""
_MOUSE = f"{_ESC}[M"
_MOUSE_CHARS = len(_MOUSE) + 3
_CONSOLE = f"{_ESC}[["
"""What the function keys of a Linux console begin with."""
_PASTE = f"{_ESC}[200~"
_STRINGS = "]PX^_"
_FINAL = re.compile(r"[@-~]")
_PASTE_OVER = re.compile(r"\x1b\[201~|\x03|\x1b\[99;5[:;\d]*u")
"""What ends a paste: its own end, or ctrl+c in either way of telling it."""
_PASTE_MAYBE_OVER = re.compile(r"\x1b(\[(2(0(1)?)?|9(9(;(5[:;\d]{0,16})?)?)?)?)?\Z")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")

_TAKEN = (
    events.Key,
    events.AppFocus,
    events.AppBlur,
    messages.TerminalSupportsSynchronizedOutput,
)
"""What a terminal may tell. Not the mouse, which is not used; nor sizes, which the kernel knows."""

logger = logging.getLogger(__name__)


class _Within(Enum):
    """Where in the stream of characters the reader is."""

    KEYS = auto()
    ESCAPE = auto()
    SEQUENCE = auto()
    MOUSE = auto()
    STRING = auto()
    STRING_ESCAPE = auto()
    PASTE = auto()


class KeyReader:
    """Turns bytes into Textual's messages. It raises nothing, and what it holds is bounded.

    Bytes that are not UTF-8 become the replacement character; sequences that mean nothing are
    dropped. The moments that it is given are seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        # Each wrong byte is a character of its own: the mouse's old way counts bytes.
        self._decode = getincrementaldecoder("utf-8")("surrogateescape").decode
        self.answers = 0
        """How often the terminal has said that it has taken what was written."""
        self._within = _Within.KEYS
        self._sequence = ""
        self._pasted = ""
        self._last = 0.0
        self._dropped = False
        self._parser = new_parser()

    def feed(self, data: bytes, now: float) -> list[Message]:
        """What the next bytes tell."""
        self._last = now
        text = self._decode(data)
        told: list[Message] = []
        at = 0
        while at < len(text):
            if self._within is _Within.PASTE:
                at = self._paste(text, at, told)
            else:
                self._take(text[at], told)
                at += 1
        return told

    def tick(self, now: float) -> list[Message]:
        """What it tells that no more bytes have come until now."""
        waited = now - self._last
        match self._within:
            case _Within.ESCAPE if waited >= constants.ESCAPE_DELAY:
                self._within = _Within.KEYS
                return self._keys(_ESC)
            case _Within.SEQUENCE | _Within.MOUSE if waited >= SEQUENCE_S:
                self._within = _Within.KEYS
            case _Within.STRING | _Within.STRING_ESCAPE if waited >= STRING_S:
                self._within = _Within.KEYS
        return []

    def _take(self, char: str, told: list[Message]) -> None:
        match self._within:
            case _Within.KEYS:
                self._begin(char, told)
            case _Within.ESCAPE:
                self._after_escape(char, told)
            case _Within.STRING:
                if char == _ESC:
                    self._within = _Within.STRING_ESCAPE
                elif char in "\x07\x18\x1a":
                    self._within = _Within.KEYS
                elif char == "\x03":
                    self._begin(char, told)
            case _Within.STRING_ESCAPE:
                if char == "\\":
                    self._within = _Within.KEYS
                else:
                    self._after_escape(char, told)
            case _Within.SEQUENCE | _Within.MOUSE if char < " ":
                # No sequence has a control character in it: the rest of it is lost.
                self._begin(char, told)
            case _Within.SEQUENCE:
                self._in_sequence(char, told)
            case _Within.MOUSE:
                self._sequence += char
                if len(self._sequence) == _MOUSE_CHARS:
                    self._within = _Within.KEYS
            case _Within.PASTE:
                raise AssertionError("a paste is not read by the character")

    def _begin(self, char: str, told: list[Message]) -> None:
        if char == _ESC:
            self._within = _Within.ESCAPE
        else:
            self._within = _Within.KEYS
            told += self._keys(char)

    def _after_escape(self, char: str, told: list[Message]) -> None:
        if char == _ESC:
            told += self._keys(_ESC)
            self._within = _Within.ESCAPE
        elif char in "[O":
            self._sequence = _ESC + char
            self._within = _Within.SEQUENCE
        elif char in _STRINGS:
            self._within = _Within.STRING
        else:
            self._within = _Within.KEYS
            told += self._keys(_ESC + char)

    def _in_sequence(self, char: str, told: list[Message]) -> None:
        if len(self._sequence) <= _LONGEST:
            self._sequence += char
        sequence = self._sequence
        if sequence == _PASTE:
            self._within = _Within.PASTE
            self._sequence = self._pasted = ""
        elif sequence == _MOUSE:
            self._within = _Within.MOUSE
        elif is_key(sequence) or (_FINAL.match(char) and sequence != _CONSOLE):
            self._within = _Within.KEYS
            if len(sequence) <= _LONGEST:
                told += self._told(sequence)
        elif char > "~":
            self._within = _Within.KEYS

    def _paste(self, text: str, at: int, told: list[Message]) -> int:
        """Take text of a paste from a place on; the place after it."""
        # What may be the beginning of its end was held back.
        held = len(self._sequence)
        chunk = self._sequence + text[at:]
        over = _PASTE_OVER.search(chunk)
        if over is None:
            part = _PASTE_MAYBE_OVER.search(chunk)
            self._sequence = part.group() if part else ""
            self._keep(chunk[: len(chunk) - len(self._sequence)])
            return len(text)
        self._keep(chunk[: over.start()])
        self._within = _Within.KEYS
        if over.group() == f"{_ESC}[201~":
            told.append(events.Paste(_inert(self._pasted)))
        self._sequence = self._pasted = ""
        return at + over.end() - held

    def _keep(self, text: str) -> None:
        self._pasted += text[: PASTE_CHARS - len(self._pasted)]

    # -- Textual's parser

    def _keys(self, text: str) -> list[Message]:
        """The keys of a character, of escape, or of both: alt and a character."""
        return self._told(_readable(text), to_the_end=text[0] == _ESC)

    def _told(self, sequence: str, *, to_the_end: bool = False) -> list[Message]:
        """What a whole sequence means. to_the_end: nothing follows, so that escape is a key."""
        if sequence == _ANSWER:
            self.answers += 1
            return []
        parser = self._parser
        told: list[Message] = []
        try:
            told += parser.feed(sequence)
            if to_the_end:
                told += parser.feed("")
        except Exception as error:  # noqa: BLE001 - whatever it is, the sequence is worth no more
            if not self._dropped:
                # Once: a terminal that floods must not fill the log as well.
                logger.info("a sequence of the terminal was dropped: %s", type(error).__name__)
            self._dropped = True
            told = []
        if to_the_end or not told:
            # It waits for more of this one, is at its end, or has raised.
            self._parser = new_parser()
        return [message for message in told if _is_of_use(message)]


def _is_of_use(message: Message) -> bool:
    if isinstance(message, events.Key):
        return not _NOT_UTF8.search(f"{message.key}{message.character or ''}")
    return isinstance(message, _TAKEN)


def _inert(pasted: str) -> str:
    """What a field may show of a paste: it writes on the terminal whatever it holds."""
    return "\n".join(plain(line, PASTE_CHARS) for line in _readable(pasted).splitlines())


def _readable(text: str) -> str:
    return _NOT_UTF8.sub("\N{REPLACEMENT CHARACTER}", text)
