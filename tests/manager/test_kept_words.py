"""F19 and F20: what is known of a ban and of a rival outlives what comes after it."""

from dataclasses import replace

import pytest

from tests.manager.hosting import Host
from tests.manager.test_supervising import JID, online, worker_of
from tests.manager.world import BEGIN
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.rivals.search import SearchResult
from waziterm.manager.workers.worker import SOON_S

WORDS = "sent to too many people (code 101)"
SUSPECT = "suspect: pid 4711: python bot.py, since 10:02 UTC"


def banned(host: Host) -> float:
    worker = online(host, "shop")
    worker.say(ev.TemporaryBan(101, 3600.0))
    host.world.settle()
    return host.view("shop").since


def assert_banned(host: Host, since: float) -> None:
    view = host.view("shop")
    assert (view.state, view.reason, view.detail) == (State.BANNED, Reason.TEMPORARY_BAN, WORDS)
    assert view.since == since


def test_f19_a_ban_keeps_words_code_and_start_over_a_restart_of_the_manager(host: Host) -> None:
    since = banned(host)
    assert_banned(host, since)
    for _ in range(2):
        host.close()
        host.world.pass_time(60.0)
        host.open()
        assert_banned(host, since)


def test_f19_a_ban_keeps_them_over_a_pause_and_a_stop(host: Host) -> None:
    since = banned(host)
    host.world.pass_time(60.0)

    async def pause() -> None:
        async with host.fleet._instances.paused("shop"):
            pass

    host.world.run(pause())
    host.world.settle()
    assert_banned(host, since)
    for again in (host.fleet.start, host.fleet.start):
        host.world.run(host.fleet.stop("shop"))
        host.world.pass_time(60.0)
        host.world.run(again("shop"))
        host.world.settle()
        assert_banned(host, since)


def test_f20_held_keeps_what_the_cool_down_found(host: Host) -> None:
    host.world.findings = SearchResult(suspects=(SUSPECT.partition(": ")[2],))
    worker = online(host, "shop")
    worker.say(ev.StreamReplaced())
    host.world.settle()
    assert host.view("shop").detail == SUSPECT
    host.world.pass_time(12.0)
    guarded = worker_of(host, "shop")
    guarded.say(ev.Connected(JID))
    host.world.settle()
    guarded.say(ev.StreamReplaced())
    host.world.settle()

    def assert_held() -> float:
        view = host.view("shop")
        assert (view.state, view.reason, view.detail) == (State.HELD, Reason.RIVAL, SUSPECT)
        return view.since

    since = assert_held()
    host.close()
    host.world.pass_time(60.0)
    host.open()
    assert assert_held() == since
    host.world.run(host.fleet.stop("shop"))
    assert host.view("shop").state is State.STOPPED
    (held,) = [each for each in host.world.run(host.fleet.check()) if each.kind == "held"]
    assert SUSPECT in held.evidence


@pytest.mark.parametrize(
    ("verdict", "state", "reason"),
    [
        (ev.LoggedOut(True, 406), State.LOGGED_OUT, Reason.ACCOUNT_BANNED),
        (ev.LoggedOut(True, 401), State.LOGGED_OUT, Reason.UNLINKED),
        (ev.TemporaryBan(101, 3600.0), State.BANNED, Reason.TEMPORARY_BAN),
        (ev.StreamReplaced(), State.COOLDOWN, Reason.CONFLICT),
    ],
    ids=["406", "401", "ban", "440"],
)
@pytest.mark.parametrize(
    ("together", "leaves"),
    [(False, False), (True, False), (True, True)],
    ids=["alone", "with others", "with others, while it leaves"],
)
def test_f19_what_whatsapp_said_of_the_account_is_heard_behind_the_end_of_its_attempt(
    host: Host, verdict: ev.WorkerEvent, state: State, reason: Reason, together: bool, leaves: bool
) -> None:
    if together:
        fleet = replace(host.settings.fleet, instances_per_worker=5)
        host.settings = replace(host.settings, fleet=fleet)
        jids = {f"other-{number}": f"62811{number}:3@s.whatsapp.net" for number in range(9)}
        host.prepare(*(Instance(name, BEGIN, since=BEGIN, jid=jid) for name, jid in jids.items()))
    worker = online(host, "shop")
    assert (len(worker.process.workers) > 1) is together
    worker.say(ev.StreamError("516"))
    if leaves:
        worker.answers = "never"
        host.world.settle()
    worker.say(verdict)
    host.world.pass_time(SOON_S + 0.1 if leaves else 0.0)
    assert (host.view("shop").state, host.view("shop").reason) == (state, reason)
