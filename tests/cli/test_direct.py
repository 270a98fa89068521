"""A plain command line of a manager is read without cyclopts, and as cyclopts reads it."""

from pathlib import Path

from cyclopts import CycloptsError
from hypothesis import example, given
from hypothesis import strategies as st

from waziterm.cli.app import app
from waziterm.cli.run.direct import DATA_DIR, HEADLESS, LAB, DirectCall, direct_call

WORDS = st.sampled_from(
    [
        HEADLESS,
        DATA_DIR,
        LAB,
        "--lang",
        "en",
        "--json",
        "--help",
        "list",
        "-",
        "--",
        "/tmp/x",
        "~/x",
        "",
        "a b",
    ]
)


@given(st.lists(WORDS | st.text(max_size=4), max_size=6))
@example([])
@example([DATA_DIR, "/srv/waziterm"])
@example([HEADLESS])
@example([HEADLESS, DATA_DIR, "/srv/waziterm", LAB, "lab.json"])
@example([DATA_DIR, "x", HEADLESS])
@example([LAB, "lab.json", DATA_DIR, "relative"])
@example([DATA_DIR, "x", DATA_DIR, "y"])
@example([DATA_DIR])
@example([DATA_DIR, LAB])
@example([f"{DATA_DIR}=x"])
def test_it_reads_what_cyclopts_reads(argv: list[str]) -> None:
    call = direct_call(argv)
    if call is None:
        return
    try:
        called, bound, _ = app.parse_args(argv, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise AssertionError(f"cyclopts refuses {argv}") from error
    assert called.__name__ == ("headless" if call.headless else "monitor")
    bound.apply_defaults()
    rest = {"unit": False, "user": False} if call.headless else {"lang": None}
    assert bound.arguments == {"data_dir": call.data_dir, "lab": call.lab} | rest


def test_it_reads_the_usual_ones() -> None:
    assert direct_call([]) == DirectCall(headless=False, data_dir=None, lab=None)
    assert direct_call([DATA_DIR, "x", LAB, "y"]) is not None
    assert direct_call([HEADLESS, LAB, "y"]) == DirectCall(True, None, Path("y"))
    assert direct_call(["list"]) is None
    assert direct_call([HEADLESS, "--unit"]) is None
    assert direct_call([DATA_DIR, "--help"]) is None
