"""What the managers of one machine tell each other: who runs, and which sessions each has live.

A manager writes one file, `PID.json`, into a folder of its user. It holds no number: a JID is
an HMAC keyed with the machine's id, so that the file says nothing on another machine.
"""

import errno
import hashlib
import hmac
import json
import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from waziterm.manager.lock import flocked, lock_owner

_CLAIM_WAIT_S = 2.0
_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


@dataclass(frozen=True, slots=True)
class Peer:
    """Another live manager on this machine."""

    pid: int
    root: Path


def registry_folder() -> Path:
    """Where the managers of this user register: in the run-time directory, else in temp."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "waziterm"
    return Path(tempfile.gettempdir()) / f"waziterm-{os.getuid()}"


def machine_key() -> bytes:
    """A key that is the same for all managers of this machine and for nobody else."""
    for path in _MACHINE_IDS:
        with suppress(OSError):
            if text := path.read_text().strip():
                return text.encode()
    return socket.gethostname().encode()


class Registry:
    """This manager's entry, and the entries of the others. Its methods do file I/O."""

    def __init__(self, folder: Path, key: bytes, root: Path) -> None:
        self._folder = folder
        self._key = key
        self._root = root
        self._file = folder / f"{os.getpid()}.json"

    def claim(self, jid: str, live: Mapping[str, float], now: Callable[[], float]) -> float:
        """Say that this manager has a device live from now on, beside those that it has.

        Returns since when (UTC seconds), the earlier moment when it has the device already. The
        moment is taken while no other manager claims anything. Raises OSError.
        """
        self._make_folder()
        with self._alone():
            since = live.get(jid)
            if since is None:
                since = now()
            self.publish({**live, jid: since})
        return since

    def publish(self, live: Mapping[str, float]) -> None:
        """Say which devices this manager has live now, and since when (UTC seconds).

        live: by JID. Raises OSError.
        """
        marks = {self._mark(jid): since for jid, since in sorted(live.items())}
        self._make_folder()
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"pid": os.getpid(), "root": str(self._root), "live": marks}))
        fresh.chmod(0o600)
        fresh.replace(self._file)

    def withdraw(self) -> None:
        """Take this manager's entry away."""
        self._file.unlink(missing_ok=True)

    def holder(self, jid: str, before: float | None = None) -> Peer | None:
        """Another live manager that has this device live; None when there is none.

        before: only one that has it since an earlier moment. Of two that start at once the
        one with the smaller pid came first, so that exactly one of them gives way.
        """
        mark = self._mark(jid)
        for path in self._entries():
            peer, live = _read(path)
            if peer is None or mark not in live:
                continue
            earlier = before is None or (live[mark], peer.pid) < (before, os.getpid())
            if earlier and _lives(peer):
                return peer
        return None

    def stale(self) -> tuple[Path, ...]:
        """Entries whose manager is gone."""
        gone = []
        for path in self._entries():
            peer, _ = _read(path)
            if peer is None or not _lives(peer):
                gone.append(path)
        return tuple(gone)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._is_ours():
            raise PermissionError(errno.EPERM, "others control this folder", str(self._folder))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While no other manager of this folder is in here. A claim takes milliseconds; one that
        was stopped in the midst must not stop the others for ever."""
        descriptor = os.open(
            self._folder / "claiming", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            if not flocked(descriptor, wait_s=_CLAIM_WAIT_S):
                raise TimeoutError(errno.ETIMEDOUT, "another manager claims for too long")
            yield
        finally:
            os.close(descriptor)

    def _is_ours(self) -> bool:
        """In the temp directory anybody may have made a folder of this name before us."""
        with suppress(OSError):
            found = self._folder.lstat()
            mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
            return mine and not found.st_mode & 0o022
        return False

    def _entries(self) -> list[Path]:
        if not self._is_ours():
            return []
        return sorted(path for path in self._folder.glob("*.json") if path != self._file)

    def _mark(self, jid: str) -> str:
        return hmac.new(self._key, jid.encode(), hashlib.sha256).hexdigest()


def _read(path: Path) -> tuple[Peer | None, dict[str, float]]:
    try:
        data = json.loads(path.read_text())
        peer = Peer(int(data["pid"]), Path(data["root"]))
        return peer, {str(mark): float(since) for mark, since in data["live"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, {}


def _lives(peer: Peer) -> bool:
    """A pid may be given again; the lock on its data directory cannot outlive a manager."""
    return lock_owner(peer.root / "manager.lock") == peer.pid
