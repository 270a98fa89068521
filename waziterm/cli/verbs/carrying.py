"""The verb export, and how a passphrase is asked for. `--json` prints `{instance, file, bytes}`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import ask, data_dir_of
from waziterm.cli.verbs.asking import confirm
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.tools import ExportFormat
from waziterm.domain.text import plain
from waziterm.manager import inputs

_MOST_BYTES = 10_000
"""Of a file that holds a passphrase or a key."""


def export(
    flag: Path | None,
    as_json: bool,
    name: str,
    to: Path,
    as_baileys: bool,
    passphrase_file: Path | None,
    yes: bool,
) -> int:
    """Write an instance into a sealed file, or its session into a folder of Baileys, once the
    operator has said so; it is held then."""
    word, target = inputs.instance_name(name), whole(to)
    if as_baileys and passphrase_file is not None:
        raise inputs.InputError("the folder of Baileys is not sealed: it takes no passphrase")
    said = (
        f"{word} stops, and is held from then on: two places with one session take it from each"
        " other."
    )
    if as_baileys:
        said += " The folder's files hold its keys, open to whoever can read them."
    confirm(said, f"Export {word} to {plain(str(to), 200)}?", [word], yes)
    form = ExportFormat.BAILEYS if as_baileys else None
    passphrase = "" if as_baileys else secret_of(passphrase_file, "Passphrase", again=True)
    found = ask(
        data_dir_of(flag), lambda fleet: fleet.export(word, target, passphrase, format=form)
    )
    if as_json:
        output.document(found)
    else:
        size = f"{found['bytes'] / 1000:.0f} kB"
        output.line(plain(f"{word}: exported to {found['file']} ({size})", 600))
        # It is taken elsewhere, so that this data directory is none of it.
        takes = "Baileys" if as_baileys else "`waziterm import FILE`"
        then = with_verbs(f"`waziterm clean {word}` when it runs there", word)
        output.line(f"  {takes} takes it; {then}")
    return 0


def is_sealed_one(sources: Sequence[str], passphrase_file: Path | None) -> bool:
    """Whether one of the sources of an import is a file that `export` has made."""
    return passphrase_file is not None or any(_is_sealed(Path(each)) for each in sources)


def _is_sealed(path: Path) -> bool:
    from waziterm.moving.sealing import is_sealed  # noqa: PLC0415 - for an import alone

    try:
        return path.is_file() and is_sealed(path)
    except OSError:
        return False


def whole(path: Path) -> str:
    """A path as another process finds it. Raises InputError."""
    try:
        return str(path.expanduser().absolute())
    except (RuntimeError, FileNotFoundError) as error:
        raise inputs.InputError(f"{plain(str(path), 200)} leads nowhere") from error


def secret_of(file: Path | None, what: str, *, again: bool) -> str:
    """A passphrase or a key: the first line of a file, or what is typed on the terminal without
    being shown. again: it is typed twice. Raises FleetError, code 2 where there is neither."""
    if file is not None:
        return _first_line(file)
    if not sys.stdin.isatty():
        said = f"there is no terminal to ask for the {what.lower()} on"
        raise FleetError(said, "name a file that holds it", code=2)
    from getpass import getpass  # noqa: PLC0415 - only where somebody types

    try:
        typed = getpass(f"{what}: ")
        if again and getpass(f"{what}, once more: ") != typed:
            raise FleetError("those were two different ones; nothing was changed")
    except EOFError as error:
        raise FleetError("nothing was changed") from error
    return typed


def _first_line(file: Path) -> str:
    shown = plain(str(file), 300)
    try:
        # Not a file that others could swap for a pipe which nobody writes to.
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            text = stream.read(_MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise inputs.InputError(f"{shown} cannot be read: {why}") from error
    lines = [each for each in text.splitlines() if each.strip() and not each.startswith("# ")]
    if not lines:
        raise inputs.InputError(f"{shown} is empty")
    return lines[0].strip("\r\n")
