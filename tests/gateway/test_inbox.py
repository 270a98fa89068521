"""Messages in, from the journals that workers write to whoever keeps them: each once, in order."""

import asyncio
import contextlib
import logging
import os
import shutil
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from waziterm.domain.messages import journal as form
from waziterm.domain.messages.inbound import (
    Inbound,
    InboundKind,
    JournalPart,
    LostWhy,
    MessageLost,
    Received,
)
from waziterm.domain.messages.journal import ROLLED
from waziterm.gateway.inbox import SEEN, Inbox, Pace, journal_path
from waziterm.store.errors import StoreError
from waziterm.worker.instance.journal import Journal

DEADLINE_S = 20.0
SOON = Pace(quiet_s=0.01, roll_s=0.02, again_s=0.01, longest_s=0.05)
LATER = Pace(quiet_s=3600, roll_s=3600, again_s=0.01, longest_s=0.05)


def text(number: int, said: str = "") -> Received:
    return Received(f"3EB0{number}", "1@lid", "1@lid", 1.0, InboundKind.TEXT, said or f"t{number}")


class Kept:
    """`TakesInbound`, as strict as a database. at: called with the name of each step."""

    def __init__(self) -> None:
        self.messages: dict[str, list[Inbound]] = {}
        self.places: dict[str, int] = {}
        self.parts: list[JournalPart] = []
        self.at: Callable[[str], None] = lambda step: None
        self._news = asyncio.Condition()

    async def read_to(self, journal: str) -> int:
        self.at("read_to")
        return self.places.get(journal, 0)

    async def take(self, identity: str, part: JournalPart) -> None:
        self.at("before take")
        if part.end <= self.places.get(part.journal, 0):
            return
        if part.start != self.places.get(part.journal, 0):
            raise StoreError("it begins elsewhere")
        self.parts.append(part)
        self.places[part.journal] = part.end
        async with self._news:
            self.messages.setdefault(identity, []).extend(part.messages)
            self._news.notify_all()
        self.at("after take")

    async def forget(self, journal: str) -> None:
        self.at("before forget")
        async with self._news:
            self.places.pop(journal, None)
            self._news.notify_all()
        self.at("after forget")

    def ids(self, identity: str = "shop") -> list[str]:
        return [each.whatsapp_id for each in self.messages.get(identity, ())]

    async def until(self, fits: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(fits)


class Told(logging.Handler):
    """What the reader logs, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._news.set()

    def of(self, part: str) -> list[str]:
        return [each for each in self.lines if part in each]

    async def until(self, part: str, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.of(part)) < count:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
def told() -> Iterator[Told]:
    handler, log = Told(), logging.getLogger("waziterm.gateway.inbox")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


class LoopClock:
    def elapsed(self) -> float:
        return asyncio.get_running_loop().time()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, callback)


@asynccontextmanager
async def reading(
    folder: Path, kept: Kept, pace: Pace = LATER, *, workers: dict[str, Journal] | None = None
) -> AsyncIterator[Inbox]:
    """A reader; it is closed as a manager does. workers: who writes, by the ids."""

    async def roll(identity: str) -> None:
        if workers and identity in workers:
            with contextlib.suppress(OSError):
                workers[identity].roll()

    def start(work: object, name: str) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(work, name=name)  # type: ignore[arg-type]

    inbox = Inbox(folder, kept, LoopClock(), start, roll, lambda each: each != "gone", pace)
    yield inbox
    await inbox.close()
    assert not [each for each in asyncio.all_tasks() if each.get_name() == "inbox"]


def rolled(path: Path) -> Path:
    return path.with_name(path.name + ROLLED)


def there(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def left(folder: Path) -> list[str]:
    """The files, but for the ids of what was told."""
    return [each.name for each in there(folder) if each.suffix != SEEN]


async def test_what_a_worker_writes_is_taken_in_order(folder: Path, kept: Kept) -> None:
    journal = Journal(journal_path(folder, "shop"))
    async with reading(folder, kept) as inbox:
        for number in range(1200):
            journal.write(text(number))
            if number % 100 == 0:
                inbox.grew("shop")
        inbox.grew("shop")
        await kept.until(lambda: len(kept.ids()) == 1200)
        assert kept.ids() == [f"3EB0{number}" for number in range(1200)]
        assert max(len(each.messages) for each in kept.parts) <= form.MOST_MESSAGES
        journal.close()
    assert left(folder) == [] and not kept.places


async def test_nothing_of_a_text_stays_for_long(folder: Path, kept: Kept) -> None:
    path = journal_path(folder, "shop")
    journal = Journal(path)
    async with reading(folder, kept, SOON, workers={"shop": journal}) as inbox:
        for number in range(5):
            journal.write(text(number, "private"))
            inbox.grew("shop")
            await kept.until(lambda: len(kept.ids()) > number and not kept.places)  # noqa: B023
            assert not any(b"private" in each.read_bytes() for each in there(folder))
        journal.close()
    assert kept.ids() == [f"3EB0{number}" for number in range(5)]


async def test_rolls_are_not_more_often_than_they_may(folder: Path, kept: Kept) -> None:
    journal = Journal(journal_path(folder, "shop"))
    pace = Pace(quiet_s=0.0, roll_s=3600)
    async with reading(folder, kept, pace, workers={"shop": journal}) as inbox:
        journal.write(text(1))
        inbox.grew("shop")
        await kept.until(lambda: kept.ids() == ["3EB01"] and not kept.places)
        for number in range(2, 20):
            journal.write(text(number))
            inbox.grew("shop")
            await kept.until(lambda: len(kept.ids()) == number)  # noqa: B023
        (place,) = kept.places.values()
        assert place == journal_path(folder, "shop").stat().st_size
        journal.close()


async def test_many_instances_and_few_tasks(folder: Path, kept: Kept) -> None:
    journals = {
        f"shop{number}": Journal(journal_path(folder, f"shop{number}")) for number in range(40)
    }
    async with reading(folder, kept, SOON, workers=journals) as inbox:
        most = 0
        for number in range(20):
            for identity, journal in journals.items():
                journal.write(text(number))
                inbox.grew(identity)
            await asyncio.sleep(0)
            tasks = [each for each in asyncio.all_tasks() if each.get_name() == "inbox"]
            most = max(most, len(tasks))
        await kept.until(lambda: all(len(kept.ids(each)) == 20 for each in journals))
        assert 1 <= most <= 4
        for identity, journal in journals.items():
            assert kept.ids(identity) == [f"3EB0{number}" for number in range(20)]
            journal.close()
    assert left(folder) == []


async def test_what_the_last_manager_left_is_taken_at_the_start(folder: Path, kept: Kept) -> None:
    """The rolled one first; of a removed instance too."""
    for identity in ("shop", "gone"):
        path = journal_path(folder, identity)
        first = Journal(path)
        first.write(text(1))
        first.roll()
        first.write(text(2))
        first.close()
    (folder / "README").write_text("of somebody else")
    async with reading(folder, kept, SOON) as inbox:
        await inbox.look()
        for identity in ("shop", "gone"):
            await kept.until(lambda: kept.ids(identity) == ["3EB01", "3EB02"])  # noqa: B023
        await kept.until(lambda: not kept.places)
    assert left(folder) == ["README"]
    assert (folder / f"shop{SEEN}").read_text() == "3EB01\n3EB02"
    assert not (folder / f"gone{SEEN}").exists()


STEPS = ("read_to", "before take", "after take", "before forget", "after forget")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_a_manager_that_is_killed_at_any_step(
    folder: Path, kept: Kept, step: str, nth: int
) -> None:
    count, path = 0, journal_path(folder, "shop")

    def kill(at: str) -> None:
        nonlocal count
        count += at == step
        if at == step and count >= nth:
            # Nothing that this manager asks for is done any more: nor what it does with the answer.
            raise StoreError("killed")

    writer = Journal(path)
    kept.at = kill
    async with reading(folder, kept, SOON, workers={"shop": writer}) as inbox:
        for number in range(4):
            writer.write(text(number))
            inbox.grew("shop")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await kept.until(lambda: len(kept.ids()) > number and not kept.places)  # noqa: B023
    # Its worker dies with it; another one goes on.
    writer.close()
    kept.at = lambda at: None
    after = Journal(path)
    after.write(text(4))
    async with reading(folder, kept, SOON, workers={"shop": after}) as inbox:
        await inbox.look()
        after.write(text(5))
        inbox.grew("shop")
        await kept.until(lambda: len(kept.ids()) == 6)
        after.close()
    assert kept.ids() == [f"3EB0{number}" for number in range(6)]
    assert left(folder) == []


async def test_a_database_that_takes_nothing_for_a_while(
    folder: Path, kept: Kept, told: Told
) -> None:
    failing = True

    def full(at: str) -> None:
        if failing:
            raise StoreError("the disk is full")

    kept.at = full
    journal = Journal(journal_path(folder, "shop"))
    async with reading(folder, kept) as inbox:
        for number in range(50):
            journal.write(text(number))
            inbox.grew("shop")
            await asyncio.sleep(0)
        await told.until("wait in their journal", 1)
        assert inbox.troubles == {"shop": "the disk is full"}
        failing = False
        await kept.until(lambda: len(kept.ids()) == 50)
        await told.until("taken again", 1)
        assert not inbox.troubles
        journal.close()
    assert kept.ids() == [f"3EB0{number}" for number in range(50)]
    assert len(told.of("the disk is full")) == len(told.of("taken again")) == 1


async def test_one_that_cannot_be_read_costs_the_others_nothing(
    folder: Path, kept: Kept, told: Told
) -> None:
    for number in range(9):
        journal_path(folder, f"odd{number}").mkdir(parents=True)
    os.mkfifo(journal_path(folder, "pipe"))
    journal_path(folder, "link").symlink_to(folder / "nowhere")
    journal_path(folder, "empty").write_bytes(b"")
    later = b'{"waziterm_inbox":99}'
    journal_path(folder, "later").write_bytes(b"%08x %b\n" % (zlib.crc32(later), later))
    journal = Journal(journal_path(folder, "shop"))
    journal.write(text(1))
    async with reading(folder, kept, SOON, workers={"shop": journal}) as inbox:
        await inbox.look()
        await kept.until(lambda: kept.ids() == ["3EB01"] and not kept.places)
        await told.until("wait in their journal", 12)
        assert len(inbox.troubles) == 12
        assert "a later version" in inbox.troubles["later"]
        journal.close()
    assert journal_path(folder, "later").exists()
    assert "shop.journal" not in left(folder)


async def test_damage_is_told_and_costs_one_line(folder: Path, kept: Kept, told: Told) -> None:
    folder.mkdir()  # noqa: ASYNC240 - of the test
    path = journal_path(folder, "shop")
    lines = [form.line_of(text(number)) for number in range(3)]
    lines[1] = b"\xff" + lines[1][1:]
    path.write_bytes(form.first_line("a" * 16) + b"".join(lines) + form.line_of(text(3))[:-1])
    rolled(path).write_bytes(b"not even a first line")
    async with reading(folder, kept, SOON) as inbox:
        await inbox.look()
        await kept.until(lambda: len(kept.ids()) == 3)
    # The last one lacked its newline alone, and nobody writes it any more.
    assert kept.ids() == ["3EB00", "3EB02", "3EB03"]
    assert len(told.of("1 messages in of shop cannot be read")) == 2
    assert left(folder) == []


async def test_a_crash_of_the_machine_that_took_the_end(folder: Path, kept: Kept) -> None:
    path = journal_path(folder, "shop")
    before = Journal(path)
    for number in range(3):
        before.write(text(number))
    async with reading(folder, kept) as inbox:
        inbox.grew("shop")
        await kept.until(lambda: len(kept.ids()) == 3)
        before.close()
        os.truncate(path, path.stat().st_size - 100)
        after = Journal(path)
        after.write(text(3))
        inbox.grew("shop")
        await kept.until(lambda: len(kept.ids()) == 4)
        after.close()
    assert kept.ids() == [f"3EB0{number}" for number in range(4)]


async def test_what_whatsapp_brings_again_and_was_told_is_not_lost(
    folder: Path, kept: Kept
) -> None:
    path = journal_path(folder, "shop")
    journal = Journal(path)
    journal.write(text(1))
    async with reading(folder, kept) as inbox:
        inbox.grew("shop")
        await kept.until(lambda: kept.ids() == ["3EB01"])
        journal.close()
        again = Journal(path)
        lost = [MessageLost(f"3EB0{each}", "1@lid", 2.0, LostWhy.OLD_COUNTER) for each in (1, 2)]
        for each in lost:
            again.write(each)
        inbox.grew("shop")
        await kept.until(lambda: len(kept.ids()) == 2)
        again.close()
    assert kept.messages["shop"] == [text(1), lost[1]]


@pytest.mark.parametrize("pace", [SOON, LATER])
async def test_what_another_manager_has_told_is_not_lost(
    folder: Path, kept: Kept, pace: Pace
) -> None:
    """It was killed, or ended, between a message and the receipt that WhatsApp waits for."""
    path = journal_path(folder, "shop")
    journal = Journal(path)
    for number in range(600):
        journal.write(text(number))
    async with reading(folder, kept, pace, workers={"shop": journal}) as inbox:
        inbox.grew("shop")
        await kept.until(lambda: len(kept.ids()) == 600 and bool(kept.places) == (pace is LATER))
        shutil.copytree(folder, folder.with_name("as it was killed"))
        places = dict(kept.places)
        journal.close()
    for each in (folder, folder.with_name("as it was killed")):
        after, kept_before = Journal(journal_path(each, "shop")), len(kept.ids())
        kept.places = dict(places)
        for number in (599, 5000):
            after.write(MessageLost(f"3EB0{number}", "1@lid", 2.0, LostWhy.OLD_COUNTER))
        async with reading(each, kept, SOON, workers={"shop": after}) as inbox:
            await inbox.look()
            await kept.until(lambda: len(kept.ids()) > kept_before)  # noqa: B023
            after.close()
        assert kept.ids()[kept_before:] == ["3EB05000"]


async def test_ids_of_an_instance_that_is_gone(folder: Path, kept: Kept) -> None:
    folder.mkdir()  # noqa: ASYNC240 - of the test
    for identity in ("shop", "gone"):
        (folder / f"{identity}{SEEN}").write_text("3EB0")
    async with reading(folder, kept) as inbox:
        await inbox.look()
    assert [each.name for each in there(folder)] == [f"shop{SEEN}"]


async def test_a_journal_that_a_worker_has_is_not_moved(folder: Path, kept: Kept) -> None:
    """One that does not answer, say."""
    path = journal_path(folder, "shop")
    journal = Journal(path)
    journal.write(text(1))
    async with reading(folder, kept, SOON) as inbox:
        inbox.grew("shop")
        await kept.until(lambda: kept.ids() == ["3EB01"])
        await asyncio.sleep(0.1)
        assert path.exists() and not rolled(path).exists()
        journal.write(text(2))
        inbox.grew("shop")
        await kept.until(lambda: len(kept.ids()) == 2)
    assert left(folder) == ["shop.journal"]
    journal.close()


async def test_without_a_folder_there_is_nothing(folder: Path, kept: Kept) -> None:
    async with reading(folder, kept) as inbox:
        await inbox.look()
        inbox.grew("shop")
    assert not there(folder.parent) and not kept.parts
