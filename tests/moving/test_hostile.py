"""Files that somebody else made: one line each, and nothing is written anywhere."""

from pathlib import Path

import pyrage
import pytest

from tests.moving.sealed import PASSPHRASE, bundle, manifest_alone, odd, sparse, too_much_work
from waziterm.domain.errors import FleetError
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.restoring import restore_backup
from waziterm.moving.bundle import FORMAT, Kind, is_inside
from waziterm.moving.packing import opened
from waziterm.moving.process import Order, Work, carry_out
from waziterm.moving.sealing import Key

KEY = pyrage.x25519.Identity.generate()
MINE = Key(identity=str(KEY))
LONG = "../" * 20 + "etc/cron.d/x"


def sealed(content: bytes) -> bytes:
    return bytes(pyrage.encrypt(content, [KEY.to_public()]))


BEGUN = manifest_alone()
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "no age": b"SQLite format 3\0" + bytes(100),
    "head alone": b"age-encryption.org/v1\n",
    "a stanza without an end": b"age-encryption.org/v1\n-> X25519 " + b"A" * 5000,
    "nothing in it": sealed(b""),
    "cut off": sealed(bundle(("waziterm.db", b"x" * 200_000)))[:-70_000],
    "a flipped bit": sealed(bundle(("waziterm.db", b"x")))[:-1] + b"\0",
    "more behind it": sealed(bundle(("waziterm.db", b"x"))) + b"more",
    "another one's": bytes(pyrage.encrypt(b"x", [pyrage.x25519.Identity.generate().to_public()])),
    "a passphrase's": too_much_work(18),
    "too much work": too_much_work(30),
    "no tar": sealed(b"x" * 5000),
    "no manifest": sealed(odd(("waziterm.db", b"0", 1, b"x"))),
    "a manifest of 2 GB": sealed(odd(("manifest.json", b"0", 2_000_000_000, b"{}"))),
    "a manifest that is no JSON": sealed(odd(("manifest.json", b"0", 2, b"{["))),
    "a deep manifest": sealed(odd(("manifest.json", b"0", 60_000, b"[" * 60_000))),
    "a newer one": sealed(odd(("manifest.json", b"0", 32, b'{"format": 2, "kind": "backup"} '))),
    "one instance": sealed(bundle(("session.db", b"x"), kind=Kind.INSTANCE)),
    "a path that climbs": sealed(bundle(("../escaped", b"x"))),
    "one that climbs far": sealed(bundle((LONG, b"x"))),
    "one from the root": sealed(bundle(("/tmp/escaped", b"x"))),
    "one through a folder": sealed(bundle(("sessions/../../escaped", b"x"))),
    "one with a NUL": sealed(odd(("a\0/../b", b"0", 1, b"x"), before=BEGUN)),
    "an empty name": sealed(odd(("", b"0", 1, b"x"), before=BEGUN)),
    "a folder's name": sealed(odd(("sessions/", b"0", 1, b"x"), before=BEGUN)),
    "a control character": sealed(bundle(("sessions/\x1b[2J", b"x"))),
    "a program of ours": sealed(bundle(("library/neonize.so", b"x"))),
    "the lock": sealed(bundle(("manager.lock", b"x"))),
    "twice the same": sealed(bundle(("waziterm.db", b"x"), ("waziterm.db", b"y"))),
    "a file and a folder": sealed(bundle(("waziterm.db", b"x"), ("waziterm.db/a", b"y"))),
    "a link": sealed(odd(("waziterm.db", b"2", 0, b""), before=BEGUN)),
    "a hard link": sealed(odd(("waziterm.db", b"1", 0, b""), before=BEGUN)),
    "a folder": sealed(odd(("sessions", b"5", 0, b""), before=BEGUN)),
    "a device": sealed(odd(("waziterm.db", b"3", 0, b""), before=BEGUN)),
    "a pipe": sealed(odd(("waziterm.db", b"6", 0, b""), before=BEGUN)),
    "8 GB that are not there": sealed(odd(("waziterm.db", b"0", 8**11 - 1, b"x"), before=BEGUN)),
    "2 GB that are not there": sealed(odd(("a", b"0", 2_000_000_000, b"x"), before=BEGUN)),
    "2 GB of nothing": sealed(BEGUN + sparse("waziterm.db", 2_000_000_000) + bytes(1024)),
    "a long header": sealed(odd(("x", b"x", 2_000_000_000, b"1"), before=BEGUN)),
    "a header that says more": sealed(
        odd(("x", b"x", 25, b"25 GNU.sparse.size=9\n    "), before=BEGUN)
    ),
    "a wrong checksum": sealed(BEGUN + b"waziterm.db".ljust(512, b"\0") + bytes(1024)),
    "no end": sealed(BEGUN),
    "no database": sealed(bundle(("sessions/a.db", b"x"))),
    "a database that is none": sealed(bundle(("waziterm.db", b"x" * 4096))),
    "somebody else's database": sealed(bundle(("waziterm.db", b"SQLite format 3\0" + bytes(4080)))),
}


