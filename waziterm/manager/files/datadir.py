"""Where everything of one fleet lies on disk."""

import re
from pathlib import Path

from waziterm.domain.errors import FleetError, UnwritableError
from waziterm.domain.frozen import dataclass
from waziterm.manager.files.lock import SOCKET, listener_pid, lock_owner, refuse_where_moved

JOURNAL = ".journal"
"""The end of a journal's name, behind the instance's id."""
RESTORED = "restored"
"""The folder in a data directory where all of a backup lies, before it is put in its places."""
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and bytes that are not UTF-8, as Python stands for them in a path."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """The paths of one data directory.

    Raises FleetError, code 2, for a path that the library, SQLite or a unit file cannot be given.
    """

    root: Path

    def __post_init__(self) -> None:
        """Refuse it before anything is made in it."""
        if _UNFIT.search(str(self.root)):
            raise FleetError(
                f"the data directory's path must be UTF-8 without control characters, not"
                f" {str(self.root)!a}",
                "name another with --data-dir, or rename it",
                code=2,
            )

    @property
    def database(self) -> Path:
        return self.root / "waziterm.db"

    @property
    def holds_fleet(self) -> bool:
        """Whether anything was ever kept here. Raises as `has_database` does."""
        restored = (self.root / RESTORED).is_dir()
        return restored or self.has_database or any(self.sessions.glob("*.db"))

    @property
    def has_database(self) -> bool:
        """Whether there is a database. Raises FleetError where a link leads nowhere: the fleet is
        somewhere else, not gone."""
        if self.database.exists():
            return True
        if self.database.is_symlink():
            raise FleetError(
                f"{self.database} is a link that leads nowhere", "mount or correct what it leads to"
            )
        return False

    @property
    def sessions(self) -> Path:
        return self.root / "sessions"

    @property
    def trash(self) -> Path:
        return self.root / "trash"

    @property
    def library(self) -> Path:
        """Copies of neonize's library that tell WhatsApp another version; made when needed."""
        return self.root / "library"

    @property
    def log(self) -> Path:
        return self.root / "logs" / "waziterm.log"

    @property
    def messages(self) -> Path:
        """The messages out, and what they say; made for the first of them."""
        return self.root / "messages.db"

    @property
    def inbox(self) -> Path:
        """The journals of messages in, made by a worker for the first of them."""
        return self.root / "inbox"

    def journal(self, identity: str) -> Path:
        """Where the worker of the instance with this id writes what comes in."""
        return self.inbox / f"{identity}{JOURNAL}"

    def has_journals(self) -> bool:
        """Whether there is any. Looks at the disk."""
        try:
            return any(JOURNAL in each.name for each in self.inbox.iterdir())
        except OSError:
            # Whoever reads them says why that cannot be done.
            return self.inbox.exists()

    @property
    def socket(self) -> Path:
        return self.root / SOCKET

    @property
    def lock(self) -> Path:
        return self.root / "manager.lock"

    def free_bytes(self) -> int | None:
        """How much room is left where it lies; None when that cannot be told."""
        import shutil  # noqa: PLC0415 - no verb that only asks a manager needs it

        try:
            return shutil.disk_usage(self.root).free
        except OSError:
            return None

    def session(self, identity: str) -> Path:
        """The whatsmeow store of the instance with this id."""
        return self.sessions / f"{identity}.db"

    def owner_pid(self) -> int | None:
        """The pid of the live manager that owns this directory, -1 when it is unknown, or None.

        Where its lock was deleted or something else lies in its place, its socket tells. Raises
        FleetError when nothing can be seen, and when one runs from which the directory was moved
        away.
        """
        try:
            pid = lock_owner(self.lock)
        except FleetError:
            if (pid := listener_pid(self.socket)) is None:
                raise
        if pid is None and (pid := listener_pid(self.socket)) is None:
            refuse_where_moved(self.root)
        return pid

    def create(self) -> None:
        """Make the directories that are missing, each with mode 0700.

        Raises FleetError when one cannot be made or is not ours to write.
        """
        for path in (self.root, self.sessions, self.trash, self.log.parent):
            try:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            except FileExistsError as error:
                raise FleetError(
                    f"{path} is no directory",
                    "move away what lies there, or name another with --data-dir",
                ) from error
            except OSError as error:
                raise UnwritableError(
                    f"cannot make the directory {path}: {error.strerror}",
                    "name another with --data-dir",
                ) from error
