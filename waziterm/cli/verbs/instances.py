"""The verbs about instances: each asks the manager, or the files when no manager is needed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.target import client_of, data_dir_of
from waziterm.control.client.call import ControlClient
from waziterm.manager import inputs

Json = dict[str, Any]


def list_instances(flag: Path | None, as_json: bool) -> int:
    """Print all instances, as the manager or else the database knows them."""
    data = data_dir_of(flag)
    if data.owner_pid() is None:
        from waziterm.cli.run import files  # noqa: PLC0415 - needs the store

        found = files.instances(data)
    else:
        found = client_of(data).instances()
    if as_json:
        output.document(found)
    elif not found:
        output.remark("no instance yet: `waziterm add NAME` makes one")
    else:
        from waziterm.cli.show.tables import print_list  # noqa: PLC0415 - rich takes 60 ms

        print_list(found)
    return 0


def show_instance(flag: Path | None, as_json: bool, name: str) -> int:
    """Print one instance, as the manager or else the database knows it."""
    name = inputs.instance_name(name)
    data = data_dir_of(flag)
    if data.owner_pid() is None:
        from waziterm.cli.run import files  # noqa: PLC0415 - needs the store

        found = files.instance(data, name)
    else:
        found = client_of(data).instance(name)
    if as_json:
        output.document(found)
    else:
        from waziterm.cli.show.tables import print_status  # noqa: PLC0415 - rich takes 60 ms

        print_status(found)
    return 0


def tidy_up(flag: Path | None, as_json: bool, dry_run: bool) -> int:
    """Let the manager's janitor go round, or say what it would do, and print its acts."""
    acts = client_of(data_dir_of(flag)).tidy_up(dry_run=dry_run)
    if as_json:
        output.document(acts)
    elif not acts:
        output.remark("nothing to tidy up")
    else:
        for act in acts:
            output.line(f"{act['kind']} {act['subject']}: {act['why']}")
    return 0


def add_instance(
    flag: Path | None, as_json: bool, name: str, phone: str | None, proxy: str | None
) -> int:
    """Add an instance through the manager, or else to the database for the next manager."""
    name = inputs.instance_name(name)
    phone = None if phone is None else inputs.phone_number(phone)
    proxy = None if proxy is None else inputs.proxy_url(proxy)
    data = data_dir_of(flag)
    if data.owner_pid() is None:
        from waziterm.cli.run import files  # noqa: PLC0415 - needs the store

        return _print_outcome(files.add(data, name, phone, proxy), as_json)
    return _print_outcome(client_of(data).add(name, phone, proxy), as_json)


def start_instance(flag: Path | None, as_json: bool, name: str) -> int:
    return _command(flag, as_json, name, lambda client, checked: client.start(checked))


def stop_instance(flag: Path | None, as_json: bool, name: str) -> int:
    return _command(flag, as_json, name, lambda client, checked: client.stop(checked))


def reconnect_instance(flag: Path | None, as_json: bool, name: str, takeover: bool) -> int:
    return _command(
        flag, as_json, name, lambda client, checked: client.reconnect(checked, takeover=takeover)
    )


def _command(
    flag: Path | None, as_json: bool, name: str, call: Callable[[ControlClient, str], Json]
) -> int:
    name = inputs.instance_name(name)
    return _print_outcome(call(client_of(data_dir_of(flag)), name), as_json)


def _print_outcome(found: Json, as_json: bool) -> int:
    if as_json:
        output.document(found)
    else:
        from waziterm.cli.show.tables import outcome  # noqa: PLC0415

        output.line(outcome(found))
    return 0
