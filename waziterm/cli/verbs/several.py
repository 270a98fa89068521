"""Verbs that act on one instance or on several: names, patterns and tags, the question, what became
of each.

One exact name prints what the manager answers. Several names, a pattern or a tag print an array
with `--json`, in the order of the names, a pattern in the fleet's order: of each what one name
prints, or `{instance, error, code, hint}`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import ask, client_of, data_dir_of
from waziterm.cli.verbs.asking import confirm
from waziterm.domain.errors import FleetError, InstanceNotFoundError
from waziterm.domain.fleet.asking import asked_of
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.frozen import dataclass
from waziterm.domain.text import plain
from waziterm.manager import inputs
from waziterm.manager.files.datadir import DataDir

Json = dict[str, Any]

_TAG = "tag:"
NO_MANAGER = 3
"""The exit code of a failure after which the others are not tried."""


@dataclass(frozen=True, slots=True)
class Act:
    """What a verb does to an instance, and how that is told.

    verb: its word. call: what is asked of the fleet, by the instance's name. many: what happens to
    several, a sentence. one: the same of one, with `{name}`, for a verb that asks for one too.
    tell: the lines about one, from the answer. done: the word for those that went well. partly: for
    those that went well but for `code`, the exit code that an answer leads to. at_once: how many
    are asked for at the same time. within: the member of an array for one answer.
    """

    verb: str
    call: Callable[[str], Callable[[Fleet], object]]
    many: str
    tell: Callable[[str, Json], Sequence[str]]
    done: str
    one: str = ""
    partly: str = ""
    code: Callable[[Json], int] = lambda _: 0
    at_once: int = 1
    within: Callable[[str, Json], Json] = lambda _, answer: answer


@dataclass(frozen=True, slots=True)
class _Ended:
    """How an act on one instance ended: with an answer, or with an error and none."""

    name: str
    answer: Json = field(default_factory=dict)
    error: FleetError | None = None


def carry_out(flag: Path | None, as_json: bool, words: Sequence[str], act: Act, yes: bool) -> int:
    """Do something to the instances that `words` name, once the operator has said so; the worst of
    the exit codes. Raises FleetError before anything is done."""
    data = data_dir_of(flag)
    if is_one(words):
        name = inputs.instance_name(words[0])
        if act.one and not yes:
            # Nobody is asked about an instance that there is not.
            chosen(data, words, act.verb)
            _confirm(act, [name], yes)
        return _told_alone(name, ask(data, act.call(name)), act, as_json)
    needs_manager = not asked_of(act.call("")).verb.files
    names = [each["name"] for each in chosen(data, words, act.verb, needs_manager=needs_manager)]
    if len(names) > 1 or act.one:
        _confirm(act, names, yes)
    ended = _each(data, names, act)
    if as_json:
        output.document([_member(each, act) for each in ended])
    else:
        for line in _lines(ended, act):
            output.line(line)
    return max(_code(each, act) for each in ended)


def is_one(words: Sequence[str]) -> bool:
    """Whether it is one exact name."""
    return len(words) == 1 and not _is_pattern(words[0])


def chosen(
    data: DataDir, words: Sequence[str], verb: str, *, needs_manager: bool = False
) -> list[Json]:
    """The instances that these names, patterns and tags mean, each once, in their order.

    needs_manager: whether the files are not enough. Raises FleetError: code 2 without a name and
    for a name that nobody has, 1 for a pattern that nobody matches.
    """
    if not words:
        raise inputs.InputError(
            f"{verb} needs the name of an instance", f"`waziterm {verb} --help`"
        )
    for word in words:
        if not _is_pattern(word):
            inputs.instance_name(word)
    if needs_manager:
        found = client_of(data).ask(lambda fleet: fleet.snapshot().everyone())
    else:
        found = ask(data, lambda fleet: fleet.snapshot().everyone())
    fleet = {each["name"]: each for each in found}
    refuse_unknown(data, words, fleet)
    tags = {name: each["tags"] for name, each in fleet.items()}
    return [fleet[name] for name in matching(words, list(fleet), tags)]


def refuse_unknown(data: DataDir, words: Sequence[str], names: Collection[str]) -> None:
    """Raises InstanceNotFoundError for a name that is not among `names`; of one that an instance
    had before it says how that is called now."""
    for word in words:
        if not _is_pattern(word) and word not in names:
            ask(data, partial(_one, word))


def _one(name: str, fleet: Fleet) -> object:
    return fleet.snapshot().instance(name)


def matching(
    words: Sequence[str], names: Sequence[str], tags: Mapping[str, Sequence[str]]
) -> list[str]:
    """The names among `names` that names, patterns and tags mean, each once. tags: by the names.
    Raises as `chosen` does."""
    found: dict[str, None] = {}
    for word in words:
        meant = [each for each in names if each == word]
        if word.startswith(_TAG):
            tag = word.removeprefix(_TAG).casefold()
            meant = [each for each in names if any(fnmatchcase(own, tag) for own in tags[each])]
        elif _is_pattern(word):
            meant = [each for each in names if fnmatchcase(each, word)]
        elif not meant:
            raise InstanceNotFoundError(word)
        if not meant:
            said = f"no instance matches {plain(word, 60)!r}"
            raise FleetError(said, "see `waziterm list`")
        found |= dict.fromkeys(meant)
    return list(found)


def _is_pattern(word: str) -> bool:
    return word.startswith(_TAG) or any(char in word for char in "*?[")


def _confirm(act: Act, names: Sequence[str], yes: bool) -> None:
    if len(names) == 1:
        confirm(act.one.format(name=names[0]), f"{act.verb.capitalize()} it?", names, yes)
    else:
        whom = f"{len(names)} instances: {', '.join(names)}"
        confirm(act.many, f"{act.verb.capitalize()} {whom}?", names, yes)


def _each(data: DataDir, names: Sequence[str], act: Act) -> list[_Ended]:
    """Act on each. When the manager is gone, the rest is not tried."""
    gone: list[FleetError] = []

    def work(name: str) -> _Ended:
        if gone:
            error = FleetError(f"{name}: not tried: {gone[0]}", gone[0].hint, gone[0].code)
            return _Ended(name, error=error)
        try:
            return _Ended(name, ask(data, act.call(name)))
        except FleetError as error:
            if error.code == NO_MANAGER:
                gone.append(error)
            return _Ended(name, error=error)

    if act.at_once == 1:
        return [work(name) for name in names]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - for several alone

    with ThreadPoolExecutor(act.at_once) as threads:
        return list(threads.map(work, names))


def instance_lines(_: str, found: Json) -> list[str]:
    """What a command led to, from the instance that it answers with; see `Act.tell`."""
    from waziterm.cli.show.tables import outcome  # noqa: PLC0415 - rich takes 60 ms

    return [outcome(found)]


def _told_alone(name: str, answer: Json, act: Act, as_json: bool) -> int:
    if as_json:
        output.document(answer)
    else:
        for line in act.tell(name, answer):
            output.line(line)
    return act.code(answer)


def _code(ended: _Ended, act: Act) -> int:
    return act.code(ended.answer) if ended.error is None else ended.error.code


def _member(ended: _Ended, act: Act) -> Mapping[str, Any]:
    error = ended.error
    if error is not None:
        return {"instance": ended.name, **error.document}
    return act.within(ended.name, ended.answer)


def _lines(ended: Sequence[_Ended], act: Act) -> list[str]:
    """What became of them in words: those that failed first, with their number; then how many."""
    refused = [each for each in ended if each.error is not None]
    others = [each for each in ended if each.error is None]
    others.sort(key=lambda each: _code(each, act) == 0)
    lines = [f"{len(refused)} refused:"] if refused else []
    lines += [f"  {_refusal(each)}" for each in refused]
    if act.partly and (partly := sum(_code(each, act) != 0 for each in others)):
        lines.append(f"{partly} {act.partly}:")
    for each in others:
        lines += act.tell(each.name, each.answer)
    well = sum(_code(each, act) == 0 for each in others)
    counts = ((well, act.done), (len(others) - well, act.partly), (len(refused), "refused"))
    return [*lines, ", ".join(f"{count} {word}" for count, word in counts if count)]


def _refusal(ended: _Ended) -> str:
    """Why it failed; many errors begin with the name themselves."""
    error = ended.error
    hint = f" ({error.hint})" if error is not None and error.hint else ""
    said = str(error) if str(error).startswith(ended.name) else f"{ended.name}: {error}"
    return plain(with_verbs(said + hint, ended.name), 400)
