"""The verbs and their options. Each imports what it needs when it is called.

This module must stay light: `waziterm list` ends in a quarter of a second because nothing here
imports textual, neonize, aiosqlite, aiohttp or httpx.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from waziterm import __version__
from waziterm.domain.errors import FleetError
from waziterm.domain.screen import Lang

Name = Annotated[str, Parameter(help="The instance's name.")]
Names = Annotated[
    str,
    Parameter(
        name="NAME",
        help="Names of instances, or patterns of names; quote those: 'shop-*'.",
    ),
]
YesOption = Annotated[bool, Parameter(name="--yes", help="Do not ask.", show_default=False)]
DataDirOption = Annotated[
    Path | None,
    Parameter(name="--data-dir", help="The data directory; the user's own if left out."),
]
LabOption = Annotated[
    Path | None,
    Parameter(name="--lab", help="Connect to a local WhatsApp, as this lab file says."),
]
LangOption = Annotated[
    Lang | None,
    Parameter(
        name="--lang",
        help="The language of the screen; that of the settings, else of the locale, if left out.",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool,
    Parameter(
        name="--json",
        help="Print one JSON document on stdout, and nothing else.",
        show_default=False,
    ),
]

app = App(
    name="waziterm",
    help="Watch and heal many WhatsApp sessions on one box. Without a verb: the monitor.",
    help_epilogue="Example: waziterm --data-dir /srv/waziterm",
    version=f"waziterm {__version__}",
    default_parameter=Parameter(negative=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


@app.default
def monitor(
    *, data_dir: DataDirOption = None, lab: LabOption = None, lang: LangOption = None
) -> int:
    """The monitor, with the manager embedded."""
    from waziterm.cli.run.host import run_monitor  # noqa: PLC0415

    return run_monitor(data_dir, lab, lang)


@app.command(help_epilogue="Example: waziterm headless --data-dir /srv/waziterm")
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


@app.command(help_epilogue="Example: waziterm attach --read-only")
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


@app.command(help_epilogue="Example: waziterm demo --headless --seconds 60 --json")
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


@app.command(help_epilogue="Example: waziterm add shop-jakarta --proxy socks5://proxy.example:1080")
def add(
    name: Name,
    /,
    *,
    phone: Annotated[str | None, Parameter(help="Its number, with + and the country code.")] = None,
    proxy: Annotated[
        str | None, Parameter(help="The URL of the proxy it connects through.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Add an instance; a running manager starts it, else it waits for the next one."""
    from waziterm.cli.verbs.instances import add_instance  # noqa: PLC0415

    return add_instance(data_dir, as_json, name, phone, proxy)


@app.command(name="list", help_epilogue="Example: waziterm list --json")
def list_(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List all instances: state, why, what happens next."""
    from waziterm.cli.verbs.instances import list_instances  # noqa: PLC0415

    return list_instances(data_dir, as_json)


@app.command(help_epilogue="Example: waziterm status shop-jakarta --json")
def status(*names: Names, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """Show instances in full."""
    from waziterm.cli.verbs.instances import show_instances  # noqa: PLC0415

    return show_instances(data_dir, as_json, names)


@app.command(help_epilogue="Example: waziterm qr shop-jakarta")
def qr(name: Name, /, *, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """Draw the QR code that is valid now; wait for the first one of a starting instance."""
    from waziterm.cli.show.qr import show_qr  # noqa: PLC0415

    return show_qr(data_dir, as_json, name)


@app.command(
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


@app.command(help_epilogue="Example: waziterm start shop-jakarta")
def start(
    *names: Names,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Connect instances, or show a QR code if one is not linked. Never shortens a cool-down."""
    from waziterm.cli.verbs.instances import start_instances  # noqa: PLC0415

    return start_instances(data_dir, as_json, names, yes)


@app.command(help_epilogue="Example: waziterm stop shop-jakarta")
def stop(
    *names: Names,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Disconnect instances and keep them so, also after a restart. They stay linked."""
    from waziterm.cli.verbs.instances import stop_instances  # noqa: PLC0415

    return stop_instances(data_dir, as_json, names, yes)


@app.command(help_epilogue="Example: waziterm reconnect shop-jakarta --takeover")
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
    """Connect instances anew."""
    from waziterm.cli.verbs.instances import reconnect_instances  # noqa: PLC0415

    return reconnect_instances(data_dir, as_json, names, takeover, yes)


@app.command(help_epilogue="Example: waziterm janitor --dry-run")
def janitor(
    *,
    dry_run: Annotated[
        bool, Parameter(help="Only say what it would do.", show_default=False)
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Let the regular clean-up go round now; it never touches a paired session's keys."""
    from waziterm.cli.verbs.instances import tidy_up  # noqa: PLC0415

    return tidy_up(data_dir, as_json, dry_run)


@app.command(help_epilogue="Example: waziterm doctor --online")
def doctor(
    *,
    online: Annotated[
        bool, Parameter(help="Also try to reach WhatsApp's server.", show_default=False)
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check whether this machine is fit; no manager is needed."""
    from waziterm.cli.verbs.doctor import run_doctor  # noqa: PLC0415

    return run_doctor(data_dir, as_json, online)


@app.command(help_epilogue="Example: waziterm schema status")
def schema(
    verb: Annotated[str | None, Parameter(help="A verb; all if left out.")] = None,
    /,
    *,
    as_json: JsonOption = False,
) -> int:
    """Print JSON Schema of what a verb prints with --json; no manager is needed."""
    from waziterm.cli.verbs.schema import print_schema  # noqa: PLC0415

    return print_schema(verb)


@app.command(help_epilogue="Example: waziterm config --check")
def config(
    *,
    check: Annotated[
        bool,
        Parameter(
            help="Print all that is wrong, one line each; 1 if anything.", show_default=False
        ),
    ] = False,
    example: Annotated[
        bool, Parameter(help="Print a file with every setting.", show_default=False)
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show every setting as it is gone by, and where it is set; no manager is needed."""
    from waziterm.cli.verbs.config import show_config  # noqa: PLC0415

    return show_config(data_dir, as_json, check=check, example=example)


@app.command(help_epilogue="Example: waziterm reload")
def reload(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """Let the running manager read the config again, and tell what needs a restart."""
    from waziterm.cli.verbs.config import reload_config  # noqa: PLC0415

    return reload_config(data_dir, as_json)


@app.command(name="lab", help_epilogue="Example: waziterm lab --dir /tmp/lab")
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
