"""The verbs of the group Instances: what is done with some of them."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from waziterm.cli.app.options import (
    INSTANCES,
    DataDirOption,
    DryRunOption,
    JsonOption,
    LogoutOption,
    Name,
    Names,
    PassphraseOption,
    SendOption,
    YesOption,
    app,
)


@app.command(
    group=INSTANCES,
    help_epilogue="Example: waziterm add shop-jakarta --proxy socks5://proxy.example:1080",
)
def add(
    name: Annotated[str | None, Parameter(help="The instance's name; none with --from.")] = None,
    /,
    *,
    table: Annotated[
        Path | None,
        Parameter(
            name="--from",
            help="A CSV file with an instance in each row: name, phone, proxy, tags, note.",
        ),
    ] = None,
    phone: Annotated[str | None, Parameter(help="Its number, with + and the country code.")] = None,
    proxy: Annotated[
        str | None, Parameter(help="The URL of the proxy it connects through.")
    ] = None,
    session: Annotated[
        str | None,
        Parameter(
            help="The session file of no instance that it takes up, as `check` names it; that of"
            " its name if left out."
        ),
    ] = None,
    dry_run: DryRunOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Add an instance; a running manager starts it, else `start` does once one runs. With --from
    those of a table, all or none; they wait for the queue of scans, or for `start`."""
    from waziterm.cli.verbs import adding  # noqa: PLC0415

    if table is not None:
        return adding.add_table(
            data_dir, as_json, table, dry_run, alone=(name, phone, proxy, session)
        )
    return adding.add_instance(data_dir, as_json, name, phone, proxy, session, dry_run)


@app.command(
    group=INSTANCES,
    name="import",
    help_epilogue="Example: waziterm import /srv/waziper/sessions --prefix shop- --dry-run",
)
def import_(
    *sources: Annotated[
        str,
        Parameter(
            name="SOURCE",
            help="A folder of Baileys, a folder of such folders, a whatsmeow store, or a dumped row"
            " of Evolution; or a file that `export` has made.",
        ),
    ],
    name: Annotated[str | None, Parameter(help="The instance's name; for a single device.")] = None,
    prefix: Annotated[
        str, Parameter(help="Before the names that the sources have.", show_default=False)
    ] = "",
    device: Annotated[
        str, Parameter(help="Only the device with this JID.", show_default=False)
    ] = "",
    keys_db: Annotated[
        str,
        Parameter(
            help="A second store, where the program keeps its devices' keys in one.",
            show_default=False,
        ),
    ] = "",
    passphrase_file: PassphraseOption = None,
    start: Annotated[
        bool, Parameter(help="Let the new instances connect.", show_default=False)
    ] = False,
    force: Annotated[
        bool, Parameter(help="Also from a source that is in use.", show_default=False)
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Bring in linked sessions of other programs, without a new scan. The other program must be
    stopped for good first; its files stay as they are."""
    from waziterm.cli.verbs import carrying, importing  # noqa: PLC0415

    if carrying.is_sealed_one(sources, passphrase_file):
        others = any((prefix, device, keys_db, force))
        return importing.import_sealed(
            *(data_dir, as_json, sources, name, passphrase_file, start, dry_run, yes),
            others=others,
        )
    return importing.import_sources(
        data_dir, as_json, sources, name, prefix, device, keys_db, start, force, dry_run, yes
    )


@app.command(group=INSTANCES, help_epilogue="Example: waziterm rename shop-jakarta shop-bogor")
def rename(
    name: Name,
    new: Annotated[str, Parameter(help="The name that it gets.")],
    /,
    *,
    take: Annotated[
        bool,
        Parameter(help="Take a name that another instance had before.", show_default=False),
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Give an instance another name. If it is connected it stops for a moment; nobody else
    notices. The old name leads to it in history, logs and config."""
    from waziterm.cli.verbs.instances import rename_instance  # noqa: PLC0415

    return rename_instance(data_dir, as_json, name, new, take)


@app.command(
    group=INSTANCES,
    name="set",
    help_epilogue='Example: waziterm set shop-jakarta note="paid until May" tags=vip,jakarta',
)
def set_(
    *words: Annotated[
        str,
        Parameter(
            name="NAME KEY=VALUE",
            help="Names, patterns of names or tag:NAME, and what to set: note=, tags=, proxy=,"
            " device_name=, isolate=, receipts=; nothing behind the = clears it.",
        ),
    ],
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Set what differs for instances while they run; `undo` takes it back."""
    from waziterm.cli.verbs.editing import set_values  # noqa: PLC0415

    return set_values(data_dir, as_json, words, yes)


@app.command(group=INSTANCES, help_epilogue="Example: waziterm start shop-jakarta")
def start(
    *names: Names,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Connect instances; one that is not linked waits for a scan (see qr). Never shortens a
    cool-down."""
    from waziterm.cli.verbs.instances import start_instances  # noqa: PLC0415

    return start_instances(data_dir, as_json, names, yes)


@app.command(group=INSTANCES, help_epilogue="Example: waziterm stop shop-jakarta")
def stop(
    *names: Names,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Disconnect instances and keep them so, also after a restart. They stay linked."""
    from waziterm.cli.verbs.instances import stop_instances  # noqa: PLC0415

    return stop_instances(data_dir, as_json, names, yes)


@app.command(group=INSTANCES, help_epilogue="Example: waziterm reconnect shop-jakarta --takeover")
def reconnect(
    *names: Names,
    takeover: Annotated[
        bool,
        Parameter(help="End a cool-down or a hold by one attempt now.", show_default=False),
    ] = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Connect instances again."""
    from waziterm.cli.verbs.instances import reconnect_instances  # noqa: PLC0415

    return reconnect_instances(data_dir, as_json, names, takeover, yes)


@app.command(
    group=INSTANCES,
    name="pair-code",
    help_epilogue='Example: waziterm pair-code shop-jakarta --phone "+62 812 3456 7890"',
)
def pair_code(
    name: Name,
    /,
    *,
    phone: Annotated[
        str | None,
        Parameter(help="The account's number; the one that it was added with if left out."),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Print a code to type on the phone instead of the scan; wait for a starting instance."""
    from waziterm.cli.verbs import pairing  # noqa: PLC0415

    return pairing.pair_code(data_dir, as_json, name, phone)


@app.command(
    group=INSTANCES, help_epilogue='Example: waziterm test shop-jakarta --to "+62 812 3456 7890"'
)
def test(
    *names: Names,
    to: Annotated[
        str | None, Parameter(help="At its end send a message to this number; needs a name.")
    ] = None,
    send: SendOption = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Test the connection layer by layer. Without a name: of all. It sends only when told so."""
    from waziterm.cli.verbs.tester import test_instances  # noqa: PLC0415

    return test_instances(data_dir, as_json, names, to, send, yes)


@app.command(group=INSTANCES, help_epilogue="Example: waziterm remove shop-jakarta")
def remove(
    *names: Names,
    logout: LogoutOption = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Clean instances and forget them; `restore` brings both back."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.remove(data_dir, as_json, names, logout, yes)
