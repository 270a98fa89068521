"""What the screen says about an instance, as sentences; the wall and the focus share them."""

from collections.abc import Sequence

from waziterm.domain.care.trash import Why
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.fleet.history import ShiftNote
from waziterm.domain.lifecycle.details import as_phrase, other_number_detail
from waziterm.domain.lifecycle.instance import QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import KeyAction
from waziterm.domain.version import Origin, UsedVersion
from waziterm.lang import N_, retold, tr
from waziterm.tui.paint.cells import TIE, inert
from waziterm.tui.text.format import countdown, day_and_minute, duration, milliseconds, since
from waziterm.tui.text.keynames import acts, key_of, with_keys

FRESH_PROBE_S = 120.0
"""A probe that is older says so, because the state may be older news than it looks."""

_BY_SLUG = {reason.slug: reason for reason in Reason}
NAMED = 12
"""So many instances a sentence names."""

HOW = {
    Why.CLEANED: N_("cleaned"),
    Why.LOGGED_OUT: N_("logged out"),
    Why.REMOVED: N_("removed"),
    Why.FIXED: N_("moved here by a fix"),
    Why.COPY: N_("copied by a fix"),
    Why.DAMAGED: N_("damaged"),
}
"""How something came into the trash."""

_R_SHORTENS = frozenset({State.RETRYING, State.COOLDOWN, State.OUTDATED})


def number(view: InstanceView) -> str:
    """The masked number alone, or that there is none."""
    if view.jid is None:
        if view.state is State.LOGGED_OUT:
            return tr("not linked any more")
        return tr("linked") if view.paired else tr("not linked yet")
    return inert(view.jid).partition("@")[0].partition(":")[0]


def other_number(view: InstanceView) -> str:
    """That another number than expected has linked it, and how that is undone; else ""."""
    if not view.other_number or view.phone is None:
        return ""
    return tr(
        "{what}; `waziterm clean {name} --logout` unlinks it",
        what=told_detail(other_number_detail(inert(view.other_number), inert(view.phone))),
        name=inert(view.name),
    )


def age(view: InstanceView, now: float) -> str:
    """How long the connection is open, or how long the state lasts."""
    if view.connected_at is not None:
        return tr("up {duration}", duration=duration(now - view.connected_at))
    return tr("for {duration}", duration=duration(now - view.since))


def why(view: InstanceView) -> str:
    """The reason, its code and its evidence."""
    return told(view.reason, view.detail)


def told_detail(detail: str) -> str:
    """A reason's evidence in the language of the screen, as far as it is of our own words."""
    phrase = as_phrase(detail)
    return retold(tr(detail) if phrase is detail else phrase)


def told(reason: Reason, detail: str) -> str:
    """A reason with its code, and the evidence for it."""
    sentence = tr(reason.sentence)
    said = f"{sentence} ({reason.code})" if reason.code else sentence
    evidence = inert(told_detail(detail))
    return f"{said} · {evidence}" if evidence else said


def brief(reason: Reason, detail: str) -> str:
    """The same for a place that may cut it: the code, by which operators know it, comes first."""
    said = f"{reason.code} {tr(reason.sentence)}".lstrip()
    evidence = inert(told_detail(detail))
    return f"{said} · {evidence}" if evidence else said


def of_slug(slug: str) -> str:
    """A reason by its word in the database, with its code first."""
    reason = _BY_SLUG.get(slug)
    return inert(slug) if reason is None else brief(reason, "")


def says_number(view: InstanceView) -> bool:
    """Whether the number is news beside the reason: both may say that there is none."""
    return view.jid is not None or view.reason is not Reason.NEW


def next_step(view: InstanceView, now: float, *, with_key: bool = True) -> str:
    """What comes next and when, "" when nothing does.

    with_key: name the key that brings it forward.
    """
    if view.state is State.CONNECTED and view.reason is Reason.ONLINE:
        return ""
    step = inert(with_keys(tr(view.next_step)))
    if view.next_attempt is None:
        return tr("next: {step}", step=step) if step else ""
    left = countdown(view.next_attempt - now)
    said = tr("next in {left}: {step}", left=left, step=step)
    if with_key and acts() and view.state in _R_SHORTENS:
        return f"{said} {_tied('·', key_of(KeyAction.RECONNECT), '=', tr('now'))}"
    return said


def state_word(view: InstanceView, now: float) -> str:
    """The state, with the countdown of its wait."""
    label = tr(view.state.label)
    if view.next_attempt is None:
        return label
    return f"{label} {countdown(view.next_attempt - now)}"


