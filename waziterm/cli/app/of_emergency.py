"""The verbs of the group Emergency: what is wrong, what fixes it, and undo."""

from typing import Annotated

from cyclopts import Parameter

from waziterm.cli.app.options import (
    EMERGENCY,
    DataDirOption,
    DryRunOption,
    JsonOption,
    LogoutOption,
    Names,
    YesOption,
    app,
)


@app.command(group=EMERGENCY, help_epilogue="Example: waziterm check --json")
def check(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """Look for everything that is wrong or will be, with evidence. Changes nothing."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.check(data_dir, as_json)


@app.command(group=EMERGENCY, help_epilogue="Example: waziterm fix --dry-run")
def fix(
    *,
    dry_run: DryRunOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Fix what check finds and nobody has to decide; a copy goes to the trash before."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.fix(data_dir, as_json, dry_run)


@app.command(group=EMERGENCY, help_epilogue="Example: waziterm clean shop-jakarta --yes")
def clean(
    *names: Names,
    logout: LogoutOption = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Stop instances and move their sessions to the trash; `restore` brings them back."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.clean(data_dir, as_json, names, logout, yes)


@app.command(group=EMERGENCY, name="clean-all", help_epilogue="Example: waziterm clean-all")
def clean_all(
    *,
    logout: LogoutOption = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Clean every instance; asks for the number of sessions."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.clean_all(data_dir, as_json, logout, yes)


@app.command(group=EMERGENCY, help_epilogue="Example: waziterm trash --json")
def trash(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List what can be restored, and until when."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.trash(data_dir, as_json)


@app.command(
    group=EMERGENCY, help_epilogue="Example: waziterm restore shop-jakarta-20260301T120000Z-1f2e"
)
def restore(
    entry: Annotated[str, Parameter(help="The id of a trash entry.")],
    /,
    *,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Bring a session back from the trash, byte for byte; it connects without a QR code."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.restore(data_dir, as_json, entry)


@app.command(group=EMERGENCY, help_epilogue="Example: waziterm undo")
def undo(
    *, yes: YesOption = False, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> int:
    """Take back what was cleaned, removed or set last; says what that is and asks."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.undo(data_dir, as_json, yes)


@app.command(group=EMERGENCY, help_epilogue="Example: waziterm restart")
def restart(
    *,
    clean_sessions: Annotated[
        bool,
        Parameter(help="Also move every session to the trash; asks.", show_default=False),
    ] = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Stop every worker, check, fix, rotate the log, start in steps, see what comes back."""
    from waziterm.cli.verbs.restarting import restart_fleet  # noqa: PLC0415

    return restart_fleet(data_dir, as_json, clean_sessions, yes)


@app.command(group=EMERGENCY, help_epilogue="Example: waziterm silence shop-jakarta --for 2h")
def silence(
    *names: Names,
    lasts: Annotated[
        str | None, Parameter(name="--for", help="How long: 30s, 10m, 2h or 1d.")
    ] = None,
    end: Annotated[
        bool, Parameter(help="End the silence now.", negative="", show_default=False)
    ] = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Tell no sink of what happens to instances for a time; what goes on then is told then."""
    from waziterm.cli.verbs.silences import silence_instances  # noqa: PLC0415

    return silence_instances(data_dir, as_json, names, lasts, end, yes)


@app.command(group=EMERGENCY, help_epilogue="Example: waziterm silences --json")
def silences(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List the instances of which no sink is told, until when, and by whom."""
    from waziterm.cli.verbs.silences import show_silences  # noqa: PLC0415

    return show_silences(data_dir, as_json)


@app.command(group=EMERGENCY, help_epilogue='Example: waziterm acknowledge 17 --note "proxy paid"')
def acknowledge(
    *ids: Annotated[int, Parameter(help="The numbers of incidents, as `incidents` lists them.")],
    every: Annotated[
        bool,
        Parameter(name="--all", help="All that nobody has acknowledged.", show_default=False),
    ] = False,
    note: Annotated[
        str | None, Parameter(help="What there is to say about them, for the others.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Note that incidents were seen. One that meets another instance later is open again."""
    from waziterm.cli.verbs import incidents as verbs  # noqa: PLC0415

    return verbs.acknowledge(data_dir, as_json, ids, every, note or "")
