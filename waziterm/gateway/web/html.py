"""What the scan page shows, written as HTML in the language that is spoken here."""

from html import escape
from math import ceil
from typing import assert_never

from waziterm.gateway.web.parts import Code, Door, Part, Plain, is_last
from waziterm.lang import spoken, tr
from waziterm.qrcode import modules_of

REFRESH_S = 4
"""Seconds between two looks of a browser that runs no script."""
_LEFT = "\0"
"""Where the seconds stand that the script counts."""


def drawing(payload: str) -> tuple[int, str]:
    """A QR code as the side of a square, in modules with the quiet zone, and as the path of what is
    dark in it, for SVG. It takes 20 ms; not for an event loop."""
    rows = modules_of(payload)
    steps = []
    for y, row in enumerate(rows):
        x = 0
        while (x := row.find(1, x)) >= 0:
            end = row.find(0, x)
            steps.append(f"M{x} {y}h{end - x}v1h{x - end}z")
            x = end
    return len(rows), "".join(steps)


def page(part: Part, body: str, token: str = "", root: str = "") -> str:
    """A whole page, in the language that is spoken here. body: `main_of` the part. token: of the
    link whose part it is, in the browser that has opened it. root: the way to the files."""
    is_live = bool(token) and not is_last(part)
    again = ""
    if is_live and part not in (Plain.USED_UP, Plain.REFUSED):
        again = f'<noscript><meta http-equiv="refresh" content="{REFRESH_S}"></noscript>'
    live = " data-live" if is_live else ""
    return (
        f'<!doctype html><html lang="{spoken().value}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(tr('Link WhatsApp'))}</title>"
        f'<link rel="stylesheet" href="{root}page.css">{again}'
        f'<script src="{root}page.js" defer></script></head>'
        f"<body{live}><main>{body}</main></body></html>\n"
    )


def main_of(part: Part, drawn: tuple[int, str] | None = None, token: str = "") -> str:
    """What a page says, as HTML. drawn: of a code, see `drawing`. token: of the link; of a page
    that refuses something the way back to it, "" for its own."""
    match part:
        case Door():
            return _door(part)
        case Code():
            assert drawn is not None
            return _code(part, drawn, token)
        case Plain.WAITS:
            return _said(
                tr("The code is on its way"),
                tr("This page shows it by itself. It takes some seconds, sometimes a minute."),
                live=True,
            )
        case Plain.USED_UP:
            return _said(
                tr("No code is shown now"),
                tr("A code is valid for some seconds only. Have the phone at hand, then go on."),
            ) + _start(token)
        case Plain.REFUSED:
            return _said(
                tr("WhatsApp has not linked the phone"),
                tr("The phone may say why. Try it again, or ask whoever sent you this link."),
            ) + _start(token)
        case Plain.BARRED:
            return _said(
                tr("No code can be shown now"),
                tr("Leave this page open, or ask whoever sent you this link."),
                live=True,
            )
        case Plain.LINKED:
            return _said(tr("Linked"), tr("The phone is linked. You can close this page."), "done")
        case Plain.NOWHERE:
            return _said(
                tr("This link leads nowhere"),
                tr(
                    "It was used in another browser, its time is over, or a part of it is missing."
                    " Ask whoever sent it to you for a new one."
                ),
            ) + _again(tr("Try it again here"), token)
        case Plain.BUSY:
            return _said(
                tr("This does not work at the moment"), tr("Wait for a minute, then try it again.")
            ) + _again(tr("Try it again"), token)
        case Plain.FOREIGN:
            return _said(
                tr("This button was not pressed on this page"),
                tr("Open the link that was sent to you in a browser, and press its button there."),
            )
        case _:
            assert_never(part)


def _said(title: str, text: str, kind: str = "", *, live: bool = False) -> str:
    named = f' class="{kind}"' if kind else ""
    wheel = '<div class="wheel" aria-hidden="true"></div>' if live else ""
    return (
        f'<section{named} aria-live="polite">{wheel}<h1>{escape(title)}</h1>'
        f"<p>{escape(text)}</p></section>"
    )


def _door(door: Door) -> str:
    by_script = " data-fetch" if door.by_script else ""
    or_else = tr("If there is none, go on here: it can be a code to type, too.")
    or_else = f"<p>{escape(or_else)}</p>" if door.offers else ""
    return (
        f"<section><h1>{escape(tr('Link your WhatsApp'))}</h1>"
        f"<p>{escape(tr('A QR code is shown here, which your phone scans with WhatsApp.'))}</p>"
        f'<div class="phone"><p>{escape(_other_screen())}</p>{or_else}</div>'
        f'<form method="post" action="{escape(door.token)}/open"{by_script}>'
        f'<input type="hidden" name="page" value="{escape(door.nonce)}">'
        f"<button>{escape(tr('Show the code here'))}</button></form>"
        f'<p class="small">{escape(tr("It is shown in this browser then, and in no other."))}</p>'
        "</section>"
    )


def _code(code: Code, drawn: tuple[int, str], token: str) -> str:
    side, path = drawn
    told = tr("Code {index} of {count}, {left} s left", index=code.index, count=code.count,
              left=_LEFT)  # fmt: skip
    left = _counted(told, code.left_s)
    steps = (
        tr("Open WhatsApp on the phone."),
        tr("Tap Settings, then Linked devices, then Link a device."),
        tr("Point the phone at this code."),
    )
    listed = "".join(f"<li>{escape(step)}</li>" for step in steps)
    return (
        f'<section class="code"><div class="phone">{_on_a_phone(code, token)}</div>'
        f'<svg class="qr" role="img" aria-label="{escape(tr("QR code"))}"'
        f' viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<rect width="{side}" height="{side}" fill="#fff"/><path d="{path}" fill="#000"/></svg>'
        f"<div><h1>{escape(tr('Scan this code with WhatsApp'))}</h1><ol>{listed}</ol>"
        f'<p class="left">{left}</p>'
        f'<p class="small">{escape(tr("The next one comes by itself."))}</p></div></section>'
    )


def _counted(told: str, left_s: float) -> str:
    """A text with seconds in it, which the script counts."""
    shown = f'<span data-left="{left_s:.1f}">{max(0, ceil(left_s))}</span>'
    return escape(told).replace(_LEFT, shown)


def _on_a_phone(code: Code, token: str) -> str:
    """What stands above the code where the screen is that of a phone."""
    if code.typed is not None:
        left = _counted(tr("{left} s left", left=_LEFT), code.typed.left_s)
        how = tr(
            "Tap the notification of WhatsApp, or in it Settings, Linked devices, Link a device,"
            " Link with phone number instead."
        )
        return (
            f"<p>{escape(tr('Type this code on the phone:'))}</p>"
            f'<p class="typed">{escape(code.typed.text)}</p>'
            f'<p>{escape(how)}</p><p class="small">{left}</p>'
        )
    other = f"<p>{escape(_other_screen())}</p>"
    if not code.offers:
        return other
    said = escape(tr("Show a code to type"))
    return (
        f'{other}<form method="post" action="{escape(token)}/code"><button>{said}</button></form>'
    )


def _other_screen() -> str:
    return tr(
        "This looks like a phone. Open the link on another screen, a laptop or a tablet: the phone"
        " cannot scan what it shows itself."
    )


def _start(token: str) -> str:
    said = escape(tr("Show a new code"))
    return f'<form method="post" action="{escape(token)}/start"><button>{said}</button></form>'


def _again(said: str, to: str) -> str:
    # A browser sends no cookie that is strict along with a link of another page, as of a chat; with
    # this one it does.
    return f'<p><a href="{escape(to)}">{escape(said)}</a></p>'
