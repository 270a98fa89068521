"""The verbs with which instances leave and come in, and the backup."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from waziterm.cli.app.options import (
    INSTANCES,
    SET_UP,
    DataDirOption,
    ExportFormat,
    JsonOption,
    Name,
    PassphraseOption,
    YesOption,
    app,
)


@app.command(group=INSTANCES, help_epilogue="Example: waziterm export shop-jakarta --to shop.age")
def export(
    name: Name,
    /,
    *,
    to: Annotated[Path, Parameter(help="The file that is made, or the folder.")],
    form: Annotated[
        ExportFormat,
        Parameter(
            name="--format",
            help="As what: sealed, a file that `import` takes; or baileys, that library's folder,"
            " not sealed.",
        ),
    ] = ExportFormat.SEALED,
    passphrase_file: PassphraseOption = None,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write an instance into a sealed file that `import` takes on another box. It is held here
    from then on."""
    from waziterm.cli.verbs import carrying  # noqa: PLC0415

    as_baileys = form is ExportFormat.BAILEYS
    return carrying.export(data_dir, as_json, name, to, as_baileys, passphrase_file, yes)


@app.command(group=SET_UP, help_epilogue="Example: waziterm backup /mnt/backup/fleet.age")
def backup(
    file: Annotated[Path, Parameter(help="The file that is made.")],
    /,
    *,
    recipient: Annotated[
        str | None,
        Parameter(
            help="The public key of age for which it is sealed; that of the settings, if"
            " any, if left out."
        ),
    ] = None,
    passphrase_file: PassphraseOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Seal a copy of the whole data directory, also while it is in use."""
    from waziterm.cli.verbs import backups  # noqa: PLC0415

    return backups.backup(data_dir, as_json, file, recipient, passphrase_file)


@app.command(
    group=SET_UP,
    name="restore-backup",
    help_epilogue="Example: waziterm restore-backup fleet.age --data-dir /srv/waziterm",
)
def restore_backup(
    file: Annotated[Path, Parameter(help="A file that `backup` has made.")],
    /,
    *,
    identity: Annotated[
        Path | None,
        Parameter(name="--identity", help="A file with the secret key of age that opens it."),
    ] = None,
    passphrase_file: PassphraseOption = None,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Bring a whole data directory back, into an empty one; nothing is started."""
    from waziterm.cli.verbs import backups  # noqa: PLC0415

    return backups.restore_backup(data_dir, as_json, file, identity, passphrase_file, yes)
