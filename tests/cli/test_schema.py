"""The verb schema: every document that a verb prints is what it says, for each of them."""

import asyncio

from jsonschema import Draft202012Validator

from tests.cli.conftest import Call
from tests.cli.test_documents import MANAGED, STORED, fill, fleet
from waziterm.cli.app import app
from waziterm.manager.files.datadir import DataDir

__all__ = ["fleet"]  # the fixture with which the snapshots were made

WITHOUT = {"headless", "attach", "lab", "schema", "completion"}
"""Verbs that print no document of their own."""


def check(call: Call, validators: dict[str, Draft202012Validator], argv: list[str]) -> None:
    done = call(*argv, "--json")
    failed = isinstance(done.document, dict) and "error" in done.document
    wrong = validators["error" if failed else argv[0]].iter_errors(done.document)
    assert [f"{argv}: {each.json_path}: {each.message}" for each in wrong] == []


def validators_of(call: Call) -> dict[str, Draft202012Validator]:
    made = {}
    for word, schema in call("schema").document.items():
        Draft202012Validator.check_schema(schema)
        checker = Draft202012Validator.FORMAT_CHECKER
        made[word] = Draft202012Validator(schema, format_checker=checker)
    return made


def test_every_verb_has_one(call: Call) -> None:
    verbs = {name for name in app if not name.startswith("-")} - WITHOUT
    assert set(validators_of(call)) == verbs | {"error"}


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
    done = call("schema", "lab", "--json")
    assert done.code == 2 and "prints no document" in done.document["error"]