def health(view: InstanceView, now: float) -> str:
    """The last probe and the messages sent, for a connected instance."""
    parts = []
    if view.probe_s is not None:
        took = milliseconds(view.probe_s)
        if view.probed_at is not None and now - view.probed_at > FRESH_PROBE_S:
            ago = duration(now - view.probed_at)
            parts.append(tr("probe {took}, {duration} ago", took=took, duration=ago))
        else:
            parts.append(tr("probe {took}", took=took))
    if view.sent:
        parts.append(tr("sent {count}", count=view.sent))
    return " · ".join(parts) or tr("not probed yet")


def barred(view: InstanceView, now: float) -> str:
    """That the number may start no new chats, and until when; "" when it may."""
    until = view.new_chats_barred(now)
    if until is None:
        return ""
    return tr("cannot start new chats until {moment}", moment=since(until, now))


def phone_silent(view: InstanceView, now: float) -> str:
    """That nothing has come from its phone for long, and what helps; "" when something has."""
    silent_s = view.phone_silent_s(now)
    if silent_s is None:
        return ""
    days = int(silent_s // 86_400)
    return tr("no sign from the phone for {days} days: open WhatsApp on it", days=str(days))


def silenced(view: InstanceView, now: float) -> str:
    """That no sink of the alerts is told of it, and until when; "" when they are."""
    until = view.silenced(now)
    return "" if until is None else tr("silenced until {moment}", moment=since(until, now))


def remarks(view: InstanceView, now: float) -> str:
    """What is to be remembered of an instance that needs nobody, "" when there is nothing."""
    return " · ".join(each for each in (silenced(view, now), tags(view), inert(view.note)) if each)


def has_remarks(view: InstanceView, now: float) -> bool:
    """Whether there is something; it is asked of each instance of a fleet."""
    has = view.note or view.tags or view.silenced_until is not None
    return bool(has and remarks(view, now))


def tags(view: InstanceView) -> str:
    """Its tags as one word each, "" when it has none."""
    return " ".join(f"#{inert(tag)}" for tag in view.tags)


def version(used: UsedVersion) -> str:
    """The version that WhatsApp is told; a newer one than the library's own opens the gate only."""
    if used.origin is not Origin.READ:
        return used.text
    bridge = tr("newer than the library's own, good for some weeks: upgrade neonize")
    return f"{used.text}, {bridge}"


def valid_qr(view: InstanceView, now: float) -> QrCode | None:
    """The QR code that a phone would still accept."""
    if view.state is not State.PAIRING or view.qr is None or view.qr.expires_at <= now:
        return None
    return view.qr


def qr_line(view: InstanceView, now: float) -> str:
    """What the wall says about a pairing: it never paints a code too small to scan; "" where
    nothing comes next."""
    code = valid_qr(view, now)
    if code is None:
        return tr("waiting for the next QR code") if view.next_step else ""
    ready = tr(
        "QR ready, code {index} of {count}, {left} left",
        index=code.index,
        count=code.count,
        left=countdown(code.expires_at - now),
    )
    return f"{ready} · {_tied(tr('{enter} shows it', enter=key_of(KeyAction.FOCUS_INSTANCE)))}"


def _tied(*parts: str) -> str:
    """Words that belong on one line."""
    return " ".join(parts).replace(" ", TIE)


def facts(view: InstanceView, now: float) -> list[tuple[str, str]]:
    """The rest of what is known, as label and value."""
    known = [(tr("since"), since(view.since, now))]
    if view.connected_at is not None:
        known.append((tr("uptime"), duration(now - view.connected_at)))
    if says_number(view):
        known.append((tr("number"), inert(view.jid) if view.jid is not None else number(view)))
    known.append((tr("wanted"), tr(view.wanted.value)))
    if view.attempt:
        known.append((tr("attempt"), str(view.attempt)))
    if view.probe_s is not None or view.sent:
        known.append((tr("health"), health(view, now)))
    if view.proxy is not None:
        known.append((tr("proxy"), inert(view.proxy)))
    if view.tags:
        known.append((tr("tags"), tags(view)))
    if view.note:
        known.append((tr("note"), inert(view.note)))
    return known


def note_line(note: ShiftNote) -> str:
    """A note that somebody left: who, when, what."""
    who = inert(note.who) or "?"
    return f"{who}, {day_and_minute(note.at)}: {inert(note.text)}"


def some_of(names: Sequence[str]) -> str:
    """Names for a sentence, not more of them than can be read."""
    told = ", ".join(map(inert, names[:NAMED]))
    if len(names) <= NAMED:
        return told
    return tr("{names} and {count} more", names=told, count=len(names) - NAMED)
