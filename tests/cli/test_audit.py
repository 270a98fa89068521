"""The verbs audit and note, and what an acknowledgement says, on the files that no manager has."""

import asyncio
import time

import pytest

from tests.cli.conftest import Call
from tests.cli.test_documents import fill
from tests.control.scripted import ScriptedFleet, connected_view
from waziterm.domain.fleet.audit import AuditEntry, AuditResult, Via, audited
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.history.audit import StoreAudit
from waziterm.manager.people import myself
from waziterm.manager.stored.fleet import FilesAudit
from waziterm.store.errors import StoreError
from waziterm.store.store import Store, open_store

FIELDS = (
    *("at", "who", "uid", "login_uid", "tty", "from", "pid", "via", "act", "instances", "args"),
    *("result", "error"),
)


def test_nothing_was_ever_done(call: Call, data: DataDir) -> None:
    for words in (("audit",), ("note",), ("audit", "--since", "1d", "--by", "sari")):
        done = call(*words, "--data-dir", str(data.root), "--json")
        assert (done.code, done.document, done.err) == (0, [], "")
    assert not data.database.exists()
    assert call("audit", "--data-dir", str(data.root)).err == "nobody did anything\n"
    assert call("note", "--data-dir", str(data.root)).err == "no note\n"
    assert call("note", "hello", "--data-dir", str(data.root)).code == 2


def test_what_is_done_to_the_files_is_kept(call: Call, data: DataDir) -> None:
    root, me = str(data.root), myself(Via.VERB)
    call("add", "shop", "--proxy", "http://me:hunter2@h:1", "--data-dir", root)
    call("add", "shop", "--data-dir", root)
    call("clean-all", "--yes", "--data-dir", root)
    call("fix", "--dry-run", "--data-dir", root)
    call("fix", "--data-dir", root)
    call("start", "shop", "--data-dir", root)
    found = call("audit", "--data-dir", root, "--json").document
    assert {tuple(each) for each in found} == {FIELDS}
    told = [(each["act"], each["instances"], each["result"]) for each in found]
    assert told[:2] == [("add", ["shop"], "done"), ("add", ["shop"], "refused")]
    assert told[-1] == ("fix", [], "done")
    assert found[0]["args"] == {"proxy": "http://•••@h:1"}
    assert found[1]["error"] == "shop exists already"
    for each in found:
        assert (each["who"], each["uid"], each["pid"]) == (me.who, me.uid, me.pid)
        assert each["via"] == "verb"
    assert call("audit", "--by", "sari", "--data-dir", root, "--json").document == []
    assert call("audit", "--by", str(me.uid), "--data-dir", root, "--json").document == found
    line = call("audit", "--data-dir", root).out.splitlines()[1]
    assert line.endswith(" verb: add shop: refused: shop exists already") and me.who in line


def test_an_acknowledgement_says_who_and_why(call: Call, data: DataDir) -> None:
    asyncio.run(fill(data))
    root, me = str(data.root), myself(Via.VERB).who

    def acknowledged(*words: str) -> tuple[str, str]:
        (told,) = call("acknowledge", "1", *words, "--data-dir", root, "--json").document
        assert told["acknowledged"] is not None
        return told["by"], told["note"]

    assert acknowledged() == (me, "")
    assert acknowledged("--note", "proxy paid, +6281234567890") == (
        me,
        "proxy paid, +62812••••7890",
    )
    assert acknowledged() == (me, "proxy paid, +62812••••7890")
    row = call("incidents", "--data-dir", root).out
    assert f"{me}: proxy paid" in row
    done = call("acknowledge", "1", "--note", "x" * 301, "--data-dir", root, "--json")
    assert (done.code, done.document["error"]) == (
        2, "a note has at most 300 characters, this one 301"
    )  # fmt: skip


