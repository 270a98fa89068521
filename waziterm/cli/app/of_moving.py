"""The verbs with which instances leave and come in, and the backup."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from waziterm.cli.app.options import INSTANCES, DataDirOption, JsonOption, Name, YesOption, app

PassphraseOption = Annotated[
    Path | None,
    Parameter(name="--passphrase-file", help="A file with the passphrase; asked if left out."),
]


@app.command(group=INSTANCES, help_epilogue="Example: waziterm export shop-jakarta --to shop.age")
def export(
    name: Name,
    /,
    *,
    to: Annotated[Path, Parameter(help="The file that is made.")],
    passphrase_file: PassphraseOption = None,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write an instance into a sealed file that `import` takes on another box. It is held here
    from then on."""
    from waziterm.cli.verbs import carrying  # noqa: PLC0415

    return carrying.export(data_dir, as_json, name, to, passphrase_file, yes)


@app.command(group=INSTANCES, name="import", help_epilogue="Example: waziterm import shop.age")
def import_(
    source: Annotated[Path, Parameter(help="A file that `export` has made.")],
    /,
    *,
    name: Annotated[str | None, Parameter(help="Its name; that which it had if left out.")] = None,
    passphrase_file: PassphraseOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Add the instance of a file that `export` has made; `start` connects it without a QR code."""
    from waziterm.cli.verbs import carrying  # noqa: PLC0415

    return carrying.import_sealed(data_dir, as_json, source, name, passphrase_file)
