"""What whoever has the directory finishes after a kill: the last step of a restored backup, and
copies that somebody was putting together."""

from pathlib import Path

from waziterm.manager.files.datadir import RESTORED
from waziterm.store.scratch import STAGING, sweep
from waziterm.store.sessionfile import sync

_DATABASE = "waziterm.db"


def finish_restoring(root: Path) -> None:
    """Put what lies there in its places, the database last: until then there is no fleet. It can be
    killed at any moment and done again. For the owner of the directory. Blocks. Raises OSError."""
    sweep(STAGING, root)
    folder = root / RESTORED
    if not folder.is_dir():
        return
    _move(folder, root)
    sync(root)
    folder.rmdir()


def _move(source: Path, target: Path) -> None:
    entries = sorted(source.iterdir(), key=lambda each: (each.name == _DATABASE, each.name))
    for each in entries:
        there = target / each.name
        if each.is_dir() and there.is_dir():
            _move(each, there)
            each.rmdir()
        else:
            each.rename(there)
    sync(target)
