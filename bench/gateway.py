"""Messages out: from being taken to WhatsApp's acknowledgement, through the queue of a manager.

A manager in this process keeps ten packed instances on the lab. Messages are given to its queue at
a steady rate, to people who were written to before, and pacing is off. Each is on the disk three
times: taken, given to a worker, acknowledged; what is measured is from the call to its answer, and
from the message's own moment to that of its acknowledgement, as `messages.db` has them.

Then through the API of `waziterm headless`, a process of its own, asked at the same rate over 16
connections; measured is from the request to its answer. Once as it is set by default, where they
are taken and wait for their turn, and once without pacing, where all are sent meanwhile: manager,
workers, the lab and whoever asks share the machine then; and so under the monitor, whose keys are
pressed meanwhile. At last messages in, see `bench.webhooks`.
"""

import asyncio
import os
import re
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from functools import partial

import aiohttp

from bench.figures import Figure, percentile
from bench.machine import cpu_s, rss_mb, workers
from bench.programs import command, environment, headless
from bench.rig import BOOT_TIMEOUT_S, Rig, Stage
from bench.screen import KEY_MS, View, walk
from bench.terminal import RecordedTerminal
from bench.webhooks import to_webhook
from waziterm.control.client.remote import attached
from waziterm.domain.messages.message import Content, MessageKind, MessageState, NewMessage
from waziterm.gateway.queue import Queue

TITLE = "messages out, through the queue and the API; messages in, to a webhook"
COUNT = 10
PER_S = 200
MESSAGES = 10_000
QUICK_MESSAGES = 2_000
CHATS = 40
CONNECTIONS = 16
PACED_MESSAGES = 5_000
WALK_S, QUICK_WALK_S = 60.0, 15.0
POLL_S = 0.2
ACCEPT_P95_MS = 10.0
SENT_P95_MS = 150.0
GROWN_MB = 20.0
TIMEOUT_S = 300.0
_ADDRESS = "WAZITERM_API__ADDRESS"
_ROWS = View("rows", (), re.compile(r"▌ \S+ (shop-\d+)"))


async def run(rig: Rig) -> list[Figure]:
    """The queue alone, then behind the API."""
    return [
        *await _queue_alone(rig),
        await _taken(rig),
        *await _through_api(rig),
        await _under_screen(rig),
        *await to_webhook(rig),
    ]


async def _queue_alone(rig: Rig) -> list[Figure]:
    """Write to everybody once, then to all of them at a steady rate."""
    messages = QUICK_MESSAGES if rig.quick else MESSAGES
    async with rig.stage(COUNT, fresh=True) as stage:
        off = {"WAZITERM_PACING__ENABLED": "false"}
        async with stage.manager(**off) as (fleet, _):
            names, queue = list(stage.jids), fleet.queue
            for number in range(COUNT * CHATS):
                await _take(queue, names, number)
            await _drained(queue)
            before_mb, pids = rss_mb(os.getpid()), (os.getpid(), *workers(os.getpid()))
            used = [cpu_s(pid) for pid in pids]
            first, took = time.time(), await _at_a_rate(partial(_take, queue, names), messages)
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


async def _taken(rig: Rig) -> Figure:
    """How long a request takes while the messages wait for their turn."""
    messages = PACED_MESSAGES // 5 if rig.quick else PACED_MESSAGES
    async with _api(rig) as (_, _, post):
        took = await _at_a_rate(post, messages)
    return Figure(
        f"a message is taken by the API, at {PER_S}/s, p95",
        percentile(took, 0.95),
        "ms",
        ACCEPT_P95_MS,
        note=f"{messages} messages that wait; median {percentile(took, 0.5):.1f} ms",
    )


async def _through_api(rig: Rig) -> list[Figure]:
    """The same while all are sent."""
    messages = QUICK_MESSAGES if rig.quick else MESSAGES
    async with _api(rig, WAZITERM_PACING__ENABLED="false") as (stage, pid, post):
        for number in range(COUNT * CHATS):
            await post(number)
        await _sent(stage, COUNT * CHATS)
        used = cpu_s(pid)
        first, took = time.time(), await _at_a_rate(post, messages)
        await _sent(stage, COUNT * CHATS + messages)
        used = cpu_s(pid) - used
        with closing(sqlite3.connect(stage.data.messages)) as db:
            asked = "SELECT sent_at - at FROM messages WHERE at >= ?"
            rows = db.execute(asked, (first,)).fetchall()
    sent = [1000 * passed for (passed,) in rows]
    return [
        Figure(
            f"a message is taken by the API, while {PER_S}/s are sent, p95",
            percentile(took, 0.95),
            "ms",
            note=f"{messages} messages; median {percentile(took, 0.5):.1f} ms",
        ),
        Figure(
            f"taken by the API to acknowledged, at {PER_S}/s through {COUNT} instances, p95",
            percentile(sent, 0.95),
            "ms",
            SENT_P95_MS,
            note=f"median {percentile(sent, 0.5):.0f} ms; CPU time of the manager for a message"
            f" {1000 * used / messages:.1f} ms",
        ),
    ]


