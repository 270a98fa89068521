"""The screen in Indonesian: a whole catalog in the words of the glossary, no English left."""

import ast
import gettext
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from rich.cells import cell_len

from tests.texts.__main__ import is_translated
from tests.texts.collect import LOCALES, ROOT, texts
from tests.tui import painted, scripted
from tests.tui.painted import shown
from tests.tui.scripted import NOW, ScriptedFleet, every_state
from tests.tui.test_snapshots import VIEWS as PICTURES
from tests.tui.test_snapshots import after, app_of
from waziterm.domain.care.findings import Severity
from waziterm.domain.care.layers import LayerName
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Lang
from waziterm.lang import lang_of, speaking, tr, translations, trn
from waziterm.tui.commands.keys import KEYS
from waziterm.tui.fleet import panel
from waziterm.tui.instance import card as focuscard
from waziterm.tui.screens.dialogs import AddDialog
from waziterm.tui.screens.dialogs_edit import EditOne
from waziterm.tui.state.columns import HEADINGS, Column, columns
from waziterm.tui.text import tools as tooltext
from waziterm.tui.text import words

PO = LOCALES / "id" / "LC_MESSAGES" / "waziterm.po"
INDONESIAN = translations(Lang.ID, {})
GLOSSARY = tomllib.loads((LOCALES / "glossary.toml").read_text(encoding="utf-8"))["term"]
PLACE = re.compile(r"\{\w*\}")
COMMAND = re.compile(r"`[^`]*`|\{\w+\}")
PRESS = re.compile(r"\((\w)\)")


@cache
def catalog() -> Catalog:
    with PO.open("rb") as source:
        return read_po(source, locale="id")


def messages() -> Iterator[Message]:
    """What is translated, without the catalog's own head."""
    return (message for message in catalog() if message.id)


