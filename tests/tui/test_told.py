"""What the manager tells in sentences, said by the screen in its own language."""

import ast
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.domain.test_diagnosis import (
    BROKEN,
    DAY_S,
    EMPTY,
    ENTRY,
    HALF,
    HEALTHY,
    JID,
    NOW,
    OTHER,
    PAIRED,
    SOUND,
    with_instance,
)
from tests.texts.collect import ROOT, phrases
from tests.texts.told import catalogs, check_told
from waziterm.config.settings import Address, Api, Settings
from waziterm.control.client.answers import error_of
from waziterm.control.protocol import PROTOCOL
from waziterm.domain.backup import BackupRecord
from waziterm.domain.care.diagnosis import diagnose, steps_of
from waziterm.domain.care.evidence import (
    Condition,
    MessagesLook,
    OpenPath,
    SessionLook,
    Survey,
    WebhookLook,
)
from waziterm.domain.care.findings import Finding, FindingKind, FixReport, FixStep, Remedy
from waziterm.domain.care.trash import Why
from waziterm.domain.codec import CodecError, decode, document, encode
from waziterm.domain.errors import FleetError, InstanceNotFoundError
from waziterm.domain.fleet.api import SendResult
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase
from waziterm.domain.screen import Lang
from waziterm.domain.send_refusals import send_refusal
from waziterm.domain.version import Origin, UsedVersion
from waziterm.lang import retold, speaking, translations
from waziterm.manager import inputs
from waziterm.tui.state.messages import refusal
from waziterm.tui.text import tools


def look(condition: Condition, *devices: str) -> SessionLook:
    told = Phrase("it was not closed cleanly, or is in use")
    return SessionLook(condition, told, tuple((jid, "") for jid in devices))


def held(reason: Reason) -> Survey:
    return with_instance(hold=reason, state=State.HELD, reason=reason, detail="code 101")


def version(origin: Origin, days: int) -> Survey:
    return replace(HEALTHY, version=UsedVersion(1030000000, origin, NOW - days * DAY_S))


def files(**looks: SessionLook) -> Survey:
    return replace(HEALTHY, sessions=looks)


OUTDATED = {"hold": Reason.OUTDATED_CLIENT, "state": State.OUTDATED, "detail": "code 405"}
CONFLICTS = {"trouble": Reason.CONFLICT, "trouble_detail": "held by bot (pid 7)"}

