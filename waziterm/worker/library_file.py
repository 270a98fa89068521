"""Where neonize's library lies, and a copy of it that tells WhatsApp another version.

The version stands in the library as three 32-bit words, `2, 3000, N`, in initialised data; Go's
package initialisation builds the login payload from them, so they are changed in a copy before it
is loaded, never in memory, and never in place of the original. Nothing here loads the library.
"""

import errno
import importlib.util
import mmap
import os
import platform
import re
import struct
import sys
from contextlib import closing, suppress
from pathlib import Path

from waziterm.domain.version import MAJOR, MINOR, is_sane, version_text

_WORD = 4
_START = re.compile(re.escape(struct.pack("<II", MAJOR, MINOR)))
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SYSTEMS = {"linux": "so", "darwin": "dylib"}
_CHUNK = 1 << 20


class LibraryFileError(Exception):
    """The library cannot be read, or no copy can be made; the message is one line."""


def package_folder() -> Path:
    """Where the package neonize is installed; it is not imported. Raises LibraryFileError."""
    spec = importlib.util.find_spec("neonize")
    if spec is None or not spec.submodule_search_locations:
        raise LibraryFileError("neonize is not installed")
    return Path(spec.submodule_search_locations[0])


def installed_release() -> str:
    """The release of neonize that is installed, by the name of its metadata's folder (PyPA's
    "Recording installed projects"). Raises LibraryFileError when it is not installed, and
    PackageNotFoundError when it has no metadata."""
    found = [each.name for each in package_folder().parent.glob("neonize-*.dist-info")]
    if len(found) == 1:
        return found[0].removeprefix("neonize-").removesuffix(".dist-info")
    # A start would wait for its 20 ms.
    from importlib.metadata import version  # noqa: PLC0415

    return version("neonize")


def file_name() -> str:
    """What neonize calls its library on this machine (its `utils.platform.generated_name`)."""
    system = "android" if hasattr(sys, "getandroidapilevel") else platform.system().lower()
    machine = platform.machine().lower()
    ending = _SYSTEMS.get(system, "so")
    return f"neonize-{system}-{_ARCHITECTURES.get(machine, machine)}.{ending}"


def installed() -> Path:
    """neonize's own library. Raises LibraryFileError when it is not installed."""
    return package_folder() / file_name()


def compiled_number(library: Path) -> int:
    """N of the version in a library. Blocks for some 20 ms.

    Raises LibraryFileError when it does not stand there exactly once: on some architectures the
    compiler may have put it elsewhere.
    """
    return _place(library)[1]


def copy_of(library: Path, folder: Path, number: int) -> tuple[Path, bool]:
    """A copy of a library whose version is `number`, in `folder`: the one that is there already,
    or a new one; and whether it is new. Blocks for as long as the disk takes to write it.

    It is complete on disk before it gets its name. Raises LibraryFileError.
    """
    try:
        offset, _own = _place(library)
        size = library.stat().st_size
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
            raise LibraryFileError(
                f"{folder} is on a file system that runs no programs (mounted noexec)"
            )
        target = folder / f"neonize-{version_text(number)}-{_mark(library)}{library.suffix}"
        is_new = not _is_copy(target, library, offset, number)
        if is_new:
            _write(target, library, offset, number)
        if target.stat().st_size != size or compiled_number(target) != number:
            target.unlink(missing_ok=True)
            raise LibraryFileError(f"the copy with {version_text(number)} is not what was written")
    except OSError as error:
        raise LibraryFileError(f"no copy of neonize's library: {_said(error)}") from error
    return target, is_new


def remove_copies(folder: Path, keep: Path | None) -> None:
    """Delete the copies that are not in use any more. A process that has one loaded keeps it.
    Raises LibraryFileError."""
    try:
        for path in folder.iterdir() if folder.is_dir() else ():
            if path != keep and path.name.startswith(("neonize-", ".neonize-")):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise LibraryFileError(f"{folder} cannot be tidied up: {_said(error)}") from error


def _place(library: Path) -> tuple[int, int]:
    """The offset of N in a library, and N."""
    try:
        with (
            library.open("rb") as file,
            closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data,
        ):
            found = []
            for match in _START.finditer(data):
                at = match.end()
                if match.start() % _WORD or at + _WORD > len(data):
                    continue
                (number,) = struct.unpack_from("<I", data, at)
                if is_sane(number):
                    found.append((at, number))
    except (OSError, ValueError) as error:
        said = _said(error) if isinstance(error, OSError) else "it is empty"
        raise LibraryFileError(f"neonize's library cannot be read: {said}") from error
    if len(found) != 1:
        raise LibraryFileError(
            f"WhatsApp's version stands {len(found)} times in neonize's library, and it must be"
            " once"
        )
    return found[0]


def _write(target: Path, library: Path, offset: int, number: int) -> None:
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as copy, library.open("rb") as original:
            while chunk := original.read(_CHUNK):
                copy.write(chunk)
            copy.seek(offset)
            copy.write(struct.pack("<I", number))
            copy.flush()
            os.fchmod(copy.fileno(), 0o700)
            os.fsync(copy.fileno())
        temporary.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _is_copy(target: Path, library: Path, offset: int, number: int) -> bool:
    """Whether a file is the library but for the number, byte for byte."""
    try:
        if target.is_symlink() or target.stat().st_size != library.stat().st_size:
            return False
        at = 0
        with target.open("rb") as copy, library.open("rb") as original:
            while wanted := original.read(_CHUNK):
                # The word never lies across two chunks: both are aligned to it.
                place = offset - at
                if 0 <= place < len(wanted):
                    word = struct.pack("<I", number)
                    wanted = wanted[:place] + word + wanted[place + _WORD :]
                if copy.read(len(wanted)) != wanted:
                    return False
                at += len(wanted)
    except FileNotFoundError:
        return False
    return True


def _mark(library: Path) -> str:
    """Tells the copies of one library from those of another of the same name."""
    found = library.stat()
    return f"{found.st_size:x}-{found.st_mtime_ns:x}"


def _said(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    return error.strerror or type(error).__name__
