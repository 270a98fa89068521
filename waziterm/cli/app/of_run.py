"""The verbs of the group Run: what lasts until somebody ends it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from waziterm.cli.app.options import RUN, DataDirOption, JsonOption, LabOption, LangOption, app
from waziterm.cli.run.loading import nothing_collected
from waziterm.domain.errors import FleetError


@app.default
def monitor(
    *, data_dir: DataDirOption = None, lab: LabOption = None, lang: LangOption = None
) -> int:
    """The monitor, with the manager embedded."""
    with nothing_collected():
        from waziterm.cli.run.host import run_monitor  # noqa: PLC0415

    return run_monitor(data_dir, lab, lang)


@app.command(group=RUN, help_epilogue="Example: waziterm headless --data-dir /srv/waziterm")
def headless(
    *,
    unit: Annotated[
        bool,
        Parameter(help="Print a systemd unit for this installation.", show_default=False),
    ] = False,
    user: Annotated[
        bool,
        Parameter(
            help="With --unit: one for your own systemd (`systemctl --user`), not the system's.",
            show_default=False,
        ),
    ] = False,
    data_dir: DataDirOption = None,
    lab: LabOption = None,
) -> int:
    """Run the same manager without a screen, until SIGTERM or ctrl+c; SIGHUP reloads the config."""
    from waziterm.cli.run.host import print_unit, run_headless  # noqa: PLC0415

    if unit:
        return print_unit(data_dir, lab, of_user=user)
    if user:
        raise FleetError("--user belongs to --unit", "`waziterm headless --help`", code=2)
    return run_headless(data_dir, lab)


@app.command(group=RUN, help_epilogue="Example: waziterm attach --read-only")
def attach(
    *,
    read_only: Annotated[
        bool, Parameter(help="Only watch; no key changes anything.", show_default=False)
    ] = False,
    data_dir: DataDirOption = None,
    lang: LangOption = None,
) -> int:
    """The same screen on a manager that runs already; leaving it stops nothing."""
    from waziterm.cli.run.attach import run_attach  # noqa: PLC0415

    return run_attach(data_dir, read_only, lang)


@app.command(group=RUN, help_epilogue="Example: waziterm demo --headless --seconds 60 --json")
def demo(
    *,
    instances: Annotated[
        int, Parameter(validator=Number(gte=1, lte=200), help="How many instances, 1 to 200.")
    ] = 6,
    without_screen: Annotated[
        bool,
        Parameter(
            name="--headless",
            help="Run without a screen and print how it ended.",
            show_default=False,
        ),
    ] = False,
    seconds: Annotated[
        float | None,
        Parameter(
            validator=Number(gte=1, lte=86400),
            help="How long it runs, 60 if left out; needs --headless.",
        ),
    ] = None,
    seed: Annotated[
        int, Parameter(validator=Number(gte=0), help="Another seed is another course of events.")
    ] = 1,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the monitor on a throw-away lab: phones that scan, trouble that comes by itself."""
    from waziterm.cli.demo.verb import run_demo, run_demo_headless  # noqa: PLC0415

    if without_screen:
        return run_demo_headless(instances, seed, seconds, as_json)
    return run_demo(instances, seed, seconds, as_json, lang)


@app.command(group=RUN, name="lab", help_epilogue="Example: waziterm lab --dir /tmp/lab")
def lab_(
    *,
    directory: Annotated[
        Path | None,
        Parameter(name="--dir", help="Where it keeps its files; a throw-away place if left out."),
    ] = None,
) -> int:
    """Run the local WhatsApp alone, until ctrl+c; prints the path of its lab file."""
    from waziterm.cli.verbs.lab import run_lab_alone  # noqa: PLC0415

    return run_lab_alone(directory)
