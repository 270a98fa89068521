"""The verbs about instances: each asks the manager, or the files when no manager is needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import ask, data_dir_of
from waziterm.cli.verbs.several import Act, carry_out, chosen, instance_lines, is_one
from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle.states import State
from waziterm.domain.text import plain
from waziterm.manager import inputs
from waziterm.manager.files.datadir import DataDir

Json = dict[str, Any]


def list_instances(flag: Path | None, as_json: bool) -> int:
    """Print all instances, as the manager or else the database knows them. Raises FleetError when
    it knows none, although sessions lie there."""
    data = data_dir_of(flag)
    found = ask(data, lambda fleet: fleet.snapshot().everyone())
    if not found:
        _refuse_lost(data)
    if as_json:
        output.document(found)
    elif not found:
        output.remark(with_verbs("no instance yet: `waziterm add NAME` makes one"))
    else:
        from waziterm.cli.show.tables import print_list  # noqa: PLC0415 - rich takes 60 ms

        print_list(found)
    return 0


def _refuse_lost(data: DataDir) -> None:
    """Raises FleetError when there are sessions of a fleet whose database was lost."""
    try:
        left = sorted(path.name for path in data.sessions.glob("*.db"))
    except OSError:
        return
    if not left:
        return
    listed = plain(", ".join(left[:5]), 300) + (", …" if left[5:] else "")
    lost = f"there is no {data.database}" if not data.database.exists() else "no instance is known"
    raise FleetError(
        f"{lost}, but {len(left)} session file{'s'[: len(left) > 1]} in {data.sessions}: {listed}",
        "put the database back from a backup; or take each up: `waziterm add NAME --session FILE`,"
        " where `waziterm check` tells the number of each",
    )


def show_instances(flag: Path | None, as_json: bool, names: Sequence[str]) -> int:
    """Print one instance or several, as the manager or else the database knows them."""
    data = data_dir_of(flag)
    if is_one(names):
        name = inputs.instance_name(names[0])
        found = [ask(data, lambda fleet: fleet.snapshot().instance(name))]
    else:
        found = chosen(data, names, "status")
    if as_json:
        output.document(found[0] if is_one(names) else found)
    else:
        from waziterm.cli.show.tables import print_status  # noqa: PLC0415 - rich takes 60 ms
        from waziterm.store.peek import peek_id  # noqa: PLC0415 - `list` loads no store

        for number, each in enumerate(found):
            if number:
                output.line("")
            identity = peek_id(data.database, each["name"])
            print_status(each, None if identity is None else data.session(identity))
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


def rename_instance(flag: Path | None, as_json: bool, name: str, new: str, take: bool) -> int:
    """Give an instance another name, through the manager or else in the database."""
    name, new = inputs.instance_name(name), inputs.instance_name(new)
    found = ask(data_dir_of(flag), lambda fleet: fleet.rename(name, new, take=take))
    if as_json:
        output.document(found)
    else:
        for line in instance_lines(new, found):
            output.line(line)
        output.line(with_verbs(f"  renamed; `waziterm rename {new} {name}` undoes it"))
    return 0


def start_instances(flag: Path | None, as_json: bool, names: Sequence[str], yes: bool) -> int:
    act = Act(
        "start",
        lambda name: lambda fleet: fleet.start(name),
        "They connect; those that are not linked wait for a QR code to be scanned.",
        begun,
        "told to start",
    )
    return carry_out(flag, as_json, names, act, yes)


def begun(name: str, found: Json) -> list[str]:
    """What a start led to; one that is not linked waits for a scan of what another verb draws."""
    lines = instance_lines(name, found)
    # One whose code is there says so as its next step.
    if not found["paired"] and State(found["state"]) is State.CONNECTING:
        lines.append(with_verbs(f"  not linked: `waziterm qr {name}` draws its QR code"))
    return lines


def stop_instances(flag: Path | None, as_json: bool, names: Sequence[str], yes: bool) -> int:
    act = Act(
        "stop",
        lambda name: lambda fleet: fleet.stop(name),
        "They stop and stay so, also after a restart. What is linked stays linked.",
        instance_lines,
        "stopped",
    )
    return carry_out(flag, as_json, names, act, yes)


def reconnect_instances(
    flag: Path | None, as_json: bool, names: Sequence[str], takeover: bool, yes: bool
) -> int:
    ends = "Every cool-down and hold among them ends by one attempt now." if takeover else ""
    act = Act(
        "reconnect",
        lambda name: lambda fleet: fleet.reconnect(name, takeover=takeover),
        f"They connect again. {ends}".rstrip(),
        instance_lines,
        "told to reconnect",
    )
    return carry_out(flag, as_json, names, act, yes)
