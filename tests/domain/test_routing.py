"""Whom a message is for: severity, rules, quiet hours, messages a minute."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from waziterm.domain.alerts.alert import Alert, AlertRule, AlertSeverity, AlertState
from waziterm.domain.alerts.alert_settings import Sink
from waziterm.domain.alerts.quiet import Quiet
from waziterm.domain.alerts.routing import Desk, Desks, due, route
from waziterm.domain.alerts.texts import LONGEST, Words

EVENING = datetime(2026, 3, 1, 22, 0, tzinfo=UTC).timestamp()
NIGHT = EVENING + 2 * 3600.0
MORNING = EVENING + 9 * 3600.0
OPS = Sink(name="ops")
CALM = Sink(name="calm", quiet=Quiet.parse("23:00-07:00 UTC"))


def alert(
    number: int,
    severity: AlertSeverity = AlertSeverity.WARNING,
    state: AlertState = AlertState.FIRING,
    at: float = EVENING,
) -> Alert:
    name = f"shop-{number}"
    rule = AlertRule.HELD if severity is AlertSeverity.CRITICAL else AlertRule.DOWN
    return Alert(
        *(str(number), at, rule, severity, state, name, (name,), "+62811", "rival", "440"),
        *(at, f"{name}: …", "look", (f"id-{number}",)),
    )


def end(number: int, severity: AlertSeverity = AlertSeverity.WARNING) -> Alert:
    return alert(number, severity, AlertState.RESOLVED)


class Post:
    """Sinks and the clock; got: what each sink was sent."""

    def __init__(self, *sinks: Sink, per_minute: int = 20) -> None:
        self.sinks = sinks
        self.per_minute = per_minute
        self.desks: Desks = {}
        self.now = EVENING
        self.got: dict[str, list[Alert]] = {each.name: [] for each in sinks}

    def send(self, *alerts: Alert) -> None:
        done = route(self.desks, alerts, self.sinks, self.per_minute, self.now, Words(zone=UTC))
        self.desks = done.desks
        for one, names in done.sent:
            for name in names:
                self.got[name].append(one)

    def wait_until(self, end: float) -> None:
        for _ in range(200):
            moment = due(self.desks, self.sinks, self.per_minute, self.now)
            if moment is None or moment > end:
                break
            self.now = max(self.now, moment)
            self.send()
        else:
            raise AssertionError("something is due again and again")
        self.now = end

    def ids(self, name: str) -> list[tuple[str, str]]:
        return [(each.id, each.state.value) for each in self.got[name]]


def test_a_sink_gets_what_it_wants_and_the_ends_of_that() -> None:
    severe = Sink(name="severe", min_severity=AlertSeverity.CRITICAL)
    down = Sink(name="down", rules=frozenset({AlertRule.DOWN}))
    post = Post(OPS, severe, down)
    post.send(alert(1), alert(2, AlertSeverity.CRITICAL))
    post.send(end(1), end(2, AlertSeverity.CRITICAL))
    both = [("2", "firing"), ("2", "resolved")]
    assert sorted(post.ids("ops")) == sorted([("1", "firing"), ("1", "resolved"), *both])
    assert post.ids("severe") == both
    assert post.ids("down") == [("1", "firing"), ("1", "resolved")]


def test_the_end_is_told_by_whatever_rule_it_ended() -> None:
    post = Post(Sink(name="ops", min_severity=AlertSeverity.CRITICAL))
    post.send(alert(1, AlertSeverity.CRITICAL))
    post.send(end(1, AlertSeverity.INFO))
    assert post.ids("ops") == [("1", "firing"), ("1", "resolved")]


def test_at_night_only_what_is_critical_is_told_and_in_the_morning_what_goes_on() -> None:
    post = Post(OPS, CALM)
    post.send(alert(7))
    post.now = NIGHT
    post.send(alert(1, at=NIGHT), alert(2, at=NIGHT), alert(3, at=NIGHT), end(7))
    post.send(alert(4, AlertSeverity.CRITICAL, at=NIGHT))
    post.send(end(2))
    assert post.ids("calm") == [("7", "firing"), ("4", "firing")]
    post.wait_until(MORNING - 1.0)
    assert len(post.got["calm"]) == 2
    post.wait_until(MORNING + 1.0)
    resolved, digest = post.got["calm"][2:]
    assert (resolved.id, resolved.state) == ("7", AlertState.RESOLVED)
    assert digest.id == "digest-1-3" and digest.instances == ("shop-1", "shop-3")
    assert digest.text == "2 incidents are open: shop-1: not connected; shop-3: not connected."
    post.send(end(1), end(2), end(3))
    assert post.ids("calm")[4:] == [("1", "resolved"), ("3", "resolved")]
    assert len(post.got["ops"]) == 9


def test_one_that_was_kept_is_told_itself() -> None:
    post = Post(CALM)
    post.now = NIGHT
    post.send(alert(1, at=NIGHT))
    post.send(alert(1, at=NIGHT + 60.0))
    post.wait_until(MORNING)
    assert post.ids("calm") == [("1", "firing")] and post.got["calm"][0].at == NIGHT + 60.0


def test_what_is_beyond_a_minute_s_messages_comes_in_one_digest() -> None:
    post = Post(OPS, per_minute=5)
    warnings = [alert(number) for number in range(30)]
    post.send(*warnings, alert(99, AlertSeverity.CRITICAL))
    assert [each.id for each in post.got["ops"]] == ["99", "0", "1", "2", "3"]
    post.wait_until(EVENING + 61.0)
    (digest,) = post.got["ops"][5:]
    assert digest.text.startswith("26 incidents are open: shop-4: not connected")
    assert len(digest.text) <= LONGEST and digest.text.endswith("; ….")
    post.send(*(end(number) for number in range(30)))
    post.wait_until(EVENING + 3600.0)
    ends = [each for each in post.got["ops"] if each.state is AlertState.RESOLVED]
    assert sorted(int(each.id) for each in ends) == list(range(30))


def test_the_clock_is_set() -> None:
    desk = Desk(("1",), (alert(2),), (EVENING,)).shifted(60.0)
    assert (desk.kept[0].at, desk.sent) == (EVENING + 60.0, (EVENING + 60.0,))


acts = st.one_of(
    st.tuples(st.integers(0, 9), st.sampled_from(list(AlertSeverity))),
    st.integers(0, 9),
    st.floats(0.1, 20_000.0),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(acts, max_size=60), st.integers(1, 4))
def test_whatever_comes_each_end_follows_a_beginning_and_no_minute_has_too_many(
    script: list[object], per_minute: int
) -> None:
    post = Post(OPS, CALM, per_minute=per_minute)
    open_now: set[int] = set()
    sent_at: dict[str, list[float]] = {"ops": [], "calm": []}

    def note() -> None:
        for name, got in post.got.items():
            sent_at[name] += [post.now] * (len(got) - len(sent_at[name]))

    for act in script:
        match act:
            case (int(number), AlertSeverity() as severity):
                open_now.add(number)
                post.send(alert(number, severity, at=post.now))
            case int(number) if number in open_now:
                open_now.remove(number)
                post.send(replace(end(number), at=post.now))
            case float(seconds):
                target = post.now + seconds
                while post.now < target:
                    moment = due(post.desks, post.sinks, per_minute, post.now)
                    post.wait_until(min(target, moment or target))
                    post.send()
                    note()
        note()
    for name, got in post.got.items():
        ends = [each.id for each in got if each.state is AlertState.RESOLVED]
        assert not any(each.startswith("digest") for each in ends)
        for first, later in zip(sent_at[name], sent_at[name][per_minute:], strict=False):
            assert later - first >= 59.9
    for number in sorted(open_now):
        post.send(replace(end(number), at=post.now))
    post.wait_until(post.now + 10 * 86_400.0)
    assert not any(desk.kept or desk.told for desk in post.desks.values())
