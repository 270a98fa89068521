"""Copies of neonize's library that tell WhatsApp another version."""

import errno
import os
import struct
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waziterm.domain.version import HIGHEST, LOWEST
from waziterm.worker import library_file as lib
from waziterm.worker.library_file import LibraryFileError, compiled_number, copy_of, installed

OWN, NEWER = 1_047_769_893, 1_099_999_999
numbers = st.integers(LOWEST, HIGHEST)
quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)


def words(number: int) -> bytes:
    return struct.pack("<III", 2, 3000, number)


def library(folder: Path, content: bytes) -> Path:
    path = folder / "neonize-linux-amd64.so"
    path.write_bytes(content)
    return path


def test_the_release_that_is_installed_is_what_its_metadata_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lib.installed_release() == version("neonize")
    (tmp_path / "neonize").mkdir()
    (tmp_path / "neonize-9.9.9.dist-info").mkdir()
    monkeypatch.setattr(lib, "package_folder", lambda: tmp_path / "neonize")
    assert lib.installed_release() == "9.9.9"
    # An upgrade that broke off has left another one.
    (tmp_path / "neonize-9.9.8.dist-info").mkdir()
    assert lib.installed_release() == version("neonize")


@quiet
@given(
    before=st.sampled_from([0, 1, 7, 262_142, 262_143, 262_144]),
    number=numbers,
    other=numbers,
    rest=st.binary(max_size=100),
)
def test_a_copy_differs_in_the_number_alone(
    tmp_path: Path, before: int, number: int, other: int, rest: bytes
) -> None:
    content = bytes(before * 4) + words(number) + bytes(8) + rest
    original = library(tmp_path, content)
    copy, _ = copy_of(original, tmp_path / "library", other)
    assert copy.read_bytes() == content.replace(words(number), words(other))
    assert compiled_number(copy) == other and original.read_bytes() == content
    assert copy_of(original, tmp_path / "library", other) == (copy, False)
    lib.remove_copies(tmp_path / "library", None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7fELF" + bytes(4000),
        words(OWN)[:11],  # cut off within the number
        b"x" + words(OWN),  # not where a compiler puts a word
        words(5),  # no number of WhatsApp
        words(OWN) * 2,
        words(OWN) + bytes(100) + words(NEWER),
    ],
)
def test_a_library_that_does_not_hold_one_version_is_not_copied(
    tmp_path: Path, content: bytes
) -> None:
    original = library(tmp_path, content)
    with pytest.raises(LibraryFileError, match="neonize's library"):
        compiled_number(original)
    with pytest.raises(LibraryFileError, match="neonize's library"):
        copy_of(original, tmp_path / "library", NEWER)
    assert not list((tmp_path / "library").glob("*"))


def test_a_missing_library_is_told(tmp_path: Path) -> None:
    with pytest.raises(LibraryFileError, match="No such file"):
        compiled_number(tmp_path / "none.so")


@pytest.mark.parametrize("damage", ["cut short", "changed", "another library's", "a link"])
def test_a_damaged_copy_is_made_anew(tmp_path: Path, damage: str) -> None:
    original = library(tmp_path, words(OWN) + bytes(3_000_000))
    copy, _ = copy_of(original, tmp_path / "library", NEWER)
    good = copy.read_bytes()
    match damage:
        case "cut short":
            os.truncate(copy, 2_000_000)
        case "changed":
            copy.write_bytes(good[:-1] + b"x")
        case "another library's":
            copy.write_bytes(words(OWN) + bytes(3_000_000))
        case _:
            copy.unlink()
            copy.symlink_to(original)
    assert copy_of(original, tmp_path / "library", NEWER) == (copy, True)
    assert copy.read_bytes() == good and not copy.is_symlink()
    assert original.read_bytes() == words(OWN) + bytes(3_000_000)


def test_the_folder_and_the_copy_are_our_own_and_old_copies_go(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    original = library(tmp_path, words(OWN) + bytes(100))
    copy_of(original, folder, NEWER)
    copy, _ = copy_of(original, folder, NEWER + 1)
    assert [path.stat().st_mode & 0o777 for path in (folder, copy)] == [0o700, 0o700]
    (folder / "mine.txt").touch()
    (folder / ".neonize-half").touch()
    lib.remove_copies(folder, copy)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["mine.txt", copy.name])
    lib.remove_copies(folder / "none", None)


def test_a_full_disk_leaves_no_half_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = library(tmp_path, words(OWN) + bytes(100))

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LibraryFileError, match="the disk is full"):
        copy_of(original, tmp_path / "library", NEWER)
    assert not list((tmp_path / "library").iterdir())


def test_a_file_system_that_runs_no_programs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, real = library(tmp_path, words(OWN)), os.statvfs

    class Noexec:
        def __init__(self, path: Any) -> None:
            self.f_flag = real(path).f_flag | os.ST_NOEXEC

    monkeypatch.setattr(os, "statvfs", Noexec)
    with pytest.raises(LibraryFileError, match="noexec"):
        copy_of(original, tmp_path / "library", NEWER)


# -- neonize itself: what an upgrade may change is told here -----------------------------------


def test_neonizes_own_library_holds_one_version() -> None:
    assert LOWEST <= compiled_number(installed()) <= HIGHEST


def test_a_worker_loads_the_copy_and_neonize_calls_its_file_as_we_do(tmp_path: Path) -> None:
    copy, _ = copy_of(installed(), tmp_path / "library", NEWER)
    script = (
        "import sys; from pathlib import Path;"
        "from waziterm.worker import library_file;"
        "from waziterm.worker.neonize import library;"
        "import neonize.utils.platform as named; own = named.generated_name();"
        "binder = library.load(sys.argv[1]);"
        "maps = Path('/proc/self/maps').read_text();"
        "print(own == library_file.file_name(), binder.gocode._name,"
        " sys.argv[1] in maps, str(library_file.installed()) in maps)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(copy)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", str(copy), "True", "False"]
