"""The verbs of the emergency tools and their options; as light as `cli.app`.

The `app` that is imported from here has all verbs, those of `cli.app` too.
"""

from typing import Annotated

from cyclopts import Parameter

from waziterm.cli.app import DataDirOption, JsonOption, Name, app

__all__ = ["app"]

YesOption = Annotated[bool, Parameter(name="--yes", help="Do not ask.", show_default=False)]
LogoutOption = Annotated[
    bool,
    Parameter(
        name="--logout",
        help="Unlink the device at WhatsApp first; that cannot be undone.",
        show_default=False,
    ),
]
DryRunOption = Annotated[
    bool, Parameter(name="--dry-run", help="Only say what it would do.", show_default=False)
]


@app.command(help_epilogue="Example: waziterm check --json")
def check(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """Look for everything that is wrong or will be, with evidence. Changes nothing."""
    from waziterm.cli import emergency  # noqa: PLC0415

    return emergency.check(data_dir, as_json)


@app.command(help_epilogue="Example: waziterm fix --dry-run")
def fix(
    *,
    dry_run: DryRunOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Mend what check finds and nobody has to decide; a copy goes to the trash before."""
    from waziterm.cli import emergency  # noqa: PLC0415

    return emergency.fix(data_dir, as_json, dry_run)


@app.command(help_epilogue="Example: waziterm clean shop-jakarta --yes")
def clean(
    name: Name,
    /,
    *,
    logout: LogoutOption = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Stop an instance and move its session to the trash; `restore` brings it back."""
    from waziterm.cli import emergency  # noqa: PLC0415

    return emergency.clean(data_dir, as_json, name, logout, yes)


@app.command(name="clean-all", help_epilogue="Example: waziterm clean-all")
def clean_all(
    *,
    logout: LogoutOption = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Clean every instance; asks for the number of sessions."""
    from waziterm.cli import emergency  # noqa: PLC0415

    return emergency.clean_all(data_dir, as_json, logout, yes)


@app.command(help_epilogue="Example: waziterm remove shop-jakarta")
def remove(
    name: Name,
    /,
    *,
    logout: LogoutOption = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Clean an instance and forget it; `restore` brings both back."""
    from waziterm.cli import emergency  # noqa: PLC0415

    return emergency.remove(data_dir, as_json, name, logout, yes)


@app.command(help_epilogue="Example: waziterm trash --json")
def trash(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List what can be restored, and until when."""
    from waziterm.cli import emergency  # noqa: PLC0415

    return emergency.trash(data_dir, as_json)


@app.command(help_epilogue="Example: waziterm restore shop-jakarta-20260301T120000Z-1f2e")
def restore(
    entry: Annotated[str, Parameter(help="The id of a trash entry.")],
    /,
    *,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Bring a session back from the trash, byte for byte; it connects without a QR code."""
    from waziterm.cli import emergency  # noqa: PLC0415

    return emergency.restore(data_dir, as_json, entry)


@app.command(help_epilogue="Example: waziterm restart")
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
    """Stop every worker, check, fix, rotate the log, start staggered, see what comes back."""
    from waziterm.cli.restarting import restart_fleet  # noqa: PLC0415

    return restart_fleet(data_dir, as_json, clean_sessions, yes)
