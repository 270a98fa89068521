"""The journal of messages in, as a worker writes it: whatever is done to the file, nothing that
was written is lost without a word."""

import errno
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from waziterm.domain.messages import journal as form
from waziterm.domain.messages.inbound import InboundKind, LostWhy, MessageLost, Received
from waziterm.domain.messages.journal import ROLLED
from waziterm.worker.instance.journal import Journal


def text(number: int, said: str = "") -> Received:
    return Received(f"3EB0{number}", "1@lid", "1@lid", 1.0, InboundKind.TEXT, said or f"t{number}")


def ids(path: Path) -> list[str]:
    """What a reader finds in a file."""
    data = path.read_bytes()
    at, found = 0, list[str]()
    while at < len(data):
        part = form.part_of("x" * 16, at, data[at:], is_whole=True)
        assert part.damaged == 0
        at = part.end
        found += [each.whatsapp_id for each in part.messages]
    return found


def id_in(path: Path) -> str | None:
    return form.journal_in(path.read_bytes().partition(b"\n")[0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inbox" / "1a2b.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = Journal(path)
    yield made
    made.close()


def rolled(path: Path) -> Path:
    return path.with_name(path.name + ROLLED)


def test_nothing_is_made_before_the_first_message(journal: Journal, path: Path) -> None:
    journal.roll()
    journal.close()
    assert not path.parent.exists()


def test_only_its_owner_can_read_it(journal: Journal, path: Path) -> None:
    before = os.umask(0)
    try:
        journal.write(text(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert ids(path) == ["3EB01"]


def test_a_roll_loses_and_doubles_nothing(journal: Journal, path: Path) -> None:
    journal.write(text(1))
    first = id_in(path)
    journal.roll()
    assert not path.exists()
    journal.roll()
    journal.write(text(2))
    assert (ids(rolled(path)), ids(path)) == (["3EB01"], ["3EB02"])
    assert id_in(rolled(path)) == first != id_in(path)
    with pytest.raises(FileExistsError):
        journal.roll()
    journal.write(text(3))
    assert (ids(rolled(path)), ids(path)) == (["3EB01"], ["3EB02", "3EB03"])


def test_rolled_under_fire(journal: Journal, path: Path) -> None:
    """Threads of the library write while another one rolls, and a reader takes what was rolled."""
    found: list[str] = []

    def write(first: int) -> None:
        for number in range(first, first + 500):
            journal.write(text(number))

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1000, 2000)]
    for each in writers:
        each.start()
    while any(each.is_alive() for each in writers):
        journal.roll()
        if rolled(path).exists():
            found += ids(rolled(path))
            rolled(path).unlink()
    found += ids(path) if path.exists() else []
    assert sorted(found) == sorted(f"3EB0{n}" for k in (0, 1000, 2000) for n in range(k, k + 500))
    for first in (0, 1000, 2000):
        own = [each for each in found if first <= int(each[4:]) < first + 500]
        assert own == sorted(own, key=lambda each: int(each[4:]))


def test_what_another_worker_left_is_rolled(path: Path) -> None:
    """A crash of the machine may have taken the end of it that was read already."""
    before = Journal(path)
    before.write(text(1))
    after = Journal(path)
    after.write(text(2))
    assert (ids(rolled(path)), ids(path)) == (["3EB01"], ["3EB02"])
    # The one that has left may still hear of a message.
    before.write(text(3))
    assert ids(path) == ["3EB02", "3EB03"]
    third = Journal(path)
    third.write(text(4))
    assert ids(path) == ["3EB02", "3EB03", "3EB04"]
    for each in (before, after, third):
        each.close()


@pytest.mark.parametrize(
    "left",
    [b"", b"x", form.first_line("a" * 16)[:-1], form.first_line("a" * 16)[:10]],
)
def test_a_first_line_that_was_not_written_to_its_end(path: Path, left: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(left)
    rolled(path).write_bytes(b"in the way")
    journal = Journal(path)
    journal.write(text(1))
    assert ids(path) == ["3EB01"] and id_in(path) not in (None, "a" * 16)
    journal.close()


def test_a_line_that_was_not_written_to_its_end(path: Path) -> None:
    path.parent.mkdir()
    rolled(path).write_bytes(b"in the way")
    whole = form.first_line("a" * 16) + form.line_of(text(1))
    path.write_bytes(whole + form.line_of(text(2))[:-5])
    journal = Journal(path)
    journal.write(text(3))
    journal.write(text(4))
    journal.close()
    part = form.part_of("a" * 16, 0, path.read_bytes(), is_whole=False)
    assert [each.whatsapp_id for each in part.messages] == ["3EB01", "3EB03", "3EB04"]
    assert part.damaged == 1


def test_whatever_somebody_does_to_the_file(journal: Journal, path: Path, tmp_path: Path) -> None:
    journal.write(text(1))
    path.unlink()
    journal.write(text(2))
    assert ids(path) == ["3EB02"]
    path.rename(tmp_path / "away")
    journal.write(text(3))
    assert ids(path) == ["3EB03"]
    os.truncate(path, 0)
    journal.write(text(4))
    assert ids(path) == ["3EB04"] and id_in(path)
    path.unlink()
    path.parent.rmdir()
    journal.write(text(5))
    assert ids(path) == ["3EB05"]
    with path.open("ab") as other:
        other.write(b"half a line")
    journal.write(text(6))
    part = form.part_of("", 0, path.read_bytes(), is_whole=False)
    assert ([each.whatsapp_id for each in part.messages], part.damaged) == (["3EB05", "3EB06"], 1)


def test_what_is_no_file_is_neither_followed_nor_waited_for(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    rolled(path).write_bytes(b"in the way")
    journal = Journal(path)
    makes: tuple[Callable[[], None], ...] = (
        lambda: path.symlink_to(tmp_path / "target"),
        lambda: os.mkfifo(path),
        path.mkdir,
    )
    for make in makes:
        make()
        with pytest.raises(OSError, match=r"."):
            journal.write(text(1))
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert not (tmp_path / "target").exists()
    journal.write(text(2))
    # What could not be written is named.
    lost, kept = form.part_of("", 0, path.read_bytes(), is_whole=False).messages[-2:]
    assert kept == text(2)
    assert isinstance(lost, MessageLost) and lost.why is LostWhy.NOT_STORED
    journal.close()


FULL = """
import json, resource, sys
from pathlib import Path
from tests.worker.test_journal import text
from waziterm.worker.instance.journal import Journal

path, limit = Path(sys.argv[1]), int(sys.argv[2])
journal, failed, number = Journal(path), [], 0
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
while len(failed) < 3:
    number += 1
    try:
        journal.write(text(number, "x" * 90))
    except OSError as error:
        failed.append((number, error.errno))
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.write(text(number + 1))
print(json.dumps([number, failed, size]))
"""


@pytest.mark.parametrize("limit", [0, 20, 59, 61, 1000, 1234, 4096])
def test_a_disk_that_is_full(path: Path, limit: int) -> None:
    path.parent.mkdir()
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(path), str(limit)], capture_output=True, check=True
    )
    number, failed, size = json.loads(run.stdout)
    assert size <= limit
    assert {code for _, code in failed} <= {errno.EFBIG, errno.ENOSPC}
    part = form.part_of("", 0, path.read_bytes(), is_whole=False)
    assert part.damaged == 0 and part.end == path.stat().st_size
    kept = [each.whatsapp_id for each in part.messages if isinstance(each, Received)]
    named = [each.whatsapp_id for each in part.messages if isinstance(each, MessageLost)]
    assert named == [f"3EB0{each}" for each, _ in failed]
    assert sorted([*kept, *named]) == sorted(f"3EB0{each}" for each in range(1, number + 2))


def test_no_other_program_inherits_it(journal: Journal, path: Path) -> None:
    journal.write(text(1))
    held = [int(each.name) for each in Path("/proc/self/fd").iterdir() if _is(each, path)]
    assert len(held) == 1
    assert not os.get_inheritable(held[0])


def _is(link: Path, path: Path) -> bool:
    try:
        return link.readlink() == path
    except OSError:
        return False
