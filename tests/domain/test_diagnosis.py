"""What a check says about what it sees: the order, the words, and what needs a person."""

import ast
import re
from dataclasses import fields, replace
from inspect import getsource
from pathlib import Path

import pytest

from waziterm.domain.care import diagnosis
from waziterm.domain.care.diagnosis import diagnose, mended, steps_of
from waziterm.domain.care.evidence import (
    Condition,
    MessagesLook,
    OpenPath,
    SessionLook,
    Survey,
)
from waziterm.domain.care.findings import Finding, FindingKind, FixStep, Remedy, Severity
from waziterm.domain.care.trash import TrashView, Why
from waziterm.domain.lifecycle.details import pairings_ahead_detail
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.phrase import Phrase
from waziterm.domain.version import Origin, UsedVersion
from waziterm.manager.care import evidence as manager_evidence

NOW = 1_000_000.0
DAY_S = 86_400.0
JID = "6281234567890:1@s.whatsapp.net"
OTHER = "6289998887766:2@s.whatsapp.net"
PAIRED = Instance(
    "shop", created_at=0.0, id="shop", jid=JID, state=State.CONNECTED, reason=Reason.ONLINE
)
SOUND = SessionLook(Condition.SOUND, devices=((JID, "1@lid"),))
EMPTY = SessionLook(Condition.SOUND)
BROKEN = SessionLook(Condition.DAMAGED, Phrase("it is damaged ({finding})", finding="no header"))
HALF = SessionLook(
    Condition.DAMAGED, Phrase("it is damaged ({finding})", finding="freelist"), SOUND.devices, True
)
HEALTHY = Survey(
    now=NOW,
    has_manager=True,
    instances=(PAIRED,),
    sessions={"shop": SOUND},
    paths={"shop": "/d/shop.db", "old": "/d/old.db"},
    disk_free=10**10,
    descriptors=1024,
)
ENTRY = TrashView("shop-1", "shop", NOW, Why.CLEANED, True, True, (), NOW + 30 * DAY_S)


def only(survey: Survey) -> Finding:
    (finding,) = diagnose(survey)
    return finding


def with_instance(**changed: object) -> Survey:
    return replace(HEALTHY, instances=(replace(PAIRED, **changed),))  # type: ignore[arg-type]


def test_every_kind_of_finding_is_judged_somewhere() -> None:
    """A kind is judged by naming it, and nothing else in this room names one."""
    modules = sorted(Path(diagnosis.__file__).parent.glob("*.py"))
    text = "".join(each.read_text(encoding="utf-8") for each in modules)
    judged = set(re.findall(r"\bFindingKind\.(\w+)", text))
    missing = [each.name for each in FindingKind if each.name not in judged]
    assert not missing, f"no check finds these; judge them in domain/care: {missing}"


