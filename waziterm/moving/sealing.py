"""Sealing and opening in the age format (age-encryption.org/v1), in a process of its own.

`pyrage` holds the interpreter for seconds, so nothing of it ever runs in a manager's process; see
`waziterm.moving.process`. What was sealed is read back from the disk and compared before it counts.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any, BinaryIO

from waziterm.domain.errors import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain as shown
from waziterm.moving.bundle import Readable

MAGIC = b"age-encryption.org/v1\n"
_MOST_WORK = 20
"""The most work of a passphrase (a power of two) that is done: it takes 1 GB for some seconds."""
_IN_MEMORY = 1_500_000_000
"""What is sealed with a passphrase is in memory whole."""
_SCRYPT = re.compile(rb"-> scrypt [A-Za-z0-9+/]{22} ([1-9][0-9]?)\n")
_CHUNK = 1 << 20
_TOO_SLOW = "Excessive work"
_TRIES, _PAUSE_S = 8, 1.0


@dataclass(frozen=True, slots=True)
class Key:
    """With what something is sealed or opened; one of them. recipient: a public key, `age1…`.
    identity: the secret one of it, `AGE-SECRET-KEY-1…`."""

    passphrase: str = field(default="", repr=False)
    recipient: str = ""
    identity: str = field(default="", repr=False)


def is_sealed(path: Path) -> bool:
    """Whether a file begins as one in the age format. Raises OSError."""
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Let what is refused within begin with the file that it is about."""
    try:
        yield
    except FleetError as error:
        said = Phrase("{path}: {why}", path=shown(str(path), 300), why=error.told)
        raise FleetError(said, error.hint, error.code) from error


def seal(plain: Readable, part: Path, key: Key) -> int:
    """Seal what can be read into a new file with mode 0600, which is on disk when this returns,
    and can be opened again; its size in bytes.

    part: must not exist. Raises FleetError, and OSError.
    """
    import pyrage  # noqa: PLC0415 - in a process of its own alone

    source = _Counted(plain)
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(part, flags, 0o600), "wb") as target:
        if key.passphrase:
            whole = source.read(_IN_MEMORY + 1)
            if len(whole) > _IN_MEMORY:
                raise FleetError(
                    Phrase(
                        "it is larger than {size} MB, too large for a passphrase",
                        size=_IN_MEMORY // 1_000_000,
                    ),
                    Phrase("seal it for a key: [backup] recipient, or --recipient"),
                )
            target.write(pyrage.passphrase.encrypt(whole, key.passphrase))
            del whole
            opened: Callable[[BinaryIO, Any], None] = _opens_with(key)
        else:
            # A second key, which nobody ever has but this process, opens it once: to look.
            mine = pyrage.x25519.Identity.generate()
            recipients = [_recipient(key.recipient), mine.to_public()]
            pyrage.encrypt_io(source, target, recipients)

            def opened(sealed: BinaryIO, into: Any) -> None:
                pyrage.decrypt_io(sealed, into, [mine])

        target.flush()
        os.fsync(target.fileno())
    found = _Counted(None)
    with part.open("rb") as sealed:
        opened(sealed, found)
    if (found.size, found.digest) != (source.size, source.digest):
        raise FleetError(
            Phrase("what was written is not what can be read back"), Phrase("see the disk")
        )
    return part.stat().st_size


def open_sealed(path: Path, into: BinaryIO, key: Key) -> None:
    """Write what a sealed file holds. Raises FleetError, also for a wrong passphrase or key, and
    for one that would need too much work; OSError."""
    with path.open("rb") as sealed:
        head = sealed.read(2048)
        if not head.startswith(MAGIC):
            raise FleetError(Phrase("it is no file in the age format"), code=2)
        found = _SCRYPT.match(head[len(MAGIC) :])
        if found is None and key.passphrase:
            hint = Phrase("`waziterm restore-backup FILE --identity KEY` takes a backup")
            raise FleetError(Phrase("it is sealed for a key, not with a passphrase"), hint)
        if head[len(MAGIC) :].startswith(b"-> scrypt ") and not key.passphrase:
            raise FleetError(
                Phrase("it is sealed with a passphrase"), Phrase("see --passphrase-file")
            )
        if found is not None and int(found[1]) > _MOST_WORK:
            raise FleetError(
                Phrase("opening it would take too much memory: none of ours does that")
            )
        sealed.seek(0)
        _opens_with(key)(sealed, into)


def _opens_with(key: Key) -> "Callable[[BinaryIO, Any], None]":
    import pyrage  # noqa: PLC0415 - as above

    def opened(sealed: BinaryIO, into: Any) -> None:
        try:
            if key.passphrase:
                size = os.fstat(sealed.fileno()).st_size
                if size > 2 * _IN_MEMORY:
                    raise FleetError(Phrase("it is too large for a passphrase"))
                into.write(_decrypted(sealed.read(), key.passphrase))
            else:
                pyrage.decrypt_io(sealed, into, [_identity(key.identity)])
        except (pyrage.DecryptError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise _not_opened(str(error), key) from error

    return opened


def _decrypted(sealed: bytes, passphrase: str) -> bytes:
    """What a passphrase opens. The library measures first how fast this machine is, and refuses
    what would take it long: on a busy one it is asked again."""
    import pyrage  # noqa: PLC0415 - as above

    for left in reversed(range(_TRIES)):
        try:
            return bytes(pyrage.passphrase.decrypt(sealed, passphrase))
        except pyrage.DecryptError as error:
            if not str(error).startswith(_TOO_SLOW):
                raise
            if not left:
                said = Phrase("this machine is too busy, or too slow, to open it")
                raise FleetError(said, Phrase("try again when it has less to do")) from error
            time.sleep(_PAUSE_S)
    raise AssertionError


def _not_opened(said: str, key: Key) -> FleetError:
    if said in ("Decryption failed", "No matching keys found"):
        if key.passphrase:
            return FleetError(Phrase("the passphrase does not open it"))
        return FleetError(Phrase("the key does not open it"))
    return FleetError(
        Phrase("it is damaged, or not whole"), Phrase("copy it once more; nothing was changed")
    )


def _recipient(text: str) -> Any:
    import pyrage  # noqa: PLC0415 - as above

    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise FleetError(
            Phrase("the recipient is no public key of age"), Phrase("it begins with age1")
        ) from error


def _identity(text: str) -> Any:
    import pyrage  # noqa: PLC0415 - as above

    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError as error:
        said = Phrase("what was given is no secret key of age")
        raise FleetError(said, Phrase("it begins with AGE-SECRET-KEY-1")) from error


class _Counted:
    """Counts and hashes what is read through it, or written to it."""

    def __init__(self, source: Readable | None) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    def read(self, size: int = -1, /) -> bytes:
        assert self._source is not None
        if size < 0:
            size = _CHUNK
        read = self._source.read(size)
        self.write(read)
        return read

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        pass
