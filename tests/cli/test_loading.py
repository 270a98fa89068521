"""The search for garbage rests while modules are loaded, and goes on afterwards."""

from tests.programs import printed_by

LOADED = """
import gc, typing
import waziterm.cli.run.loading
searches = []
gc.callbacks.append(lambda phase, info: searches.append(phase))
import waziterm.cli.main
print(len(searches), gc.isenabled(), gc.get_freeze_count() > 10_000)
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
    searches, enabled, frozen = printed_by(LOADED).split()
    assert int(searches) <= 8, "what is loaded is searched through"
    assert (enabled, frozen) == ("True", "True")


def test_a_load_that_fails_ends_the_rest() -> None:
    assert printed_by(FAILED).split() == ["False", "True"]
