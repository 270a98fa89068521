"""The verbs check, fix, clean, clean-all, remove, trash, restore and restart.

Each is carried out by the manager that owns the data directory; when none runs, on the files.
With `--json` they print the shapes of `control.toolviews`: `check` `{findings}`, `fix`
`{dry_run, steps, remaining}`, `clean-all` `{cleaned}`, `remove` `{entry, not_unlinked}`,
`restore` `{instance}`, `trash` an array, `restart` its report; `clean` prints the instance.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from waziterm.cli.show import output
from waziterm.cli.show.findings import finding_lines, serious
from waziterm.cli.target import client_of, data_dir_of
from waziterm.control.client.call import ControlClient, NoManagerError
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.text import plain
from waziterm.manager import inputs
from waziterm.manager.files.datadir import DataDir

if TYPE_CHECKING:
    from waziterm.manager.stored.tools import OfflineTools

Json = dict[str, Any]
T = TypeVar("T")


def check(flag: Path | None, as_json: bool) -> int:
    """Print what is wrong; 1 when something should be done about it."""
    found = _carried_out(data_dir_of(flag), lambda client: client.check(), _check)
    if as_json:
        output.document(found)
    else:
        _print_findings(found["findings"])
    return _verdict(found["findings"])


def fix(flag: Path | None, as_json: bool, dry_run: bool) -> int:
    """Do what needs nobody's decision, or say what that would be; 1 when something remains."""
    report = _carried_out(
        data_dir_of(flag),
        lambda client: client.fix(dry_run=dry_run),
        lambda tools: _fix(tools, dry_run),
    )
    if as_json:
        output.document(report)
    else:
        _print_fix(report)
    failed = any(step["error"] for step in report["steps"])
    waits = dry_run and bool(report["steps"])
    return 1 if failed or waits else _verdict(report["remaining"])


def clean(flag: Path | None, as_json: bool, name: str, logout: bool, yes: bool) -> int:
    """Move an instance's session to the trash, once the operator has said so."""
    name = inputs.instance_name(name)
    _ask(f"{name}'s session goes to the trash and it stops. {_undo(logout)}", "Clean it?", yes)
    found = _carried_out(
        data_dir_of(flag),
        lambda client: client.clean(name, logout=logout),
        lambda tools: _clean(tools, name, logout),
    )
    if as_json:
        output.document(found)
    else:
        from waziterm.cli.show.tables import outcome  # noqa: PLC0415 - rich takes 60 ms

        output.line(outcome(found))
    return int(logout and bool(found["detail"]))


def clean_all(flag: Path | None, as_json: bool, logout: bool, yes: bool) -> int:
    """Move every session to the trash; the operator types how many there are."""
    data = data_dir_of(flag)
    count = _carried_out(data, lambda client: len(client.with_session()), _sessions_in)
    if count == 0:
        raise FleetError("there is no session to clean")
    if not yes:
        said = f"{count} sessions go to the trash and their instances stop. {_undo(logout)}"
        if typed(said, f"Type {count} to clean them all: ") != str(count):
            raise FleetError("nothing was changed")
    found = _carried_out(
        data,
        lambda client: client.clean_all(count, logout=logout),
        lambda tools: _clean_all(tools, count, logout),
    )
    if as_json:
        output.document(found)
    else:
        output.line(f"cleaned: {', '.join(found['cleaned'])}; `waziterm trash` lists them")
    return 0


def remove(flag: Path | None, as_json: bool, name: str, logout: bool, yes: bool) -> int:
    """Clean an instance and forget it, once the operator has said so."""
    name = inputs.instance_name(name)
    _ask(f"{name} goes, and its session to the trash. {_undo(logout)}", "Remove it?", yes)
    found = _carried_out(
        data_dir_of(flag),
        lambda client: client.remove(name, logout=logout),
        lambda tools: _remove(tools, name, logout),
    )
    if as_json:
        output.document(found)
    else:
        output.line(f"{name}: removed; `waziterm restore {found['entry']}` brings it back")
        if found["not_unlinked"]:
            output.remark(plain(f"waziterm: {name}: {found['not_unlinked']}", 400))
    return int(bool(found["not_unlinked"]))


def trash(flag: Path | None, as_json: bool) -> int:
    """List what lies in the trash, the newest first."""
    found = _carried_out(data_dir_of(flag), lambda client: client.trash(), _trash)
    if as_json:
        output.document(found)
    elif not found:
        output.remark("the trash is empty")
    else:
        for entry in found:
            output.line(_entry(entry))
    return 0