EXAMPLES: dict[FindingKind, tuple[Survey, ...]] = {
    FindingKind.SESSION_MISSING: (files(), replace(files(), trash=(ENTRY,))),
    FindingKind.SESSION_UNREADABLE: (files(shop=look(Condition.UNREADABLE)),),
    FindingKind.SESSION_DAMAGED: (
        files(shop=BROKEN),
        files(shop=HALF),
        replace(files(shop=HALF), holders={"shop": "bot (pid 7)"}),
    ),
    FindingKind.SESSION_REPLACED: (replace(HEALTHY, replaced=("shop",)),),
    FindingKind.SESSION_UNWRITABLE: (replace(HEALTHY, unwritable=("/d/shop.db",)),),
    FindingKind.SESSION_BUSY: (files(shop=look(Condition.BUSY)),),
    FindingKind.NO_DEVICE: (
        files(shop=EMPTY),
        replace(with_instance(jid=None, state=State.STOPPED), sessions={"shop": EMPTY}),
        replace(
            with_instance(jid=None, state=State.STOPPED),
            sessions={"shop": EMPTY},
            holders={"shop": "bot (pid 7)"},
        ),
    ),
    FindingKind.SEVERAL_DEVICES: (
        files(shop=look(Condition.SOUND, JID, OTHER)),
        files(shop=look(Condition.SOUND, OTHER, OTHER.replace(":2", ":3"))),
    ),
    FindingKind.OTHER_DEVICE: (
        files(shop=look(Condition.SOUND, OTHER)),
        with_instance(jid=None, state=State.STOPPED),
    ),
    FindingKind.JID_TWICE: (
        files(shop=SOUND, old=SOUND),
        replace(
            HEALTHY,
            instances=(PAIRED, replace(PAIRED, name="twin", id="twin")),
            sessions={"shop": SOUND, "twin": SOUND},
        ),
    ),
    FindingKind.OPEN_TO_OTHERS: (
        replace(HEALTHY, open_paths=(OpenPath("/d", 0o755, True), OpenPath("/a", 0o644, False))),
    ),
    FindingKind.SECRETS_OPEN: (replace(HEALTHY, open_secrets=(OpenPath("/c", 0o644, False),)),),
    FindingKind.FOREIGN_HOLDER: (replace(HEALTHY, holders={"shop": "bot (pid 7)"}),),
    FindingKind.DATABASE_LOCKED: (replace(HEALTHY, locked_database="/d/waziterm.db"),),
    FindingKind.ROW_DAMAGED: (
        replace(HEALTHY, damaged_rows={"shop": "jid"}, damaged_history={"transitions": 2}),
    ),
    FindingKind.TRASH_DAMAGED: (replace(HEALTHY, trash=(replace(ENTRY, why=Why.DAMAGED),)),),
    FindingKind.ORPHAN_SESSION: (
        files(shop=SOUND, old=EMPTY),
        files(shop=SOUND, old=look(Condition.SOUND, OTHER)),
        files(shop=SOUND, old=look(Condition.BUSY)),
        files(shop=SOUND, old=look(Condition.UNREADABLE)),
        replace(
            HEALTHY,
            instances=(),
            is_lost=True,
            sessions={"0123456789abcdef": SOUND},
            paths={"0123456789abcdef": "/d/0123456789abcdef.db"},
        ),
        replace(
            HEALTHY,
            instances=(replace(PAIRED, id="other"),),
            sessions={"shop": SOUND},
        ),
    ),
    FindingKind.STALE_SOCKET: (replace(HEALTHY, stale_socket="/d/control.sock"),),
    FindingKind.RECENT_CONFLICTS: (
        replace(with_instance(**CONFLICTS), conflicts={"shop": 1}),
        replace(HEALTHY, conflicts={"shop": 4}),
    ),
    FindingKind.FLAPPING: (replace(HEALTHY, retries={"shop": 6}),),
    FindingKind.CRASH_LOOP: (held(Reason.CRASH_LOOP),),
    FindingKind.HELD: (
        held(Reason.RIVAL),
        held(Reason.LOCAL_HOLDER),
        held(Reason.DEAF_AGAIN),
        held(Reason.REFUSED),
        held(Reason.SESSION_BROKEN),
    ),
    FindingKind.OUTDATED: (with_instance(**OUTDATED), with_instance(**OUTDATED | {"detail": ""})),
    FindingKind.VERSION_OLD: (version(Origin.COMPILED, 95),),
    FindingKind.VERSION_READ: (version(Origin.READ, 10),),
    FindingKind.BANNED: (
        with_instance(banned_until=NOW + 60, state=State.BANNED),
        with_instance(banned_until=NOW + 90_000, state=State.BANNED),
    ),
    FindingKind.LOGGED_OUT: tuple(
        with_instance(state=State.LOGGED_OUT, reason=reason)
        for reason in (Reason.UNLINKED, Reason.PAIRED)
    ),
    FindingKind.OTHER_NUMBER: (with_instance(phone="6281111111111"),),
    FindingKind.NOT_CONNECTED: (
        with_instance(state=State.RETRYING, reason=Reason.DROPPED, since=NOW - 7300),
        with_instance(state=State.COOLDOWN, reason=Reason.CONFLICT, since=NOW - 300),
        with_instance(state=State.STOPPED, reason=Reason.PAUSED, since=NOW - 5),
        with_instance(state=State.STOPPED, since=NOW - 200_000, detail="waiting for its turn"),
        replace(with_instance(state=State.PAIRING, reason=Reason.QR_SHOWN, jid=None), sessions={}),
        replace(with_instance(state=State.STOPPED, reason=Reason.NEW, jid=None), sessions={}),
    ),
    FindingKind.PHONE_SILENT: (
        replace(
            with_instance(phone_seen_at=NOW - 30 * DAY_S, state=State.CONNECTED),
            phone_limit_s=12 * DAY_S,
        ),
    ),
    FindingKind.MESSAGES_REFUSED: (
        replace(
            HEALTHY,
            queue=(
                Phrase("messages are neither taken nor sent: {why}", why="it is closed already"),
                Phrase("repair the file or put it back, then restart"),
            ),
        ),
    ),
    FindingKind.INBOX_WAITS: (replace(HEALTHY, inbox={"shop": "it is no file"}),),
    FindingKind.MESSAGES_UNKNOWN: tuple(
        replace(HEALTHY, messages={"shop": MessagesLook(unknown=count)}) for count in (1, 2)
    ),
    FindingKind.MESSAGES_LATE: tuple(
        replace(HEALTHY, messages={"shop": MessagesLook(late=count)}) for count in (1, 2)
    ),
    FindingKind.OLD_NAME: (
        replace(HEALTHY, old_tables={HEALTHY.instances[0].id: ("jakarta", "bogor")}),
    ),
    FindingKind.NO_MANAGER: (replace(HEALTHY, has_manager=False),),
    FindingKind.STUCK: (replace(HEALTHY, stuck={"shop": Phrase("waiting for its turn")}),),
    FindingKind.DISK_LOW: (replace(HEALTHY, disk_free=10**6),),
    FindingKind.FEW_DESCRIPTORS: (replace(HEALTHY, descriptors=60),),
    FindingKind.LISTENER_SILENT: (
        replace(HEALTHY, silent=Settings(api=Api(address=Address("10.0.0.1", 80))).silent),
    ),
    FindingKind.WEBHOOK_LATE: tuple(
        replace(HEALTHY, webhooks=(WebhookLook("crm", late=2, error=error),))
        for error in ("HTTP 503", "")
    ),
    FindingKind.WEBHOOK_FAILED: (
        replace(HEALTHY, webhooks=(WebhookLook("crm", failed=1, error="HTTP 410"),)),
    ),
    FindingKind.BACKUP: tuple(
        replace(HEALTHY, backup=(record, DAY_S))
        for record in (
            BackupRecord(NOW - 3 * DAY_S),
            BackupRecord(0.0, made=NOW - 3 * DAY_S),
            BackupRecord(0.0, made=NOW - 60, failed=NOW, error="/mnt is no directory"),
        )
    ),
    FindingKind.UPGRADED: (replace(HEALTHY, is_upgraded=True),),
    FindingKind.TRASH_EXPIRES: tuple(
        replace(HEALTHY, trash=(replace(ENTRY, expires_at=NOW + days * DAY_S, restorable=back),))
        for days, back in ((0.5, True), (1.5, False), (6.5, True))
    ),
}