async def _under_screen(rig: Rig) -> Figure:
    """How fast the monitor answers keys while its manager takes and sends."""
    seconds = QUICK_WALK_S if rig.quick else WALK_S
    settings = _settings(WAZITERM_PACING__ENABLED="false")
    async with rig.stage(COUNT, fresh=True) as stage:
        argv = command("--data-dir", stage.data.root, "--lab", stage.lab.file)
        # Where nobody remembers how the screen was left.
        home = {"XDG_STATE_HOME": str(stage.folder)}
        with RecordedTerminal(argv, environment() | settings | home) as terminal:
            async with _posting(stage, settings) as post:
                for number in range(COUNT * CHATS):
                    await post(number)
                await _sent(stage, COUNT * CHATS)
                walking = asyncio.to_thread(walk, terminal, _ROWS, COUNT, seconds)
                keys, _ = await asyncio.gather(walking, _at_a_rate(post, round(PER_S * seconds)))
    took = [1000 * each for each in keys]
    return Figure(
        f"key to repaint of the monitor meanwhile, at {PER_S}/s, p95",
        percentile(took, 0.95),
        "ms",
        KEY_MS,
        note=f"{len(took)} keys in the wall's rows; median {percentile(took, 0.5):.0f} ms",
    )


def _settings(**settings: str) -> dict[str, str]:
    """Variables for a manager with the API, on a port of its own."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return settings | {_ADDRESS: f"127.0.0.1:{free.getsockname()[1]}"}


@asynccontextmanager
async def _api(
    rig: Rig, **more: str
) -> AsyncIterator[tuple[Stage, int, Callable[[int], Awaitable[None]]]]:
    """A manager with the API: where it lives, its pid, and what posts a message."""
    settings = _settings(**more)
    async with (
        rig.stage(COUNT, fresh=True) as stage,
        headless(stage.data, stage.lab.file, **settings) as manager,
        _posting(stage, settings) as post,
    ):
        yield stage, manager.pid, post


@asynccontextmanager
async def _posting(
    stage: Stage, settings: Mapping[str, str]
) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """What posts a message to the manager that runs, all of whose instances are online."""
    names = list(stage.jids)
    for jid in stage.jids.values():
        await stage.lab.wait_online(jid, BOOT_TIMEOUT_S)
    async with attached(stage.data.socket, stage.data.owner_pid) as fleet:
        headers = {"Authorization": f"Bearer {(await fleet.add_token('bench')).token}"}
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    where = f"http://{settings[_ADDRESS]}"
    async with aiohttp.ClientSession(where, headers=headers, connector=connector) as web:

        async def post(number: int) -> None:
            chat = number // COUNT % CHATS
            body = {"to": f"+6289990{chat:05}", "text": f"message {number}"}
            path = f"/v1/instances/{names[number % COUNT]}/messages"
            async with web.post(path, json=body) as answer:
                if answer.status != 202:
                    raise RuntimeError(f"{answer.status}: {await answer.text()}")

        yield post


async def _sent(stage: Stage, count: int) -> None:
    """Wait until so many messages are sent."""
    asked = "SELECT count(*) FROM messages WHERE sent_at IS NOT NULL"
    with closing(sqlite3.connect(stage.data.messages)) as db:
        for _ in range(round(TIMEOUT_S / POLL_S)):
            if db.execute(asked).fetchone()[0] >= count:
                return
            await asyncio.sleep(POLL_S)
    raise RuntimeError(f"{count} messages were not sent within {TIMEOUT_S:.0f} s")


async def _take(queue: Queue, names: list[str], number: int) -> None:
    chat = number // COUNT % CHATS
    new = NewMessage(f"+6289990{chat:05}", Content(MessageKind.TEXT, f"message {number}"))
    await queue.accept(names[number % COUNT], new)


async def _at_a_rate(give: Callable[[int], Awaitable[None]], messages: int) -> list[float]:
    """Give messages at a steady rate; how long it took each, in milliseconds."""
    took: list[float] = []

    async def take(number: int) -> None:
        began = time.perf_counter()
        await give(number)
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
