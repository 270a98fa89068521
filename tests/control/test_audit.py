"""The audit of what is asked over a real socket, by real processes: who they are is the kernel's
word, never theirs."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.control.scripted import ScriptedFleet, connected_view
from tests.control.test_server import ask
from waziterm.control.client.remote import attached
from waziterm.control.server.app import serve_control
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.audit import AuditEntry, AuditResult, Via, recorded
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.fleet.verbs import verbs_of
from waziterm.manager.history.audit import StoreAudit
from waziterm.manager.people import Peer, myself, person_of
from waziterm.store.store import Store, open_store

NOBODY = 65534
LOGIN = 123456
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

CLIENT = """
import json, os, socket, sys
told = json.loads(sys.argv[1])
if told["login"] is not None:
    with open("/proc/self/loginuid", "w") as file:
        file.write(str(told["login"]))
if told["uid"] is not None:
    os.setgroups([])
    os.setresgid(told["uid"], told["uid"], told["uid"])
    os.setresuid(told["uid"], told["uid"], told["uid"])
sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
sock.connect(told["path"])
sock.sendall(told["request"].encode())
if told["waits"]:
    while sock.recv(4096):
        pass
"""

HEIR = """
import os, socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
sock.connect(sys.argv[1])
request = b"POST /v1/instances/shop-a/stop HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
sock.sendall(request)
sock.recv(65536)
waits, ends = os.pipe()
if os.fork():
    os._exit(0)
