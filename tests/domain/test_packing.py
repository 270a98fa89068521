"""Which workers are given up for others, and when an instance may be moved."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.texts.told import check_told
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import TRUSTED_S
from waziterm.domain.lifecycle.states import State
from waziterm.domain.upkeep.packing import (
    BY_FLEET,
    GROWN_MB,
    QUIET_S,
    WorkerView,
    is_quiet,
    regroup,
    shares,
)

NOW = 1_000_000.0
QUIET = Instance(
    "shop",
    created_at=0.0,
    state=State.CONNECTED,
    jid="6281234567890:1@s.whatsapp.net",
    connected_at=NOW - QUIET_S - 1,
)


def test_what_is_new_in_trouble_or_has_crashed_is_left_where_it_is() -> None:
    assert is_quiet(QUIET, NOW)
    assert not is_quiet(replace(QUIET, connected_at=NOW - QUIET_S + 1), NOW)
    assert not is_quiet(replace(QUIET, due=NOW + 5), NOW)
    assert not is_quiet(replace(QUIET, state=State.DEGRADED), NOW)
    assert not is_quiet(replace(QUIET, probe_misses=1), NOW)
    assert not is_quiet(replace(QUIET, crashes=(NOW - TRUSTED_S + 1,)), NOW)
    assert is_quiet(replace(QUIET, crashes=(NOW - TRUSTED_S - 1,)), NOW)


def test_a_worker_that_has_grown_is_given_up_alone() -> None:
    workers = (
        WorkerView(1, ("a", "b"), GROWN_MB + 1),
        WorkerView(2, ("c",)),
        WorkerView(3, ("d",)),
    )
    moved = regroup(workers, frozenset("abcd"), 10)
    assert moved is not None and moved.names == ("a", "b")
    assert "grown by 65 MB" in moved.why
    check_told(moved.why)


def test_one_restless_instance_keeps_its_whole_worker_in_place() -> None:
    workers = (WorkerView(1, ("a", "b")), WorkerView(2, ("c",)), WorkerView(3, ("d",)))
    moved = regroup(workers, frozenset("acd"), 10)
    assert moved is not None and moved.names == ("c", "d")
    check_told(moved.why)
    assert regroup(workers, frozenset("ac"), 10) is None


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(1, 12))
def test_a_move_saves_a_worker_and_fits_in_one(sizes: list[int], size: int) -> None:
    workers = [
        WorkerView(pid, tuple(f"{pid}-{n}" for n in range(count)))
        for pid, count in enumerate(sizes)
    ]
    everybody = frozenset(name for worker in workers for name in worker.names)
    moved = regroup(workers, everybody, size)
    given_up = [w for w in workers if moved and w.names and set(w.names) <= set(moved.names)]
    if moved is None:
        smallest = sorted(count for count in sizes if 0 < 2 * count <= size)[:2]
        assert len(smallest) < 2 or sum(smallest) > size
    else:
        assert len(given_up) >= 2 and len(moved.names) <= size
        assert sum(len(worker.names) for worker in given_up) == len(moved.names)


@given(st.integers(1, 100), st.integers(0, 2000))
def test_a_setting_is_obeyed_whatever_the_fleet(setting: int, instances: int) -> None:
    assert shares(setting, instances) == setting


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_more_share_a_worker_in_a_larger_fleet(few: int, more: int) -> None:
    few, more = sorted((few, more))
    assert 10 == shares(BY_FLEET, 0) <= shares(BY_FLEET, few) <= shares(BY_FLEET, more) <= 50
    assert (shares(BY_FLEET, 40), shares(BY_FLEET, 50)) == (25, 50)
