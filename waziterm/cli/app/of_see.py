"""The verbs of the group See: what the fleet is and was."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from waziterm.cli.app.options import (
    SEE,
    DataDirOption,
    JsonOption,
    LogLevel,
    MessageState,
    Name,
    Names,
    OptionalName,
    SendOption,
    SinceOption,
    StatsBy,
    YesOption,
    app,
)


@app.command(group=SEE, name="list", help_epilogue="Example: waziterm list --json")
def list_(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List all instances: state, why, what happens next."""
    from waziterm.cli.verbs.instances import list_instances  # noqa: PLC0415

    return list_instances(data_dir, as_json)


@app.command(group=SEE, help_epilogue="Example: waziterm status shop-jakarta --json")
def status(*names: Names, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """Show instances in full."""
    from waziterm.cli.verbs.instances import show_instances  # noqa: PLC0415

    return show_instances(data_dir, as_json, names)


@app.command(group=SEE, help_epilogue="Example: waziterm qr shop-jakarta --link --for 30m")
def qr(
    name: Name,
    /,
    *,
    link: Annotated[
        bool,
        Parameter(
            help="Print a link instead, once: whoever opens it first sees the codes in a browser.",
            show_default=False,
        ),
    ] = False,
    lasts: Annotated[
        str | None,
        Parameter(name="--for", help="How long the link lasts, from 1m to 24h; 10m if left out."),
    ] = None,
    unlink: Annotated[
        bool, Parameter(help="End the link that was made.", show_default=False)
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Draw the QR code that is valid now; wait for the first one of a starting instance."""
    from waziterm.cli.show.qr import show_qr  # noqa: PLC0415
    from waziterm.cli.verbs import links  # noqa: PLC0415
    from waziterm.manager.inputs import InputError  # noqa: PLC0415

    if (link and unlink) or (lasts is not None and not link):
        raise InputError("qr takes --link, with --for TIME if need be, or --unlink")
    if link:
        return links.make_link(data_dir, as_json, name, lasts)
    if unlink:
        return links.end_link(data_dir, as_json, name)
    return show_qr(data_dir, as_json, name)


@app.command(group=SEE, help_epilogue="Example: waziterm logs shop-jakarta --since 10m --follow")
def logs(
    name: Name | None = None,
    /,
    *,
    everyone: Annotated[
        bool,
        Parameter(name="--all", help="Of all instances, by time.", show_default=False),
    ] = False,
    grep: Annotated[
        str | None, Parameter(help="Only lines that match a regular expression of RE2.")
    ] = None,
    level: Annotated[
        LogLevel | None,
        Parameter(help="Only lines of the library of this level or a higher one."),
    ] = None,
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
    """Print an instance's log, or that of all; with --follow --json one JSON object per line."""
    from waziterm.cli.verbs.history import WantedLines, show_logs  # noqa: PLC0415
    from waziterm.manager.inputs import InputError  # noqa: PLC0415

    if everyone == (name is not None):
        raise InputError("name one instance, or all of them with --all")

    wanted = WantedLines(since=since, limit=limit, grep=grep, level=level)
    return show_logs(data_dir, as_json, None if everyone else name or "", wanted, follow=follow)


@app.command(group=SEE, help_epilogue="Example: waziterm incidents --since 1d --open")
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


alerts = App(
    name="alerts",
    group=SEE,
    help="List who is told when something happens, and how it stands; see its own verbs too.",
    help_epilogue="Example: waziterm alerts --json",
)
app.command(alerts)


@alerts.command(name="list", help_epilogue="Example: waziterm alerts list --json")
@alerts.default
def list_alerts(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List who is told when something happens, and how it stands with their messages."""
    from waziterm.cli.verbs import alerts as verbs  # noqa: PLC0415

    return verbs.list_sinks(data_dir, as_json)


@alerts.command(name="test", help_epilogue="Example: waziterm alerts test ops")
def test_alerts(
    sink: Annotated[str | None, Parameter(help="The sink's name; all if left out.")] = None,
    /,
    *,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Send a test to a sink, or to all; 1 when one has not taken it."""
    from waziterm.cli.verbs import alerts as verbs  # noqa: PLC0415

    return verbs.try_sinks(data_dir, as_json, sink)


@alerts.command(name="failed", help_epilogue="Example: waziterm alerts failed --json")
def failed_alerts(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List the messages that were given up; `alerts retry` tries them again."""
    from waziterm.cli.verbs import alerts as verbs  # noqa: PLC0415

    return verbs.list_failed(data_dir, as_json)


@alerts.command(name="retry", help_epilogue="Example: waziterm alerts retry")
def retry_alerts(
    message: Annotated[
        str | None,
        Parameter(help="The id of a message, as `alerts failed` lists it; all if left out."),
    ] = None,
    /,
    *,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Try again the messages that were given up."""
    from waziterm.cli.verbs import alerts as verbs  # noqa: PLC0415

    return verbs.retry_failed(data_dir, as_json, message)


webhooks = App(
    name="webhooks",
    group=SEE,
    help="List who is told of messages and states by URL; see its own verbs too.",
    help_epilogue="Example: waziterm webhooks --json",
)
app.command(webhooks)


@webhooks.command(name="list", help_epilogue="Example: waziterm webhooks list --json")
@webhooks.default
def list_webhooks(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List who is told of messages and states by URL, and how that stands."""
    from waziterm.cli.verbs import webhooks as verbs  # noqa: PLC0415

    return verbs.list_webhooks(data_dir, as_json)


@webhooks.command(name="test", help_epilogue="Example: waziterm webhooks test crm")
def test_webhooks(
    webhook: Annotated[str | None, Parameter(help="The webhook's name; all if left out.")] = None,
    /,
    *,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Send a test to a webhook, or to all; 1 when one has not taken it."""
    from waziterm.cli.verbs import webhooks as verbs  # noqa: PLC0415

    return verbs.try_webhooks(data_dir, as_json, webhook)


@webhooks.command(name="failed", help_epilogue="Example: waziterm webhooks failed --json")
def failed_webhooks(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """List the events that were given up; `webhooks retry` tries them again."""
    from waziterm.cli.verbs import webhooks as verbs  # noqa: PLC0415

    return verbs.list_failed(data_dir, as_json)


@webhooks.command(name="retry", help_epilogue="Example: waziterm webhooks retry")
def retry_webhooks(
    event: Annotated[
        str | None,
        Parameter(help="The id of an event, as `webhooks failed` lists it; all if left out."),
    ] = None,
    /,
    *,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Try again the events that were given up."""
    from waziterm.cli.verbs import webhooks as verbs  # noqa: PLC0415

    return verbs.retry_failed(data_dir, as_json, event)


messages = App(
    name="messages",
    group=SEE,
    help="List the messages out, without their texts; see its own verbs too.",
    help_epilogue="Example: waziterm messages shop-jakarta --state unknown",
)
app.command(messages)
_MessageId = Annotated[str, Parameter(help="The message's id, as `messages` lists it.")]


@messages.command(name="list", help_epilogue="Example: waziterm messages list --json")
@messages.default
def list_messages(
    name: OptionalName = None,
    /,
    *,
    state: Annotated[
        MessageState | None,
        Parameter(help="Only those that are in this state.", show_default=False),
    ] = None,
    limit: Annotated[
        int, Parameter(validator=Number(gte=1, lte=500), help="How many at most.")
    ] = 200,
    before: Annotated[
        str | None,
        Parameter(help="Those behind the message with this id, the last one of a page."),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the messages out, the newest first, without their texts."""
    from waziterm.cli.verbs import messages as verbs  # noqa: PLC0415

    return verbs.list_messages(data_dir, as_json, name, state, limit, before)


@messages.command(name="cancel", help_epilogue="Example: waziterm messages cancel ID")
def cancel_message(
    message: _MessageId, /, *, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> int:
    """Take back a message that waits."""
    from waziterm.cli.verbs import messages as verbs  # noqa: PLC0415

    return verbs.cancel(data_dir, as_json, message)


@messages.command(name="resend", help_epilogue="Example: waziterm messages resend ID")
def resend_message(
    message: _MessageId, /, *, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> int:
    """Send a message again that is unknown, failed or held; an unknown one may arrive twice."""
    from waziterm.cli.verbs import messages as verbs  # noqa: PLC0415

    return verbs.resend(data_dir, as_json, message)


@messages.command(name="close", help_epilogue="Example: waziterm messages close ID")
def close_message(
    message: _MessageId, /, *, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> int:
    """Leave a message as it is that is unknown, failed or held; its text is deleted."""
    from waziterm.cli.verbs import messages as verbs  # noqa: PLC0415

    return verbs.close(data_dir, as_json, message)


opt_outs = App(
    name="opt-outs",
    group=SEE,
    help="List who asked to be sent no more; `opt-outs remove` takes one back.",
    help_epilogue="Example: waziterm opt-outs shop-jakarta --json",
)
app.command(opt_outs)


@opt_outs.command(name="list", help_epilogue="Example: waziterm opt-outs list --json")
@opt_outs.default
def list_opt_outs(
    name: OptionalName = None, /, *, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> int:
    """List who asked to be sent no more, the newest first."""
    from waziterm.cli.verbs import messages as verbs  # noqa: PLC0415

    return verbs.list_opt_outs(data_dir, as_json, name)


@opt_outs.command(name="remove", help_epilogue="Example: waziterm opt-outs remove ID")
def remove_opt_out(
    opt_out: Annotated[str, Parameter(help="Its id, as `opt-outs` lists it.")],
    /,
    *,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Let somebody be sent to again who asked for the opposite."""
    from waziterm.cli.verbs import messages as verbs  # noqa: PLC0415

    return verbs.remove_opt_out(data_dir, as_json, opt_out)


@app.command(group=SEE, help_epilogue="Example: waziterm conflicts --since 7d")
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


@app.command(group=SEE, help_epilogue="Example: waziterm audit --since 1d --by sari")
def audit(
    *,
    since: SinceOption = None,
    by: Annotated[
        str | None, Parameter(help="Of one user alone, by name or number; all if left out.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """List who did what, and what came of it."""
    from waziterm.cli.verbs.audit import show_audit  # noqa: PLC0415

    return show_audit(data_dir, as_json, since, by)


@app.command(group=SEE, help_epilogue='Example: waziterm note "shop-pune waits for its new SIM"')
def note(
    text: Annotated[
        str | None, Parameter(help="One line; the notes that are there if left out.")
    ] = None,
    /,
    *,
    dismiss: Annotated[
        bool, Parameter(help="Take away those that are there.", show_default=False)
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Leave a note that every screen shows until somebody dismisses it; print those there are."""
    from waziterm.cli.verbs.audit import leave_note  # noqa: PLC0415

    return leave_note(data_dir, as_json, text, dismiss)


@app.command(group=SEE, help_epilogue="Example: waziterm stats --since 30d --by day")
def stats(
    *names: Names,
    since: SinceOption = None,
    by: Annotated[
        StatsBy | None,
        Parameter(
            help="A row for each day, hour, reason of a drop, or pattern in the log.",
            show_default=False,
        ),
    ] = None,
    as_csv: Annotated[
        bool, Parameter(name="--csv", help="Print a table for a spreadsheet.", show_default=False)
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Sum up the last 7 days: time connected, drops and why, times to connect, sends."""
    from waziterm.cli.verbs.stats import show_stats  # noqa: PLC0415

    return show_stats(data_dir, as_json, names, since=since, by=by, as_csv=as_csv)


@app.command(group=SEE, help_epilogue="Example: waziterm history shop-jakarta --since 1d")
def history(
    name: Name,
    /,
    *,
    since: SinceOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Print what an instance went through, a line for each drop, in local time."""
    from waziterm.cli.verbs.stats import show_history  # noqa: PLC0415

    return show_history(data_dir, as_json, name, since)


@app.command(group=SEE, help_epilogue="Example: waziterm full --report ticket.md")
def full(
    *,
    report: Annotated[
        Path | None, Parameter(help="Also write it as Markdown, to a file that is not there yet.")
    ] = None,
    send: SendOption = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Test, logs, conflicts and check in one, with one verdict."""
    from waziterm.cli.verbs.full import show_full  # noqa: PLC0415

    return show_full(data_dir, as_json, report, send, yes)
