"""`pair-code`: the code to type on the phone, for a person and as a document."""

import re

import pytest

from tests.cli.conftest import Call, served
from tests.control.scripted import CODE_TEXT, ScriptedFleet, pairing_view, view
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.files.datadir import DataDir


def test_the_code_stands_alone_on_its_line(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    done = call(
        "pair-code", "shop-b", "--phone", "+62 812 3456 7890", "--data-dir", str(managed.root)
    )
    assert (done.code, done.err) == (0, "")
    code, words = done.out.splitlines()
    assert code == CODE_TEXT
    assert re.fullmatch(r"shop-b: 2:\d\d left; on the phone: .*phone number instead", words)
    assert fleet.calls == [("pairing_code", "shop-b", "+6281234567890")]


def test_the_document_is_code_and_time(call: Call, managed: DataDir, fleet: ScriptedFleet) -> None:
    done = call("pair-code", "shop-b", "--data-dir", str(managed.root), "--json")
    assert done.document["code"] == CODE_TEXT and 149 < done.document["seconds_left"] <= 150
    assert set(done.document) == {"code", "seconds_left"}
    assert fleet.calls == [("pairing_code", "shop-b", None)]


def test_a_starting_instance_is_waited_for(call: Call, data: DataDir) -> None:
    class Starting(ScriptedFleet):
        """Waits to be linked once it was asked three times."""

        asked = 0

        def snapshot(self):  # type: ignore[no-untyped-def]
            self.asked += 1
            if self.asked == 3:
                self.views["shop-a"] = pairing_view("shop-a")
            return super().snapshot()

    fleet = Starting(view("shop-a", state=State.CONNECTING, reason=Reason.ASKED))
    with served(data, fleet):
        done = call("pair-code", "shop-a", "--data-dir", str(data.root), "--json")
    assert done.document["code"] == CODE_TEXT and done.err == ""
    assert fleet.asked >= 3


@pytest.mark.parametrize("phone", ["0812", "+62 812 x", ""])
def test_a_number_that_is_none_never_reaches_the_manager(
    call: Call, managed: DataDir, fleet: ScriptedFleet, phone: str
) -> None:
    done = call("pair-code", "shop-b", "--phone", phone, "--data-dir", str(managed.root), "--json")
    assert done.code == 2 and fleet.calls == []


def test_a_refusal_and_a_missing_manager_are_one_line(
    call: Call, managed: DataDir, fleet: ScriptedFleet
) -> None:
    fleet.refuse = FleetError("shop-a is connected; a pairing code needs a pairing under way")
    done = call("pair-code", "shop-a", "--data-dir", str(managed.root))
    assert (done.code, done.out) == (1, "") and "shop-a is connected" in done.err
    done = call("pair-code", "nobody", "--data-dir", str(managed.root), "--json")
    assert done.code == 2 and "no instance is called" in done.document["error"]


def test_it_needs_a_manager(call: Call, data: DataDir) -> None:
    assert call("pair-code", "shop-a", "--data-dir", str(data.root)).code == 3
