"""The janitor's plan: each thing that lies about is found, and nothing else is touched."""

from dataclasses import replace

from tests.texts.told import check_told
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase
from waziterm.domain.upkeep.janitor import Act, ActKind, Survey, plan

NOW = 1_000_000.0
DAY_S = 86_400.0
PAIRED = Instance("shop", created_at=0.0, id="shop", jid="6281234567890:1@s.whatsapp.net")
TIDY = Survey(
    now=NOW,
    instances=(replace(PAIRED, state=State.CONNECTED, due=NOW + 10),),
    dead={},
    stuck={},
    sessions=frozenset({"shop"}),
    expired={},
)


def kinds(survey: Survey) -> list[tuple[ActKind, str]]:
    return [(act.kind, act.subject) for act in plan(survey)]


def test_a_tidy_fleet_needs_nothing() -> None:
    assert plan(TIDY) == ()


def test_what_should_have_gone_on_is_told_to() -> None:
    stuck = replace(PAIRED, state=State.CONNECTING)
    unscanned = Instance("new", created_at=0.0, id="new", state=State.PAIRING)
    seen = replace(TIDY, instances=(stuck, unscanned), stuck={"shop": "late", "new": "late"})
    assert kinds(seen) == [(ActKind.END_WAIT, "shop"), (ActKind.END_PAIRING, "new")]
    assert plan(replace(seen, stuck={})) == ()


def test_a_dead_worker_is_replaced() -> None:
    assert kinds(replace(TIDY, dead={"shop": 7})) == [(ActKind.REPLACE_WORKER, "shop")]


def test_sessions_are_only_reported() -> None:
    lost = replace(TIDY, sessions=frozenset({"orphan"}))
    assert kinds(lost) == [(ActKind.REPORT, "shop"), (ActKind.REPORT, "orphan.db")]


def test_the_trash_expires() -> None:
    old = replace(TIDY, expired={"old": 31 * DAY_S})
    assert plan(old) == (Act(ActKind.DELETE_TRASH, "old", "kept for 31 days"),)


def test_each_language_has_why() -> None:
    """It was English on every screen."""
    seen = replace(TIDY, dead={"shop": 7}, sessions=frozenset({"orphan"}), expired={"old": DAY_S})
    acts = plan(seen)
    assert len(acts) == 4
    for act in acts:
        assert isinstance(act.why, Phrase)
        check_told(act.why)
