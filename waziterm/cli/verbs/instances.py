"""The verbs about instances: each asks the manager, or the files when no manager is needed."""

from collections.abc import Callable
from pathlib import Path

from waziterm.cli.show import output
from waziterm.cli.target import ask, data_dir_of
from waziterm.domain.fleet.protocol import Fleet
from waziterm.manager import inputs


def list_instances(flag: Path | None, as_json: bool) -> int:
    """Print all instances, as the manager or else the database knows them."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.snapshot().everyone())
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
    found = ask(data_dir_of(flag), lambda fleet: fleet.snapshot().instance(name))
    if as_json:
        output.document(found)
    else:
        from waziterm.cli.show.tables import print_status  # noqa: PLC0415 - rich takes 60 ms

        print_status(found)
    return 0


def tidy_up(flag: Path | None, as_json: bool, dry_run: bool) -> int:
    """Let the manager's janitor go round, or say what it would do, and print its acts."""
    acts = ask(data_dir_of(flag), lambda fleet: fleet.tidy_up(dry_run=dry_run))
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
    return _command(flag, as_json, lambda fleet: fleet.add(name, phone, proxy))


def start_instance(flag: Path | None, as_json: bool, name: str) -> int:
    name = inputs.instance_name(name)
    return _command(flag, as_json, lambda fleet: fleet.start(name))


def stop_instance(flag: Path | None, as_json: bool, name: str) -> int:
    name = inputs.instance_name(name)
    return _command(flag, as_json, lambda fleet: fleet.stop(name))


def reconnect_instance(flag: Path | None, as_json: bool, name: str, takeover: bool) -> int:
    name = inputs.instance_name(name)
    return _command(flag, as_json, lambda fleet: fleet.reconnect(name, takeover=takeover))


def _command(flag: Path | None, as_json: bool, call: Callable[[Fleet], object]) -> int:
    """Carry out a command that answers with its instance, and print that."""
    found = ask(data_dir_of(flag), call)
    if as_json:
        output.document(found)
    else:
        from waziterm.cli.show.tables import outcome  # noqa: PLC0415

        output.line(outcome(found))
    return 0
