"""What the screen says about an instance, as sentences; the wall and the focus share them."""

from waziterm.domain.fleet import InstanceView
from waziterm.domain.instance import QrCode
from waziterm.domain.reasons import Reason
from waziterm.domain.states import State
from waziterm.tui.format import countdown, duration, since
from waziterm.tui.paint import TIE, inert

FRESH_PROBE_S = 120.0
"""A probe that is older says so, because the state may be older news than it looks."""

_ENTER = TIE.join(["enter", "shows", "it"])
_R_NOW = TIE.join(["·", "r", "=", "now"])
_R_SHORTENS = frozenset({State.RETRYING, State.COOLDOWN})


def number(view: InstanceView) -> str:
    """The masked number alone, or that there is none."""
    if view.jid is None:
        if view.state is State.LOGGED_OUT:
            return "not linked any more"
        return "linked" if view.paired else "not linked yet"
    return inert(view.jid).partition("@")[0].partition(":")[0]


def age(view: InstanceView, now: float) -> str:
    """How long the connection is open, or how long the state lasts."""
    if view.connected_at is not None:
        return f"up {duration(now - view.connected_at)}"
    return f"for {duration(now - view.since)}"


def why(view: InstanceView) -> str:
    """The reason, its code and its evidence."""
    reason = view.reason
    said = f"{reason.sentence} ({reason.code})" if reason.code else reason.sentence
    detail = inert(view.detail)
    return f"{said} · {detail}" if detail else said


def next_step(view: InstanceView, now: float, *, with_key: bool = True) -> str:
    """What comes next and when, "" when nothing does.

    with_key: name the key that brings it forward.
    """
    if view.state is State.CONNECTED and view.reason is Reason.ONLINE:
        return ""
    step = inert(view.next_step)
    if view.next_attempt is None:
        return f"next: {step}" if step else ""
    said = f"next in {countdown(view.next_attempt - now)}: {step}"
    return f"{said} {_R_NOW}" if with_key and view.state in _R_SHORTENS else said


def state_word(view: InstanceView, now: float) -> str:
    """The state, with the countdown of its wait."""
    if view.next_attempt is None:
        return view.state.label
    return f"{view.state.label} {countdown(view.next_attempt - now)}"


def health(view: InstanceView, now: float) -> str:
    """The last probe and the messages sent, for a connected instance."""
    parts = []
    if view.probe_s is not None:
        probe = f"probe {max(view.probe_s, 0.01):.2f} s"
        if view.probed_at is not None and now - view.probed_at > FRESH_PROBE_S:
            probe += f", {duration(now - view.probed_at)} ago"
        parts.append(probe)
    if view.sent:
        parts.append(f"sent {view.sent}")
    return " · ".join(parts) or "not probed yet"


def valid_qr(view: InstanceView, now: float) -> QrCode | None:
    """The QR code that a phone would still accept."""
    if view.state is not State.PAIRING or view.qr is None or view.qr.expires_at <= now:
        return None
    return view.qr


def qr_line(view: InstanceView, now: float) -> str:
    """What the wall says about a pairing: it never paints a code too small to scan."""
    code = valid_qr(view, now)
    if code is None:
        return "waiting for the next QR code"
    left = countdown(code.expires_at - now)
    return f"QR ready, code {code.index} of {code.count}, {left} left · {_ENTER}"


def facts(view: InstanceView, now: float) -> list[tuple[str, str]]:
    """The rest of what is known, as label and value."""
    known = [("since", since(view.since, now))]
    if view.connected_at is not None:
        known.append(("uptime", duration(now - view.connected_at)))
    known.append(("number", inert(view.jid) if view.jid is not None else number(view)))
    known.append(("wanted", view.wanted.value))
    if view.attempt:
        known.append(("attempt", str(view.attempt)))
    if view.probe_s is not None or view.sent:
        known.append(("health", health(view, now)))
    if view.proxy is not None:
        known.append(("proxy", inert(view.proxy)))
    if view.pid is not None:
        known.append(("worker", f"pid {view.pid}"))
    return known