def restore(flag: Path | None, as_json: bool, entry: str) -> int:
    """Bring a session back from the trash, byte for byte."""
    found = _carried_out(
        data_dir_of(flag),
        lambda client: client.restore(entry),
        lambda tools: _restore(tools, entry),
    )
    if as_json:
        output.document(found)
    else:
        output.line(f"{found['instance']}: restored; `waziterm status {found['instance']}`")
    return 0


def _carried_out(
    data: DataDir,
    by_manager: Callable[[ControlClient], T],
    on_files: "Callable[[OfflineTools], Awaitable[T]]",
) -> T:
    """Let the manager do it, or do it on the files when none runs."""
    if data.owner_pid() is not None:
        try:
            return by_manager(client_of(data))
        except NoManagerError:
            # The lock was another verb's, which has ended, or a manager's that was just ending.
            pass
    from waziterm.config import load_settings  # noqa: PLC0415 - needed without a manager only
    from waziterm.manager.stored.tools import open_tools  # noqa: PLC0415

    async def work() -> T:
        async with open_tools(data, load_settings(data_dir=data.root)) as tools:
            return await on_files(tools)

    return asyncio.run(work())


async def _check(tools: "OfflineTools") -> Json:
    from waziterm.control.toolviews import finding_json  # noqa: PLC0415

    return {"findings": [finding_json(finding) for finding in await tools.checkup.check()]}


async def _fix(tools: "OfflineTools", dry_run: bool) -> Json:
    from waziterm.control.toolviews import fix_json  # noqa: PLC0415

    return fix_json(await tools.checkup.fix(dry_run=dry_run))


async def _clean(tools: "OfflineTools", name: str, logout: bool) -> Json:
    from waziterm.control.views import instance_json  # noqa: PLC0415

    await tools.cleaning.clean(name, logout=logout)
    view = tools.keeper.view(name)
    return instance_json(view, view.since)


async def _clean_all(tools: "OfflineTools", count: int, logout: bool) -> Json:
    return {"cleaned": list(await tools.cleaning.clean_all(count, logout=logout))}


async def _remove(tools: "OfflineTools", name: str, logout: bool) -> Json:
    from waziterm.control.toolviews import removal_json  # noqa: PLC0415

    return removal_json(await tools.cleaning.remove(name, logout=logout))


async def _trash(tools: "OfflineTools") -> list[Json]:
    from waziterm.control.toolviews import trash_json  # noqa: PLC0415

    return [trash_json(entry) for entry in await tools.cleaning.trash()]


async def _restore(tools: "OfflineTools", entry: str) -> Json:
    return {"instance": await tools.cleaning.restore(entry)}


async def _sessions_in(tools: "OfflineTools") -> int:
    return len(tools.cleaning.with_session())


def _undo(logout: bool) -> str:
    if logout:
        return "The device is unlinked at WhatsApp, which cannot be undone."
    return "`waziterm restore` brings it back; the device stays linked."


def _ask(said: str, question: str, yes: bool) -> None:
    """Raises FleetError unless the operator agrees."""
    if not yes and typed(said, f"{question} [y/N] ").lower() not in ("y", "yes"):
        raise FleetError("nothing was changed")


def typed(said: str, question: str) -> str:
    """What the operator answers on the terminal. Raises FleetError where there is none."""
    if not sys.stdin.isatty():
        raise FleetError("this verb asks, and there is no terminal to ask on", "add --yes", code=2)
    output.remark(said)
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _verdict(findings: list[Json]) -> int:
    return int(bool(serious(findings)))


def _print_findings(findings: list[Json]) -> None:
    for finding in findings:
        for line in finding_lines(finding):
            output.line(line)
    if not findings:
        output.line("nothing is wrong")


def _print_fix(report: Json) -> None:
    for step in report["steps"]:
        done = f"failed: {step['error']}" if step["error"] else "done"
        done = "would be done" if report["dry_run"] else done
        copy = f"; a copy is in the trash as {step['backup']}" if step["backup"] else ""
        whose = step["instance"] or step["subject"]
        output.line(plain(f"{whose}: {step['act']}: {done}{copy}", 400))
    if not report["steps"]:
        output.line("there is nothing to fix by itself")
    if report["remaining"]:
        output.line("what a person has to decide:")
        _print_findings(report["remaining"])


def _entry(entry: Json) -> str:
    until = f"until {entry['expires'][:10]}" if entry["expires"] else "for ever"
    why = {"copy": "copy made by fix", "logged_out": "logged out"}.get(entry["why"], entry["why"])
    back = "" if entry["restorable"] else ", cannot be restored"
    return plain(f"{entry['id']}  {entry['when'][:16]}Z  {why}{back}, kept {until}", 300)
