"""The janitor's plan: each thing that lies about is found, and nothing else is touched."""

from dataclasses import replace

from waziterm.domain.instance import Instance
from waziterm.domain.janitor import Act, ActKind, Survey, plan
from waziterm.domain.states import State

NOW = 1_000_000.0
DAY_S = 86_400.0
PAIRED = Instance("shop", created_at=0.0, jid="6281234567890:1@s.whatsapp.net")
TIDY = Survey(
    now=NOW,
    instances=(replace(PAIRED, state=State.CONNECTED, due=NOW + 10),),
    dead=frozenset(),
    sessions=frozenset({"shop"}),
    trash={"old": NOW - 29 * DAY_S},
    keep_trash_s=30 * DAY_S,
)


def kinds(survey: Survey) -> list[tuple[ActKind, str]]:
    return [(act.kind, act.subject) for act in plan(survey)]


def test_a_tidy_fleet_needs_nothing() -> None:
    assert plan(TIDY) == ()


def test_what_should_have_gone_on_is_told_to() -> None:
    stuck = replace(PAIRED, state=State.CONNECTING, due=NOW - 31)
    unscanned = Instance("new", created_at=0.0, state=State.PAIRING, due=NOW - 31)
    assert kinds(replace(TIDY, instances=(stuck, unscanned))) == [
        (ActKind.END_WAIT, "shop"),
        (ActKind.END_PAIRING, "new"),
    ]
    late = replace(PAIRED, state=State.CONNECTING, due=NOW - 29)
    assert plan(replace(TIDY, instances=(late,))) == ()


def test_a_dead_worker_is_replaced() -> None:
    assert kinds(replace(TIDY, dead={"shop": 7})) == [(ActKind.REPLACE_WORKER, "shop")]


def test_sessions_are_only_reported() -> None:
    lost = replace(TIDY, sessions=frozenset({"orphan"}))
    assert kinds(lost) == [(ActKind.REPORT, "shop"), (ActKind.REPORT, "orphan.db")]


def test_the_trash_expires_and_zero_keeps_it_for_ever() -> None:
    old = replace(TIDY, trash={"old": NOW - 31 * DAY_S})
    assert plan(old) == (Act(ActKind.DELETE_TRASH, "old", "31 days old"),)
    assert plan(replace(old, keep_trash_s=0.0)) == ()