os.close(ends)
os.read(waits, 1)
sock.sendall(request)
sock.recv(65536)
"""


@pytest.fixture
def fleet() -> ScriptedFleet:
    return ScriptedFleet(connected_view("shop-a"))


@asynccontextmanager
async def audited(folder: Path, fleet: ScriptedFleet) -> AsyncIterator[tuple[Path, Store]]:
    """A socket that writes down what is asked of it, and that anybody may use."""
    path = folder / "c.sock"
    async with (
        open_store(folder / "waziterm.db") as store,
        serve_control(fleet, path, audit=StoreAudit(store, time.time)),
    ):
        folder.chmod(0o755)  # noqa: ASYNC240
        path.chmod(0o666)
        yield path, store


def client(
    path: Path,
    url: str = "/v1/instances/shop-a/stop",
    *,
    head: str = "",
    login: int | None = None,
    uid: int | None = None,
    waits: bool = True,
) -> list[str]:
    """A process of its own that asks for something. login: with which it logged in."""
    request = f"POST {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n"
    told = {"path": str(path), "request": request, "login": login, "uid": uid, "waits": waits}
    return [sys.executable, "-S", "-E", "-c", CLIENT, json.dumps(told)]


async def run(command: list[str], **variables: str) -> int:
    """Run a process to its end; its pid."""
    process = await asyncio.create_subprocess_exec(
        *command, env=variables, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    if b"/proc/self/loginuid" in said:
        pytest.skip("nobody may log in here")
    assert process.returncode == 0, said
    return process.pid


async def entries(store: Store, count: int) -> tuple[AuditEntry, ...]:
    """The acts that are over, when there are so many of them."""
    async with asyncio.timeout(10):
        while True:
            found = await store.audit(0.0, "", 100)
            if len(found) >= count and all(each.result is not None for each in found):
                return found
            await asyncio.sleep(0.01)


@as_root
async def test_who_asks_is_the_process_whatever_it_says(folder: Path, fleet: ScriptedFleet) -> None:
    claims = "X-Forwarded-User: root\r\nX-Remote-User: root\r\nAuthorization: Basic cm9vdDo=\r\n"
    async with audited(folder, fleet) as (path, store):
        command = client(path, head=claims + "User-Agent: waziterm-line\r\n", uid=NOBODY)
        pid = await run(command, USER="root", LOGNAME="root", SUDO_USER="root")
        (entry,) = await entries(store, 1)
    person = entry.person
    assert (person.who, person.uid, person.login_uid, person.pid) == ("nobody", NOBODY, None, pid)
    assert (person.via, person.tty, person.origin) == (Via.VERB, None, None)
    assert (entry.act, entry.instances, entry.result) == ("stop", ("shop-a",), AuditResult.DONE)


@as_root
async def test_who_logged_in_is_told_behind_sudo(folder: Path, fleet: ScriptedFleet) -> None:
    async with audited(folder, fleet) as (path, store):
        await run(
            client(path, login=LOGIN, uid=NOBODY),
            SSH_CONNECTION="192.0.2.7 40000 10.0.0.1 22",
        )
        await run(client(path, login=LOGIN), SSH_CONNECTION="\x1b[31mroot 1 2 3", SUDO_USER="root")
        first, second = await entries(store, 2)
        assert await store.audit(0.0, str(LOGIN), 9) == (first, second)
        assert await store.audit(0.0, "nobody", 9) == ()
    assert (first.person.who, first.person.uid) == (f"uid {LOGIN}", NOBODY)
    assert (first.person.login_uid, first.person.origin) == (LOGIN, "192.0.2.7")
    assert (second.person.who, second.person.uid) == (f"uid {LOGIN}", 0)
    assert (second.person.origin, second.person.via) == (None, Via.SOCKET)


@as_root
async def test_one_that_is_gone_before_it_is_looked_at_is_told_by_its_user(
    folder: Path, fleet: ScriptedFleet
) -> None:
    async with audited(folder, fleet) as (path, store):
        # While it asks and ends, this loop stands still, and nobody takes its connection in.
        command = client(path, uid=NOBODY, waits=False)
        subprocess.run(  # noqa: ASYNC221
            command, check=True, timeout=20, env={"SSH_CONNECTION": "192.0.2.7 1 2 3"}
        )
        (entry,) = await entries(store, 1)
    person = entry.person
    assert (person.who, person.uid) == ("nobody", NOBODY) and person.pid > 0
    assert (person.login_uid, person.tty, person.origin) == (None, None, None)
    assert entry.result is AuditResult.DONE and ("stop", "shop-a") in fleet.calls


async def test_a_connection_is_told_as_of_who_made_it(folder: Path, fleet: ScriptedFleet) -> None:
    """Also when that process has ended since, and another one goes on with its connection."""
    async with audited(folder, fleet) as (path, store):
        command = [sys.executable, "-S", "-E", "-c", HEIR, str(path)]
        pid = await run(command, SSH_CONNECTION="192.0.2.7 1 2 3")
        first, second = await entries(store, 2)
    assert (first.person.pid, first.person.origin) == (pid, "192.0.2.7")
    assert second.person == first.person


def list_of(folder: Path) -> list[Path]:
    """The database and what lies beside it."""
    return sorted(folder.glob("waziterm.db*"))


@contextlib.contextmanager
def process(login: int) -> Iterator[int]:
    """A process that logged in, until the context ends; its pid."""
    script = (
        f"open('/proc/self/loginuid', 'w').write('{login}'); print(flush=True);"
        " import sys; sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        if not child.stdout.readline():
            pytest.skip("nobody may log in here")
        yield child.pid


@as_root
def test_a_younger_process_with_the_same_number_is_not_believed() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME) - 0.1
    with process(LOGIN) as pid:
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert person_of(Peer(pid, NOBODY, now), Via.SOCKET).login_uid == LOGIN
        other = person_of(Peer(pid, NOBODY, before), Via.SOCKET)
    assert (other.who, other.login_uid) == ("nobody", None)
    assert person_of(Peer(pid, NOBODY, now), Via.SOCKET).login_uid is None
    assert person_of(Peer(0, NOBODY, now), Via.SOCKET).who == "nobody"


async def test_what_is_asked_is_kept_without_its_secrets(
    folder: Path, fleet: ScriptedFleet
) -> None:
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/v1/instances", {"name": "shop-b", "phone": "+62 812 3456 7890",
                           "proxy": "socks5://me:hunter2@proxy.example:1080"}),
        ("/v1/instances/shop-a/send-test", {"to": "+6281234567890"}),
        ("/v1/notes", {"text": "call +6281234567890, http://me:hunter2@h"}),
        ("/v1/instances/nobody/stop", {}),
        ("/v1/fix", {"dry_run": True}),
        ("/v1/check", {}),
        ("/v1/instances/shop-a/stop", {"unknown": "hunter2"}),
        ("/v1/instances/-rf/stop", {}),
        ("/v1/restart", {"clean_sessions": "hunter2"}),
        ("/v1/check", {"unknown": 1}),
        ("/v1/restart", {"clean_sessions": 2}),
    )  # fmt: skip
    async with audited(folder, fleet) as (path, store):
        for url, body in asked:
            await ask(path, "POST", url, json=body)
        await ask(path, "GET", "/v1/instances")
        found = await entries(store, 8)
    told = [(each.act, each.instances, dict(each.args or {}), each.result) for each in found]
    assert told == [
        ("add", ("shop-b",), {"phone": "+62812••••7890",
                              "proxy": "socks5://•••@proxy.example:1080"}, AuditResult.DONE),
        ("send-test", ("shop-a",), {"to": "+62812••••7890"}, AuditResult.DONE),
        ("note", (), {"text": "call +62812••••7890, http://[credentials]@h"}, AuditResult.DONE),
        ("stop", ("nobody",), {}, AuditResult.REFUSED),
        ("stop", ("shop-a",), {}, AuditResult.REFUSED),
        ("stop", ("-rf",), {}, AuditResult.REFUSED),
        ("restart", (), {}, AuditResult.REFUSED),
        ("restart", (), {"clean_sessions": 2}, AuditResult.DONE),
    ]  # fmt: skip
    assert "nobody" in found[3].error and {each.person.via for each in found} == {Via.SOCKET}
    stored = (folder / "waziterm.db").read_bytes()
    for secret in (b"hunter2", b"81234567890"):
        assert secret not in stored


async def test_of_a_message_no_text_and_no_number_is_kept_and_who_read_it_is(
    folder: Path, fleet: ScriptedFleet
) -> None:
    text, whom = "meet me at the harbour \U0001f6a2", "/v1/instances/shop-a/messages"
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        (whom, {"to": "+62 812 3456 7890", "text": text}),
        (whom, {"to": "6281234567890:3@s.whatsapp.net", "text": text}),
        (whom, {"to": "hunter2@harbour", "text": text, "unknown": 1}),
        ("/v1/messages/m-0003/text", {}),
        ("/v1/messages/m-0003/resolve", {"how": "resend"}),
        ("/v1/messages/m-9999/cancel", {}),
        ("/v1/messages/m-0001/resolve", {"how": "perhaps"}),
        ("/v1/opt-outs/o-7/remove", {}),
    )  # fmt: skip
    fleet.message_says = "the harbour is closed"
    async with audited(folder, fleet) as (path, store):
        answers = [await ask(path, "POST", url, json=body) for url, body in asked]
        await ask(path, "GET", "/v1/messages?state=unknown")
        found = await entries(store, len(asked))
    said = f"{len(text)} characters"
    told = [(each.act, each.instances, dict(each.args or {}), each.result) for each in found]
    assert told == [
        ("send-message", ("shop-a",), {"to": "+62812••••7890", "text": said}, AuditResult.DONE),
        ("send-message", ("shop-a",), {"to": "+62812••••7890:3@s.whatsapp.net", "text": said},
         AuditResult.DONE),
        ("send-message", ("shop-a",), {}, AuditResult.REFUSED),
        ("message-text", ("shop-b",), {"message": "m-0003"}, AuditResult.DONE),
        ("resolve-message", ("shop-b",), {"message": "m-0003", "how": "resend"},
         AuditResult.DONE),
        ("messages cancel", (), {"message": "m-9999"}, AuditResult.REFUSED),
        ("resolve-message", (), {"message": "m-0001"}, AuditResult.REFUSED),
        ("opt-outs remove", ("shop-a",), {"opt_out": "o-7"}, AuditResult.DONE),
    ]  # fmt: skip
    assert answers[3].json()["text"] == fleet.message_says
    stored = b"".join(each.read_bytes() for each in list_of(folder))
    for secret in (b"harbour", b"81234567890", b"hunter2"):
        assert secret not in stored


async def test_an_attached_screen_asks_under_its_users_name(
    folder: Path, fleet: ScriptedFleet
) -> None:
    fleet.refuse = FleetError("shop-a is banned", "wait")
    async with audited(folder, fleet) as (path, store), attached(path, os.getpid) as far:
        with pytest.raises(FleetError):
            await far.reconnect("shop-a", takeover=True)
        (entry,) = await entries(store, 1)
    assert entry.person == myself(Via.SCREEN)
    assert (entry.act, entry.args) == ("reconnect", {"takeover": True})
    assert (entry.result, entry.error) == (AuditResult.REFUSED, "shop-a is banned")


async def test_lines_that_nobody_reads_to_the_end_are_cut_short(
    folder: Path, fleet: ScriptedFleet
) -> None:
    verb = verbs_of(Fleet)["restart"]
    async with open_store(folder / "waziterm.db") as store:
        log = StoreAudit(store, time.time)
        told = recorded(log, myself(Via.VERB), verb, {"clean_sessions": None}, fleet.restart)
        async with aclosing(told) as steps:
            await anext(steps)
            (under_way,) = await store.audit(0.0, "", 9)
        (over,) = await store.audit(0.0, "", 9)
    assert (under_way.result, under_way.args) == (None, {})
    assert over == replace(under_way, result=AuditResult.CUT_SHORT)
