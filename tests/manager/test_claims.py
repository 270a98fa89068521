"""F7: at most one live connection per device on a machine, whoever has it and whatever the
environment; siblings, other managers, other users, and who came first."""

import asyncio
import json
import os
import secrets
import select
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.manager.rivals import Rival, a_rival
from waziterm.manager.rivals import registry as registries
from waziterm.manager.rivals.claims import Claims
from waziterm.manager.rivals.registry import PLACES, Peer, Registry
from waziterm.manager.rivals.search import SearchFor
from waziterm.store.errors import StoreError

JID = "628123456789:1@s.whatsapp.net"
OTHER = "628123456789:2@s.whatsapp.net"
STRANGER = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not answer at all is not waited for as long as in life."""
    monkeypatch.setattr(registries, "ANSWER_S", 0.5)


@pytest.fixture
def key() -> bytes:
    return secrets.token_bytes(32)


def claims(*keys: bytes) -> Claims:
    """Of a fleet whose session files hold these keys, for `JID` and `OTHER`."""
    known = dict(zip((JID, OTHER), keys, strict=False))

    async def key_of(_name: str, jid: str) -> bytes | None:
        return known.get(jid)

    return Claims(Registry("/srv/ours"), key_of)


@contextmanager
def registered(root: str, uid: int | None = None) -> Iterator[Rival]:
    with a_rival() as rival:
        if uid is not None:
            rival.do("become", uid)
        rival.do("register", root)
        yield rival


async def asked(rival: Rival, *words: object) -> object:
    """What a rival does, while our loop goes on and can answer it."""
    return await asyncio.to_thread(rival.do, *words)


# -- among ourselves ------------------------------------------------------------------------------


async def test_the_later_of_two_siblings_is_told_who_has_the_device(key: bytes) -> None:
    mine = claims(key, secrets.token_bytes(32))
    told = [
        await mine.claim("a", JID, beside=False),
        await mine.claim("b", JID, beside=False),
        await mine.claim("c", OTHER, beside=False),
    ]
    assert told == ["", "the instance a of this fleet", ""]
    for name in "ab":
        assert (await mine.search(name, JID, SearchFor(()))).holder
    await mine.release("a")
    assert await mine.claim("b", JID, beside=False) == ""
    assert "instance b" in await mine.claim("a", JID, beside=False)
    await mine.close()


async def test_of_two_siblings_at_one_moment_exactly_one_gives_way(key: bytes) -> None:
    mine = claims(key)
    told = await asyncio.gather(*(mine.claim(name, JID, beside=False) for name in "ab"))
    assert [bool(each) for each in told].count(True) == 1, told
    await mine.close()


async def test_a_sibling_that_goes_leaves_the_others_claim(key: bytes) -> None:
    mine = claims(key)
    await mine.claim("a", JID, beside=False)
    await mine.keep("b", JID)
    await mine.release("a")
    with registered("/srv/theirs") as rival:
        assert f"pid {os.getpid()}" in str(await asked(rival, "holder", key.hex()))
        await mine.release("b")
        assert rival.do("holder", key.hex()) is None


@pytest.mark.parametrize("broken", [True, False], ids=["unreadable", "without its key"])
async def test_without_a_key_the_siblings_still_know_each_other(
    broken: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def key_of(_name: str, _jid: str) -> bytes | None:
        if broken:
            raise StoreError("it cannot be read")
        return None

    mine = Claims(Registry("/srv/ours"), key_of)
    assert await mine.claim("a", JID, beside=False) == ""
    assert "instance a" in await mine.claim("b", JID, beside=False)
    assert ("cannot be told" in caplog.text) == broken
    await mine.close()


# -- other managers -------------------------------------------------------------------------------


async def test_another_manager_is_named_with_its_pid_and_directory(key: bytes) -> None:
    mine = claims(key)
    with registered("/srv/theirs") as rival:
        assert rival.do("claim", key.hex(), False) is None
        named = f"another waziterm (pid {rival.pid}, /srv/theirs)"
        assert await mine.claim("a", JID, beside=False) == named
        assert (await mine.search("a", JID, SearchFor(()))).holder == named
        assert rival.do("holder", key.hex()) is None, "who gave way is not there"
        rival.kill()
    assert await mine.claim("a", JID, beside=False) == ""
    await mine.close()


async def test_of_many_managers_at_one_moment_exactly_one_has_it(key: bytes) -> None:
    with ExitStack() as stack:
        rivals = [stack.enter_context(registered(f"/srv/{number}")) for number in range(4)]
        for rival in rivals:
            rival.begin("claim", key.hex(), False)
        told = [rival.answer() for rival in rivals]
        assert told.count(None) == 1, told
        winner = rivals[told.index(None)]
        assert all(f"pid {winner.pid}," in each for each in told if each), told


async def test_who_takes_over_is_seen_and_the_first_one_gives_way(key: bytes) -> None:
    """A conflict, then the search for whoever made it; and every dial of the first one after it."""
    mine = claims(key)
    assert await mine.claim("a", JID, beside=False) == ""
    with registered("/srv/theirs") as rival:
        await asked(rival, "claim", key.hex(), True)
        named = f"another waziterm (pid {rival.pid}, /srv/theirs)"
        assert await mine.claim("a", JID, beside=False) == named
        assert (await mine.search("a", JID, SearchFor(()))).holder == named
        assert rival.do("claim", key.hex(), False) is None, "the taker itself goes on"
        await mine.release("a")
        assert await mine.claim("a", JID, beside=False) == named
        rival.do("release", key.hex())
        assert await mine.claim("a", JID, beside=False) == ""
    await mine.close()


async def test_who_takes_over_dials_beside_another_manager_and_not_beside_a_sibling(
    key: bytes,
) -> None:
    mine = claims(key)
    with registered("/srv/theirs") as rival:
        assert rival.do("claim", key.hex(), False) is None
        assert await mine.claim("a", JID, beside=True) == ""
        assert await mine.claim("b", JID, beside=True) == "the instance a of this fleet"
    await mine.close()


async def test_a_manager_that_hangs_is_believed_all_the_same(key: bytes) -> None:
    mine = claims(key)
    with registered("/srv/theirs") as rival:
        rival.do("squat", key.hex(), 0, None)
        assert await mine.claim("a", JID, beside=False) == f"another waziterm (pid {rival.pid})"
    await mine.close()


def test_a_manager_that_is_just_giving_a_device_up_has_it_no_longer(key: bytes) -> None:
    """Whoever asks is in its queue already when it closes."""
    theirs, mine = Registry("/srv/theirs"), Registry("/srv/ours")
    assert theirs.claim(key, beside=False) is None
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(mine.claim, key, beside=False)
        sock = theirs.listening(key)
        assert sock is not None
        assert select.select([sock], [], [], 5)[0], "it asks"
        theirs.release(key)
        assert asking.result(5) is None
    assert mine.listening(key) is not None
    mine.release(key)


def test_what_is_told_of_a_device_is_no_number_and_no_path(key: bytes) -> None:
    mine = Registry("/srv/ours")
    before = Path("/proc/net/unix").read_text()
    assert mine.claim(key, beside=False) is None
    names = Path("/proc/net/unix").read_text()
    assert registries._address(key, 0).decode().replace("\0", "@") in names
    assert "628123456789" not in names and key.hex() not in names
    assert "@waziterm" in names and names.count("\n") >= before.count("\n")
    mine.release(key)
    mine.release(key)
    assert registries._address(key, 0).decode()[1:] not in Path("/proc/net/unix").read_text()


def test_a_device_that_nobody_has_is_claimed_without_waiting_for_anybody(
    key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left of it where somebody has another of its places."""
    mine = Registry("/srv/ours")
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "_ask", None)
        assert mine.take(key) and mine.take(key)
    with registered("/srv/theirs") as rival:
        rival.begin("claim", key.hex(), True)
        sock = mine.listening(key)
        assert sock is not None
        assert select.select([sock], [], [], 5)[0], "it asks"
        mine.answer(key)
        assert rival.answer() is None
        assert not mine.take(key), "it was taken over"
        mine.release(key)
        assert not mine.take(key) and mine.listening(key) is None
        assert rival.do("holder", key.hex()) is None
        rival.do("release", key.hex())
    assert mine.take(key)
    mine.release(key)