def test_a_note_stays_until_it_is_dismissed(call: Call, data: DataDir) -> None:
    asyncio.run(fill(data))
    root, me = str(data.root), myself(Via.VERB).who
    call("note", "the SIM of shop-a comes on Monday", "--data-dir", root)
    done = call("note", "\x1b[31mred\nthing", "--data-dir", root, "--json")
    assert [(each["id"], each["who"], each["text"]) for each in done.document] == [
        (1, me, "the SIM of shop-a comes on Monday"),
        (2, me, "red thing"),
    ]
    shown = call("note", "--data-dir", root).out.splitlines()
    assert len(shown) == 2 and shown[1].endswith(f"{me}: red thing")
    assert call("note", " ", "--data-dir", root).code == 2
    assert call("note", "text", "--dismiss", "--data-dir", root).code == 2
    assert call("note", "--dismiss", "--data-dir", root, "--json").document == []
    acts = call("audit", "--data-dir", root, "--json").document
    assert [(each["act"], each["result"]) for each in acts] == [
        ("note", "done"), ("note", "done"), ("note", "refused"), ("dismiss", "done"),
    ]  # fmt: skip


@pytest.mark.parametrize("result", AuditResult)
def test_an_act_that_cannot_be_written_down_says_so_when_it_is_done(
    data: DataDir, result: AuditResult
) -> None:
    data.create()
    data.database.write_bytes(b"no database" * 100)
    entry = AuditEntry(1.0, myself(Via.VERB), "clean", ("shop",), {}, result)
    log = FilesAudit(data)
    asyncio.run(log.end(0, entry))
    if result is AuditResult.DONE:
        assert "clean was done, but it is not in the audit: " in str(log.unwritten)
    else:
        assert log.unwritten is None


def test_what_was_done_is_told_also_when_it_cannot_be_written_down(
    call: Call, data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: the report of a fix is worth more than its record."""
    where = ("--data-dir", str(data.root))
    call("add", "shop-a", *where)

    async def fails(_store: Store, _entry: AuditEntry) -> int:
        raise StoreError("the disk is full", "free some space")

    monkeypatch.setattr(Store, "begin_audit", fails)
    done = call("fix", *where)
    assert (done.code, done.out) == (0, "nothing can be fixed automatically\n")
    told = "fix was done, but it is not in the audit: the disk is full (free some space)"
    assert done.err == f"waziterm: {told}\n"
    assert call("fix", "--json", *where).document["steps"] == []


async def test_a_store_that_takes_nothing_refuses_no_act(data: DataDir) -> None:
    """The act is carried out, and the program's log tells that it is not in the audit."""
    fleet = ScriptedFleet(connected_view("shop-a"))
    data.create()
    async with open_store(data.database) as store:
        log = StoreAudit(store, time.time)
    theirs = audited(fleet, log, myself(Via.SCREEN))
    await theirs.stop("shop-a")
    assert fleet.calls == [("stop", "shop-a")]


def test_notes_of_a_manager(call: Call, managed: DataDir, fleet: ScriptedFleet) -> None:
    root = str(managed.root)
    call("note", "hello", "--data-dir", root)
    call("acknowledge", "17", "--note", "proxy paid", "--data-dir", root)
    call("note", "--dismiss", "--data-dir", root)
    assert fleet.calls == [("note", "hello"), ("acknowledge", 17, "proxy paid"), ("dismiss", 1)]


async def test_it_goes_with_the_history(data: DataDir) -> None:
    now = time.time()
    old = AuditEntry(now - 100, myself(Via.SCREEN), "stop", ("shop",), {}, AuditResult.DONE)
    data.create()
    async with open_store(data.database) as store:
        for at in (now - 100, now):
            await store.begin_audit(AuditEntry(at, old.person, "stop", ("shop",), {}))
            await store.add_note(at, "sari", "hello")
        await store.prune(now - 50, await store.newest_rows())
        assert [each.at for each in await store.audit(0.0, "", 9)] == [now]
        assert [each.at for each in await store.notes(9)] == [now]