def of_kind(kind: FindingKind) -> list[Finding]:
    found = [each for survey in EXAMPLES[kind] for each in diagnose(survey) if each.kind is kind]
    assert len(found) >= len(EXAMPLES[kind]), "an example does not show what it is for"
    return found


def test_every_kind_of_finding_has_an_example() -> None:
    assert catalogs() and list(EXAMPLES) == list(FindingKind)


@pytest.mark.parametrize("kind", FindingKind)
def test_a_finding_is_told_in_every_language(kind: FindingKind) -> None:
    for finding in of_kind(kind):
        check_told(finding.evidence)
        check_told(finding.act)


def test_an_attached_screen_gets_what_it_can_translate_and_a_script_english() -> None:
    found = [each for kind in FindingKind for each in of_kind(kind)]
    report = FixReport(True, steps_of(found), tuple(found))
    come = decode(FixReport, json.loads(json.dumps(encode(FixReport, report))))
    assert come == report
    with speaking(translations(Lang.ID, {})):
        assert [str(line) for line in tools.fix(come)] == [str(line) for line in tools.fix(report)]
    for told in document(tuple[Finding, ...], tuple(found), NOW):
        assert type(json.loads(json.dumps(told))["evidence"]) is str


def test_a_sentence_that_is_no_phrase_is_refused() -> None:
    told = {"remedy": "remove_stale", "subject": "/d", "instance": None, "act": "remove it"}
    with pytest.raises(CodecError, match=r"fix_step\.act must be a phrase"):
        decode(FixStep, told)
    assert PROTOCOL >= 3, "a screen of protocol 2 knows texts alone"


def test_the_check_is_read_in_indonesian() -> None:
    found = diagnose(
        replace(
            with_instance(state=State.RETRYING, reason=Reason.DROPPED, since=NOW - 7300),
            trash=(replace(ENTRY, expires_at=NOW + 1.5 * DAY_S),),
        )
    )
    with speaking(translations(Lang.ID, {})):
        said = [str(line) for told in tools.findings(found) for line in told.lines]
    assert said == [
        "✖ masalah shop: tidak tersambung selama 2 j: koneksi ditutup (428)",
        "  mencoba lagi otomatis; T (uji) menyebut lapisan yang gagal",
        "· catatan shop-1: sesi shop di tempat sampah akan dihapus permanen dalam 1 hari",
        "  6 (tempat sampah) mengembalikannya; selain itu tidak ada",
    ]


def test_a_template_is_a_constant_or_a_word_of_a_closed_set() -> None:
    """What comes from elsewhere is a value, never a template: it may have braces in it."""
    with_tables = ("domain/alerts/texts.py", "incidents/outcome.py", "lifecycle/details.py")
    for place, call, found in phrases():
        words = isinstance(call.args[0], ast.Attribute) and call.args[0].attr
        known = found or words in ("sentence", "next_step", "label", "value")
        if not place.endswith(("domain/phrase.py", "domain/text.py", *with_tables)):
            assert known, f"{place}:{call.lineno}: {ast.unparse(call)}"


