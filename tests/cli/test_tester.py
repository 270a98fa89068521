"""The verbs test and full, against a manager of scripted answers."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.control.scripted import ScriptedFleet, connected_view, view
from waziterm.control.client.call import ControlClient
from waziterm.domain.care.findings import Finding, FindingKind, Severity
from waziterm.domain.care.layers import Layer, LayerName, TestReport, Verdict
from waziterm.domain.fleet.api import FleetError, LogLine, Source
from waziterm.domain.fleet.asking import Asked
from waziterm.domain.fleet.tools import ConflictRecord
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.phrase import Phrase, as_it_is
from waziterm.manager.files.datadir import DataDir

NUMBER = "6281234567890"
LAYERS = tuple(
    Layer(
        name, Verdict.OK, None if name is LayerName.LOGIN else 0.0123, as_it_is(f"{name} is well")
    )
    for name in LayerName
)
REFUSED = replace(
    LAYERS[2],
    verdict=Verdict.FAILED,
    detail=Phrase("the certificate is not trusted"),
    act=Phrase("see the clock"),
)
STOPPED = view("shop-z", reason=Reason.BY_OPERATOR, wanted=Wanted.STOPPED)
FINDING = Finding(
    FindingKind.HELD,
    Severity.PROBLEM,
    "shop-b",
    "shop-b",
    Phrase("it is held since noon"),
    Phrase("press r"),
)
NOTICE = replace(FINDING, kind=FindingKind.TRASH_EXPIRES, severity=Severity.NOTICE, instance=None)


class TestedFleet(ScriptedFleet):
    """Tells what a test wants about connections, findings and conflicts.

    broken: whose TLS fails. gone: whose test is refused. most: how many tests ran at once.
    """

    __test__ = False

    def __init__(self, *names: str) -> None:
        super().__init__(*(connected_view(name) for name in names), STOPPED)
        self.broken: set[str] = set()
        self.gone: set[str] = set()
        self.found: tuple[Finding, ...] = ()
        self.history: tuple[ConflictRecord, ...] = ()
        self.said = "line"
        self.together = 0
        self.most = 0
        self.wait_for = 0
        self.reached = asyncio.Event()

    async def test(self, name: str, to: str | None = None, *, send: bool = False) -> TestReport:
        self.calls.append(("test", name, to, send))
        self.together += 1
        self.most = max(self.most, self.together)
        if self.together >= self.wait_for:
            self.reached.set()
        async with asyncio.timeout(10):
            await self.reached.wait()
        self.together -= 1
        if name in self.gone:
            raise FleetError(f"no instance is called {name!r}", "see `waziterm list`", code=2)
        layers = (*LAYERS[:2], REFUSED, *LAYERS[3:]) if name in self.broken else LAYERS
        return TestReport(name, layers)

    async def check(self) -> tuple[Finding, ...]:
        return self.found

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        return tuple(each for each in self.history if each.at >= since)

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        lines = [
            LogLine(seq, 100.0 + seq, Source.LIBRARY, f"{self.said} {seq}") for seq in range(1, 11)
        ]
        return tuple(lines[-limit:])


@pytest.fixture
def fleet() -> TestedFleet:
    return TestedFleet("shop-a", "shop-b")


def test_one_instance(call: Call, managed: DataDir, fleet: TestedFleet) -> None:
    root = str(managed.root)
    done = call("test", "shop-a", "--data-dir", root, "--json")
    assert (done.code, done.err) == (0, "")
    assert tuple(done.document) == ("instance", "ok", "layers")
    assert done.document["ok"] is True
    assert [each["name"] for each in done.document["layers"]] == [
        "dns", "tcp", "tls", "login", "query", "send",
    ]  # fmt: skip
    assert done.document["layers"][0] == {
        "name": "dns", "verdict": "ok", "took_s": 0.012, "detail": "dns is well", "act": "",
    }  # fmt: skip
    fleet.broken = {"shop-a"}
    done = call("test", "shop-a", "--data-dir", root, "--to", "+62 812-3456-7890")
    assert done.code == 1
    assert done.out.splitlines()[0] == "shop-a: FAILED at tls"
    assert done.out.splitlines()[3] == "  tls   failed    0.01 s  the certificate is not trusted"
    assert done.out.splitlines()[-1] == "  what to do: see the clock"
    assert [each for each in fleet.calls if each[0] == "test"] == [
        ("test", "shop-a", None, False), ("test", "shop-a", f"+{NUMBER}", True),
    ]  # fmt: skip


def test_all_instances_and_the_managers_own_api(
    call: Call, managed: DataDir, fleet: TestedFleet
) -> None:
    done = call("test", "--data-dir", str(managed.root), "--json")
    assert (done.code, done.err) == (0, "")
    assert tuple(done.document) == ("ok", "api", "instances", "skipped")
    assert done.document["ok"] is True and done.document["skipped"] == ["shop-z"]
    assert [each["instance"] for each in done.document["instances"]] == ["shop-a", "shop-b"]
    api = done.document["api"]
    assert (api["asked"], api["answered"]) == (5, 5) and 0 < api["slowest_s"] < 10
    fleet.broken, fleet.gone = {"shop-b"}, {"shop-a"}
    done = call("test", "--data-dir", str(managed.root))
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0] == "2 of 2 FAILED:"
    assert lines[1] == "shop-a: FAILED at login" and "no instance is called" in lines[2]
    assert "shop-b: FAILED at tls" in lines
    assert "shop-z: skipped, stopped by an operator" in lines
    assert any(line.startswith("API 5/5, the slowest after ") for line in lines)
    assert lines[-1] == "0 of 2 instances are well"
    shape = call("test", "--data-dir", str(managed.root), "--json").document["instances"][0]
    assert tuple(shape) == ("instance", "ok", "layers") and shape["layers"][0]["name"] == "login"


def test_f10_only_who_is_told_to_send_sends_and_several_are_asked_for(
    call: Call, managed: DataDir, fleet: TestedFleet, types: Callable[[str], object]
) -> None:
    root = ("--data-dir", str(managed.root))

    def sent(*words: str, code: int = 0) -> list[bool]:
        fleet.calls.clear()
        done = call(*words, *root)
        assert done.code == code, done
        return [bool(each[3]) for each in fleet.calls if each[0] == "test"]

    asked: list[tuple[tuple[str, ...], int]] = [
        (("test",), 2), (("test", "shop-a"), 1), (("test", "shop-[ab]"), 2), (("full",), 2),
    ]  # fmt: skip
    for words, many in asked:
        assert sent(*words) == [False] * many, words
    assert sent("test", "shop-a", "--send") == [True]
    several: list[tuple[str, ...]] = [
        ("test", "--send"), ("full", "--send"),
        ("test", "shop-[ab]", "--send"), ("test", "shop-[ab]", "--to", f"+{NUMBER}"),
    ]  # fmt: skip
    for words in several:
        types("n")
        assert sent(*words, code=1) == [], words
        assert sent(*words, "--yes") == [True, True], words
    types("y")
    done = call("test", "--send", *root)
    assert "Send 2 messages: shop-a, shop-b?" in done.err and done.code == 0
    del fleet.views["shop-b"]
    assert sent("test", "--send") == [True], "one sends without a question"


def test_f10_the_failed_come_first_with_their_number(
    call: Call, managed: DataDir, fleet: TestedFleet, tmp_path: Path
) -> None:
    fleet.broken = {"shop-b"}
    root = ("--data-dir", str(managed.root))
    for words in (("test",), ("full", "--report", str(tmp_path / "t.md"))):
        lines = call(*words, *root).out.splitlines()
        assert lines[:2] == ["1 of 2 FAILED:", "shop-b: FAILED at tls"], words
        assert lines.index("shop-a: ok") > 2
    lines = call("test", "shop-*", "--json", *root).document
    assert [each["instance"] for each in lines] == ["shop-a", "shop-b", "shop-z"]
    lines = call("test", "shop-*", *root).out.splitlines()
    assert lines[:2] == ["1 failed:", "shop-b: FAILED at tls"]
    report = (tmp_path / "t.md").read_text()
    assert report.index("| shop-b | failed") < report.index("| shop-a | ok")


def test_eight_are_tested_at_once(call: Call, managed: DataDir, fleet: TestedFleet) -> None:
    fleet.views = {f"shop-{number:02}": connected_view(f"shop-{number:02}") for number in range(20)}
    fleet.wait_for = 8
    done = call("test", "--data-dir", str(managed.root), "--json")
    assert done.code == 0 and len(done.document["instances"]) == 20
    assert fleet.most == 8
    assert [each["instance"] for each in done.document["instances"]] == list(fleet.views)


def test_an_api_that_leaves_a_request_unanswered(
    call: Call, managed: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, numbers = ControlClient.answer, count()

    def unsteady(client: ControlClient, asked: Asked) -> object:
        if asked.verb.name == "snapshot" and next(numbers) == 2:
            raise FleetError("the manager's answer is not JSON")
        return answer(client, asked)

    monkeypatch.setattr(ControlClient, "answer", unsteady)
    done = call("test", "--data-dir", str(managed.root))
    assert done.code == 1 and "\nAPI 4/5, " in done.out
    assert done.out.endswith("2 of 2 instances are well\n")


def test_a_fleet_without_instances(call: Call, managed: DataDir, fleet: TestedFleet) -> None:
    fleet.views = {}
    done = call("test", "--data-dir", str(managed.root))
    assert done.code == 0 and done.out.endswith("0 of 0 instances are well\n")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("test", "--to", "+62 812 3456 7890"), "--to needs the name"),
        (("test", "../shop"), "name"),
        (("test", "shop-a", "--to", "0812"), "country code"),
    ],
)
def test_wrong_usage(call: Call, managed: DataDir, argv: tuple[str, ...], said: str) -> None:
    done = call(*argv, "--data-dir", str(managed.root), "--json")
    assert done.code == 2 and said in done.document["error"]


@pytest.mark.parametrize("verb", ["test", "full"])
def test_without_a_manager(call: Call, data: DataDir, verb: str) -> None:
    done = call(verb, "--data-dir", str(data.root), "--json")
    assert done.code == 3 and "no manager runs" in done.document["error"]


def test_full_on_a_healthy_fleet(call: Call, managed: DataDir, fleet: TestedFleet) -> None:
    fleet.found = (NOTICE,)
    done = call("full", "--data-dir", str(managed.root), "--json")
    assert (done.code, done.err) == (0, "")
    assert tuple(done.document) == ("verdict", "test", "conflicts", "check", "logs")
    assert done.document["verdict"] == "healthy" and done.document["logs"] == {}
    assert tuple(done.document["test"]) == ("ok", "api", "instances", "skipped")
    assert tuple(done.document["conflicts"]) == ("since", "total", "counts", "conflicts")
    assert [each["severity"] for each in done.document["check"]["findings"]] == ["notice"]
    said = call("full", "--data-dir", str(managed.root)).out.splitlines()
    assert said[-2] == "check: 1 finding"
    assert said[-1] == "verdict: healthy"


def test_full_decides_as_check_does(call: Call, managed: DataDir, fleet: TestedFleet) -> None:
    waits = replace(FINDING, kind=FindingKind.NOT_CONNECTED, severity=Severity.NOTICE)
    fleet.broken, fleet.found = {"shop-b"}, (waits,)
    root = str(managed.root)
    assert call("check", "--data-dir", root).code == 0
    done = call("full", "--data-dir", root, "--json")
    assert (done.code, done.document["verdict"]) == (0, "healthy")
    assert done.document["test"]["ok"] is False, "what was tested is told as it is"
    said = call("full", "--data-dir", root).out.splitlines()[-1]
    assert said == f"verdict: healthy; not connected yet, so not judged: {waits.instance}"
    fleet.broken = {"shop-a", "shop-b"}
    assert call("full", "--data-dir", root).code == 1, "of shop-a check says nothing"


def test_full_shows_the_last_lines_of_whoever_is_in_trouble(
    call: Call, managed: DataDir, fleet: TestedFleet
) -> None:
    fleet.broken, fleet.found = {"shop-a"}, (FINDING,)
    done = call("full", "--data-dir", str(managed.root), "--json")
    assert done.code == 1 and done.document["verdict"] == "problems"
    assert list(done.document["logs"]) == ["shop-a", "shop-b"]
    assert [line["seq"] for line in done.document["logs"]["shop-b"]] == [6, 7, 8, 9, 10]
    said = call("full", "--data-dir", str(managed.root)).out.splitlines()
    assert "last lines of shop-b:" in said and "problem: shop-b: it is held since noon" in said
    assert said[-1] == "verdict: problems"
    fleet.broken = set()
    assert call("full", "--data-dir", str(managed.root)).code == 1, "a finding is enough"


def test_the_report_for_a_ticket_holds_no_secret_and_no_markup(
    call: Call, managed: DataDir, fleet: TestedFleet, tmp_path: Path
) -> None:
    key = "ab" * 32
    fleet.said = f"{NUMBER} said \x1b[31m`{key}` <b>2@{'Ab1+' * 20}</b>"
    fleet.broken = {"shop-a"}
    hostile = Phrase("{told}", told=f"a | [link](http://x) {NUMBER}@s.whatsapp.net")
    fleet.found = (replace(FINDING, evidence=hostile),)
    conflict = ConflictRecord(
        4e9, "shop-b", Reason.CONFLICT, State.COOLDOWN, f"suspect: bot {NUMBER}"
    )
    fleet.history = (conflict,)
    path = tmp_path / "ticket.md"
    done = call("full", "--report", str(path), "--data-dir", str(managed.root))
    assert done.code == 1 and done.err == f"the report is in {path}\n"
    text = path.read_text()
    assert text.startswith("# waziterm report: problems\n")
    for secret in (NUMBER, key, "Ab1+Ab1+", "\x1b"):
        assert secret not in text
    assert "| shop-a | failed | tls: the certificate is not trusted | see the clock |" in text
    assert "| shop-b | ok | all layers, 0.06 s in all |  |" in text
    assert r"a \| \[link\](http://x)" in text and "[QR code]" in text
    assert "| shop-b | another client took over this session | 440 | cooldown |" in text
    assert all(line.startswith("    ") for line in text.splitlines() if "[QR code]" in line)
    before = path.read_bytes()
    again = call("full", "--report", str(path), "--data-dir", str(managed.root), "--json")
    assert again.code == 2 and "exists already" in again.document["error"]
    assert path.read_bytes() == before
    unwritable = call("full", "--report", str(tmp_path / "no" / "t.md"),
                      "--data-dir", str(managed.root), "--json")  # fmt: skip
    assert unwritable.code == 1 and "cannot be written" in unwritable.document["error"]


def test_the_report_goes_with_json_too(call: Call, managed: DataDir, tmp_path: Path) -> None:
    path = tmp_path / "ticket.md"
    done = call("full", "--report", str(path), "--data-dir", str(managed.root), "--json")
    assert (done.code, done.err) == (0, "") and done.document["verdict"] == "healthy"
    assert "Nothing." in path.read_text()
