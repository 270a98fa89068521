"""The verbs backup and restore-backup. `--json` prints `{file, bytes, files, unread}`, and
`{data_dir, instances, files, made, host, root}`."""

import asyncio
from pathlib import Path

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import ask, data_dir_of
from waziterm.cli.verbs.asking import typed
from waziterm.cli.verbs.carrying import secret_of, whole
from waziterm.domain.codec import document
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.tools import RestoredBackup
from waziterm.domain.text import plain
from waziterm.manager import inputs


def backup(
    flag: Path | None,
    as_json: bool,
    file: Path,
    recipient: str | None,
    passphrase_file: Path | None,
) -> int:
    """Seal a copy of the data directory: for the recipient that is named, with a passphrase, or for
    the one of the settings; where there is none, a passphrase is asked for."""
    target, data = whole(file), data_dir_of(flag)
    if recipient is not None and passphrase_file is not None:
        raise inputs.InputError("either --recipient or --passphrase-file", "`waziterm backup -h`")
    key = recipient or ""
    if not key and passphrase_file is None:
        from waziterm.config import load_settings  # noqa: PLC0415 - reads a file

        key = load_settings(data_dir=data.root).backup.recipient
    passphrase = "" if key else secret_of(passphrase_file, "Passphrase", again=True)
    found = ask(data, lambda fleet: fleet.backup(target, passphrase, key))
    if as_json:
        output.document(found)
    else:
        size = f"{found['bytes'] / 1e6:.1f} MB"
        said = f"backup: {found['file']}, {output.counted(found['files'], 'file')}, {size}"
        output.line(plain(said, 600))
        for each in found["unread"]:
            output.remark(plain(f"{each} is damaged, and is in it as it is: `waziterm check`", 300))
    return 0


def restore_backup(
    flag: Path | None,
    as_json: bool,
    file: Path,
    identity_file: Path | None,
    passphrase_file: Path | None,
    yes: bool,
) -> int:
    """Bring a whole data directory back into an empty one, once the operator has said that the
    old box is off."""
    from waziterm.manager.files.owner import acting_as_owner  # noqa: PLC0415 - for this alone
    from waziterm.manager.stored.restoring import restore_backup as restored  # noqa: PLC0415
    from waziterm.moving.sealing import Key  # noqa: PLC0415 - as above

    data, source = data_dir_of(flag), Path(whole(file))
    if identity_file is not None and passphrase_file is not None:
        raise inputs.InputError("either --identity or --passphrase-file")
    if not yes:
        said = (
            "Two places with one session take it from each other, and a session that went on"
            " elsewhere since the backup may have lost messages. Nothing is started here."
        )
        question = "Is the box off for good on which it was made? [y/N] "
        if typed(said, question, ()).lower() not in ("y", "yes"):
            raise FleetError("nothing was changed")
    if identity_file is not None:
        key = Key(identity=secret_of(identity_file, "Key", again=False).strip())
    else:
        key = Key(passphrase=secret_of(passphrase_file, "Passphrase", again=False))
    with acting_as_owner(data.root):
        found = asyncio.run(restored(data, source, key))
    if as_json:
        output.document(document(RestoredBackup, found, 0.0))
        return 0
    of = f"{found.root} on {found.host}, of {found.made[:16]}Z"
    count = output.counted(len(found.instances), "instance")
    output.line(plain(f"{count} restored into {found.data_dir}, as they were in {of}", 900))
    output.line("  all are stopped; one that went on elsewhere since may have lost messages")
    output.line(with_verbs("  `waziterm check`, then `waziterm start NAME` for each"))
    return 0