def test_an_outage_is_one_line_in_indonesian_too() -> None:
    found = [
        replace(each, kind=FindingKind.NOT_CONNECTED, instance=name)
        for name in ("a", "b", "c", "d")
        for each in diagnose(with_instance(state=State.RETRYING, reason=Reason.DROPPED, since=NOW))
    ]
    assert len(found) == 4
    with speaking(translations(Lang.ID, {})):
        (told,) = tools.findings(found)
    first = str(told.lines[0])
    assert first == "✖ masalah 4 instance (a, b, c, …): tidak tersambung: koneksi ditutup (428)"


def test_a_refused_message_and_the_hints_of_errors_are_read_in_indonesian() -> None:
    barred = send_refusal(463, NOW)
    error = error_of(InstanceNotFoundError("x").exact)
    with speaking(translations(Lang.ID, {})):
        assert retold(barred.said).startswith("WhatsApp tidak mengizinkan nomor ini memulai chat")
        assert retold(barred.next_step) == "sampai saat itu tulis hanya di chat yang sudah ada"
        assert refusal(error) == "tidak ada instance bernama 'x' (lihat 2 (daftar))"
        step = FixStep(Remedy.REMOVE_STALE, "/d/x", None, Phrase("check again"))
        failed = replace(step, error=Phrase("{path} is in use now; it was left", path="/d/x"))
        (told, *_) = tools.fix(FixReport(False, (failed,), ()))
        assert str(told.lines[0]) == "✖ /d/x: periksa lagi: /d/x sedang dipakai; dibiarkan"


NUMBER = "tulis dengan kode negaranya, misalnya +62 812 3456 7890"
PROXY = "misalnya socks5://user:password@proxy.example:1080"


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (lambda: inputs.phone_number("0812"), f"'0812' tidak diawali + dan kode negara ({NUMBER})"),
        (lambda: inputs.phone_number("+6281x"), f"berisi karakter selain angka ({NUMBER})"),
        (lambda: inputs.phone_number("+62811"), f"terlalu pendek untuk negaranya ({NUMBER})"),
        (
            lambda: inputs.proxy_url("ftp://x"),
            f"URL proxy diawali http, https, socks5 dan :// ({PROXY})",
        ),
        (lambda: inputs.proxy_url("http://x"), f"URL proxy tidak punya port ({PROXY})"),
        (lambda: inputs.instance_name("A!"), "'A!' tidak bisa menjadi nama instance: 1 sampai 40"),
        (lambda: inputs.own_values(tags="!"), "'!' tidak bisa menjadi tag: paling banyak 10 tag"),
    ],
)
def test_what_was_typed_wrong_is_told_in_indonesian(
    refused: Callable[[], object], said: str
) -> None:
    with pytest.raises(FleetError) as caught:
        refused()
    error = error_of(json.loads(json.dumps(caught.value.exact)))
    with speaking(translations(Lang.ID, {})):
        assert said in refusal(error)


# They are met before there is a screen, or by verbs alone.
NO_SCREEN = (
    *("manager/files/datadir.py", "manager/files/listener.py", "manager/files/lock.py"),
    *("manager/files/owner.py", "manager/stored/", "control/client/call.py"),
)


def test_whatever_a_screen_may_be_refused_with_is_a_phrase() -> None:
    root, plain_ones = ROOT / "waziterm", []
    rooms = ("manager", "domain", "control/client", "alerts")
    for path in sorted(path for room in rooms for path in (root / room).rglob("*.py")):
        place = str(path.relative_to(root))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="FleetError" | "InputError"), args=[said, *_]):
                    is_plain = isinstance(said, ast.Constant | ast.JoinedStr)
                    if is_plain and not place.startswith(NO_SCREEN):
                        plain_ones.append(f"{place}:{node.lineno}: {ast.unparse(said)}")
    assert plain_ones == []


@pytest.mark.parametrize("parts", [None, 1, {}, {"template": "{x", "values": {}}, {"template": 1}])
def test_an_error_whose_phrases_are_not_sound_is_told_as_it_is(parts: object) -> None:
    sent = {"error": "no", "hint": "do it", "code": 1, "hint_parts": parts, "error_parts": parts}
    error = error_of(sent)
    assert (str(error), error.hint, error.code) == ("no", "do it", 1)


@pytest.mark.parametrize("code", [463, 479, 429, 500])
def test_every_refusal_of_a_message_travels_as_a_phrase(code: int) -> None:
    said = send_refusal(code, None)
    sent = SendResult(False, 0.1, error=said.said, code=str(code), next_step=said.next_step)
    back: SendResult = decode(SendResult, encode(SendResult, sent))
    assert isinstance(back.error, Phrase) and isinstance(back.next_step, Phrase)
