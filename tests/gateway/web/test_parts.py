"""What the scan page shows of each state, how often may be asked, and in which language."""

from html.parser import HTMLParser

import pytest

from tests.gateway.web.browser import scanned
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.instance import QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.screen import Lang
from waziterm.gateway.web.html import drawing, main_of, page
from waziterm.gateway.web.language import wanted
from waziterm.gateway.web.parts import Code, Door, Part, Plain, part_of
from waziterm.gateway.web.scan_limits import Buckets, Limits

NOW = 1_000.0


def view(state: State, reason: Reason = Reason.ASKED, qr: QrCode | None = None) -> InstanceView:
    return InstanceView(
        *("shop", state, reason, "", "", Wanted.RUNNING, False, None, NOW),
        qr=qr,
    )


@pytest.mark.parametrize("state", State)
def test_each_state_shows_something_and_nothing_of_the_fleet(state: State) -> None:
    part = part_of(view(state), NOW)
    assert isinstance(part, Plain) and part not in (Plain.LINKED, Plain.NOWHERE, Plain.FOREIGN)
    is_barred = state in (State.HELD, State.BANNED, State.COOLDOWN, State.OUTDATED)
    assert (part is Plain.BARRED) is is_barred
    assert (part is Plain.USED_UP) is (state in (State.STOPPED, State.LOGGED_OUT))


def test_a_code_is_shown_as_long_as_a_phone_takes_it() -> None:
    seen = view(State.PAIRING, qr=QrCode("2@abc,def", 2, 6, NOW + 14.2))
    code = part_of(seen, NOW)
    assert isinstance(code, Code) and (code.index, code.count) == (2, 6)
    html = main_of(code, drawing(code.payload))
    assert scanned(html) == "2@abc,def" and "2@abc" not in html + repr(code)
    assert 'Code 2 of 6, <span data-left="14.2">15</span> s left' in html
    assert part_of(seen, NOW + 15) is Plain.WAITS


def test_who_was_refused_is_told_so() -> None:
    for reason in (Reason.PASSKEY, Reason.LOCKED, Reason.DEVICES_FULL):
        assert part_of(view(State.STOPPED, reason), NOW) is Plain.REFUSED
    assert part_of(view(State.STOPPED, Reason.PAUSED), NOW) is Plain.BARRED


class Nesting(HTMLParser):
    """Raises AssertionError for marks that do not close each other."""

    VOID = ("meta", "link", "input", "rect", "path")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name == "style" or name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID


@pytest.mark.parametrize(
    "part", [*Plain, Door("t" * 32, "n" * 32, True), Code('<b>"&', 1, 6, 20.0)], ids=repr
)
def test_pages_are_sound_and_escaped(part: Part) -> None:
    drawn = drawing(part.payload) if isinstance(part, Code) else None
    html = page(part, main_of(part, drawn, token='"><script>'), "token")
    reading = Nesting()
    reading.feed(html)
    assert reading.open == [] and html.count("<script") == 1


@pytest.mark.parametrize(
    ("accepted", "lang"),
    [
        ("", Lang.EN),
        ("id", Lang.ID),
        ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", Lang.ID),
        ("en-GB,en;q=0.9,id;q=0.8", Lang.EN),
        ("in", Lang.ID),
        ("de-DE,de;q=0.9", Lang.EN),
        ("de,id;q=0.3", Lang.ID),
        ("id;q=0, en;q=0.1", Lang.EN),
        ("id;q=nan;q=x", Lang.EN),
        ("*", Lang.EN),
        ("," * 10_000 + "id", Lang.EN),
    ],
)
def test_the_language_is_the_readers(accepted: str, lang: Lang) -> None:
    assert wanted(accepted) is lang


def test_so_many_at_once_and_so_many_a_second() -> None:
    bucket = Buckets(3.0, 0.5)
    assert [bucket.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 2.0]
    assert bucket.take("b", 0.0) == 0
    assert bucket.take("a", 1.0) == 1.0
    assert bucket.take("a", 2.0) == 0


def test_many_addresses_together_are_stopped_and_are_not_all_kept() -> None:
    limits = Limits()
    waits = [limits.miss(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 0.0) for n in range(10_000)]
    assert waits[0] == 0 and waits[-1] > 0
    assert len(limits._misses._left) <= 4096
    assert limits.hit(1, True, 0.0) == 0
    assert limits.miss("::ffff:10.0.0.1", 1_000.0) == limits.miss("no address", 1_000.0) == 0
