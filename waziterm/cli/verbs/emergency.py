"""The verbs check, fix, clean, clean-all, remove, trash, restore and undo.

Each is carried out by the manager that owns the data directory; when none runs, on the files.
With `--json` they print what `waziterm schema` describes: `check` `{findings}`, `fix`
`{dry_run, steps, remaining}`, `clean-all` `{cleaned}`, `remove` `{entry, not_unlinked}`,
`restore` `{instance}`, `undo` `{instance, entry, restored, refused, edit}`, `trash` an array;
`clean` prints the instance.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waziterm.cli.show import output
from waziterm.cli.show.findings import finding_lines, serious
from waziterm.cli.show.times import shown
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import ask, data_dir_of
from waziterm.cli.verbs.asking import confirm, typed
from waziterm.cli.verbs.several import NO_MANAGER, Act, carry_out, instance_lines, is_one
from waziterm.domain.care.trash import Undoable, Why, can_be_undone, new_act_id, undoable
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.text import plain
from waziterm.manager.files.datadir import DataDir

if TYPE_CHECKING:
    from waziterm.cli.show.documents import NotRestored, Restored, Undone

Json = dict[str, Any]

_HOW = {
    Why.CLEANED: "cleaned",
    Why.LOGGED_OUT: "logged out",
    Why.REMOVED: "removed",
    Why.FIXED: "taken out of use by fix",
    Why.COPY: "copy made by fix",
    Why.DAMAGED: "its manifest is damaged",
}


def check(flag: Path | None, as_json: bool) -> int:
    """Print what is wrong; 1 when something should be done about it."""
    data = data_dir_of(flag)
    found = ask(data, lambda fleet: fleet.check())
    if as_json:
        output.document(found)
    elif not (found["findings"] or data.holds_fleet or data.lock.exists()):
        output.remark(plain(f"there is no fleet in {data.root}: nothing to check", 400))
    else:
        _print_findings(found["findings"])
    return _verdict(found["findings"])


def fix(flag: Path | None, as_json: bool, dry_run: bool) -> int:
    """Do what needs nobody's decision, or say what that would be; 1 when something remains."""
    report = ask(data_dir_of(flag), lambda fleet: fleet.fix(dry_run=dry_run))
    if as_json:
        output.document(report)
    else:
        _print_fix(report)
    failed = any(step["error"] for step in report["steps"])
    waits = dry_run and bool(report["steps"])
    return 1 if failed or waits else _verdict(report["remaining"])


def clean(flag: Path | None, as_json: bool, names: Sequence[str], logout: bool, yes: bool) -> int:
    """Move the instances' sessions to the trash, once the operator has said so."""
    act_id = "" if is_one(names) else new_act_id()
    act = Act(
        "clean",
        lambda name: lambda fleet: fleet.clean(name, logout=logout, act_id=act_id),
        f"Their sessions go to the trash and they stop. {_undo(logout)}",
        instance_lines,
        "cleaned",
        one=f"{{name}}'s session goes to the trash and it stops. {_undo(logout)}",
        partly="cleaned but not unlinked",
        code=lambda found: int(logout and bool(found["detail"])),
    )
    return carry_out(flag, as_json, names, act, yes)


def clean_all(flag: Path | None, as_json: bool, logout: bool, yes: bool) -> int:
    """Move every session to the trash; the operator types how many there are."""
    data = data_dir_of(flag)
    names = ask(data, lambda fleet: fleet.with_session())["names"]
    count = len(names)
    if count == 0:
        raise FleetError("there is no session to clean")
    if not yes:
        said = f"{count} sessions go to the trash and their instances stop. {_undo(logout)}"
        if typed(said, f"Type {count} to clean them all: ", names) != str(count):
            raise FleetError("nothing was changed")
    found = ask(data, lambda fleet: fleet.clean_all(count, logout=logout))
    if as_json:
        output.document(found)
    else:
        said = f"cleaned: {', '.join(found['cleaned'])}; `waziterm trash` lists them"
        output.line(with_verbs(said))
    return 0