def test_a_check_fills_all_that_is_judged() -> None:
    called = next(
        node
        for node in ast.walk(ast.parse(getsource(manager_evidence)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == Survey.__name__
    )
    unfilled = {each.name for each in fields(Survey)} - {each.arg for each in called.keywords}
    assert not unfilled, f"fill these fields of Survey in manager/care/evidence.py: {unfilled}"


def test_a_healthy_fleet_has_no_finding() -> None:
    assert diagnose(HEALTHY) == ()
    stopped = with_instance(state=State.STOPPED, wanted=Wanted.STOPPED)
    assert diagnose(stopped) == ()


def test_an_upgrade_on_disk_is_a_notice_of_nobody() -> None:
    found = only(replace(HEALTHY, is_upgraded=True))
    assert (found.id, found.severity, found.instance) == (
        "upgraded:waziterm",
        Severity.NOTICE,
        None,
    )
    assert found.evidence == "upgraded on disk: restart" and found.remedy is None


def test_the_worst_comes_first_and_the_order_is_always_the_same() -> None:
    several = replace(
        HEALTHY,
        instances=(
            PAIRED,
            replace(PAIRED, name="b", id="b", jid=OTHER),
            Instance("new", 0.0, id="new"),
        ),
        sessions={"old": SOUND, "new": EMPTY},
        paths={"old": "/d/old.db", "new": "/d/new.db"},
        open_paths=(OpenPath("/d", 0o755, True), OpenPath("/a", 0o644, False)),
        stale_socket="/d/control.sock",
        disk_free=10**6,
    )
    found = diagnose(several)
    kinds = [(each.severity, each.kind, each.instance or each.subject) for each in found]
    assert kinds == [
        (Severity.PROBLEM, FindingKind.SESSION_MISSING, "b"),
        (Severity.PROBLEM, FindingKind.SESSION_MISSING, "shop"),
        (Severity.PROBLEM, FindingKind.DISK_LOW, "disk"),
        (Severity.WARNING, FindingKind.JID_TWICE, "shop"),
        (Severity.WARNING, FindingKind.OPEN_TO_OTHERS, "/a"),
        (Severity.WARNING, FindingKind.OPEN_TO_OTHERS, "/d"),
        (Severity.WARNING, FindingKind.ORPHAN_SESSION, "/d/old.db"),
        (Severity.NOTICE, FindingKind.NO_DEVICE, "new"),
        (Severity.NOTICE, FindingKind.STALE_SOCKET, "/d/control.sock"),
    ]
    assert len({each.id for each in found}) == len(found)
    backwards = replace(
        several,
        instances=several.instances[::-1],
        sessions=dict(reversed(list(several.sessions.items()))),
        open_paths=several.open_paths[::-1],
    )
    assert diagnose(backwards) == found


def test_steps_come_in_the_order_that_loses_nothing_and_leave_what_they_cannot_mend() -> None:
    ill = replace(
        HEALTHY,
        instances=(PAIRED, replace(PAIRED, name="b", id="b", jid=OTHER)),
        sessions={"shop": HALF, "old": SOUND},
        open_paths=(OpenPath("/d/old.db", 0o644, False),),
        stale_socket="/d/control.sock",
    )
    steps = steps_of(diagnose(ill))
    assert [(step.remedy, step.subject) for step in steps] == [
        (Remedy.CLOSE_TO_OTHERS, "/d/old.db"),
        (Remedy.REMOVE_STALE, "/d/control.sock"),
        (Remedy.TRASH_SESSION, "/d/old.db"),
        (Remedy.REBUILD_SESSION, "/d/shop.db"),
    ]
    assert {step.remedy for step in steps} == set(Remedy), "let one of these need each remedy"
    left = diagnose(mended(ill, steps))
    assert [(each.kind, each.instance) for each in left] == [(FindingKind.SESSION_MISSING, "b")]
    assert diagnose(mended(ill, ())) == diagnose(ill)


@pytest.mark.parametrize("look", [None, EMPTY, BROKEN], ids=["missing", "no device", "damaged"])
def test_the_way_back_is_named_with_its_commands(look: SessionLook | None) -> None:
    lost = replace(HEALTHY, sessions={"shop": look} if look else {})
    found = only(lost)
    assert (found.severity, found.remedy) == (Severity.PROBLEM, None)
    assert "`waziterm clean shop`, `waziterm start shop`, then `waziterm qr shop`" in found.act
    entries = (
        ENTRY,
        replace(ENTRY, id="older", at=NOW - 1),
        replace(ENTRY, id="copy", at=NOW + 1, why=Why.COPY),
        replace(ENTRY, id="gone", at=NOW + 1, restorable=False),
        replace(ENTRY, id="other", at=NOW + 1, instance="other"),
    )
    assert (
        only(replace(lost, trash=entries)).act
        == "`waziterm clean shop`, then `waziterm restore shop-1`"
    )


@pytest.mark.parametrize(
    ("jids", "kind", "severity"),
    [
        ((OTHER,), FindingKind.OTHER_DEVICE, Severity.PROBLEM),
        ((JID, OTHER), FindingKind.SEVERAL_DEVICES, Severity.WARNING),
        ((OTHER, "62811111111:3@s.whatsapp.net"), FindingKind.SEVERAL_DEVICES, Severity.PROBLEM),
    ],
)
def test_a_file_with_other_devices(
    jids: tuple[str, ...], kind: FindingKind, severity: Severity
) -> None:
    look = SessionLook(Condition.SOUND, devices=tuple((jid, "") for jid in jids))
    found = only(replace(HEALTHY, sessions={"shop": look}))
    assert (found.kind, found.severity, found.remedy) == (kind, severity, None)
    assert "6281234567890" not in found.evidence and "6289998887766" not in found.evidence


def test_a_jid_with_an_agent_is_the_same_device() -> None:
    look = SessionLook(Condition.SOUND, devices=(("6281234567890.0:1@s.whatsapp.net", ""),))
    assert diagnose(replace(HEALTHY, sessions={"shop": look})) == ()


def test_a_pairing_under_way_is_left_alone_and_what_an_old_one_left_goes() -> None:
    pairing = Instance("shop", 0.0, id="shop", state=State.PAIRING, reason=Reason.QR_SHOWN)
    survey = replace(HEALTHY, instances=(pairing,), sessions={"shop": EMPTY})
    (waits,) = diagnose(survey)
    assert (waits.kind, waits.severity) == (FindingKind.NOT_CONNECTED, Severity.NOTICE)
    for ended in (
        replace(survey, has_manager=False),
        replace(survey, instances=(replace(pairing, state=State.STOPPED),)),
    ):
        found = only(ended)
        assert (found.kind, found.remedy) == (FindingKind.NO_DEVICE, Remedy.TRASH_SESSION)
        assert found.severity is Severity.NOTICE


def test_a_device_that_the_last_manager_did_not_live_to_store() -> None:
    unpaired = replace(HEALTHY, instances=(Instance("shop", 0.0, id="shop"),))
    assert only(unpaired).kind is FindingKind.OTHER_DEVICE
    assert diagnose(replace(unpaired, has_manager=False)) == (), "the next start takes it up"


@pytest.mark.parametrize("look", [SOUND, HALF, EMPTY])
def test_nothing_is_done_to_a_file_that_somebody_else_has_open(look: SessionLook) -> None:
    for instances in ((), (Instance("shop", 0.0, id="shop"),), (PAIRED,)):
        held = replace(
            HEALTHY,
            instances=instances,
            sessions={"shop": look},
            holders={"shop": "python bot.py (pid 7)"},
        )
        found = diagnose(held)
        (holder,) = (each for each in found if each.kind is FindingKind.FOREIGN_HOLDER)
        assert holder.severity is Severity.PROBLEM and "(pid 7)" in holder.evidence
        assert steps_of(found) == ()


def test_a_busy_file_is_not_judged() -> None:
    busy = SessionLook(Condition.BUSY, Phrase("somebody keeps it locked"))
    found = only(replace(HEALTHY, sessions={"shop": busy}))
    assert (found.kind, found.severity) == (FindingKind.SESSION_BUSY, Severity.NOTICE)
    orphan = only(replace(HEALTHY, sessions={"shop": SOUND, "old": busy}))
    assert (orphan.kind, orphan.remedy) == (FindingKind.ORPHAN_SESSION, None)


def test_one_device_in_two_instances() -> None:
    twin = replace(PAIRED, name="twin", id="twin")
    survey = replace(
        HEALTHY,
        instances=(PAIRED, twin),
        sessions={"shop": SOUND, "twin": SOUND},
        paths={"shop": "/d/shop.db", "twin": "/d/twin.db"},
    )
    found = only(survey)
    assert (found.kind, found.severity) == (FindingKind.JID_TWICE, Severity.PROBLEM)
    assert "shop, twin" in found.evidence and "`waziterm remove twin`" in found.act


@pytest.mark.parametrize(
    ("changed", "kind", "says"),
    [
        ({"hold": Reason.RIVAL}, FindingKind.HELD, "`waziterm reconnect shop --takeover`"),
        ({"hold": Reason.CONFLICT_BUDGET}, FindingKind.HELD, "end the other client"),
        ({"hold": Reason.LOCAL_HOLDER}, FindingKind.HELD, "end that program"),
        ({"hold": Reason.REFUSED}, FindingKind.HELD, "--takeover` tries once"),
        ({"hold": Reason.SESSION_BROKEN}, FindingKind.HELD, "`waziterm clean shop`"),
        ({"hold": Reason.CRASH_LOOP}, FindingKind.CRASH_LOOP, "`waziterm logs shop`"),
        ({"hold": Reason.OUTDATED_CLIENT}, FindingKind.OUTDATED, "upgrade neonize"),
        ({"banned_until": NOW + 60, "state": State.BANNED}, FindingKind.BANNED, "wait"),
    ],
)
def test_what_an_instance_tells_of_itself(
    changed: dict[str, object], kind: FindingKind, says: str
) -> None:
    found = only(with_instance(**changed))
    assert (found.kind, found.severity, found.remedy) == (kind, Severity.PROBLEM, None)
    assert says in found.act


@pytest.mark.parametrize(
    ("left_s", "said"), [(7, "0:07"), (20_462, "5:41:02"), (90_000, "1 d 01:00")]
)
def test_the_rest_of_a_ban_is_told_as_on_its_card(left_s: float, said: str) -> None:
    found = only(with_instance(banned_until=NOW + left_s, state=State.BANNED))
    assert found.evidence.endswith(f", {said} left")


def test_a_broken_file_is_told_once() -> None:
    held = replace(with_instance(hold=Reason.SESSION_BROKEN), sessions={"shop": BROKEN})
    assert only(held).kind is FindingKind.SESSION_DAMAGED


def test_an_outdated_library_is_told_once_for_the_fleet() -> None:
    outdated = [
        replace(PAIRED, name=f"n{number}", id=f"n{number}", jid=None, hold=Reason.OUTDATED_CLIENT)
        for number in range(5)
    ]
    found = only(replace(HEALTHY, instances=tuple(outdated), sessions={}))
    assert found.evidence.endswith("n0, n1, n2, …")


@pytest.mark.parametrize(
    ("reason", "says"), [(Reason.UNLINKED, "`waziterm start shop`"), (Reason.LOCKED, "unlock it")]
)
def test_a_logged_out_one_must_be_linked_anew(reason: Reason, says: str) -> None:
    out = replace(with_instance(state=State.LOGGED_OUT, reason=reason, jid=None), sessions={})
    found = only(out)
    assert found.kind is FindingKind.LOGGED_OUT and says in found.act


def test_what_was_stopped_on_purpose_is_only_noted() -> None:
    survey = with_instance(hold=Reason.RIVAL, wanted=Wanted.STOPPED, state=State.STOPPED)
    assert only(survey).severity is Severity.NOTICE


@pytest.mark.parametrize(
    ("count", "severity"), [(1, Severity.NOTICE), (2, Severity.NOTICE), (3, Severity.WARNING)]
)
def test_recent_conflicts(count: int, severity: Severity) -> None:
    found = only(replace(HEALTHY, conflicts={"shop": count, "removed": 9}))
    assert (found.kind, found.severity) == (FindingKind.RECENT_CONFLICTS, severity)


def test_only_who_waits_because_of_a_conflict_is_to_take_over() -> None:
    found = only(replace(HEALTHY, conflicts={"shop": 1}))
    assert found.act == "find and end the other client; `waziterm conflicts` tells when"


def test_a_conflict_names_who_took_the_session_and_what_ends_it() -> None:
    who = "held by pid 4121 (bot.py)"
    survey = with_instance(
        state=State.COOLDOWN,
        reason=Reason.CONFLICT,
        detail=who,
        trouble=Reason.CONFLICT,
        trouble_detail=who,
        trouble_at=NOW,
    )
    found = diagnose(replace(survey, conflicts={"shop": 1}))
    kinds = {FindingKind.NOT_CONNECTED, FindingKind.RECENT_CONFLICTS}
    assert {each.kind for each in found} == kinds
    for each in found:
        assert who in each.evidence
        assert "end the other client, then `waziterm reconnect shop --takeover`" in each.act


def test_flapping_begins_with_six_an_hour() -> None:
    assert diagnose(replace(HEALTHY, retries={"shop": 5})) == ()
    assert only(replace(HEALTHY, retries={"shop": 6})).kind is FindingKind.FLAPPING


@pytest.mark.parametrize(
    ("free", "severity"),
    [(500_000_000, None), (499_999_999, Severity.WARNING), (49_999_999, Severity.PROBLEM)],
)
def test_disk_space(free: int, severity: Severity | None) -> None:
    found = diagnose(replace(HEALTHY, disk_free=free))
    assert [(each.kind, each.severity) for each in found] == (
        [(FindingKind.DISK_LOW, severity)] if severity else []
    )


def test_descriptors() -> None:
    assert diagnose(replace(HEALTHY, descriptors=68)) == ()
    assert diagnose(replace(HEALTHY, descriptors=None)) == ()
    assert only(replace(HEALTHY, descriptors=67)).kind is FindingKind.FEW_DESCRIPTORS


def test_trash_is_announced_a_week_before_it_goes() -> None:
    week = replace(ENTRY, expires_at=NOW + 7 * DAY_S)
    found = only(replace(HEALTHY, trash=(week, replace(ENTRY, id="x"))))
    assert (found.kind, found.subject) == (FindingKind.TRASH_EXPIRES, "shop-1")
    assert "in 7 days" in found.evidence and "`waziterm restore shop-1`" in found.act
    assert diagnose(replace(HEALTHY, trash=(replace(week, expires_at=None),))) == ()
    late = replace(week, expires_at=NOW - 1, restorable=False)
    found = only(replace(HEALTHY, trash=(late,)))
    assert "within a day" in found.evidence and "restore" not in found.act


def test_foreign_text_is_inert() -> None:
    held = replace(HEALTHY, holders={"shop": "\x1b[2Jbot\n(pid 7)"})
    hostile = replace(ENTRY, id="\x1b]0;x\x07id", instance="a\nb", expires_at=NOW)
    for finding in (only(held), only(replace(HEALTHY, trash=(hostile,)))):
        told = finding.evidence + finding.act + finding.subject
        assert told.isprintable(), told


def test_a_step_carries_the_sentence_of_its_finding() -> None:
    finding = only(replace(HEALTHY, open_paths=(OpenPath("/d", 0o755, True),)))
    assert steps_of((finding,)) == (
        FixStep(Remedy.CLOSE_TO_OTHERS, "/d", None, Phrase("set its mode to 700")),
    )


@pytest.mark.parametrize(
    ("origin", "days", "kind", "severity"),
    [
        (Origin.COMPILED, 10, None, None),
        (Origin.COMPILED, 95, FindingKind.VERSION_OLD, Severity.WARNING),
        (Origin.SET, 200, FindingKind.VERSION_OLD, Severity.WARNING),
        (Origin.READ, 10, FindingKind.VERSION_READ, Severity.NOTICE),
        (Origin.READ, 95, FindingKind.VERSION_OLD, Severity.WARNING),
    ],
)
def test_a_version_is_warned_of_after_three_months(
    origin: Origin, days: int, kind: FindingKind | None, severity: Severity | None
) -> None:
    version = UsedVersion(1047769893, origin, HEALTHY.now - days * 86_400)
    found = diagnose(replace(HEALTHY, version=version))
    assert [(each.kind, each.severity) for each in found] == ([(kind, severity)] if kind else [])
    for each in found:
        assert "2.3000.1047769893" in each.evidence and "upgrade neonize" in each.act


def test_a_file_with_the_name_of_an_instance_that_has_none_is_not_moved_away() -> None:
    """Whoever put it there meant that instance, which takes it up at the next start."""
    known = replace(PAIRED, id="0123456789abcdef")
    look = SessionLook(Condition.SOUND, devices=((JID, ""),))
    seen = Survey(
        now=0.0, has_manager=True, instances=(known,), sessions={"shop": look},
        paths={"shop": "/d/shop.db"},
    )  # fmt: skip
    (orphan,) = (each for each in diagnose(seen) if each.kind is FindingKind.ORPHAN_SESSION)
    assert (orphan.subject, orphan.remedy) == ("/d/shop.db", None)
    assert "start waziterm again" in orphan.act
    its_own = replace(
        seen,
        sessions={"shop": look, known.id: look},
        paths={"shop": "/d/shop.db", known.id: f"/d/{known.id}.db"},
    )
    (orphan,) = (each for each in diagnose(its_own) if each.kind is FindingKind.ORPHAN_SESSION)
    assert orphan.remedy is Remedy.TRASH_SESSION


def down(state: State, reason: Reason, for_s: float, **changed: object) -> Survey:
    since = NOW - for_s
    return with_instance(state=state, reason=reason, since=since, down_since=since, **changed)


def test_f17_one_that_is_wanted_and_not_connected_is_a_problem_with_its_reason() -> None:
    dns = "no DNS answer for web.whatsapp.com"
    found = only(down(State.RETRYING, Reason.DIAL_FAILED, 720.0, detail=dns))
    assert (found.kind, found.severity) == (FindingKind.NOT_CONNECTED, Severity.PROBLEM)
    said = f"not connected for 12 min: {Reason.DIAL_FAILED.sentence} (408): {dns}"
    assert found.evidence == said
    tries = down(
        State.CONNECTING, Reason.RETRY, 720.0,
        trouble=Reason.DIAL_FAILED, trouble_detail=dns, trouble_at=NOW - 700.0,
    )  # fmt: skip
    assert only(tries).evidence == said and only(tries).severity is Severity.PROBLEM


@pytest.mark.parametrize("state", [each for each in State if each is not State.CONNECTED])
def test_f17_nothing_is_wrong_is_never_said_while_one_is_not_connected(state: State) -> None:
    for paired in (JID, None):
        for reason in (Reason.RETRY, Reason.PAUSED, Reason.QR_EXPIRED, Reason.DROPPED):
            assert diagnose(down(state, reason, 0.0, jid=paired)) != ()


@pytest.mark.parametrize(("for_s", "severity"), [(3.0, Severity.NOTICE), (131.0, Severity.PROBLEM)])
def test_f17_one_that_has_just_begun_to_connect_is_named_and_no_problem(
    for_s: float, severity: Severity
) -> None:
    assert only(down(State.CONNECTING, Reason.RESUMED, for_s)).severity is severity
    redials = down(State.RETRYING, Reason.DROPPED, for_s, redialling=True)
    assert only(redials).severity is severity
    assert only(down(State.RETRYING, Reason.DROPPED, for_s)).severity is Severity.PROBLEM


def test_f44_one_that_waits_for_other_pairings_is_no_problem_however_long_it_waits() -> None:
    detail = pairings_ahead_detail(5)
    found = only(down(State.CONNECTING, Reason.ASKED, 900.0, jid=None, detail=detail))
    assert found.severity is Severity.NOTICE and detail in found.evidence


def test_f17_without_a_manager_nobody_is_connected() -> None:
    found = only(replace(HEALTHY, has_manager=False))
    assert (found.kind, found.severity) == (FindingKind.NO_MANAGER, Severity.NOTICE)
    assert "1 wanted" in found.evidence


@pytest.mark.parametrize(
    ("changed", "is_told"),
    [
        ({"phone_seen_at": NOW - 12.5 * DAY_S}, True),
        ({"phone_seen_at": NOW - 12 * DAY_S}, False),
        ({"phone_seen_at": None}, False),
        # What the phone has sent may still be on its way.
        ({"phone_seen_at": NOW - 20 * DAY_S, "due": NOW + 60}, False),
    ],
)
def test_a_phone_that_gave_no_sign_for_long_is_a_notice(
    changed: dict[str, object], is_told: bool
) -> None:
    survey = replace(with_instance(**changed), phone_limit_s=12 * DAY_S)
    if not is_told:
        assert diagnose(survey) == ()
        return
    finding = only(survey)
    assert (finding.kind, finding.severity) == (FindingKind.PHONE_SILENT, Severity.NOTICE)
    assert str(finding.evidence) == "no sign from the phone: for 12 days"
    assert "open WhatsApp on the phone" in str(finding.act)
    kinds = {each.kind for each in diagnose(replace(survey, has_manager=False))}
    assert kinds == {FindingKind.NO_MANAGER}


def test_messages_that_wait_for_a_person_or_too_long_are_warnings() -> None:
    survey = replace(HEALTHY, messages={"shop": MessagesLook(unknown=1, late=3)})
    unknown, late = diagnose(survey)
    assert (unknown.kind, unknown.severity) == (FindingKind.MESSAGES_UNKNOWN, Severity.WARNING)
    assert unknown.evidence == "for over an hour nobody knows whether 1 message arrived"
    assert "`waziterm messages shop --state unknown`" in unknown.act
    assert (late.kind, late.severity) == (FindingKind.MESSAGES_LATE, Severity.WARNING)
    assert late.evidence.startswith("3 messages wait for over half of their time")
    assert diagnose(replace(HEALTHY, messages={"gone": MessagesLook(unknown=1)})) == ()


def test_settings_under_a_former_name_are_named_with_the_table_to_write() -> None:
    shop = HEALTHY.instances[0]
    finding = only(replace(HEALTHY, old_tables={shop.id: ("old", "older")}))
    assert (finding.kind, finding.severity) == (FindingKind.OLD_NAME, Severity.NOTICE)
    assert (finding.subject, finding.instance) == ("instances.old", shop.name)
    assert "under old, older" in str(finding.evidence)
    assert f"[instances.{shop.name}]" in str(finding.act)
