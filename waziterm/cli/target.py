"""Which data directory a verb means, and whether a manager or only files answer for it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waziterm.cli.show.verbs import with_verbs
from waziterm.domain.errors import FleetError, UnwritableError
from waziterm.domain.fleet.asking import Asked, asked_of
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.labfile import LabFile, LabFileError
from waziterm.manager.files.datadir import DataDir

if TYPE_CHECKING:
    from waziterm.control.client.call import ControlClient


def data_dir_of(flag: Path | None) -> DataDir:
    """The data directory: the flag beats the environment, which beats the config file.

    Raises FleetError when there is no such home directory, or the config cannot be read.
    """
    chosen = flag or os.environ.get("WAZITERM_DATA_DIR")
    if chosen:
        named = "--data-dir" if flag else "WAZITERM_DATA_DIR"
        try:
            return DataDir(Path(chosen).expanduser().absolute())
        except RuntimeError as error:
            raise FleetError(f"{named}: {chosen} names no home directory", code=2) from error
        except FileNotFoundError as error:
            said = f"{named}: {chosen} is relative, and this shell's directory is gone"
            raise FleetError(said, code=2) from error
    from waziterm.config import load_settings  # noqa: PLC0415 - reads a file

    return DataDir(load_settings().data_dir)


def ask(data: DataDir, call: Callable[[Fleet], object]) -> Any:
    """The document of what one verb answers: `lambda fleet: fleet.stop(name)`.

    The manager that owns the directory carries it out; when none runs, the files do where they
    are enough. Raises FleetError: code 3 when it needs a manager and none runs. What to do about
    one that was refused names the instance that was asked for.
    """
    asked = asked_of(call)
    try:
        return _answer(data, asked)
    except FleetError as error:
        if isinstance(name := asked.arguments.get("name"), str):
            error.hint = with_verbs(error.hint, name)
        raise


def _answer(data: DataDir, asked: Asked) -> Any:
    from waziterm.control.client.call import NoManagerError  # noqa: PLC0415 - no screen asks

    if not asked.verb.files or _has_owner(data):
        try:
            return client_of(data).answer(asked)
        except NoManagerError:
            # The lock was another verb's, which has ended, or a manager's that was just ending.
            if not asked.verb.files:
                raise
    from waziterm.cli.run.files import answer  # noqa: PLC0415 - needs the store

    return answer(data, asked)


def _has_owner(data: DataDir) -> bool:
    """Whether a manager has the directory. What must not be seen says nothing: whoever works on the
    files is refused there, and whoever only looks may be able to."""
    try:
        return data.owner_pid() is not None
    except UnwritableError:
        return False


def client_of(data: DataDir) -> "ControlClient":
    """A client of the manager that runs on this data directory, if one does."""
    from waziterm.control.client.call import ControlClient  # noqa: PLC0415 - nor does a manager

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
