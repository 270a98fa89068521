"""The search for garbage rests while modules are loaded, and goes on afterwards."""

from tests.programs import printed_by

LOADED = """
import gc, sys
import waziterm.cli.main as main
searches = []
def searched(phase, info):
    searches.append(hasattr(sys.modules.get("waziterm.cli.app"), "lines"))
gc.callbacks.append(searched)
main.run(["--version"])
loading = sum(not loaded for loaded in searches)
print(loading, gc.isenabled(), gc.get_freeze_count() > 10_000)
"""
FAILED = """
import gc
from waziterm.cli.run.loading import nothing_collected
try:
    with nothing_collected():
        print(gc.isenabled())
        raise ImportError
except ImportError:
    print(gc.isenabled())
"""


def test_the_command_line_is_loaded_without_a_search() -> None:
    searches, enabled, frozen = printed_by(LOADED).splitlines()[-1].split()
    assert int(searches) <= 8, "what is loaded is searched through"
    assert (enabled, frozen) == ("True", "True")


def test_a_load_that_fails_ends_the_rest() -> None:
    assert printed_by(FAILED).split() == ["False", "True"]
