"""What to do is said in commands on the command line, where nobody has keys."""

import json
import re

import pytest

from tests.cli.conftest import Call
from tests.control.scripted import ScriptedFleet
from waziterm.cli.show import output
from waziterm.cli.show.findings import finding_lines
from waziterm.cli.show.tables import outcome
from waziterm.cli.show.verbs import with_verbs
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.manager.files.datadir import DataDir

KEY = re.compile(r"\([a-zA-Z]\)|\b(then|or) [a-zA-Z]\b|(?<![\w`])[src] =")


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.slug)
def test_no_reason_names_a_key(reason: Reason) -> None:
    said = with_verbs(reason.next_step, "shop")
    assert KEY.search(said) is None, said
    if said != reason.next_step:
        assert re.search(r"`waziterm (start|clean|reconnect|logs|qr) shop`?", said)


@pytest.mark.parametrize("words", ["start shop-b", "reconnect shop-b", "pair-code shop-b"])
def test_a_refusal_names_the_instance_that_was_asked_for(
    call: Call, managed: DataDir, fleet: ScriptedFleet, words: str
) -> None:
    argv = (*words.split(), "--data-dir", str(managed.root))
    for form in ((), ("--json",)):
        fleet.refuse = FleetError("shop-b is held", "take over (r) tries once, or start it (s)")
        done = call(*argv, *form)
        said = done.err or done.document["hint"]
        there = f"--data-dir {managed.root}"
        assert f"`waziterm reconnect shop-b --takeover {there}` tries once" in said
        assert f"`waziterm start shop-b {there}`" in said


def test_the_answer_of_a_verb_names_the_verb() -> None:
    found = {
        "name": "shop",
        "state": "stopped",
        "sentence": "stopped by an operator",
        "code": "",
        "detail": "",
        "next_step": Reason.BY_OPERATOR.next_step,
        "next_attempt": None,
    }
    assert outcome(found).endswith("next: `waziterm start shop`")


def test_a_document_names_the_verb_with_the_instance_that_it_is_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    held, new = Reason.RIVAL.next_step, Reason.NEW.next_step
    output.document(
        {
            "instances": [{"name": "shop", "next_step": held}, {"name": "cafe", "next_step": new}],
            "tests": ({"instance": "shop", "steps": [{"act": "then s", "took_s": 1.5}]},),
            "detail": "then s",
            "hint": "start it (s)",
        }
    )
    found = json.loads(capsys.readouterr().out)
    shop, cafe = (each["next_step"] for each in found["instances"])
    assert shop == "stop the other client, then `waziterm reconnect shop --takeover`"
    assert cafe == "`waziterm start cafe`, then `waziterm qr cafe` to see a QR code"
    assert found["tests"][0]["steps"] == [
        {"act": "then `waziterm start shop`, then `waziterm qr shop`", "took_s": 1.5}
    ]
    assert (found["detail"], found["hint"]) == ("then s", "`waziterm start NAME`")


def test_a_finding_that_fix_mends_names_fix() -> None:
    found = {
        "kind": "no_device",
        "severity": "notice",
        "instance": "shop",
        "subject": "x.db",
        "evidence": "its session file holds no device: nothing in it can be used",
        "act": "move it to the trash",
        "remedy": "trash_session",
    }
    assert finding_lines([found])[1] == "  move it to the trash (`waziterm fix` does it)"


def test_an_outage_is_one_problem_with_its_number_and_first_names() -> None:
    found = [
        {
            "kind": "not_connected",
            "severity": "problem",
            "instance": f"shop-{number}",
            "subject": f"shop-{number}",
            "evidence": f"not connected for {number} min: WhatsApp could not be reached (408)",
            "act": f"it tries again by itself; `waziterm test shop-{number}` names the layer",
            "remedy": None,
        }
        for number in range(1, 13)
    ]
    assert finding_lines(found) == [
        "problem: 12 instances (shop-1, shop-2, shop-3, …): not connected: WhatsApp could not be"
        " reached (408)",
        "  for each; for shop-1: it tries again by itself; `waziterm test shop-1` names the layer",
    ]