def remove(flag: Path | None, as_json: bool, names: Sequence[str], logout: bool, yes: bool) -> int:
    """Clean instances and forget them, once the operator has said so."""
    act_id = "" if is_one(names) else new_act_id()
    act = Act(
        "remove",
        lambda name: lambda fleet: fleet.remove(name, logout=logout, act_id=act_id),
        f"They go, and their sessions to the trash. {_undo(logout)}",
        _removed,
        "removed",
        one=f"{{name}} goes, and its session to the trash. {_undo(logout)}",
        partly="removed but not unlinked",
        code=lambda found: int(bool(found["not_unlinked"])),
        within=lambda name, found: {"instance": name, **found},
    )
    return carry_out(flag, as_json, names, act, yes)


def _removed(name: str, found: Json) -> list[str]:
    if found["not_unlinked"]:
        output.remark(plain(f"waziterm: {name}: {found['not_unlinked']}", 400))
    return [with_verbs(f"{name}: removed; `waziterm restore {found['entry']}` brings it back")]


def trash(flag: Path | None, as_json: bool) -> int:
    """List what lies in the trash, the newest first."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.trash())
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
    found = ask(data_dir_of(flag), lambda fleet: fleet.restore(entry))
    if as_json:
        output.document(found)
    else:
        output.line(_restored(found["instance"]))
    return 0


def undo(flag: Path | None, as_json: bool, yes: bool) -> int:
    """Take back what the last clean, remove, set or rename did, of several all, once the operator
    has said so, and tell what more there is. 1 when some of it could not be brought back.

    Raises FleetError, code 1, when there is nothing to take back.
    """
    data = data_dir_of(flag)
    trash = ask(data, lambda fleet: fleet.trash())
    acts = undoable([(e["act_id"], _can_be_undone(e), e["restorable"]) for e in trash])
    edits = ask(data, lambda fleet: fleet.edits())
    if _is_edit_next(acts, edits, trash):
        return _undo_edit(data, as_json, edits[0], _more(acts, edits[1:], trash), yes)
    if not acts:
        said = "the trash holds nothing that could be restored, and nothing was set"
        raise FleetError(said, "see `waziterm trash`")
    last, *others = acts
    back, lost = [trash[place] for place in last.back], [trash[place] for place in last.lost]
    names = [plain(each["instance"], 60) for each in back]
    _confirm_undo(back[-1], names, lost, yes)
    done = _brought_back(data, back, lost)
    if as_json:
        output.document(done)
    else:
        for each in done["refused"]:
            output.line(plain(f"{each['instance']}: not restored: {each['error']}", 400))
        for restored in done["restored"]:
            output.line(_restored(restored["instance"]))
        if len(back) + len(lost) > 1:
            count, of = len(done["restored"]), len(back) + len(lost)
            output.line(f"{count} of {of} that this act took are restored")
        if more := _more(others, edits, trash):
            output.remark(more)
    return int(bool(done["refused"]))


def _confirm_undo(last: Json, names: Sequence[str], lost: Sequence[Json], yes: bool) -> None:
    how, when = _HOW[Why(last["why"])], shown(last["when"])
    said = f"{names[0]} was {how} on {when}."
    back = "Its session comes back byte for byte, and it connects if it was running then."
    if len(names) > 1:
        said = f"{len(names)} instances were {how} by one act on {when}."
        back = "Their sessions come back byte for byte, and they connect if they were running then."
    if lost:
        listed = ", ".join(plain(each["instance"], 60) for each in lost)
        back += f" Not {listed}: the device is unlinked."
    whom = names[0] if len(names) == 1 else f"{len(names)} instances: {', '.join(names)}"
    confirm(plain(f"{said} {back}", 600), f"Restore {whom}?", names, yes)


def _brought_back(data: DataDir, back: Sequence[Json], lost: Sequence[Json]) -> "Undone":
    """Restore each, whatever becomes of the others. Raises FleetError when that is only one, or
    when the manager is gone before any of them is back."""
    restored: list[Restored] = []
    refused: list[NotRestored] = []
    for each in back:
        entry = each["id"]
        try:
            name = ask(data, _restoring(entry))["instance"]
        except FleetError as error:
            if len(back) == 1 or (error.code == NO_MANAGER and not restored):
                raise
            hint = f" ({error.hint})" if error.hint else ""
            said = with_verbs(f"{error}{hint}", each["instance"])
            refused.append({"instance": each["instance"], "entry": entry, "error": said})
        else:
            restored.append({"instance": name, "entry": entry})
    for each in lost:
        why = "its device was unlinked, so that nothing in it can be used"
        refused.append({"instance": each["instance"], "entry": each["id"], "error": why})
    if not restored:
        first = refused[0]
        raise FleetError(
            f"none of the {len(refused)} could be restored; {first['instance']}: {first['error']}",
            "see `waziterm trash`",
        )
    last = restored[-1]
    return {**last, "restored": restored, "refused": refused, "edit": None}


def _restoring(entry: str) -> Callable[[Fleet], object]:
    return lambda fleet: fleet.restore(entry)


def _undo_edit(data: DataDir, as_json: bool, edit: Json, more: str, yes: bool) -> int:
    name, number, keys = edit["instance"], edit["id"], ", ".join(edit["keys"])
    former = plain(edit["former"], 60)
    by = f" by {plain(edit['who'], 40)}" if edit["who"] else ""
    text = f"{name}: {keys} was set on {shown(edit['at'])}{by}. It becomes what it was before."
    question, undone = f"Undo the set of {name}?", f"{name}: {keys} as before"
    if {"proxy", "isolate", "receipts"} & set(edit["keys"]):
        text += " Where it is connected, it connects again; a proxy is tested first."
    if former:
        text = (
            f"{former} was renamed to {name} on {shown(edit['at'])}{by}. It gets its name back, and"
            " stops for a moment where it is connected."
        )
        question, undone = f"Undo the rename of {name}?", f"{name} is {former} again"
    confirm(text, question, [name], yes)
    found = ask(data, lambda fleet: fleet.undo_edit(name, number))
    name = former or name
    done: Undone = {
        "instance": name,
        "entry": None,
        "restored": [],
        "refused": [],
        "edit": number,
    }
    if as_json:
        output.document(done)
    else:
        output.line(undone)
        for line in instance_lines(name, found):
            output.line(line)
        if more:
            output.remark(more)
    return 0


def _is_edit_next(acts: Sequence[Undoable], edits: Sequence[Json], trash: Sequence[Json]) -> bool:
    """Whether the last thing that can be undone is a set."""
    if not edits or not acts:
        return bool(edits)
    return bool(edits[0]["at"] > trash[acts[0].back[-1]]["when"])


def _more(acts: Sequence[Undoable], edits: Sequence[Json], trash: Sequence[Json]) -> str:
    """How much more can be undone, and whose turn it is; "" when that is nothing."""
    count = len(edits) + sum(len(act.back) for act in acts)
    if not count:
        return ""
    of_edit = _is_edit_next(acts, edits, trash)
    following = edits[:1] if of_edit else [trash[place] for place in acts[0].back]
    names = ", ".join(plain(each["instance"], 60) for each in following[:3])
    cut = ", …" if following[3:] else ""
    return with_verbs(f"{count} more can be undone; `waziterm undo` undoes the next: {names}{cut}")


def _can_be_undone(entry: Json) -> bool:
    why, paired = Why(entry["why"]), entry["paired"]
    return can_be_undone(why, restorable=entry["restorable"], paired=paired)


def _restored(name: str) -> str:
    return with_verbs(f"{name}: restored; `waziterm status {name}`")


def _undo(logout: bool) -> str:
    if logout:
        return "The device is unlinked at WhatsApp, which cannot be undone."
    return with_verbs("`waziterm undo` brings it back; the device stays linked.")


def _verdict(findings: list[Json]) -> int:
    return int(bool(serious(findings)))


def _print_findings(findings: list[Json]) -> None:
    for line in finding_lines(findings):
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
        output.line("nothing can be fixed automatically")
    if report["remaining"]:
        output.line("what you have to decide:")
        _print_findings(report["remaining"])


def _entry(entry: Json) -> str:
    until = f"until {entry['expires'][:10]}" if entry["expires"] else "for ever"
    why = _HOW[Why(entry["why"])]
    back = "" if entry["restorable"] else ", cannot be restored"
    return plain(f"{entry['id']}  {entry['when'][:16]}Z  {why}{back}, kept {until}", 300)
