"""The verb add: one instance, or those of a table.

`--json` prints the instance; with `--from` it prints `{dry_run, added, problems}`: added the names,
problems an array of `{line, column, error}`.
"""

from collections.abc import Sequence
from pathlib import Path

from waziterm.cli.show import output
from waziterm.cli.target import ask, data_dir_of
from waziterm.cli.verbs.instances import begun
from waziterm.domain.fleet.protocol import TABLE_BYTES
from waziterm.domain.text import plain
from waziterm.manager import inputs

_WRONG = 2
"""The exit code when something in a table is wrong."""


def add_instance(
    flag: Path | None,
    as_json: bool,
    name: str | None,
    phone: str | None,
    proxy: str | None,
    session: str | None,
    dry_run: bool,
) -> int:
    """Add an instance through the manager, or else to the database for the next manager."""
    if name is None:
        raise inputs.InputError("add needs a name, or --from FILE.csv", "`waziterm add --help`")
    if dry_run:
        raise inputs.InputError("--dry-run is for --from", "`waziterm add --help`")
    word = inputs.instance_name(name)
    phone = None if phone is None else inputs.phone_number(phone)
    proxy = None if proxy is None else inputs.proxy_url(proxy)
    if session is not None:
        session = Path(session).name.removesuffix(".db")
    found = ask(data_dir_of(flag), lambda fleet: fleet.add(word, phone, proxy, session=session))
    if as_json:
        output.document(found)
    else:
        for line in begun(word, found):
            output.line(line)
    return 0


def add_table(
    flag: Path | None, as_json: bool, file: Path, dry_run: bool, alone: Sequence[str | None]
) -> int:
    """Add the instances of a CSV file, all of them or none. alone: what says something of one
    instance, and cannot be given with it."""
    if any(each is not None for each in alone):
        raise inputs.InputError(
            "--from takes names, numbers and proxies from the file alone", "`waziterm add --help`"
        )
    table = _text_of(file)
    found = ask(data_dir_of(flag), lambda fleet: fleet.add_all(table, dry_run=dry_run))
    if as_json:
        output.document(found)
    elif found["problems"]:
        for each in found["problems"]:
            column = f"{each['column']}: " if each["column"] else ""
            output.remark(f"line {each['line']}: {column}{plain(each['error'], 300)}")
        output.remark(f"{output.counted(len(found['problems']), 'error')}; nothing was added")
    else:
        count = output.counted(len(found["added"]), "instance")
        output.line(f"{count} would be added" if dry_run else f"{count} added")
        if found["added"] and not dry_run:
            output.line("  not linked: the queue of scans (key 5) shows their QR codes in turn")
    return _WRONG if found["problems"] else 0


def _text_of(file: Path) -> str:
    """A table's text. Raises InputError for what cannot be read, is too large or is no UTF-8."""
    shown = plain(str(file), 300)
    try:
        with file.open("rb") as stream:
            read = stream.read(TABLE_BYTES + 1)
    except OSError as error:
        raise inputs.InputError(f"{shown} cannot be read: {error.strerror}") from error
    if len(read) > TABLE_BYTES:
        raise inputs.InputError(
            f"{shown} is larger than {TABLE_BYTES // 1_000_000} MB", "split it into several"
        )
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = read.count(b"\n", 0, error.start) + 1
        raise inputs.InputError(
            f"{shown} is not UTF-8 (line {line})", "save it as CSV in UTF-8"
        ) from error
