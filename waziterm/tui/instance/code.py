"""The pairing code of one instance, as lines of cells, with how to type it on the phone."""

from textual.strip import Strip

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.instance import PairingCode
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, tr
from waziterm.tui.instance.card import numbered, title, wrapped
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, inert, row, width_of
from waziterm.tui.text.format import countdown
from waziterm.tui.text.keynames import key_of

HOW_TO_TYPE = (
    N_(
        "tap the notification on the phone, or open WhatsApp: Settings → Linked devices → Link a"
        " device → Link with phone number instead"
    ),
    N_("type this code"),
)


def valid_code(view: InstanceView, now: float) -> PairingCode | None:
    """The pairing code that a phone would still accept."""
    if view.state is not State.PAIRING or view.code is None or view.code.expires_at <= now:
        return None
    return view.code


def paint_code(view: InstanceView, width: int, height: int, now: float) -> list[Strip]:
    """The code and its steps, or what the wait for it is about; at most `height` lines."""
    blank = row((), width, look.PLAIN)
    code = valid_code(view, now)
    if code is None:
        said = tr("the code has expired; {p} asks for a new one", p=key_of(KeyAction.PAIRING_CODE))
        if view.code is None:
            said = tr("asking WhatsApp for a pairing code …")
        return [title(view, width, now), blank, *wrapped(said, width, 2, look.MARKED)][:height]
    left = countdown(code.expires_at - now)
    said = tr("pairing code, {left} left", left=left)
    if view.phone is not None:
        said = tr("pairing code for {phone}, {left} left", phone=inert(view.phone), left=left)
    keys = tr(
        "{y} copies it · {p} goes back to the QR code",
        y=key_of(KeyAction.COPY),
        p=key_of(KeyAction.PAIRING_CODE),
    )
    strips = [
        title(view, width, now),
        blank,
        *wrapped(said, width, 2, look.MARKED),
        *_boxed(" ".join(inert(code.text, 20)), width),
        blank,
        *numbered([tr(step) for step in HOW_TO_TYPE], width),
        blank,
        *wrapped(keys, width, 2, look.FAINT),
    ]
    return strips[:height]


def _boxed(text: str, width: int) -> list[Strip]:
    """A text in a frame, so that an eye that comes back from the phone finds it."""
    line = "─" * (width_of(text) + 4)
    middle: list[Span] = [("   │  ", look.MARKED), (text, look.BRIGHT), ("  │", look.MARKED)]
    return [
        row([(f"   ╭{line}╮", look.MARKED)], width, look.PLAIN),
        row(middle, width, look.PLAIN),
        row([(f"   ╰{line}╯", look.MARKED)], width, look.PLAIN),
    ]
