"""Verbs for several instances: names and patterns, the question, the array, the summary."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.cli.conftest import Call
from tests.control.scripted import ScriptedFleet, connected_view, pairing_view, view
from waziterm.cli.verbs.several import matching
from waziterm.domain.care.layers import LayerName, TestReport
from waziterm.domain.care.trash import Removal
from waziterm.domain.fleet.api import FleetError, InstanceView
from waziterm.manager.files.datadir import DataDir


class Choosy(ScriptedFleet):
    """Refuses some of its instances. held: their names. code: of the refusal."""

    held: frozenset[str] = frozenset()
    code = 1

    async def stop(self, name: str) -> InstanceView:
        self._refuse(name)
        return await super().stop(name)

    async def test(self, name: str, to: str | None = None, *, send: bool = False) -> TestReport:
        self._refuse(name)
        return await super().test(name, to, send=send)

    def _refuse(self, name: str) -> None:
        if name in self.held:
            raise FleetError(f"{name} is held", "r tries once", self.code)


@pytest.fixture
def fleet() -> Choosy:
    shops = (connected_view("shop-a"), pairing_view("shop-b"), view("shop-c"))
    return Choosy(*shops, view("bar-a"))


NAMES = ["shop-a", "shop-b", "shop-c", "bar-a"]
TAGS = {"shop-a": ["vip2"], "shop-b": ["jakarta"], "shop-c": ["vip"], "bar-a": ["jkt", "vip"]}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["shop-*"], ["shop-a", "shop-b", "shop-c"]),
        (["*-a"], ["shop-a", "bar-a"]),
        (["shop-[ac]"], ["shop-a", "shop-c"]),
        (["bar-?", "shop-c", "shop-*"], ["bar-a", "shop-c", "shop-a", "shop-b"]),
        (["shop-b", "shop-b"], ["shop-b"]),
        (["tag:vip"], ["shop-c", "bar-a"]),
        (["tag:VIP", "shop-a"], ["shop-c", "bar-a", "shop-a"]),
        (["tag:jak*"], ["shop-b"]),
    ],
)
def test_names_keep_their_order_and_patterns_the_fleet_s(
    words: list[str], meant: list[str]
) -> None:
    assert matching(words, NAMES, TAGS) == meant


def test_one_exact_name_asks_nothing_and_prints_its_object(
    call: Call, managed: DataDir, fleet: Choosy
) -> None:
    done = call("stop", "shop-a", "--data-dir", str(managed.root), "--json")
    assert done.code == 0 and done.document["name"] == "shop-a"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("start", "shop-c", "shop-a"), [("start", "shop-c"), ("start", "shop-a")]),
        (("stop", "*-a"), [("stop", "shop-a"), ("stop", "bar-a")]),
        (("reconnect", "*-a"), [("reconnect", "shop-a", False), ("reconnect", "bar-a", False)]),
        (
            ("reconnect", "*-a", "--takeover"),
            [("reconnect", "shop-a", True), ("reconnect", "bar-a", True)],
        ),
        (("clean", "*-a", "--logout"), [("clean", "shop-a", True), ("clean", "bar-a", True)]),
        (("remove", "*-a"), [("remove", "shop-a", False), ("remove", "bar-a", False)]),
        (
            ("test", "*-a", "--to", "+62 812 3456 7890"),
            [
                ("test", "shop-a", "+6281234567890", True),
                ("test", "bar-a", "+6281234567890", True),
            ],
        ),
    ],
)
def test_several_are_asked_for_and_print_an_array(
    call: Call,
    managed: DataDir,
    fleet: Choosy,
    words: tuple[str, ...],
    asked: list[tuple[object, ...]],
) -> None:
    root = str(managed.root)
    refused = call(*words, "--data-dir", root, "--json")
    assert refused.code == 2 and refused.document["hint"] == "add --yes"
    met = list(dict.fromkeys(str(name) for _, name, *_ in asked))
    assert refused.document["error"].endswith(
        f"; it would meet {len(met)} instances: {', '.join(met)}"
    )
    assert fleet.calls == []
    done = call(*words, "--yes", "--data-dir", root, "--json")
    assert (done.code, done.err) == (0, "")
    told = [each.get("name") or each["instance"] for each in done.document]
    assert told == [name for _, name, *_ in asked]
    assert sorted(fleet.calls, key=str) == sorted(asked, key=str)


def test_the_question_counts_and_names_them(
    call: Call, managed: DataDir, fleet: Choosy, types: Callable[[str], object]
) -> None:
    types("n")
    done = call("stop", "shop-*", "--data-dir", str(managed.root))
    assert (done.code, done.out) == (1, "") and fleet.calls == []
    said, question = done.err.splitlines()
    assert said == "They stop and stay so, also after a restart. What is linked stays linked."
    assert question == (
        "Stop 3 instances: shop-a, shop-b, shop-c? [y/N] waziterm: nothing was changed"
    )
    types("y")
    done = call("stop", "shop-*", "--data-dir", str(managed.root))
    assert done.code == 0 and len(fleet.calls) == 3
    assert done.out.splitlines()[-1] == "3 stopped"


def test_a_pattern_that_means_one_asks_as_one_name_does_and_prints_an_array(
    call: Call, managed: DataDir, fleet: Choosy, types: Callable[[str], object]
) -> None:
    root = str(managed.root)
    done = call("stop", "bar*", "--data-dir", root, "--json")
    assert done.code == 0 and [each["name"] for each in done.document] == ["bar-a"]
    types("y")
    done = call("remove", "bar*", "--data-dir", root, "--json")
    assert "bar-a goes, and its session to the trash." in done.err and "Remove it?" in done.err
    (told,) = done.document
    assert tuple(told) == ("instance", "entry", "not_unlinked") and told["instance"] == "bar-a"


@pytest.mark.parametrize(
    "verb", ["start", "stop", "reconnect", "clean", "remove", "test", "status"]
)
def test_all_names_are_looked_up_before_anything_is_done(
    call: Call, managed: DataDir, fleet: Choosy, verb: str
) -> None:
    yes = () if verb == "status" else ("--yes",)
    root = ("--data-dir", str(managed.root))
    done = call(verb, "shop-a", "nobody", *yes, *root, "--json")
    assert done.code == 2 and done.document["error"] == "no instance is called 'nobody'"
    done = call(verb, "shop-a", "Shop-*", *yes, *root)
    assert (done.code, done.out) == (1, "")
    where = f"`waziterm list --data-dir {managed.root}`"
    assert done.err == f"waziterm: no instance matches 'Shop-*' (see {where})\n"
    done = call(verb, "shop-a", "../x", *yes, *root)
    assert done.code == 2 and "cannot be an instance name" in done.err
    if verb != "test":
        done = call(verb, *yes, *root)
        assert done.code == 2 and f"{verb} needs the name of an instance" in done.err
    assert fleet.calls == []


def test_what_fails_is_told_first_and_the_worst_code_counts(
    call: Call, managed: DataDir, fleet: Choosy
) -> None:
    fleet.held = frozenset({"shop-b"})
    done = call("stop", "shop-*", "--yes", "--data-dir", str(managed.root), "--json")
    assert done.code == 1
    assert [each.get("name") for each in done.document] == ["shop-a", None, "shop-c"]
    assert done.document[1] == {
        "instance": "shop-b",
        "error": "shop-b is held",
        "code": 1,
        "hint": "r tries once",
    }
    lines = call("stop", "shop-*", "--yes", "--data-dir", str(managed.root)).out.splitlines()
    assert lines[:2] == ["1 refused:", "  shop-b is held (r tries once)"]
    assert [line.partition(":")[0] for line in lines[2:4]] == ["shop-a", "shop-c"]
    assert lines[4] == "2 stopped, 1 refused"
    fleet.held, fleet.code = frozenset({"shop-c"}), 2
    done = call("test", "shop-*", "--yes", "--data-dir", str(managed.root))
    assert done.code == 2 and done.out.splitlines()[-1] == "2 well, 1 refused"


def test_when_the_manager_is_gone_the_rest_is_not_tried(
    call: Call, managed: DataDir, fleet: Choosy
) -> None:
    fleet.held, fleet.code = frozenset({"shop-a"}), 3
    done = call("stop", "shop-*", "--yes", "--data-dir", str(managed.root), "--json")
    assert done.code == 3 and fleet.calls == []
    assert [each["code"] for each in done.document] == [3, 3, 3]
    assert done.document[1]["error"] == "shop-b: not tried: shop-a is held"


def test_tests_that_fail_are_told_first(call: Call, managed: DataDir, fleet: Choosy) -> None:
    fleet.layers_failed = frozenset({LayerName.LOGIN})
    done = call("test", "shop-*", "--yes", "--data-dir", str(managed.root))
    assert done.code == 1 and done.out.splitlines()[-1] == "3 failed"
    done = call("test", "shop-*", "--yes", "--data-dir", str(managed.root), "--json")
    assert [each["ok"] for each in done.document] == [False] * 3


def test_an_instance_that_was_not_unlinked_is_told_apart(
    call: Call, managed: DataDir, fleet: Choosy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def remove(name: str, *, logout: bool = False, act_id: str = "") -> Removal:
        return Removal(f"{name}-x", "not unlinked at WhatsApp" if name == "shop-c" else "")

    monkeypatch.setattr(fleet, "remove", remove)
    words = ("remove", "shop-*", "--logout", "--yes", "--data-dir", str(managed.root))
    done = call(*words)
    assert done.code == 1 and "shop-c: not unlinked at WhatsApp" in done.err
    assert done.out.splitlines()[-1] == "2 removed, 1 removed but not unlinked"
    assert done.out.startswith("1 removed but not unlinked:\nshop-c: removed")


def test_the_status_of_several_asks_nothing(call: Call, managed: DataDir, fleet: Choosy) -> None:
    done = call("status", "bar-a", "shop-*", "--data-dir", str(managed.root), "--json")
    names = ["bar-a", "shop-a", "shop-b", "shop-c"]
    assert done.code == 0 and [each["name"] for each in done.document] == names
    done = call("status", "*-a", "--data-dir", str(managed.root))
    assert "\n\nbar-a\n" in done.out and done.out.startswith("shop-a\n")


def test_a_start_names_what_draws_the_code_of_one_that_is_not_linked(
    call: Call, managed: DataDir, fleet: Choosy
) -> None:
    done = call("start", "shop-[ab]", "--yes", "--data-dir", str(managed.root))
    assert done.out.count("draws its QR code") == 1 and "`waziterm qr shop-b " in done.out
    assert done.out.splitlines()[-1] == "2 told to start", "one of them was connected before"


def test_the_status_tells_that_another_number_has_linked_it(
    call: Call, managed: DataDir, fleet: Choosy
) -> None:
    shop = replace(fleet.views["shop-a"], phone="+6281••••1111", other_number="+62899••••9999")
    fleet.views["shop-a"] = shop
    done = call("status", "shop-a", "--data-dir", str(managed.root))
    assert "linked +62899••••9999 instead of +6281••••1111" in done.out
    done = call("status", "bar-a", "--data-dir", str(managed.root))
    assert "instead of" not in done.out


def test_hostile_errors_and_patterns_are_shown_as_text(
    call: Call, managed: DataDir, fleet: Choosy
) -> None:
    fleet.views["shop-a"] = replace(fleet.views["shop-a"], detail="\x1b[2J")
    done = call("stop", "*-a", "--yes", "--data-dir", str(managed.root))
    assert done.code == 0 and "\x1b" not in done.out
    done = call("stop", "\x1b[2J*", "--data-dir", str(managed.root))
    assert done.code == 1 and "\x1b" not in done.err


def test_several_on_the_files(call: Call, data: DataDir) -> None:
    root = str(data.root)
    for name in ("shop-a", "shop-b", "bar"):
        assert call("add", name, "--data-dir", root).code == 0
    done = call("stop", "shop-*", "--yes", "--data-dir", root)
    assert done.code == 3 and "no manager runs" in done.err
    done = call("status", "shop-*", "--data-dir", root, "--json")
    assert [each["name"] for each in done.document] == ["shop-a", "shop-b"]
    done = call("remove", "shop-*", "--yes", "--data-dir", root)
    assert done.code == 0 and done.out.splitlines()[-1] == "2 removed"
    assert [each["name"] for each in call("list", "--data-dir", root, "--json").document] == ["bar"]


def test_where_nobody_can_be_asked_the_first_five_are_named(
    call: Call, managed: DataDir, fleet: Choosy
) -> None:
    fleet.views = {f"shop-{n}": view(f"shop-{n}") for n in range(1, 9)}
    done = call("stop", "shop-*", "--data-dir", str(managed.root))
    assert done.code == 2 and fleet.calls == []
    assert "8 instances: shop-1, shop-2, shop-3, shop-4, shop-5 and 3 more (add --yes)" in done.err
