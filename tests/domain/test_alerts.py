"""The rules of telling: at once, one for one cause, growth once in a while, the end once."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waziterm.domain.alerts.alert import Alert, AlertRule, AlertSeverity, AlertState
from waziterm.domain.alerts.alert_memory import Memory
from waziterm.domain.alerts.alert_rules import MEASURED, is_of_all, rule_of, severity_of
from waziterm.domain.alerts.engine import Step, Telling, due, numbered, step
from waziterm.domain.alerts.facts import (
    Changed,
    Fact,
    Measured,
    PatternSeen,
    Removed,
    Stood,
    newest,
)
from waziterm.domain.alerts.texts import LONGEST, Words
from waziterm.domain.codec import decode, encode
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.screen import Lang
from waziterm.lang import translations

BEGIN = 1_700_000_000.0
GROWTH_S = 600.0
FLAP_S = 60.0
DOWN_S = 600.0
TELLING = Telling(DOWN_S, GROWTH_S, FLAP_S, words=Words(zone=UTC))


def shop(number: int, state: State = State.CONNECTED, reason: Reason = Reason.ONLINE) -> Instance:
    wanted = Wanted.STOPPED if reason is Reason.BY_OPERATOR else Wanted.RUNNING
    return Instance(
        f"shop-{number}",
        created_at=0.0,
        id=f"{number:016x}",
        jid=f"62812345{number:04d}:1@s.whatsapp.net",
        state=state,
        reason=reason,
        wanted=wanted,
        since=BEGIN,
    )


def held(number: int) -> Instance:
    return shop(number, State.HELD, Reason.RIVAL)


def dropped(number: int, at: float = BEGIN) -> Instance:
    return replace(shop(number, State.RETRYING, Reason.DROPPED), down_since=at)


class Teller:
    """The engine with a clock, as a manager drives it: what is due is done at its moment."""

    def __init__(self, count: int = 1, telling: Telling = TELLING) -> None:
        self.now = BEGIN
        self.telling = telling
        self.told: list[Alert] = []
        self.ended: list[int] = []
        self.rows = 100
        self.instances = {each.id: each for each in map(shop, range(count))}
        self.memory = Memory()
        self.take(Stood(tuple(self.instances.values())))

    def take(self, *facts: Fact) -> list[Alert]:
        for fact in facts:
            if isinstance(fact, Changed):
                self.instances[fact.instance.id] = fact.instance
        outcome: Step = step(self.memory, facts, self.now, self.telling)
        for key in outcome.grown:
            if not outcome.memory.open[key].row:
                self.rows += 1
                outcome = numbered(outcome, {key: self.rows})
        self.memory = outcome.memory
        self.ended += [each.row for each in outcome.ended]
        told = [alert for _, alert in outcome.told]
        self.told += told
        return told

    def change(self, *instances: Instance) -> list[Alert]:
        return self.take(*map(Changed, instances))

    def wait(self, seconds: float) -> list[Alert]:
        end, before = self.now + seconds, len(self.told)
        for _ in range(1000):
            moment = due(self.memory, self.now, self.telling)
            if moment is None or moment > end:
                break
            self.now = max(self.now, moment)
            self.take()
        else:
            raise AssertionError("something is due again and again")
        self.now = end
        return self.told[before:]

    def restart(self) -> list[Alert]:
        """Another manager goes on with what was stored of the incidents."""
        stored = {
            key: decode(type(one), encode(type(one), one)) for key, one in self.memory.open.items()
        }
        self.memory = Memory(next_key=self.memory.next_key, open=stored)
        return self.take(Stood(tuple(self.instances.values())))


def words(alerts: Iterable[Alert]) -> list[tuple[str, str, int]]:
    return [(each.rule.value, each.state.value, len(each.instances)) for each in alerts]


def test_the_first_message_leaves_at_once_and_the_end_when_it_lasts() -> None:
    teller = Teller()
    (told,) = teller.change(held(0))
    assert told.rule is AlertRule.HELD and told.severity is AlertSeverity.CRITICAL
    assert told.state is AlertState.FIRING and told.instance == "shop-0" and told.id == "101"
    assert told.number == "+628123450000"
    assert told.text == (
        "shop-0 (+6281••••0000): another client keeps taking this session (440), since 22:13."
        " The program has stopped trying. To do: stop the other client, then take over"
        " (`waziterm reconnect shop-0 --takeover`)."
    )
    assert (
        told.next
        == "stop the other client, then take over (`waziterm reconnect shop-0 --takeover`)"
    )
    assert teller.change(shop(0)) == []
    assert teller.wait(FLAP_S - 1) == []
    (ended,) = teller.wait(2.0)
    assert ended.state is AlertState.RESOLVED and ended.id == told.id
    assert "recovered after 60 s" in ended.text and ended.next == "nothing to do"
    assert teller.ended == [101]


def test_a_relapse_within_the_flap_time_is_the_same_incident() -> None:
    teller = Teller()
    teller.change(held(0))
    for _ in range(5):
        teller.wait(20.0)
        teller.change(shop(0))
        teller.wait(FLAP_S - 10.0)
        teller.change(held(0))
    assert len(teller.told) == 1


def test_a_change_of_rule_is_one_new_message_of_the_same_incident() -> None:
    teller = Teller()
    teller.change(shop(0, State.COOLDOWN, Reason.CONFLICT))
    teller.wait(11.0)
    teller.change(shop(0, State.CONNECTING, Reason.GUARDED))
    teller.change(held(0))
    teller.change(shop(0, State.CONNECTING, Reason.TAKEOVER))
    teller.change(shop(0, State.COOLDOWN, Reason.CONFLICT), held(0))
    assert words(teller.told) == [("conflict", "firing", 1), ("held", "firing", 1)]
    assert len({each.id for each in teller.told}) == 1
    teller.change(shop(0))
    assert words(teller.wait(100.0)) == [("held", "resolved", 1)]


def test_growth_is_told_once_in_a_while() -> None:
    teller = Teller(40)
    teller.change(held(0))
    for number in range(1, 6):
        teller.wait(50.0)
        teller.change(held(number))
    assert words(teller.told) == [("held", "firing", 1)]
    assert words(teller.wait(GROWTH_S)) == [("held", "firing", 6)]
    assert teller.wait(10 * GROWTH_S) == []


@pytest.mark.parametrize("apart_s", [0.0, 0.2])
def test_200_that_one_cause_drops_are_one_message_and_one_end(apart_s: float) -> None:
    teller = Teller(200)
    for number in range(200):
        teller.wait(apart_s)
        teller.change(dropped(number, teller.now))
    assert [(each.rule, each.state) for each in teller.told] == [("fleet", "firing")]
    assert "50 of 200 instances (shop-0, shop-1, shop-2, …)" in teller.told[0].text
    teller.wait(30.0)
    for number in range(200):
        teller.change(shop(number))
        teller.wait(apart_s)
    assert words(teller.wait(FLAP_S)) == [("fleet", "resolved", 50)]
    assert teller.wait(3 * GROWTH_S) == [] and not teller.memory.open


def test_an_outage_told_in_one_step_names_all_and_grows_no_more() -> None:
    teller = Teller(200)
    assert words(teller.change(*(dropped(n) for n in range(200)))) == [("fleet", "firing", 200)]
    assert teller.wait(2 * GROWTH_S) == []


def test_what_is_left_of_an_outage_is_told_by_its_own_rule() -> None:
    teller = Teller(8)
    teller.change(*(dropped(number) for number in range(8)))
    teller.wait(60.0)
    teller.change(*map(shop, range(7)))
    (ended,) = teller.wait(FLAP_S)
    assert "most recovered after 2 min, 1 have not yet" in ended.text
    (down,) = teller.wait(DOWN_S)
    assert (down.rule, down.instances) == ("down", ("shop-7",))
    assert "not connected, the connection was closed (428), since 22:13" in down.text


def test_a_drop_is_told_when_it_lasts() -> None:
    teller = Teller(40)
    teller.change(dropped(0))
    assert teller.wait(DOWN_S - 1) == []
    teller.change(shop(0, State.CONNECTING, Reason.RETRY))
    teller.change(dropped(0))
    assert words(teller.wait(2.0)) == [("down", "firing", 1)]
    teller.change(held(0))
    assert words(teller.told) == [("down", "firing", 1), ("held", "firing", 1)]


def test_a_conflict_of_the_whole_fleet_that_ends_held_is_two_messages() -> None:
    teller = Teller(10)
    teller.change(*(shop(number, State.COOLDOWN, Reason.CONFLICT) for number in range(10)))
    teller.wait(12.0)
    teller.change(*map(held, range(10)))
    teller.wait(GROWTH_S)
    assert words(teller.told) == [("fleet", "firing", 10), ("held", "firing", 10)]


def test_a_version_that_is_refused_is_told_by_its_own_rule() -> None:
    teller = Teller(20)
    teller.change(*(shop(number, State.OUTDATED, Reason.OUTDATED_CLIENT) for number in range(20)))
    assert words(teller.told) == [("outdated", "firing", 20)]


def test_what_a_person_stops_ends_at_once_and_says_so() -> None:
    teller = Teller()
    teller.change(held(0))
    (ended,) = teller.change(shop(0, State.STOPPED, Reason.BY_OPERATOR))
    assert ended.state is AlertState.RESOLVED and "stopped by an operator" in ended.text
    teller.change(held(0))
    (ended,) = teller.take(Removed(shop(0).id))
    assert "removed by an operator" in ended.text


def test_codes_that_nobody_scans_do_not_end_that_it_is_unlinked() -> None:
    teller = Teller()
    teller.change(replace(shop(0, State.LOGGED_OUT, Reason.UNLINKED), jid=None, phone="+49151"))
    teller.change(shop(0, State.PAIRING, Reason.QR_SHOWN))
    teller.change(shop(0, State.STOPPED, Reason.QR_EXPIRED))
    assert words(teller.wait(1000.0)) == [] and len(teller.memory.open) == 1


def test_a_restart_tells_nothing_again_and_ends_what_was_open() -> None:
    teller = Teller(12)
    teller.change(held(0), dropped(1))
    teller.wait(DOWN_S)
    before = len(teller.told)
    teller.now += 3600.0
    assert teller.restart() == []
    teller.wait(5.0)
    assert teller.restart() == []
    teller.change(shop(0), shop(1))
    ended = teller.wait(FLAP_S)
    assert {each.state for each in ended} == {AlertState.RESOLVED} and len(ended) == before == 2


def test_what_happened_while_nothing_could_be_told_is_told_by_the_next_manager() -> None:
    teller = Teller()
    teller.instances[shop(0).id] = held(0)
    assert words(teller.restart()) == [("held", "firing", 1)]


def test_one_that_was_removed_meanwhile_ends_with_the_next_manager() -> None:
    teller = Teller(2)
    teller.change(held(0))
    del teller.instances[shop(0).id]
    assert words(teller.restart()) == [("held", "resolved", 1)]


def test_of_one_that_is_silenced_nothing_begins_until_the_silence_is_over() -> None:
    silence = {shop(0).id: BEGIN + 7200.0}
    teller = Teller(2, replace(TELLING, silences=silence))
    teller.change(held(0))
    teller.change(shop(0))
    assert teller.wait(1000.0) == []
    teller.change(held(0))
    assert words(teller.wait(7200.0)) == [("held", "firing", 1)]


def test_what_was_told_before_a_silence_has_its_end_told() -> None:
    teller = Teller(2)
    teller.change(held(0))
    teller.telling = replace(TELLING, silences={shop(0).id: BEGIN + 7200.0})
    teller.change(shop(0))
    assert words(teller.wait(100.0)) == [("held", "resolved", 1)]


def test_a_measure_is_told_while_it_is_beyond_its_limit() -> None:
    teller = Teller(2)
    (told,) = teller.take(Measured(AlertRule.DISK, None, 312.0, 500.0))
    assert told.instances == () and told.instance is None and told.severity == "warning"
    assert (
        "this machine: little space is left on the disk: 312 MB left, less than 500 MB" in told.text
    )
    teller.take(Measured(AlertRule.DISK, None, 311.0, 500.0))
    teller.take(Measured(AlertRule.MEMORY, shop(0).id, 90.0, 400.0))
    teller.take(Measured(AlertRule.DISK, None, 900.0, 500.0))
    assert words(teller.wait(FLAP_S)) == [("disk", "resolved", 0)]
    assert teller.ended == [101]
    (told,) = teller.take(Measured(AlertRule.SUCCESS, shop(1).id, 0.5, 0.9))
    assert "50 % in the last day, less than 90 %" in told.text


@pytest.mark.parametrize(
    ("rule", "limit", "bad", "near", "well"),
    [
        (AlertRule.SUCCESS, 0.9, 0.89, 0.91, 0.93),
        (AlertRule.UPTIME, 1.0, 0.99, None, 1.0),
        (AlertRule.DISK, 500.0, 499.0, 520.0, 550.0),
        (AlertRule.MEMORY, 400.0, 401.0, 399.0, 350.0),
        (AlertRule.DROPS, 3.0, 3.1, 3.0, 2.0),
    ],
)
def test_what_wavers_about_its_limit_is_told_once(
    rule: AlertRule, limit: float, bad: float, near: float | None, well: float
) -> None:
    teller = Teller(1)
    identity = None if rule is AlertRule.DISK else shop(0).id
    for _ in range(10):
        teller.take(Measured(rule, identity, bad, limit))
        teller.wait(900.0)
        if near is not None:
            teller.take(Measured(rule, identity, near, limit))
            teller.wait(900.0)
    assert [each.state for each in teller.told] == ["firing"]
    teller.take(Measured(rule, identity, well, limit))
    assert words(teller.wait(FLAP_S)) == [(rule.value, "resolved", int(identity is not None))]
    assert teller.take(Measured(rule, identity, limit, limit)) == []


def test_what_is_just_below_its_limit_does_not_read_as_the_limit() -> None:
    (told,) = Teller(1).take(Measured(AlertRule.UPTIME, shop(0).id, 0.9499, 0.95))
    assert "94 % in the last day, less than 95 %" in told.text
    (told,) = Teller(1).take(Measured(AlertRule.SUCCESS, shop(0).id, 0.29, 0.995))
    assert "29 % in the last day, less than 99.5 %" in told.text


def test_a_pattern_ends_when_it_is_seen_no_more() -> None:
    teller = Teller(2)
    seen = PatternSeen("timeouts", shop(0).id, 3, 600.0)
    (told,) = teller.take(seen)
    assert "timeouts, 3 times" in told.text
    for _ in range(4):
        teller.wait(500.0)
        assert teller.take(seen) == []
    assert words(teller.wait(600.0 + FLAP_S)) == [("pattern", "resolved", 1)]


def test_of_facts_that_wait_the_newest_of_each_is_kept() -> None:
    one, other, gone = Changed(held(0)), Changed(shop(0)), Removed(shop(1).id)
    disk = Measured(AlertRule.DISK, None, 1.0, 2.0)
    later = replace(disk, value=3.0)
    facts: list[Fact] = [Stood(()), one, Changed(held(1)), disk, other, gone, later]
    assert newest(facts) == [Stood(()), other, gone, later]


def test_of_what_is_unknown_nothing_is_told() -> None:
    assert Teller(1).take(Measured(AlertRule.UPTIME, "gone", 0.1, 0.9)) == []


def test_the_clock_is_set() -> None:
    teller = Teller()
    teller.change(held(0))
    teller.now += 86_400.0
    teller.memory = teller.memory.shifted(86_400.0)
    teller.change(shop(0))
    assert len(teller.wait(FLAP_S)) == 1


def test_every_rule_has_a_severity_and_fits() -> None:
    for rule in AlertRule:
        assert severity_of(rule, Reason.NEW)


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.slug)
def test_every_text_fits(reason: Reason) -> None:
    for state in State:
        one = replace(shop(1, state, reason), name="n" * 40, detail="long words " * 40)
        if (rule_of(one)) is None:
            continue
        for count in (1, 5):
            teller = Teller(200)
            others = [replace(one, id=f"{n:016x}", name=f"{n}" + "n" * 39) for n in range(count)]
            told = teller.change(*others)
            assert told and all(len(each.text) <= LONGEST for each in told)
            assert told[0].text.endswith(".") and "+628123450001" not in told[0].text
            teller.change(*(replace(each, state=State.CONNECTED) for each in others))
            assert all(len(each.text) <= LONGEST for each in teller.wait(100.0))


# -- whatever happens -----------------------------------------------------------------------------

STANDS = [
    (State.CONNECTED, Reason.ONLINE),
    (State.CONNECTED, Reason.ONLINE),
    (State.CONNECTING, Reason.RETRY),
    (State.RETRYING, Reason.DROPPED),
    (State.RETRYING, Reason.DIAL_FAILED),
    (State.RETRYING, Reason.DEAF),
    (State.DEGRADED, Reason.KEEPALIVE_MISSED),
    (State.COOLDOWN, Reason.CONFLICT),
    (State.HELD, Reason.RIVAL),
    (State.HELD, Reason.CRASH_LOOP),
    (State.LOGGED_OUT, Reason.UNLINKED),
    (State.BANNED, Reason.TEMPORARY_BAN),
    (State.OUTDATED, Reason.VERSION_AWAITED),
    (State.OUTDATED, Reason.OUTDATED_CLIENT),
    (State.STOPPED, Reason.BY_OPERATOR),
    (State.STOPPED, Reason.PAUSED),
    (State.STOPPED, Reason.PASSKEY),
    (State.STOPPED, Reason.QR_EXPIRED),
]
COUNT = 6

changes: st.SearchStrategy[tuple[list[int], tuple[State, Reason]]] = st.tuples(
    st.lists(st.integers(0, COUNT - 1), min_size=1, unique=True), st.sampled_from(STANDS)
)
acts = st.one_of(
    changes,
    changes,
    st.sampled_from([0.1, 5.0, 30.0, 61.0, 300.0, 601.0]),
    st.just("restart"),
    st.tuples(st.just("disk"), st.floats(0.0, 1000.0)),
    st.tuples(st.just("pattern"), st.integers(0, COUNT - 1)),
)


def play(teller: Teller, script: Sequence[object]) -> None:
    for act in script:
        match act:
            case float(seconds):
                teller.wait(seconds)
            case "restart":
                opened = {each.id for each in teller.told}
                told = teller.restart()
                # What passed by meanwhile may end; nothing that was told begins again.
                assert all(
                    each.state is AlertState.RESOLVED or each.id not in opened for each in told
                ), told
                assert teller.restart() == []
            case ("disk", float(value)):
                teller.take(Measured(AlertRule.DISK, None, value, 500.0))
            case ("pattern", int(number)):
                teller.take(PatternSeen("p", shop(number).id, 3, 300.0))
            case (list(numbers), (State() as state, Reason() as reason)):
                down = state in (State.RETRYING, State.DEGRADED, State.CONNECTING)
                changed = []
                for number in numbers:
                    before = teller.instances[shop(number).id].down_since
                    since = (before or teller.now) if down else None
                    changed.append(replace(shop(number, state, reason), down_since=since))
                teller.change(*changed)


@settings(max_examples=300, deadline=None)
@given(st.lists(acts, max_size=40))
def test_whatever_happens_each_incident_has_one_beginning_and_one_end(script: list[object]) -> None:
    teller = Teller(COUNT)
    play(teller, script)
    by_id: dict[str, list[Alert]] = {}
    for alert in teller.told:
        assert alert.id and len(alert.text) <= LONGEST
        by_id.setdefault(alert.id, []).append(alert)
    for alerts in by_id.values():
        states = [each.state for each in alerts]
        assert states[0] is AlertState.FIRING
        assert states.count(AlertState.RESOLVED) <= 1
        assert AlertState.RESOLVED not in states[:-1]
        for one, other in pairwise(alerts):
            if other.state is AlertState.FIRING and one.rule is other.rule:
                assert other.at - one.at >= GROWTH_S and len(other.instances) >= 1
    # All that is well for long enough has ended.
    teller.change(*map(shop, range(COUNT)))
    teller.take(Measured(AlertRule.DISK, None, 900.0, 500.0))
    teller.wait(1000.0)
    assert not teller.memory.open
    ends = [each.id for each in teller.told if each.state is AlertState.RESOLVED]
    assert sorted(ends) == sorted(by_id)


@settings(max_examples=200, deadline=None)
@given(changes.filter(lambda change: rule_of(shop(0, *change[1])) is not None))
def test_what_a_state_means_by_itself_is_told_in_that_moment(
    change: tuple[list[int], tuple[State, Reason]],
) -> None:
    teller = Teller(COUNT)
    numbers, stands = change
    (told,) = teller.change(*(shop(number, *stands) for number in numbers))
    rule = rule_of(shop(0, *stands))
    assert rule is not None
    is_fleet = len(numbers) >= 3 and not is_of_all(rule)
    assert told.rule is (AlertRule.FLEET if is_fleet else rule)
    assert told.rule not in MEASURED and len(told.instances) == len(numbers)


# -- in another language --------------------------------------------------------------------------


def test_an_alert_is_said_in_the_language_of_the_settings() -> None:
    words = Words(translations(Lang.ID, {}).gettext, UTC)
    teller = Teller(1, replace(TELLING, words=words))
    (told,) = teller.change(held(0))
    assert told.text == (
        "shop-0 (+6281••••0000): klien lain terus merebut sesi ini (440), sejak 22:13."
        " Program berhenti mencoba. Tindakan: hentikan klien lain, lalu ambil alih"
        " (`waziterm reconnect shop-0 --takeover`)."
    )
    assert told.next == (
        "hentikan klien lain, lalu ambil alih (`waziterm reconnect shop-0 --takeover`)"
    )
    (disk,) = teller.take(Measured(AlertRule.DISK, None, 312.0, 500.0))
    assert "mesin ini: ruang disk tinggal sedikit: sisa 312 MB, kurang dari 500 MB" in disk.text


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.slug)
def test_every_text_fits_in_indonesian(reason: Reason) -> None:
    words = Words(translations(Lang.ID, {}).gettext, UTC)
    for state in State:
        one = shop(1, state, reason)
        if rule_of(one) is not None:
            (told,) = Teller(2, replace(TELLING, words=words)).change(one)
            assert len(told.text) <= LONGEST and told.text.endswith(".")


def test_what_is_told_of_a_renamed_instance_names_it_as_it_is_called_now() -> None:
    teller = Teller(2)
    (told,) = teller.change(held(0))
    assert told.instances == ("shop-0",)
    assert teller.change(replace(held(0), name="toko")) == []
    teller.restart()
    teller.change(replace(shop(0), name="toko"))
    (ended,) = teller.wait(FLAP_S)
    assert ended.state is AlertState.RESOLVED and ended.instances == ("toko",)
    assert "toko" in ended.text and "shop-0" not in ended.text
