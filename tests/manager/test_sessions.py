"""Session files on their way to the trash: all of them or none, and nothing is lost."""

import hashlib
import json
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from waziterm.domain.care.trash import Why
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.files.trash import Trash

AT = 1_700_000_000.0
BYTES = {"shop.db": b"keys" * 1000, "shop.db-journal": b"hot", "shop.db-wal": b""}
SHOP, SHO = (Instance(name, created_at=0.0, id=f"{name}-id") for name in ("shop", "sho"))


@pytest.fixture
def files(folder: Path) -> SessionFiles:
    for name in ("sessions", "trash"):
        (folder / name).mkdir(mode=0o700)
    for name, data in BYTES.items():
        (folder / "sessions" / f"shop-id{name.removeprefix('shop')}").write_bytes(data)
    (folder / "sessions" / "shop2.db").write_bytes(b"another's")
    return SessionFiles(folder / "sessions", Trash(folder / "trash"))


@pytest.fixture
def elsewhere(folder: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == folder.stat().st_dev:
        pytest.skip("this machine has no second file system to write to")
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yield Path(path)


def left(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_all_files_move_and_the_manifest_tells_what_they_were(
    files: SessionFiles, folder: Path
) -> None:
    entry = await files.to_trash(SHOP, at=AT, why=Why.CLEANED, restorable=True)
    assert entry is not None
    assert left(folder / "sessions") == {"shop2.db": b"another's"}
    there = folder / "trash" / entry.id
    assert stat.S_IMODE(there.stat().st_mode) == 0o700
    kept = left(there)
    manifest = json.loads(kept.pop("manifest.json"))
    assert kept == BYTES
    assert (manifest["instance"], manifest["at"], manifest["restorable"]) == ("shop", AT, True)
    assert {each["name"]: (each["size"], each["sha256"]) for each in manifest["files"]} == {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in BYTES.items()
    }
    assert await Trash(folder / "trash").entries() == (entry,)


async def test_there_may_be_nothing_to_move_and_names_do_not_run_into_each_other(
    files: SessionFiles, folder: Path
) -> None:
    assert await files.to_trash(SHO, at=AT, why=Why.CLEANED, restorable=True) is None
    assert not list((folder / "trash").iterdir())
    first = await files.to_trash(SHOP, at=AT, why=Why.CLEANED, restorable=True)
    (folder / "sessions" / "shop-id.db").write_bytes(b"again")
    second = await files.to_trash(SHOP, at=AT, why=Why.LOGGED_OUT, restorable=False)
    assert first is not None and second is not None and first.id != second.id
    assert {entry.restorable for entry in await Trash(folder / "trash").entries()} == {True, False}


@pytest.mark.parametrize("refused", list(BYTES))
async def test_a_move_that_fails_at_any_file_leaves_all_in_place(
    files: SessionFiles, folder: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.name == f"shop-id{refused.removeprefix('shop')}" and "sessions" in str(path.parent):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    before = left(folder / "sessions")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", failing)
        with pytest.raises(OSError, match="No space"):
            await files.to_trash(SHOP, at=AT, why=Why.CLEANED, restorable=True)
    assert left(folder / "sessions") == before
    assert not list((folder / "trash").iterdir())


async def test_a_trash_on_another_file_system_is_refused_and_nothing_is_lost(
    files: SessionFiles, folder: Path, elsewhere: Path
) -> None:
    far = SessionFiles(folder / "sessions", Trash(elsewhere))
    before = left(folder / "sessions")
    with pytest.raises(OSError, match="cross-device"):
        await far.to_trash(SHOP, at=AT, why=Why.CLEANED, restorable=True)
    assert left(folder / "sessions") == before and not left(elsewhere)


async def test_what_is_no_entry_is_no_entry_and_is_never_deleted(
    files: SessionFiles, folder: Path
) -> None:
    entry = await files.to_trash(SHOP, at=AT, why=Why.CLEANED, restorable=True)
    assert entry is not None
    trash, there = Trash(folder / "trash"), folder / "trash" / entry.id
    copied = folder / "trash" / "copied-elsewhere"
    copied.mkdir()
    (copied / "manifest.json").write_bytes((there / "manifest.json").read_bytes())
    for name, text in {"empty": "", "list": "[]", "short": "{}"}.items():
        (folder / "trash" / name).mkdir()
        (folder / "trash" / name / "manifest.json").write_text(text)
    (folder / "trash" / "notes.txt").write_text("mine")
    assert await trash.entries() == (entry,)
    await trash.delete(entry)
    assert await trash.entries() == ()
    assert {path.name for path in (folder / "trash").iterdir()} == {
        "copied-elsewhere", "empty", "list", "short", "notes.txt"
    }  # fmt: skip


async def test_a_manifest_that_names_files_outside_deletes_none_of_them(
    files: SessionFiles, folder: Path
) -> None:
    entry = await files.to_trash(SHOP, at=AT, why=Why.CLEANED, restorable=True)
    assert entry is not None
    manifest = folder / "trash" / entry.id / "manifest.json"
    data = json.loads(manifest.read_text())
    data["files"].append({"name": "../../sessions/shop2.db", "size": 1, "sha256": ""})
    manifest.write_text(json.dumps(data))
    assert await Trash(folder / "trash").entries() == (), "what names other places is none of ours"
    await Trash(folder / "trash").delete(entry)
    assert (folder / "sessions" / "shop2.db").read_bytes() == b"another's"
