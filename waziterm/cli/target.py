"""Which data directory a verb means, and whether a manager or only files answer for it."""

import os
from pathlib import Path

from waziterm.control.client.call import ControlClient
from waziterm.domain.errors import FleetError
from waziterm.domain.labfile import LabFile, LabFileError
from waziterm.manager.files.datadir import DataDir


def data_dir_of(flag: Path | None) -> DataDir:
    """The data directory: the flag beats the environment, which beats the config file.

    Raises FleetError when the config cannot be read.
    """
    chosen = flag or os.environ.get("WAZITERM_DATA_DIR")
    if chosen:
        return DataDir(Path(chosen).expanduser().absolute())
    from waziterm.config import load_settings  # noqa: PLC0415 - platformdirs takes 25 ms

    return DataDir(load_settings().data_dir)


def client_of(data: DataDir) -> ControlClient:
    """A client of the manager that runs on this data directory, if one does."""
    return ControlClient(data.socket, data.owner_pid)


def lab_file_of(path: Path | None) -> LabFile | None:
    """The lab file at `path`; None without one. Raises FleetError (code 2)."""
    if path is None:
        return None
    try:
        return LabFile.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FleetError(f"cannot read the lab file {path}: {error.strerror}", code=2) from error
    except (LabFileError, UnicodeDecodeError) as error:
        raise FleetError(
            f"{path} is not a lab file: {error}", "`waziterm lab` writes one", code=2
        ) from error
