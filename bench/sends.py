"""send-tests through a running manager: from the request to WhatsApp's acknowledgement.

The real program `waziterm headless` keeps ten packed instances on the lab. The request
`send-test` goes over the control socket, one after the other, round the instances; the answer
comes when the lab has acknowledged the message. The layered test of `waziterm test`, which also
resolves, dials and asks, is timed beside it, as are the whole processes of two verbs.
"""

import asyncio
import statistics
import time
from collections.abc import Callable

from bench.figures import Figure, percentile
from bench.programs import command, environment, headless
from bench.rig import BOOT_TIMEOUT_S, Rig, Stage
from waziterm.control.client.remote import attached
from waziterm.domain.fleet.protocol import Fleet

TITLE = "send-test through the running manager"
COUNT = 10
SENDS = 300
QUICK_SENDS = 50
TESTS = 20
P95_MS = 150.0
LIST_MS = 250.0


async def run(rig: Rig) -> list[Figure]:
    """Send, then test, then run the verb."""
    sends = QUICK_SENDS if rig.quick else SENDS
    async with (
        rig.stage(COUNT, fresh=True) as stage,
        headless(stage.data, stage.lab.file) as manager,
        attached(stage.data.socket, stage.data.owner_pid) as fleet,
    ):
        for jid in stage.jids.values():
            await stage.lab.wait_online(jid, BOOT_TIMEOUT_S)
        names, took, layered, tests, lists = list(stage.jids), [], [], [], []
        for nth in range(sends):
            began = time.perf_counter()
            result = await fleet.send_test(names[nth % COUNT])
            took.append(1000 * (time.perf_counter() - began))
            if not result.ok:
                raise RuntimeError(f"a send-test failed: {result.error}")
        for nth in range(TESTS):
            began = time.perf_counter()
            await asyncio.to_thread(manager.client.ask, _testing(names[nth % COUNT]))
            layered.append(1000 * (time.perf_counter() - began))
            tests.append(await _verb(stage, "test", names[nth % COUNT]))
            lists.append(await _verb(stage, "list"))
    return [
        Figure(
            "send-test, request to acknowledgement, p95",
            percentile(took, 0.95),
            "ms",
            P95_MS,
            note=f"{sends} sends; median {statistics.median(took):.0f} ms",
        ),
        Figure("the layered test, median", statistics.median(layered), "ms"),
        Figure("`waziterm test NAME`, the whole process, median", statistics.median(tests), "ms"),
        Figure(
            "`waziterm list`, the whole process, median",
            statistics.median(lists),
            "ms",
            LIST_MS,
            note=f"{len(lists)} runs, {COUNT} instances",
        ),
    ]


def _testing(name: str) -> Callable[[Fleet], object]:
    return lambda fleet: fleet.test(name, send=True)


async def _verb(stage: Stage, *words: str) -> float:
    """Run a verb to its end; milliseconds."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command(*words, "--data-dir", stage.data.root),
        stdout=asyncio.subprocess.DEVNULL,
        env=environment(),
    )  # fmt: skip
    await process.wait()
    return 1000 * (time.perf_counter() - began)
