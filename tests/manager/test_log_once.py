"""What an instance's log says of one change, and that it says it once."""

from tests.manager.hosting import Host
from tests.manager.test_other_number import linked
from tests.manager.test_supervising import worker_of
from waziterm.domain.lifecycle import events as ev


def test_evidence_that_comes_later_repeats_no_line(host: Host) -> None:
    linked(host, "628123456789")
    worker_of(host, "shop").say(ev.StreamReplaced())
    host.world.settle()
    said = [line.text for line in host.fleet.tail("shop")]
    assert sum("another client took over this session" in text for text in said) == 1
