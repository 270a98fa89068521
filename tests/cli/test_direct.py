"""A plain command line is read without cyclopts, and as cyclopts reads it."""

from pathlib import Path

import pytest
from cyclopts import CycloptsError
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cli.conftest import Call, Outcome, served
from tests.control.scripted import ScriptedFleet, view
from tests.programs import printed_by
from waziterm.cli.app import app
from waziterm.cli.run.direct import DATA_DIR, JSON, LAB, DirectCall, Line, direct_call
from waziterm.cli.show.output import fail
from waziterm.cli.show.verbs import typed
from waziterm.domain.errors import FleetError
from waziterm.manager.files.datadir import DataDir

WORDS = st.sampled_from(
    [
        *filter(None, Line),
        DATA_DIR,
        LAB,
        JSON,
        "--lang",
        "en",
        "--help",
        "stop",
        "shop-a",
        "-",
        "--",
        "/tmp/x",
        "~/x",
        "",
        "a b",
    ]
)
# The functions of `cli/app/`, and what they take that no plain line has.
DECLARED: dict[Line, tuple[str, dict[str, object]]] = {
    Line.MONITOR: ("monitor", {"lang": None}),
    Line.HEADLESS: ("headless", {"unit": False, "user": False}),
    Line.LIST: ("list_", {}),
    Line.STATUS: ("status", {}),
    Line.CHECK: ("check", {}),
}


@given(st.lists(WORDS | st.text(max_size=4), max_size=6))
@example([])
@example([DATA_DIR, "/srv/waziterm"])
@example(["headless"])
@example(["headless", DATA_DIR, "/srv/waziterm", LAB, "lab.json"])
@example([DATA_DIR, "x", "headless"])
@example([LAB, "lab.json", DATA_DIR, "relative"])
@example([DATA_DIR, "x", DATA_DIR, "y"])
@example([DATA_DIR])
@example([DATA_DIR, LAB])
@example([f"{DATA_DIR}=x"])
@example([""])
@example(["list", JSON, DATA_DIR, "x"])
@example(["list", "x"])
@example(["list", LAB, "x"])
@example(["check", DATA_DIR, "x", JSON])
@example(["status", "shop-a", "shop-*", JSON])
@example(["status", JSON, "shop-a"])
@example(["status", "", JSON])
@example(["headless", JSON])
def test_it_reads_what_cyclopts_reads(argv: list[str]) -> None:
    call = direct_call(argv)
    if call is None:
        return
    try:
        called, bound, _ = app.parse_args(argv, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise AssertionError(f"cyclopts refuses {argv}") from error
    name, rest = DECLARED[call.line]
    assert called.__name__ == name
    bound.apply_defaults()
    read = {
        "names": call.names,
        "data_dir": call.data_dir,
        "lab": call.lab,
        "as_json": call.as_json,
    }
    assert bound.arguments == {key: read[key] for key in bound.arguments if key not in rest} | rest


def test_it_reads_the_usual_ones() -> None:
    here = Path("x")
    assert direct_call([]) == DirectCall(Line.MONITOR)
    assert direct_call([DATA_DIR, "x", LAB, "y"]) == DirectCall(
        Line.MONITOR, data_dir=here, lab=Path("y")
    )
    assert direct_call(["headless", LAB, "y"]) == DirectCall(Line.HEADLESS, lab=Path("y"))
    assert direct_call(["list"]) == DirectCall(Line.LIST)
    assert direct_call(("list", JSON, DATA_DIR, "x")) == DirectCall(
        Line.LIST, data_dir=here, as_json=True
    )
    assert direct_call(["status", "a", "b", JSON]) == DirectCall(
        Line.STATUS, ("a", "b"), as_json=True
    )
    assert direct_call(["check", DATA_DIR, "x"]) == DirectCall(Line.CHECK, data_dir=here)
    for others in (["stop", "a"], ["headless", "--unit"], [DATA_DIR, "--help"], ["list", "-h"]):
        assert direct_call(others) is None


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("list", JSON),
        ("status", "shop-a", JSON),
        ("status", "shop-*", JSON),
        ("status", "nobody"),
        ("status", JSON),
        ("check",),
        ("check", JSON),
    ],
)
def test_it_does_what_the_declared_verb_does(
    words: tuple[str, ...], data: DataDir, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = (*words, DATA_DIR, str(data.root))
    assert direct_call(argv) is not None
    # Nothing of them counts seconds.
    with served(data, ScriptedFleet(view("shop-a"), view("shop-b"))):
        done = call(*argv)
        with typed(argv):
            try:
                code = app(list(argv), exit_on_error=False, print_error=False)
            except FleetError as error:
                code = fail(error, JSON in argv)
        said = capsys.readouterr()
    assert done == Outcome(code, said.out, said.err)


PROGRAM = """
import sys
import waziterm.cli.main as main
code = main.run({argv})
heavy = {{"cyclopts", "waziterm.cli.app", "waziterm.store.store", "asyncio"}}
print(code, *sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("words", [("list",), ("status", "shop-a"), ("check",)])
def test_it_loads_little(words: tuple[str, ...], managed: DataDir) -> None:
    argv = (*words, DATA_DIR, str(managed.root))
    *_, last = printed_by(PROGRAM.format(argv=argv)).splitlines()
    assert last.split()[1:] == []
