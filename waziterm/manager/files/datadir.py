"""Where everything of one fleet lies on disk."""

from dataclasses import dataclass
from pathlib import Path

from waziterm.domain.errors import FleetError
from waziterm.manager.files.lock import lock_owner


@dataclass(frozen=True, slots=True)
class DataDir:
    """The paths of one data directory."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "waziterm.db"

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
    def socket(self) -> Path:
        return self.root / "control.sock"

    @property
    def lock(self) -> Path:
        return self.root / "manager.lock"

    def session(self, name: str) -> Path:
        """The whatsmeow store of an instance. name: checked by `domain.names.check_name`."""
        return self.sessions / f"{name}.db"

    def owner_pid(self) -> int | None:
        """The pid of the live manager that owns this directory, or None."""
        return lock_owner(self.lock)

    def create(self) -> None:
        """Make the directories that are missing, each with mode 0700.

        Raises FleetError when one cannot be made or is not ours to write.
        """
        for path in (self.root, self.sessions, self.trash, self.log.parent):
            try:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise FleetError(
                    f"cannot make the directory {path}: {error.strerror}",
                    "name another with --data-dir",
                ) from error
