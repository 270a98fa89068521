"""Where the sessions of a data directory lie, in use and in the trash."""

from waziterm.domain.frozen import dataclass
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.files.trash import Trash


@dataclass(frozen=True, slots=True)
class DataFiles:
    """The paths, the sessions and the trash of one data directory."""

    data: DataDir
    sessions: SessionFiles
    trash: Trash

    @classmethod
    def of(cls, data: DataDir) -> "DataFiles":
        """What belongs to a data directory."""
        trash = Trash(data.trash)
        return cls(data, SessionFiles(data.sessions, trash), trash)

    @property
    def identity(self) -> str:
        """The directory as others know it, however it is reached."""
        return str(self.data.root.resolve())
