"""Messages out: from being taken to WhatsApp's acknowledgement, through the queue of a manager.

A manager in this process keeps ten packed instances on the lab. Messages are given to its queue at
a steady rate, to people who were written to before, and pacing is off. Each is on the disk three
times: taken, given to a worker, acknowledged; what is measured is from the call to its answer, and
from the message's own moment to that of its acknowledgement, as `messages.db` has them.
"""

import asyncio
import os
import sqlite3
import time
from contextlib import closing

from bench.figures import Figure, percentile
from bench.machine import cpu_s, rss_mb, workers
from bench.rig import Rig
from waziterm.domain.messages.message import Content, MessageKind, MessageState, NewMessage
from waziterm.gateway.queue import Queue

TITLE = "messages out, through the queue"
COUNT = 10
PER_S = 200
MESSAGES = 10_000
QUICK_MESSAGES = 2_000
CHATS = 40
ACCEPT_P95_MS = 10.0
SENT_P95_MS = 150.0
GROWN_MB = 20.0
TIMEOUT_S = 300.0


async def run(rig: Rig) -> list[Figure]:
    """Write to everybody once, then to all of them at a steady rate."""
    messages = QUICK_MESSAGES if rig.quick else MESSAGES
    async with rig.stage(COUNT, fresh=True) as stage:
        off = {"WAZITERM_PACING__ENABLED": "false"}
        async with stage.manager(**off) as (fleet, _):
            names, queue = list(stage.jids), fleet.messages
            for number in range(COUNT * CHATS):
                await _take(queue, names, number)
            await _drained(queue)
            before_mb, pids = rss_mb(os.getpid()), (os.getpid(), *workers(os.getpid()))
            used = [cpu_s(pid) for pid in pids]
            first, took = time.time(), await _steadily(queue, names, messages)
            await _drained(queue)
            used = [cpu_s(pid) - before for pid, before in zip(pids, used, strict=True)]
            grown_mb = rss_mb(os.getpid()) - before_mb
        database = stage.data.root / "messages.db"
        with closing(sqlite3.connect(database)) as db:
            rows = db.execute(
                "SELECT state, sent_at - at FROM messages WHERE at >= ?", (first,)
            ).fetchall()
        mb = database.stat().st_size / 1e6
    sent = [1000 * passed for state, passed in rows if state == MessageState.SENT]
    if len(sent) != messages:
        raise RuntimeError(f"{messages - len(sent)} of {messages} messages were not sent")
    return [
        Figure(
            f"a message is taken, at {PER_S}/s, p95",
            percentile(took, 0.95),
            "ms",
            ACCEPT_P95_MS,
            note=f"{messages} messages; median {percentile(took, 0.5):.1f} ms",
        ),
        Figure(
            f"taken to acknowledged, at {PER_S}/s through {COUNT} instances, p95",
            percentile(sent, 0.95),
            "ms",
            SENT_P95_MS,
            note=f"median {percentile(sent, 0.5):.0f} ms",
        ),
        Figure(
            "CPU time of the manager for a message",
            1000 * used[0] / messages,
            "ms",
            note=f"that of the worker {1000 * sum(used[1:]) / messages:.1f} ms",
        ),
        Figure(
            f"memory that {messages} messages leave in the manager",
            grown_mb,
            "MB",
            GROWN_MB,
            note=f"messages.db has {mb:.1f} MB",
        ),
    ]


async def _take(queue: Queue, names: list[str], number: int) -> None:
    chat = number // COUNT % CHATS
    new = NewMessage(f"+6289990{chat:05}", Content(MessageKind.TEXT, f"message {number}"))
    await queue.accept(names[number % COUNT], new)


async def _steadily(queue: Queue, names: list[str], messages: int) -> list[float]:
    """Give the queue messages at a steady rate; how long it took each, in milliseconds."""
    took: list[float] = []

    async def take(number: int) -> None:
        began = time.perf_counter()
        await _take(queue, names, number)
        took.append(1000 * (time.perf_counter() - began))

    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number in range(messages):
            wait_s = began + number / PER_S - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            tasks.create_task(take(number))
    return took


async def _drained(queue: Queue) -> None:
    """Wait until nothing waits any more."""
    async with asyncio.timeout(TIMEOUT_S):
        while any(each.queued for each in queue.counts().values()):
            await queue.changed()