WHOLE = ("no database", "a database that is none", "somebody else's database", "2 GB of nothing")
"""What only a restore sees, and one of what it is told by the process that opens."""


def check_line(error: FleetError) -> None:
    said = f"{error} ({error.hint})"
    assert str(error) and len(said) < 400 and said.isprintable(), said


def files_in(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if not each.is_dir()}


@pytest.mark.parametrize("name", [each for each in HOSTILE if each not in WHOLE[:3]])
def test_a_hostile_file_is_one_line_and_writes_nothing_outside(tmp_path: Path, name: str) -> None:
    file, into = tmp_path / "hostile", tmp_path / "a" / "b" / "in"
    file.write_bytes(HOSTILE[name])
    into.mkdir(parents=True)
    with pytest.raises(FleetError) as refused:
        opened(file, into, MINE, Kind.BACKUP)
    check_line(refused.value)
    assert {each for each in files_in(tmp_path) if not each.startswith("a/b/in/")} == {"hostile"}
    assert sum(each.stat().st_size for each in into.rglob("*")) < 1_000_000


@pytest.mark.parametrize("name", WHOLE)
async def test_a_restore_of_one_changes_nothing(tmp_path: Path, name: str) -> None:
    file, data = tmp_path / "hostile", DataDir(tmp_path / "data")
    file.write_bytes(HOSTILE[name])
    with pytest.raises(FleetError) as refused:
        await restore_backup(data, file, MINE)
    check_line(refused.value)
    said = str(refused.value)
    assert said.startswith(f"{file}: ") and "moving-" not in said, said
    assert files_in(tmp_path) == {"hostile", "data/manager.lock"}


async def test_a_passphrase_is_as_good_as_it_is_typed(tmp_path: Path) -> None:
    """Sealed, opened, and refused with another one; the only test that takes the time for it."""
    plain, file = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(bundle(("session.db", b"x"), kind=Kind.INSTANCE))
    await carry_out(Order(Work.SEAL, plain, file, Key(passphrase=PASSPHRASE)))
    into = tmp_path / "in"
    into.mkdir()
    wrong, right = (
        Order(Work.OPEN, file, into, Key(passphrase=each), Kind.INSTANCE)
        for each in (f"{PASSPHRASE}!", PASSPHRASE)
    )
    with pytest.raises(FleetError, match="the passphrase does not open it"):
        await carry_out(wrong)
    assert not files_in(into)
    manifest = await carry_out(right)
    assert manifest["format"] == FORMAT and (into / "session.db").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("a", True),
        ("a/b.db", True),
        ("", False),
        ("/a", False),
        ("a/", False),
        ("a//b", False),
        (".", False),
        ("a/..", False),
        ("a/\x07", False),
        ("/".join("a" * 9), False),
    ],
)
def test_only_a_plain_path_is_inside(name: str, inside: bool) -> None:
    assert is_inside(name) is inside
