"""The instances as senders: how they stand, and what becomes of a message nobody answers for."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.rivals import a_rival
from tests.manager.test_pool import jid, worker_of
from tests.manager.world import BEGIN, World
from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.message import Content, MessageKind
from waziterm.domain.messages.sending import (
    SEND_S,
    Acknowledged,
    CannotSend,
    NotSent,
    Outgoing,
    Sent,
    Standing,
    Trace,
    Uncertain,
)
from waziterm.manager.instance.traces import LOOK_S, SAME_S
from waziterm.worker import protocol as wire

SECRET = "ab" * 32
MESSAGE = Outgoing("628999@s.whatsapp.net", Content(MessageKind.TEXT, "hello"), SECRET)


@pytest.fixture
def host(folder: Path) -> Iterator[Host]:
    world = World()
    here = Host(world, folder / "data", settings(folder, limits__backoff_first_s=1))
    here.prepare(Instance("a", BEGIN, since=BEGIN, jid=jid("a")), Instance("new", BEGIN))
    here.open()
    worker_of(here, "a").say(ev.Connected(jid("a")))
    world.settle()
    try:
        yield here
    finally:
        here.abandon()
        world.close()


def send(host: Host) -> "asyncio.Task[Sent]":
    return host.world.task(host.fleet.phones.send(host.id("a"), MESSAGE))


def standing(host: Host, name: str = "a") -> Standing:
    return host.fleet.phones.standing(host.id(name))


def keep_secret(host: Host) -> None:
    """As the library does before it sends."""
    with closing(sqlite3.connect(host.session("a"))) as db, db:
        db.execute(
            "CREATE TABLE whatsmeow_message_secrets (our_jid, chat_jid, message_id, key bytea)"
        )
        row = (jid("a"), "1@lid", "3EB0", bytes.fromhex(SECRET))
        db.execute("INSERT INTO whatsmeow_message_secrets VALUES (?, ?, ?, ?)", row)


def test_a_message_that_nobody_answers_for_is_uncertain_and_costs_a_reconnect(host: Host) -> None:
    worker = worker_of(host, "a")
    worker.answers = "never"
    sending = send(host)
    worker.answers = "ok"
    host.world.pass_time(SEND_S - 1)
    assert not sending.done() and host.view("a").state is State.CONNECTED
    host.world.pass_time(2)
    assert isinstance(sending.result(), Uncertain)
    assert (host.view("a").state, host.view("a").reason) == (
        State.RETRYING,
        Reason.SEND_UNANSWERED,
    )
    assert standing(host).why is CannotSend.RETRYING and standing(host).until is not None


def test_a_freeze_of_the_machine_is_nobodys_fault(host: Host) -> None:
    worker = worker_of(host, "a")
    worker.answers = "never"
    sending = send(host)
    worker.answers = "ok"
    (command,) = worker.messages
    host.world.jump(SEND_S + 60)
    assert not sending.done() and host.view("a").state is State.CONNECTED
    host.world.pass_time(SEND_S / 2)
    acknowledged = Acknowledged("3EB0", "1@lid")
    worker.process.report(wire.Answered("a", command.request, 200.0, "", acknowledged))
    host.world.settle()
    assert sending.result() == acknowledged and host.view("a").state is State.CONNECTED


def test_the_next_connect_waits_until_it_was_looked_up(host: Host) -> None:
    worker = worker_of(host, "a")
    worker.answers = "never"
    sending = send(host)
    keep_secret(host)
    worker.die(-9)
    host.world.settle()
    assert isinstance(sending.result(), Uncertain)
    host.world.pass_time(LOOK_S - 1)
    assert not host.world.live("a"), "connected before anybody could look"
    traces = host.world.run(host.fleet.phones.traces(host.id("a"), {SECRET, "cd" * 32}))
    assert traces == {SECRET: Trace("3EB0", "1@lid")}
    host.world.pass_time(0.5)
    assert host.world.live("a")


def test_nobody_who_does_not_look_keeps_it_from_connecting(host: Host) -> None:
    worker = worker_of(host, "a")
    worker.answers = "never"
    sending = send(host)
    worker.die(-9)
    host.world.pass_time(LOOK_S + 3)
    assert isinstance(sending.result(), Uncertain) and host.world.live("a")
    # A session that cannot be read tells nothing.
    with pytest.raises(FleetError, match="no such table"):
        host.world.run(host.fleet.phones.traces(host.id("a"), {SECRET}))


def test_traces_wait_for_a_worker_that_does_not_let_go(host: Host) -> None:
    worker = worker_of(host, "a")
    worker.answers = "never"
    send(host)
    keep_secret(host)
    host.world.kill_s = 20.0
    host.world.task(host.fleet.stop("a"))
    looking = host.world.task(host.fleet.phones.traces(host.id("a"), {SECRET}))
    host.world.pass_time(15)
    assert not looking.done(), "it may still be sent"
    host.world.pass_time(10)
    assert set(looking.result()) == {SECRET}


def test_whoever_else_has_the_session_open_could_send_it(host: Host) -> None:
    """A worker of a manager that was killed, and that is frozen."""
    keep_secret(host)
    with a_rival() as rival:
        rival.do("open", str(host.session("a")))
        with pytest.raises(FleetError, match="has the session file open"):
            host.world.run(host.fleet.phones.traces(host.id("a"), {SECRET}))
        rival.kill()
        host.world.pass_time(SAME_S + 0.1)
    assert set(host.world.run(host.fleet.phones.traces(host.id("a"), {SECRET}))) == {SECRET}


def test_how_an_instance_stands(host: Host) -> None:
    assert standing(host) == Standing("a")
    assert standing(host, "new") == Standing("new", CannotSend.NOT_PAIRED)
    assert host.fleet.phones.standing("0" * 16) == Standing("", CannotSend.GONE)
    worker = worker_of(host, "a")
    until = host.world.clock.now() + 3600
    worker.say(ev.NewChatsBarred(until))
    host.world.settle()
    assert standing(host) == Standing("a", no_new_chats_until=until)
    moved = host.world.task(host.fleet.phones.changed(host.id("a")))
    host.world.run(host.fleet.edit("a", note="any change that is shown"))
    assert not moved.done(), "it stands as it did"
    worker.say(ev.StreamReplaced())
    host.world.settle()
    assert moved.done()
    stands = standing(host)
    assert (stands.why, stands.until) == (CannotSend.COOLDOWN, host.view("a").next_attempt)
    assert host.world.run(host.fleet.phones.send(host.id("a"), MESSAGE)) == (
        NotSent("it is cool-down")
    )
    host.world.run(host.fleet.stop("a"))
    assert standing(host).why is CannotSend.STOPPED
    moved = host.world.task(host.fleet.phones.changed(host.id("a")))
    identity = host.id("a")
    host.world.run(host.fleet.rename("a", "b"))
    assert moved.done() and host.fleet.phones.standing(identity).name == "b"
    moved = host.world.task(host.fleet.phones.changed(identity))
    host.world.run(host.fleet.remove("b"))
    assert moved.done()
    assert host.fleet.phones.standing(identity).why is CannotSend.GONE
