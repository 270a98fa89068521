"""The verbs of the emergency tools and their options; as light as `cli.app`.

The `app` that is imported from here has all verbs, those of `cli.app` too.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from waziterm.cli.app import DataDirOption, JsonOption, Name, Names, YesOption, app

__all__ = ["app"]

OptionalName = Annotated[str | None, Parameter(help="The instance's name; all if left out.")]
SinceOption = Annotated[
    str | None,
    Parameter(help="From when on: 30s, 10m, 2h or 1d ago, or a moment in ISO 8601 (UTC)."),
]
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
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.check(data_dir, as_json)


@app.command(help_epilogue="Example: waziterm fix --dry-run")
def fix(
    *,
    dry_run: DryRunOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Mend what check finds and nobody has to decide; a copy goes to the trash before."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.fix(data_dir, as_json, dry_run)


@app.command(help_epilogue="Example: waziterm clean shop-jakarta --yes")
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


@app.command(name="clean-all", help_epilogue="Example: waziterm clean-all")
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


@app.command(help_epilogue="Example: waziterm remove shop-jakarta")
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


@app.command(help_epilogue="Example: waziterm trash --json")
def trash(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List what can be restored, and until when."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

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
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.restore(data_dir, as_json, entry)


@app.command(help_epilogue="Example: waziterm undo")
def undo(
    *, yes: YesOption = False, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> int:
    """Bring back what was cleaned or removed last; says what that is and asks."""
    from waziterm.cli.verbs import emergency  # noqa: PLC0415

    return emergency.undo(data_dir, as_json, yes)


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
    from waziterm.cli.verbs.restarting import restart_fleet  # noqa: PLC0415

    return restart_fleet(data_dir, as_json, clean_sessions, yes)


@app.command(help_epilogue='Example: waziterm test shop-jakarta --to "+62 812 3456 7890"')
def test(
    *names: Names,
    to: Annotated[
        str | None, Parameter(help="Send to this number, not to itself; needs a name.")
    ] = None,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Test the connection layer by layer, with a message at its end. Without a name: of all."""
    from waziterm.cli.verbs.tester import test_instances  # noqa: PLC0415

    return test_instances(data_dir, as_json, names, to, yes)


@app.command(help_epilogue="Example: waziterm logs shop-jakarta --since 10m --follow")
def logs(
    name: Name,
    /,
    *,
    follow: Annotated[
        bool, Parameter(help="Print more as it comes, until ctrl+c.", show_default=False)
    ] = False,
    since: SinceOption = None,
    limit: Annotated[
        int | None,
        Parameter(
            validator=Number(gte=1, lte=5000),
            help="How many lines at most; 200 if left out, 5000 with --since.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Print an instance's log; with --follow and --json one JSON object per line."""
    from waziterm.cli.verbs.history import show_logs  # noqa: PLC0415

    return show_logs(data_dir, as_json, name, since=since, limit=limit, follow=follow)


@app.command(help_epilogue="Example: waziterm conflicts --since 7d")
def conflicts(
    name: OptionalName = None,
    /,
    *,
    since: SinceOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the conflicts of the last 24 hours: when, whose, with whom; and count them."""
    from waziterm.cli.verbs.history import show_conflicts  # noqa: PLC0415

    return show_conflicts(data_dir, as_json, name, since)


@app.command(help_epilogue="Example: waziterm incidents --since 1d --open")
def incidents(
    *,
    since: SinceOption = None,
    only_open: Annotated[
        bool,
        Parameter(name="--open", help="Only those that are not over.", show_default=False),
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """List what happened to whom, the newest first; exit code 0, `check` judges."""
    from waziterm.cli.verbs.incidents import show_incidents  # noqa: PLC0415

    return show_incidents(data_dir, as_json, since, only_open)


@app.command(help_epilogue="Example: waziterm acknowledge 17 18")
def acknowledge(
    *ids: Annotated[int, Parameter(help="The numbers of incidents, as `incidents` lists them.")],
    every: Annotated[
        bool,
        Parameter(name="--all", help="All that nobody has acknowledged.", show_default=False),
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Note that incidents were seen. One that meets another instance later is open again."""
    from waziterm.cli.verbs import incidents as verbs  # noqa: PLC0415

    return verbs.acknowledge(data_dir, as_json, ids, every)


@app.command(help_epilogue="Example: waziterm full --report ticket.md")
def full(
    *,
    report: Annotated[
        Path | None, Parameter(help="Also write it as Markdown, to a file that is not there yet.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Test, logs, conflicts and check in one, with one verdict."""
    from waziterm.cli.verbs.full import show_full  # noqa: PLC0415

    return show_full(data_dir, as_json, report)