def ids(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def strings(message: Message) -> tuple[str, ...]:
    string = message.string
    return (string,) if isinstance(string, str) else tuple(string or ())


# -- the catalog


def test_the_catalog_holds_every_text_of_the_screen_and_no_other() -> None:
    held = {message.id for message in messages()}
    assert held == set(texts()), "run `make texts`, then translate what is new"
    assert not catalog().obsolete


def test_every_text_is_translated_for_certain() -> None:
    assert [each.id for each in messages() if each.fuzzy or not is_translated(each)] == []


def test_gettext_reads_what_is_in_the_catalog() -> None:
    with speaking(INDONESIAN):
        for message in messages():
            if isinstance(message.id, str):
                assert tr(message.id) == message.string, "run `make setup`"


@pytest.mark.parametrize("found", [PLACE, COMMAND, PRESS], ids=["places", "commands", "keys"])
def test_a_translation_has_the_same_values_commands_and_keys(found: re.Pattern[str]) -> None:
    for message in messages():
        for string in strings(message):
            one = ids(message)[-1]
            assert sorted(found.findall(string)) == sorted(found.findall(one)), one


def test_a_translation_begins_and_ends_as_its_text_does() -> None:
    for message in messages():
        for string in strings(message):
            one = ids(message)[0]
            assert string.strip() == string
            for mark in (".", "?", "…", ":"):
                assert string.endswith(mark) == one.endswith(mark), one


def test_what_comes_from_elsewhere_is_never_a_template() -> None:
    """Values are put into constants alone; a text from the network may have braces in it."""
    for path in (ROOT / "waziterm" / "tui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="tr" | "trn"), args=[first, *_], keywords=values):
                    constant = isinstance(first, ast.Constant)
                    assert constant or not values, f"{path.name}:{node.lineno}"
    with speaking(INDONESIAN):
        assert tr("{name}: added", name="{0} {verb}") == "{0} {verb}: ditambahkan"
        assert tr("{who}") == "{who}"
        assert tr("") == ""


def test_a_number_stands_in_its_text() -> None:
    assert trn("{n} instance", "{n} instances", 1) == "1 instance"
    assert trn("{n} instance", "{n} instances", 2) == "2 instances"
    with speaking(INDONESIAN):
        assert trn("{n} conflict", "{n} conflicts", 2) == "2 konflik"


# -- the glossary


@pytest.mark.parametrize("term", GLOSSARY, ids=lambda term: term["en"])
def test_a_word_of_the_field_is_always_the_same_word(term: dict[str, str | list[str]]) -> None:
    assert term["means"] and term["artinya"]
    forms = "|".join([re.escape(str(term["en"])), *term.get("forms", [])])
    word = re.compile(rf"(?<![\w-])(?:{forms})s?(?![\w-])", re.IGNORECASE)
    stems = [str(stem).lower() for stem in term.get("stems", [term["id"]])]
    for message in messages():
        if word.search(COMMAND.sub("", ids(message)[-1])):
            for string in strings(message):
                assert any(stem in string.lower() for stem in stems), message.id


def test_every_state_is_in_the_glossary_or_a_plain_word() -> None:
    """What a newcomer cannot guess is explained."""
    plain = {"stopped", "connecting", "connected", "banned"}
    assert {state.label for state in State} - plain <= {term["en"] for term in GLOSSARY}


def test_the_menu_of_the_phone_is_named_as_the_phone_names_it() -> None:
    menu = "Setelan → Perangkat tertaut → Tautkan perangkat"
    for message in messages():
        if "Settings →" in ids(message)[0]:
            assert menu in strings(message)[0]


# -- room


def said(texts: Iterable[str]) -> list[str]:
    with speaking(INDONESIAN):
        return [tr(text) for text in texts]


def test_what_has_a_fixed_place_fits_it() -> None:
    facts = (
        *("since", "uptime", "number", "wanted", "attempt", "health", "proxy", "worker", "phone"),
        *("session", "device", "library", "history", "7 days", "drops", "worst", "connects"),
        *("back in", "same"),
    )
    assert max(map(cell_len, said(facts))) < focuscard.LABEL + 1
    assert max(map(cell_len, said(label for _, label, _ in AddDialog.FIELDS))) < 7
    assert max(map(cell_len, said(label for _, label, _ in EditOne.FIELDS))) < 10
    assert max(map(cell_len, said(tooltext._STEPS.values()))) <= 22
    assert max(map(cell_len, said(LayerName))) <= 6
    assert max(map(cell_len, said(key.label for key in KEYS))) <= 14
    assert max(map(cell_len, said(Severity))) <= 10
    for heading in HEADINGS.values():
        assert not heading.size or cell_len(said([heading.title])[0]) < heading.size


def test_no_countdown_is_cut_off_in_the_list() -> None:
    """A ban takes hours, the other waits minutes."""
    with speaking(INDONESIAN):
        size = dict(columns(80))[Column.STATE]
        for view in every_state().views.values():
            if view.next_attempt is not None:
                longest = 86_399.0 if view.state is State.BANNED else 3_599.0
                told = words.state_word(view, view.next_attempt - longest)
                assert cell_len(told) + 2 <= size, told


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.slug)
def test_the_smallest_panel_says_the_whole_reason_and_its_code(reason: Reason) -> None:
    """Whatever the English panel has room for, the Indonesian one has as well."""
    view = scripted.instance("shop", State.HELD, reason, jid="+62811••••9083:12@s.whatsapp.net")
    with speaking(INDONESIAN):
        strips = panel.draw(view, [], panel.MIN_WIDTH, panel.MIN_HEIGHT, NOW)
        sentence = tr(reason.sentence)
    flat = " ".join(" ".join(strip.text.strip("│┃ ") for strip in strips[1:-1]).split())
    assert sentence in flat and "…" not in flat, flat
    assert reason.code in flat


# -- the screen

VIEWS: dict[str, tuple[Callable[[], ScriptedFleet], list[str], tuple[str, ...]]] = {
    "wall": (every_state, [], ("1 ditahan", "cool-down 0:07", "satu percobaan terjaga")),
    "list": (every_state, ["2"], ("NAMA", "STATUS", "SEBAB", "tautan perangkat diputus di pon")),
    "focus": (
        every_state,
        ["right", "enter"],
        ("sejak 15:06:36", "nomor +62811", "sesi sessions/", "dalam 0:07: satu percobaan terjaga"),
    ),
    "focus_qr": (
        lambda: ScriptedFleet(scripted.pairing("shop-medan")),
        ["enter"],
        ("Setelan → Perangkat", "sisa 14 dtk"),
    ),
    "queue": (every_state, ["5"], ("tinggal 2: shop-medan", "QR siap, kode 2 dari 6")),
    "incidents": (
        every_state,
        ["4"],
        ("2 insiden dalam 7 hari", "percobaan terjaga, tersambung setelah 12 dtk"),
    ),
    "help": (every_state, ["question_mark"], ("Di mana saja", "antrean pemindaian")),
    "empty": (ScriptedFleet, [], ("Belum ada nomor WhatsApp", "Tekan a untuk menambah instance")),
}


@pytest.mark.parametrize("view", VIEWS)
async def test_each_view_speaks_indonesian(view: str) -> None:
    build, keys, wanted = VIEWS[view]
    async with shown(build(), 120, 40, lang=Lang.ID) as screen:
        await screen.press(*keys)
        await screen.says(*wanted)


async def test_what_a_key_does_is_told_in_indonesian() -> None:
    fleet = every_state()
    async with shown(fleet, 120, 40, lang=Lang.ID) as screen:
        fleet.gate.clear()
        await screen.press("r")
        await screen.sees("shop-jakarta: sambung ulang diminta")
        fleet.gate.set()
        await screen.press("q")
        await screen.sees("Keluar dari waziterm?", "sesi sedang aktif")


@pytest.mark.parametrize(
    ("lang", "typed", "about", "explained"),
    [
        (
            Lang.EN,
            "glossary",
            "the terms on this screen",
            "cool-down The wait after a conflict, before one guarded attempt.",
        ),
        (
            Lang.ID,
            "glosarium",
            "istilah di layar ini",
            "antrean pemindaian (queue of scans) Semua instance yang menunggu dipindai",
        ),
    ],
)
async def test_the_palette_explains_the_words(
    lang: Lang, typed: str, about: str, explained: str
) -> None:
    async with shown(every_state(), 120, 40, lang=lang) as screen:
        await screen.press("colon", *typed)
        await screen.sees(about)
        await screen.press("down", "enter")
        await screen.says(explained)
        await screen.press("escape")
        await screen.sees("shop-jakarta")


async def test_the_filter_takes_words_of_both_languages() -> None:
    for typed in ("ditahan", "held"):
        async with shown(every_state(), 120, 40, lang=Lang.ID) as screen:
            await screen.press("2", "slash", *typed, "enter")
            await screen.sees("shop-aceh", "1 dari 12 tersaring")


@pytest.mark.parametrize(
    "view",
    [
        *("wall", "wall_past", "list", "focus_qr", "focus_cooldown", "incidents", "queue", "trash"),
        "audit",
        "messages",
        "message_write",
        "help",
        "empty",
    ],
)
def test_pictures(snap_compare: Callable[..., bool], view: str) -> None:
    _, keys = PICTURES[view]
    with speaking(INDONESIAN):
        assert snap_compare(app_of(view), terminal_size=(80, 24), run_before=after(keys))


class Shouting(gettext.NullTranslations):
    """A language in which every text of the catalog is in capitals."""

    def gettext(self, message: str) -> str:
        return "".join(
            part if PLACE.fullmatch(part) else part.upper()
            for part in re.split(r"(\{\w*\})", message)
        )

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


# Names, numbers and evidence of the fleet, names of keys, and what the manager tells in English.
NOT_OURS = re.compile(
    r"shop-[a-z0-9]*|waziterm|neonize|sessions/\S+|s\.whatsapp\.\S*|pid \d+|python bot.py|code 101"
    r"|\b(?:enter|esc|tab|space|Home|demo|ops|mail)\b"
    r"|cannot be an instance name:.*?letter or a digit"
)
SAID = re.compile(r"[a-z]{3,}")
TOUR: tuple[list[str], ...] = (
    [], ["end"], ["2"], ["2", "slash", *"BAN"], ["2", "slash", *"BAN", "enter"], ["z"],
    ["2", "space"], ["4"], ["5"], ["K"], ["F"], ["R"], ["R", "y"], ["enter", "T"], ["c"],
    ["space", "space", "c"], ["C"], ["x"], ["u"], ["q"], ["question_mark"], ["a"], ["l"],
    ["enter"], ["right", "enter"], ["right", "right", "enter"], ["right", "right", "enter", "p"],
    ["right", "right", "enter", "y"], ["right", "right", "enter", "Q"], ["enter", "P"],
    ["asterisk"], ["v"], ["6"], ["6", "u"], ["L"], ["L", "slash", "Z", "enter"], ["number_sign"],
    ["4", "A"], ["4", "N"], ["5", "3"], ["colon", *"THEME …", "enter"],
    ["enter", "up", "w"], ["A"], ["t"], ["ctrl+z"], ["s"],
)  # fmt: skip


@pytest.mark.soak
async def test_nothing_that_the_screen_says_is_missing_from_the_catalog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a language of capitals, a small letter is a text that nobody can translate."""
    monkeypatch.setattr(painted, "translations", lambda _lang, _environ: Shouting())
    fleet = every_state()
    fleet.logs.clear()
    async with shown(fleet, 120, 40) as screen:
        for keys in TOUR:
            await screen.press(*keys)
            await screen.pilot.pause(0.05)
            lines = screen.text().splitlines()
            assert [line for line in lines if SAID.search(NOT_OURS.sub("", line))] == [], keys
            await screen.press("escape", "escape", "1", "home")


# -- which language


@pytest.mark.parametrize(
    ("environ", "wanted", "spoken"),
    [
        ({}, Lang.AUTO, Lang.EN),
        ({"LANG": "id_ID.UTF-8"}, Lang.AUTO, Lang.ID),
        ({"LANG": "id"}, Lang.AUTO, Lang.ID),
        ({"LANG": "id@latin"}, Lang.AUTO, Lang.ID),
        ({"LANG": "idx_XX.UTF-8"}, Lang.AUTO, Lang.EN),
        ({"LANG": "de_DE.UTF-8"}, Lang.AUTO, Lang.EN),
        ({"LANG": "id_ID.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, Lang.AUTO, Lang.EN),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "id_ID.UTF-8"}, Lang.AUTO, Lang.ID),
        ({"LANG": "id_ID.UTF-8", "LC_ALL": "C.UTF-8"}, Lang.AUTO, Lang.EN),
        ({"LANG": "id_ID.UTF-8", "LC_ALL": ""}, Lang.AUTO, Lang.ID),
        ({"LANG": "id_ID.UTF-8"}, Lang.EN, Lang.EN),
        ({"LANG": "en_US.UTF-8"}, Lang.ID, Lang.ID),
    ],
)
def test_the_flag_beats_the_locale(environ: dict[str, str], wanted: Lang, spoken: Lang) -> None:
    assert lang_of(wanted, environ) is spoken
    assert translations(wanted, environ).gettext("held") == ("ditahan", "held")[spoken is Lang.EN]


def test_a_language_that_is_not_installed_is_english_unless_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("waziterm.lang.LOCALES", tmp_path)
    assert translations(Lang.AUTO, {"LANG": "id_ID"}).gettext("held") == "held"
    with pytest.raises(FileNotFoundError):
        translations(Lang.ID, {})
