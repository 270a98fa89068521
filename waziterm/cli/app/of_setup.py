"""The verbs of the group Set up: the machine, the settings, the documents, the shell."""

from typing import Annotated

from cyclopts import App, Parameter

from waziterm.cli.app.options import (
    SET_UP,
    DataDirOption,
    DryRunOption,
    JsonOption,
    Shell,
    TokenScope,
    app,
)


@app.command(group=SET_UP, help_epilogue="Example: waziterm doctor --online")
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


@app.command(group=SET_UP, help_epilogue="Example: waziterm config --check")
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


@app.command(group=SET_UP, help_epilogue="Example: waziterm reload")
def reload(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """Let the running manager read the config again, and tell what needs a restart."""
    from waziterm.cli.verbs.config import reload_config  # noqa: PLC0415

    return reload_config(data_dir, as_json)


@app.command(group=SET_UP, help_epilogue="Example: waziterm janitor --dry-run")
def janitor(
    *,
    dry_run: DryRunOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Let the regular clean-up go round now; it never touches a paired session's keys."""
    from waziterm.cli.verbs.instances import tidy_up  # noqa: PLC0415

    return tidy_up(data_dir, as_json, dry_run)


@app.command(group=SET_UP, help_epilogue="Example: waziterm schema status")
def schema(
    *verb: Annotated[str, Parameter(help="A verb; all if left out.")],
    as_json: JsonOption = False,
) -> int:
    """Print JSON Schema of what a verb prints with --json; no manager is needed."""
    from waziterm.cli.verbs.schema import print_schema  # noqa: PLC0415

    return print_schema(" ".join(verb))


@app.command(group=SET_UP, help_epilogue="Example: waziterm metrics --rules")
def metrics(
    *,
    grafana: Annotated[
        bool,
        Parameter(
            help="A dashboard for Grafana, as JSON to import.", negative="", show_default=False
        ),
    ] = False,
    rules: Annotated[
        bool, Parameter(help="Alert rules for Prometheus.", negative="", show_default=False)
    ] = False,
) -> int:
    """Print what /metrics tells, or what to put on top of it; no manager is needed."""
    from waziterm.cli.verbs.metrics import print_metrics  # noqa: PLC0415

    return print_metrics(grafana=grafana, rules=rules)


@app.command(group=SET_UP, help_epilogue="Example: waziterm completion bash --install")
def completion(
    shell: Annotated[
        Shell | None, Parameter(help="The shell; the calling one if left out.")
    ] = None,
    /,
    *,
    install: Annotated[
        bool,
        Parameter(
            help="Write it to where the shell looks for it; for bash and zsh a line of their own"
            " file makes it look there.",
            show_default=False,
        ),
    ] = False,
) -> int:
    """Print or install what completes verbs and options at the tab key; no manager is needed."""
    from waziterm.cli.verbs.completion import complete  # noqa: PLC0415

    return complete(shell, install)


token = App(
    name="token",
    group=SET_UP,
    help="List who may ask the API for what; see its own verbs too.",
    help_epilogue="Example: waziterm token --json",
)
app.command(token)


@token.command(name="list", help_epilogue="Example: waziterm token list")
@token.default
def list_tokens(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List the tokens of the API by name; no manager is needed."""
    from waziterm.cli.verbs import tokens  # noqa: PLC0415

    return tokens.list_tokens(data_dir, as_json)


@token.command(name="add", help_epilogue="Example: waziterm token add webshop --instance 'shop-*'")
def add_token(
    name: Annotated[str, Parameter(help="What the token is called.")],
    /,
    *,
    instances: Annotated[
        list[str] | None,
        Parameter(
            name="--instance",
            help="A name or a pattern of instances that it is for, several times if need be; all if"
            " left out.",
            negative="",
        ),
    ] = None,
    scopes: Annotated[
        list[TokenScope] | None,
        Parameter(name="--scope", help="What it allows; send and read if left out.", negative=""),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Make a token for the API and print it, this once; no manager is needed."""
    from waziterm.cli.verbs import tokens  # noqa: PLC0415

    return tokens.add_token(data_dir, as_json, name, instances or [], scopes or [])


@token.command(name="revoke", help_epilogue="Example: waziterm token revoke webshop")
def revoke_token(
    name: Annotated[str, Parameter(help="What the token is called.")],
    /,
    *,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Take a token of the API back, at once; no manager is needed."""
    from waziterm.cli.verbs import tokens  # noqa: PLC0415

    return tokens.revoke_token(data_dir, as_json, name)
