"""What the workers use: each instance's share of it, in the hours and at the newest look."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_history import connect, jid_of
from tests.manager.test_supervising import worker_of
from tests.manager.world import BEGIN, World
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.stats.sums import Stats
from waziterm.manager.workers.usage import EVERY_S, ProcessUse, process_use

MB = 1_000_000


@pytest.fixture
def host(folder: Path) -> Iterator[Host]:
    """Two that share a worker, a and c, and one with a worker of its own."""
    world = World()
    here = Host(world, folder / "data", settings(folder, fleet__instances_per_worker=2))
    here.prepare(
        *(Instance(name, BEGIN, since=BEGIN, jid=jid_of(name)) for name in "abc"),
    )
    here.open()
    for name in "abc":
        connect(here, name)
    try:
        yield here
    finally:
        here.abandon()
        world.close()


def stats(host: Host) -> dict[str | None, Stats]:
    return {each.instance: each for each in host.world.run(host.fleet.stats())}


def use(host: Host, **used: tuple[float, int]) -> None:
    """Let the workers of these instances use so much, and the others nothing that can be read."""
    found = {worker_of(host, name).pid: ProcessUse(*each) for name, each in used.items()}
    host.world.process_use = found.get


def test_each_has_its_share_of_its_worker(host: Host) -> None:
    use(host, a=(6.0, 80 * MB), b=(1.0, 30 * MB))
    host.world.pass_time(EVERY_S + 1)
    use(host, a=(10.0, 60 * MB), b=(1.0, 30 * MB))
    host.world.pass_time(EVERY_S)
    found = stats(host)
    assert (found["a"].cpu_s, found["a"].memory_bytes) == (5.0, 40 * MB)
    assert (found["c"].cpu_s, found["c"].memory_bytes) == (5.0, 40 * MB)
    assert (found["b"].cpu_s, found["b"].memory_bytes) == (1.0, 30 * MB)
    assert (found[None].cpu_s, found[None].memory_bytes) == (11.0, 110 * MB)
    usage = host.fleet.usage
    assert [(each.slot, each.instances, each.memory_bytes) for each in usage.workers] == [
        (1, ("a", "c"), 60 * MB),
        (2, ("b",), 30 * MB),
    ]
    assert usage.cpu_s == 11.0


def test_a_worker_that_ended_leaves_its_number_and_what_it_used(host: Host) -> None:
    use(host, a=(6.0, 80 * MB), b=(2.0, 30 * MB))
    host.world.pass_time(EVERY_S + 1)
    worker_of(host, "a").die(-9)
    host.world.settle()
    use(host, a=(0.5, 50 * MB), b=(2.0, 30 * MB))
    host.world.pass_time(EVERY_S)
    workers = {each.instances: each for each in host.fleet.usage.workers}
    assert {names: each.slot for names, each in workers.items()} == {("a", "c"): 1, ("b",): 2}
    assert host.fleet.usage.cpu_s == 8.5
    found = stats(host)
    assert (found["a"].cpu_s, found["a"].memory_bytes) == (3.25, 40 * MB)


def test_what_cannot_be_read_is_not_told(host: Host) -> None:
    host.world.pass_time(2 * EVERY_S)
    assert host.fleet.usage.workers == ()
    found = stats(host)
    assert (found["a"].cpu_s, found["a"].memory_bytes) == (None, None)


def test_a_process_is_read() -> None:
    began = time.process_time()
    while time.process_time() - began < 0.05:
        pass
    found = process_use(os.getpid())
    assert found is not None
    assert found.cpu_s == pytest.approx(time.process_time(), abs=0.1)
    assert MB < found.memory_bytes < 10_000 * MB
    assert process_use(2**30) is None
