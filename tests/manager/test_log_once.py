"""What an instance's log says of one change, and that it says it once."""

from tests.manager.hosting import Host
from tests.manager.test_other_number import linked
from tests.manager.test_supervising import worker_of
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.limits import Limits


def test_evidence_that_comes_later_repeats_no_line(host: Host) -> None:
    linked(host, "628123456789")
    worker_of(host, "shop").say(ev.StreamReplaced())
    host.world.settle()
    said = [line.text for line in host.fleet.tail("shop")]
    assert sum("another client took over this session" in text for text in said) == 1


def test_an_attempt_that_waited_for_its_turn_leaves_its_line(host: Host) -> None:
    linked(host, "628123456789")
    worker_of(host, "shop").say(ev.StreamReplaced())
    host.world.pass_time(1.2 * Limits().cooldown_s)
    said = [line.text for line in host.fleet.tail("shop")]
    assert sum("connecting: one guarded attempt after a conflict" in text for text in said) == 1
