"""A plain command line of the monitor is read without cyclopts, and as cyclopts reads it."""

from inspect import signature

from cyclopts import CycloptsError
from hypothesis import example, given
from hypothesis import strategies as st

from waziterm.cli.app import app
from waziterm.cli.run.direct import DATA_DIR, LAB, monitor_options
from waziterm.cli.run.host import run_monitor

WORDS = st.sampled_from(
    [
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
@example([LAB, "lab.json", DATA_DIR, "relative"])
@example([DATA_DIR, "x", DATA_DIR, "y"])
@example([DATA_DIR])
@example([DATA_DIR, LAB])
@example([f"{DATA_DIR}=x"])
def test_it_reads_what_cyclopts_reads(argv: list[str]) -> None:
    options = monitor_options(argv)
    if options is None:
        return
    try:
        called, bound, _ = app.parse_args(argv, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise AssertionError(f"cyclopts refuses {argv}") from error
    assert called.__name__ == "monitor"
    bound.apply_defaults()
    assert bound.arguments == {
        "data_dir": options.get(DATA_DIR),
        "lab": options.get(LAB),
        "lang": signature(run_monitor).parameters["lang"].default,
    }


def test_it_reads_the_usual_ones() -> None:
    assert monitor_options([]) == {}
    assert monitor_options([DATA_DIR, "x", LAB, "y"]) is not None
    assert monitor_options(["list"]) is None
    assert monitor_options([DATA_DIR, "--help"]) is None
