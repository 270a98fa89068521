"""The verb schema: every document that a verb prints is what it says, for each of them."""

import asyncio
import json
from collections.abc import Callable
from inspect import signature
from typing import Any

from jsonschema import Draft202012Validator

from tests.cli.conftest import Call
from tests.cli.test_documents import MANAGED, STORED, fill, fleet
from waziterm.cli.app import lines
from waziterm.cli.verbs.schema import schemas
from waziterm.manager.files.datadir import DataDir

__all__ = ["fleet"]  # the fixture with which the snapshots were made

WITHOUT = {"headless", "attach", "lab", "schema", "completion", "metrics"}
"""Verbs that print no document of their own."""
ELSEWHERE = {"config", "demo", "doctor", "full", "reload"}
"""Verbs whose documents have tests of their own, as they differ from run to run."""


def check(call: Call, validators: dict[str, Draft202012Validator], argv: list[str]) -> None:
    done = call(*argv, "--json")
    failed = isinstance(done.document, dict) and "error" in done.document
    word = max((each for each in validators if is_begun(argv, each)), key=len)
    wrong = validators["error" if failed else word].iter_errors(done.document)
    assert [f"{argv}: {each.json_path}: {each.message}" for each in wrong] == []


def is_begun(argv: list[str], words: str) -> bool:
    return argv[: len(words.split())] == words.split()


def validators_of(call: Call) -> dict[str, Draft202012Validator]:
    made = {}
    for word, schema in call("schema").document.items():
        Draft202012Validator.check_schema(schema)
        checker = Draft202012Validator.FORMAT_CHECKER
        made[word] = Draft202012Validator(schema, format_checker=checker)
    return made


def test_every_verb_has_one(call: Call) -> None:
    verbs = set(lines()) - WITHOUT
    assert set(validators_of(call)) == verbs | {"error"}


def test_every_verb_is_among_the_lines_whose_documents_are_compared() -> None:
    verbs = set(lines()) - WITHOUT - ELSEWHERE
    seen = [line.split() for line in (*MANAGED, *STORED)]
    unseen = {verb for verb in verbs if not any(is_begun(line, verb) for line in seen)}
    assert not unseen, f"add a line of each to MANAGED in tests/cli/test_documents.py: {unseen}"


def test_what_takes_several_names_says_that_it_may_print_an_array(call: Call) -> None:
    schemas = call("schema").document
    several = {
        name
        for name in schemas.keys() - {"error"}
        for each in signature(called_by(name)).parameters.values()
        if each.kind is each.VAR_POSITIONAL and each.name != "sources"
    }
    assert several >= {"start", "status"}
    alone = {name for name in several if not may_be_array(schemas[name])}
    assert not alone, f"say so in _COMPOSED of cli/verbs/schema.py: {alone}"


def called_by(verb: str) -> Callable[..., Any]:
    function = lines()[verb].default_command
    assert function is not None
    return function


def may_be_array(schema: dict[str, Any]) -> bool:
    return any(each.get("type") == "array" for each in (schema, *schema.get("anyOf", ())))


def test_what_a_manager_answers_is_what_it_says(call: Call, managed: DataDir) -> None:
    validators = validators_of(call)
    for line in (*MANAGED, "full"):
        check(call, validators, [*line.split(), "--data-dir", str(managed.root)])


def test_what_the_files_say_is_what_it_says(call: Call, data: DataDir) -> None:
    asyncio.run(fill(data))
    validators = validators_of(call)
    for line in (*STORED, "clean shop-a --yes", "trash", "clean-all --yes"):
        check(call, validators, [*line.split(), "--data-dir", str(data.root)])


def test_it_refuses_what_is_none(call: Call, managed: DataDir) -> None:
    validators = validators_of(call)
    shown = call("status", "shop-a", "--data-dir", str(managed.root), "--json").document
    for name, wrong in (("state", "fine"), ("since", 17), ("paired", None), ("qr", {})):
        assert not validators["status"].is_valid({**shown, name: wrong}), name
    del shown["jid"]
    assert not validators["status"].is_valid(shown)


def test_one_verb_and_a_word_that_is_none(call: Call) -> None:
    assert call("schema", "status").document == call("schema").document["status"]
    assert call("schema", "alerts", "test").document == call("schema").document["alerts test"]
    done = call("schema", "lab", "--json")
    assert done.code == 2 and "prints no document" in done.document["error"]


def test_each_member_of_an_instance_is_described_for_whoever_parses_it() -> None:
    """The schema had one long text that spoke of Python's names."""
    one = schemas()["list"]["items"]
    for name, member in one["properties"].items():
        assert member.get("description"), name
    assert one["description"] == "One instance as it is shown."
    assert one["properties"]["code"]["description"].startswith("the number that operators know")
    assert one["properties"]["attempts_ok"]["description"] == "how many of them ended well"
    assert one["properties"]["uptime_s"]["description"] == "how long it is open, or null"
    assert "None" not in json.dumps(one["properties"]["qr"])