# -- other users ----------------------------------------------------------------------------------


@needs_root
@pytest.mark.parametrize("who", ["root asks", "root holds"])
async def test_managers_of_different_users_see_each_other(key: bytes, who: str) -> None:
    mine = claims(key)
    with registered("/srv/theirs", STRANGER) as rival:
        if who == "root asks":
            assert rival.do("claim", key.hex(), False) is None
            said = await mine.claim("a", JID, beside=False)
            assert said.startswith(f"another waziterm (pid {rival.pid} of the user nobody, /srv")
        else:
            assert await mine.claim("a", JID, beside=False) == ""
            named = f"another waziterm (pid {os.getpid()} of the user root, /srv/ours)"
            assert await asked(rival, "claim", key.hex(), False) == named
    await mine.close()


@needs_root
@pytest.mark.parametrize("lie", ["nothing", "garbage", "replayed", "silence"])
async def test_a_stranger_who_lies_stops_nobody(
    key: bytes, lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    """He has seen the names, and what the manager of another user told him."""
    genuine = {"root": "/srv/x", "proof": registries._proof(key, os.getuid())}
    told = {
        "nothing": "",
        "garbage": '{"proof": ["\\udcff"], "root": 7}\x00\x1b[2J',
        "replayed": json.dumps(genuine),
        "silence": None,
    }[lie]
    mine = claims(key)
    with registered("/srv/liar", STRANGER) as liar, registered("/srv/theirs") as rival:
        liar.do("squat", key.hex(), 0, told)
        assert await mine.claim("a", JID, beside=False) == ""
        if lie != "nothing":
            assert f"process {liar.pid} of the user nobody" in caplog.text
        seen = await asked(rival, "claim", key.hex(), False)
        assert f"pid {os.getpid()}" in str(seen), "who has it is seen all the same"
    await mine.close()


@needs_root
async def test_a_stranger_who_takes_all_places_keeps_us_unseen_at_most(
    key: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    mine = claims(key)
    with registered("/srv/liar", STRANGER) as liar:
        for place in range(PLACES):
            liar.do("squat", key.hex(), place, "")
        assert await mine.claim("a", JID, beside=False) == ""
        assert "cannot be seen by others" in caplog.text
    await mine.close()


def test_what_another_tells_of_itself_is_inert(key: bytes) -> None:
    with registered("/srv/theirs") as rival:
        rival.do("squat", key.hex(), 0, json.dumps({"root": "/srv/\x1b[31m\nx"}))
        assert Registry("/srv/ours").holder(key) == Peer(rival.pid, "", "/srv/ x")


async def test_without_a_descriptor_to_answer_with_nothing_spins(
    key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = claims(key)
    await mine.claim("a", JID, beside=False)
    tried: list[int] = []

    def accept(_self: socket.socket) -> tuple[socket.socket, object]:
        tried.append(1)
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch, socket.socket(socket.AF_UNIX) as asking:
        patch.setattr(socket.socket, "accept", accept)
        asking.connect(registries._address(key, 0))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(tried) == 1
    await mine.close()
