"""The first paint waits for the end of no log; who asks for one before it is read has it all the
same."""

import asyncio
from contextlib import closing
from sqlite3 import connect

from tests.manager.hosting import Host
from tests.manager.test_supervising import JID
from waziterm.domain.fleet.api import LogLine, Source
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.instance.log import TAIL
from waziterm.store.store import open_store


def with_lines(host: Host, count: int, *names: str) -> None:
    """A manager that waits for its screen, on instances with so many lines each."""
    host.prepare(*(Instance(name, 1.0, id=name, jid=JID) for name in names))

    async def write() -> None:
        async with open_store(host.root / "waziterm.db") as store:
            for name in names:
                for seq in range(1, count + 1):
                    store.add_line(name, LogLine(seq, float(seq), Source.LIBRARY, f"old {seq}"))

    host.world.run(write())
    host.begin = asyncio.Event()
    host.open()


def painted(host: Host) -> None:
    assert host.begin is not None
    host.begin.set()
    host.world.settle()


def forget_lines(host: Host) -> None:
    """Nobody can read them again."""
    with closing(connect(host.root / "waziterm.db", isolation_level=None)) as db:
        db.execute("DELETE FROM lines")


def said(host: Host, name: str) -> list[str]:
    return [line.text for line in host.fleet.tail(name, 2 * TAIL)]


def numbers(host: Host, name: str) -> list[int]:
    return [line.seq for line in host.fleet.tail(name, 2 * TAIL)]


def test_a_log_is_there_before_the_first_paint(host: Host) -> None:
    with_lines(host, 3, "a")
    assert said(host, "a")[:3] == ["old 1", "old 2", "old 3"]
    forget_lines(host)
    painted(host)
    assert said(host, "a")[:3] == ["old 1", "old 2", "old 3"]


def test_all_logs_are_read_after_it(host: Host) -> None:
    names = [f"shop-{number}" for number in range(120)]
    with_lines(host, 3, *names)
    painted(host)
    forget_lines(host)
    for name in names:
        assert said(host, name)[:3] == ["old 1", "old 2", "old 3"]


def test_what_is_said_meanwhile_comes_behind_it(host: Host) -> None:
    with_lines(host, TAIL + 9, "a", "b")
    for name in ("a", "b"):
        host.world.run(host.fleet.stop(name))
    before = numbers(host, "a")
    painted(host)
    assert before == numbers(host, "a") == numbers(host, "b")
    assert before == list(range(before[-1] - TAIL + 1, before[-1] + 1))
    assert before[-1] > TAIL + 9
