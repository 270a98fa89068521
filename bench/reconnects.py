"""1,000 reconnects of one instance: what the manager keeps of each.

The real program `waziterm headless` keeps one instance on the lab; the verb's request
`reconnect` reaches it over its control socket, again and again, each time once the last
connection stands. After every tenth reconnect its file descriptors, threads and memory are read
from /proc. The slope is that of the straight line that fits the samples best, per 100
reconnects; the first fifth is left out, in which caches and the log's tail fill.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass

from bench import machine
from bench.figures import Figure, percentile, slope
from bench.programs import Headless, headless
from bench.rig import BOOT_TIMEOUT_S, Rig, Stage
from waziterm.domain.lifecycle.states import State
from waziterm.lab.events import EventKind

TITLE = "many reconnects of one instance"
ROUNDS = 1000
QUICK_ROUNDS = 60
EVERY = 10
POLL_S = 0.02
FD_LIMIT = 0.5
THREAD_LIMIT = 0.5
RSS_LIMIT_KB = 100.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The manager after so many reconnects. rss_mb: in 10^6 bytes."""

    rounds: int
    fds: int
    threads: int
    rss_mb: float


async def run(rig: Rig) -> list[Figure]:
    """Reconnect, sample, fit."""
    rounds = QUICK_ROUNDS if rig.quick else ROUNDS
    async with (
        rig.stage(1) as stage,
        headless(stage.data, stage.lab.file) as manager,
    ):
        (name,) = stage.jids
        await stage.lab.wait_online(stage.jids[name], BOOT_TIMEOUT_S)
        await _connected(manager, name, None)
        samples, took = [_sample(manager, 0)], []
        for number in range(1, rounds + 1):
            took.append(await _reconnect(stage, manager, name))
            if number % EVERY == 0:
                samples.append(_sample(manager, number))
    steady = [sample for sample in samples if sample.rounds >= rounds / 5]
    per_round = {
        "fds": slope([(sample.rounds, sample.fds) for sample in steady]),
        "threads": slope([(sample.rounds, sample.threads) for sample in steady]),
        "rss": slope([(sample.rounds, 1000 * sample.rss_mb) for sample in steady]),
    }
    first, last = samples[0], samples[-1]
    fifths = [sample for sample in samples if sample.rounds % (rounds // 5) == 0]
    rss = "MB at each fifth: " + ", ".join(f"{sample.rss_mb:.1f}" for sample in fifths)
    return [
        Figure("reconnects that ended connected", len(took), "", rounds, at_least=True),
        Figure(
            "file descriptors of the manager, per 100",
            100 * per_round["fds"],
            "",
            FD_LIMIT,
            note=f"{first.fds} at the start, {last.fds} at the end",
        ),
        Figure(
            "threads of the manager, per 100",
            100 * per_round["threads"],
            "",
            THREAD_LIMIT,
            note=f"{first.threads} at the start, {last.threads} at the end",
        ),
        Figure("RSS of the manager, per 100", 100 * per_round["rss"], "kB", RSS_LIMIT_KB, note=rss),
        Figure(
            "one reconnect",
            statistics.median(took),
            "s",
            note=f"median; p95 {percentile(took, 0.95):.2f} s",
        ),
    ]


def _sample(manager: Headless, rounds: int) -> Sample:
    pid = manager.pid
    return Sample(rounds, machine.open_fds(pid), machine.threads(pid), machine.rss_mb(pid))


async def _reconnect(stage: Stage, manager: Headless, name: str) -> float:
    """One reconnect, until a new worker is connected; seconds."""
    jid, position, began = stage.jids[name], stage.lab.position, time.monotonic()
    before = (await manager.instance(name))["pid"]
    await manager.reconnect(name)
    await stage.lab.wait_event(
        lambda event: event.kind is EventKind.LOGIN and event.jid == jid,
        BOOT_TIMEOUT_S,
        position=position,
    )
    await _connected(manager, name, before)
    return time.monotonic() - began


async def _connected(manager: Headless, name: str, but: int | None) -> None:
    """Wait until a worker other than `but` is connected. Raises TimeoutError."""
    async with asyncio.timeout(BOOT_TIMEOUT_S):
        while True:
            view = await manager.instance(name)
            if view["state"] == State.CONNECTED.value and view["pid"] not in (None, but):
                return
            await asyncio.sleep(POLL_S)
