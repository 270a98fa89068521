"""The verb import: first what would be done, then a question, then the work.

`--json` prints `{sources, imported}`, see `waziterm schema import`; 1 when a source was refused.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import ask, data_dir_of
from waziterm.cli.verbs.asking import confirm
from waziterm.cli.verbs.carrying import secret_of, whole
from waziterm.domain.text import plain
from waziterm.manager import inputs

Json = dict[str, Any]

_STOPPED = (
    "The program that has these sessions must be stopped for good: two that use one take it from"
    " each other. Whether one runs on another machine cannot be known here."
)
_ELSEWHERE = (
    "The instance must run nowhere else: two places with one session take it from each other."
    " Whether it does cannot be known here."
)
_WORDS = {
    "prekeys": "prekeys",
    "sessions": "sessions with devices",
    "identities": "identities",
    "sender_keys": "keys of groups",
    "app_state_keys": "keys of the app state",
    "lids": "hidden ids",
    "tokens": "tokens of contacts",
}
_HEALS = {
    "chats": "what is archived, muted and pinned",
    "device_lists": "the devices of contacts",
    "group_keys": "who has got the keys of groups",
    "sessions": "the dropped sessions, with the next message",
    "hidden_ids": "the first message of a chat that writes under its hidden id",
}


def import_sources(
    flag: Path | None,
    as_json: bool,
    sources: Sequence[str],
    name: str | None,
    prefix: str,
    device: str,
    keys_db: str,
    start: bool,
    force: bool,
    dry_run: bool,
    yes: bool,
) -> int:
    """Bring sessions of other programs in, once the operator has said so."""
    if not sources:
        raise inputs.InputError("import needs a folder or a file", "`waziterm import --help`")
    paths = "\n".join(map(_absolute, sources))
    keys = _absolute(keys_db) if keys_db else ""
    word = None if name is None else inputs.instance_name(name)
    data = data_dir_of(flag)

    def asked(*, dry_run: bool) -> Json:
        found: Json = ask(
            data,
            lambda fleet: fleet.import_sessions(
                paths,
                name=word,
                prefix=prefix,
                device=device,
                keys_db=keys,
                start=start,
                force=force,
                dry_run=dry_run,
            ),
        )
        return found

    then = "connects when the old program is stopped for good"
    return _in_two_steps(asked, _STOPPED, then, as_json, start, dry_run, yes)


def import_sealed(
    flag: Path | None,
    as_json: bool,
    sources: Sequence[str],
    name: str | None,
    passphrase_file: Path | None,
    start: bool,
    dry_run: bool,
    yes: bool,
    *,
    others: bool,
) -> int:
    """Add the instance of a file that `export` has made, once the operator has said so. others:
    options were given that say nothing of such a file."""
    if len(sources) != 1 or others:
        said = (
            "a file that `export` has made comes alone, with --name, --start, --passphrase-file,"
            " --dry-run, --yes"
        )
        raise inputs.InputError(said, "`waziterm import --help`")
    word = None if name is None else inputs.instance_name(name)
    source, data = whole(Path(sources[0])), data_dir_of(flag)
    passphrase = secret_of(passphrase_file, "Passphrase", again=False)

    def asked(*, dry_run: bool) -> Json:
        found: Json = ask(
            data,
            lambda fleet: fleet.take_in(source, passphrase, word, start=start, dry_run=dry_run),
        )
        return found

    return _in_two_steps(
        asked, _ELSEWHERE, "connects when it runs nowhere else", as_json, start, dry_run, yes
    )


def _in_two_steps(
    asked: Callable[..., Json],
    warning: str,
    then: str,
    as_json: bool,
    start: bool,
    dry_run: bool,
    yes: bool,
) -> int:
    """Say what would be done, ask, do it. then: what a start of it does, and when."""
    found: Json
    if dry_run or not yes:
        found = asked(dry_run=True)
        names = [each["name"] for each in found["sources"] if each["verdict"] == "ok"]
        if not (as_json and (dry_run or not names)):
            # On stdout there is one document, so whoever is asked reads it elsewhere.
            _print_plan(found["sources"], output.remark if as_json else output.line)
        if dry_run or not names:
            if as_json:
                output.document(found)
            return _verdict(found)
        confirm(warning, f"Import {output.counted(len(names), 'session')}?", names, yes)
    found = asked(dry_run=False)
    if as_json:
        output.document(found)
        return _verdict(found)
    if yes:
        _print_plan(found["sources"], output.line)
    for each in found["sources"]:
        if each["verdict"] == "ok" and each["why"]:
            output.remark(plain(f"{each['name']}: {each['why']}", 400))
    count = output.counted(len(found["imported"]), "session")
    output.line(f"{count} imported" + ("" if start or not found["imported"] else ", not started"))
    if found["imported"] and not start:
        some = " ".join(found["imported"][:3]) + (" …" if found["imported"][3:] else "")
        output.line(with_verbs(f"  `waziterm start {some}` {then}"))
    return _verdict(found)


def _absolute(text: str) -> str:
    """A path as the manager, which may be in another folder, understands it. Raises InputError."""
    path = os.path.realpath(Path(text).expanduser())
    if "\n" in path or plain(path, 4096) != path:
        raise inputs.InputError(f"a path of an import is one printable line, not {path!a}")
    return path


def _print_plan(sources: Sequence[Json], say: Callable[[str], None]) -> None:
    for each in sources:
        if each["verdict"] == "refused":
            name = f" ({each['name']})" if each["name"] else ""
            say(f"{plain(each['source'], 200)}{name}: refused: {plain(each['why'], 400)}")
            continue
        say(f"{plain(each['source'], 200)}: {each['kind']}, {each['jid']}, as {each['name']}")
        say(f"  keeps {_counts(each['kept'])}")
        if each["dropped"]:
            say(f"  drops what is in doubt: {_counts(each['dropped'])}")
        if each["heals"]:
            say(f"  comes back by itself: {', '.join(_HEALS[it] for it in each['heals'])}")


def _counts(counts: Json) -> str:
    told = [f"{count} {_WORDS[kind]}" for kind, count in counts.items() if count]
    return ", ".join(told) or "nothing but the device"


def _verdict(found: Json) -> int:
    return 1 if any(each["verdict"] == "refused" for each in found["sources"]) else 0
