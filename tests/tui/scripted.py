"""A fleet that does what a test tells it: the `Fleet` protocol in memory, with a clock by hand.

The screen knows nothing but that protocol, so this is its boundary. Nothing here stands for
WhatsApp: how sessions behave is tested with the real library on the lab.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from tests.scriptedtools import LINK, POSTED, ScriptedTools
from waziterm.domain.fleet.api import (
    Changes,
    FleetError,
    FleetView,
    InstanceView,
    LogLine,
    Notice,
    SendResult,
    Source,
)
from waziterm.domain.lifecycle.instance import DEVICE_NAME, PairingCode, QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.links import MadeLink
from waziterm.domain.messages.message import MessageState
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.names import InvalidNameError, check_name
from waziterm.domain.phrase import as_it_is
from waziterm.domain.stats.strips import CELL_S, DAY_CELLS, Recent, Stood, cells_of, first_cell
from waziterm.domain.text import mask_proxy
from waziterm.domain.upkeep.janitor import Act

NOW = 1_750_000_000.0
"""2025-06-15 15:06:40 UTC."""

FAKE_QR = "https://wa.me/settings/linked_devices#FAKE-CODE-FOR-TESTS-" + "".join(
    random.Random(11).choices("ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789+/=,", k=224)
)
"""As long as a real code and in its alphabet, and of no use to anyone."""

FAKE_CODE = "FAKE-C0DE"
"""A zero is in no real pairing code."""


class Clock:
    """Stands still until it is moved."""

    def __init__(self, at: float = NOW) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += seconds


class ScriptedSubscription:
    """Merges what was not read yet, as the protocol demands."""

    def __init__(self, fleet: "ScriptedFleet") -> None:
        self._fleet = fleet
        self._waiting = [Changes(snapshot=fleet.snapshot())]
        self._arrived = asyncio.Event()
        self._arrived.set()

    def put(self, changes: Changes) -> None:
        self._waiting.append(changes)
        self._arrived.set()

    async def next(self) -> Changes:
        await self._arrived.wait()
        self._arrived.clear()
        waiting, self._waiting = self._waiting, []
        if self._fleet.broken is not None:
            raise self._fleet.broken
        lines: dict[str, tuple[LogLine, ...]] = {}
        for changes in waiting:
            for name, some in changes.lines.items():
                lines[name] = (*lines.get(name, ()), *some)
        changed = {view.name: view for changes in waiting for view in changes.changed}
        removed = {name for changes in waiting for name in changes.removed}
        return Changes(
            snapshot=next((each.snapshot for each in reversed(waiting) if each.snapshot), None),
            changed=tuple(view for view in changed.values() if view.name in self._fleet.views),
            removed=tuple(removed - self._fleet.views.keys()),
            lines=lines,
            notices=tuple(notice for changes in waiting for notice in changes.notices),
        )


class ScriptedFleet(ScriptedTools):
    """Instances as given. Commands are noted in `calls`; `refuse` makes the next one fail.

    gate: commands wait for it, so that a test can look at what happens in between.
    """

    def __init__(self, *views: InstanceView, clock: Clock | None = None, lab: bool = False) -> None:
        self.clock = clock or Clock()
        self.views = {view.name: view for view in views}
        self.logs: dict[str, list[LogLine]] = {}
        self.aliases: dict[str, str] = {}
        self.calls: list[tuple[str, ...]] = []
        self.refuse: Exception | None = None
        self.tidied: tuple[Act, ...] = ()
        self.send_result = SendResult(ok=True, took_s=0.31, message_id="3EB0FAKE")
        self.broken: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self._lab = lab
        self._subscriptions: set[ScriptedSubscription] = set()

    # -- what a test does

    def show(self, view: InstanceView) -> None:
        """An instance is another way from now on."""
        self.views[view.name] = view
        self._publish(Changes(changed=(view,)))

    def vanish(self, name: str) -> None:
        del self.views[name]
        self._publish(Changes(removed=(name,)))

    def log(self, name: str, text: str, source: Source = Source.LIBRARY) -> None:
        lines = self.logs.setdefault(name, [])
        line = LogLine(lines[-1].seq + 1 if lines else 1, self.clock(), source, text)
        lines.append(line)
        self._publish(Changes(lines={name: (line,)}))

    def notice(self, text: str, instance: str | None = None, *, trouble: bool = False) -> None:
        self._publish(Changes(notices=(Notice(self.clock(), as_it_is(text), instance, trouble),)))

    def crash(self, error: Exception) -> None:
        """The next read of every subscription fails."""
        self.broken = error
        self._publish(Changes())

    def _publish(self, changes: Changes) -> None:
        for subscription in self._subscriptions:
            subscription.put(changes)

    # -- the protocol

    def now(self) -> float:
        return self.clock()

    def view(self, name: str) -> InstanceView:
        return self.snapshot().instance(name)

    def snapshot(self) -> FleetView:
        views = tuple(self.views.values())
        return FleetView(self.clock(), self._lab, views, aliases=dict(self.aliases))

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        return tuple(self.logs.get(name, [])[-limit:])

    def subscribe(self) -> AbstractAsyncContextManager[ScriptedSubscription]:
        return self._subscribe()

    @asynccontextmanager
    async def _subscribe(self) -> AsyncIterator[ScriptedSubscription]:
        subscription = ScriptedSubscription(self)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def _taken(self, *call: str) -> None:
        self.calls.append(call)
        await self.gate.wait()
        if self.refuse is not None:
            error, self.refuse = self.refuse, None
            raise error

    async def took(self, *call: object) -> None:
        await self._taken(*map(str, call))

    async def add(
        self,
        name: str,
        phone: str | None = None,
        proxy: str | None = None,
        *,
        session: str | None = None,
    ) -> InstanceView:
        await self._taken("add", name, phone or "", proxy or "")
        try:
            check_name(name)
        except InvalidNameError as error:
            raise FleetError(str(error), code=2) from error
        if name in self.views:
            raise FleetError(f"{name} exists already", "choose another name", code=2)
        view = instance(name, State.CONNECTING, Reason.ASKED, self.clock(), proxy=proxy)
        self.show(view)
        return view

    async def edit(
        self,
        name: str,
        *,
        note: str | None = None,
        tags: str | None = None,
        proxy: str | None = None,
        device_name: str | None = None,
        isolate: str | None = None,
        receipts: str | None = None,
    ) -> InstanceView:
        asked = {"note": note, "tags": tags, "proxy": proxy}
        asked |= {"device_name": device_name, "isolate": isolate, "receipts": receipts}
        said = [f"{key}={value}" for key, value in asked.items() if value is not None]
        await self._taken("edit", name, *said)
        view = self.views[name]
        if note is not None:
            view = replace(view, note=note)
        if tags is not None:
            view = replace(view, tags=tuple(tags.split(",")) if tags else ())
        if proxy is not None:
            view = replace(view, proxy=mask_proxy(proxy) if proxy else None)
        if device_name is not None:
            view = replace(view, device_name=device_name or DEVICE_NAME)
        if isolate is not None:
            view = replace(view, isolated=isolate == "true")
        if receipts is not None:
            view = replace(view, receipts=receipts == "true")
        self.show(view)
        return view

    async def undo_edit(self, name: str, edit: int) -> InstanceView:
        await self._taken("undo_edit", name, str(edit))
        return self.views[name]

    async def rename(self, name: str, new: str, *, take: bool = False) -> InstanceView:
        await self._taken("rename", name, new, *(["take"] if take else []))
        view = replace(self.views.pop(name), name=new)
        self.views[new] = view
        self.logs[new] = self.logs.pop(name, [])
        self.aliases[name] = new
        self._publish(Changes(snapshot=self.snapshot()))
        return view

    async def start(self, name: str) -> InstanceView:
        await self._taken("start", name)
        return self._moved(name, State.CONNECTING, Reason.ASKED, Wanted.RUNNING)

    async def stop(self, name: str) -> InstanceView:
        await self._taken("stop", name)
        return self._moved(name, State.STOPPED, Reason.BY_OPERATOR, Wanted.STOPPED)

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView:
        await self._taken("reconnect", name, "takeover" if takeover else "")
        return self._moved(name, State.CONNECTING, Reason.TAKEOVER, Wanted.RUNNING)

    async def clean(self, name: str, *, logout: bool = False, act_id: str = "") -> InstanceView:
        await self._taken("clean", name)
        return self._moved(name, State.STOPPED, Reason.CLEANED, Wanted.STOPPED)

    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        await self._taken("send_test", name)
        return self.send_result

    async def make_link(self, name: str, seconds: int = 600) -> MadeLink:
        await self._taken("make_link", name, str(seconds))
        return MadeLink(LINK, name, self.clock() + seconds)

    async def pairing_code(self, name: str, phone: str | None = None) -> InstanceView:
        await self._taken("pairing_code", name, phone or "")
        code = PairingCode(FAKE_CODE, self.clock() + 150)
        view = replace(self.views[name], code=code)
        self.show(view)
        return view

    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        await self._taken("tidy_up", "dry run" if dry_run else "")
        return self.tidied

    def _moved(self, name: str, state: State, reason: Reason, wanted: Wanted) -> InstanceView:
        self.clock.advance(0.001)
        view = replace(
            self.views[name],
            state=state,
            reason=reason,
            next_step=reason.next_step,
            detail="",
            wanted=wanted,
            since=self.clock(),
            next_attempt=None,
            connected_at=None,
            qr=None,
        )
        self.show(view)
        return view


def instance(
    name: str,
    state: State,
    reason: Reason,
    since: float = NOW - 180,
    *,
    jid: str | None = None,
    detail: str = "",
    next_attempt: float | None = None,
    connected_at: float | None = None,
    probe_s: float | None = None,
    probed_at: float | None = None,
    sent: int = 0,
    attempt: int = 0,
    proxy: str | None = None,
    pid: int | None = None,
    qr: QrCode | None = None,
) -> InstanceView:
    """An instance as a manager would show it."""
    return InstanceView(
        name=name,
        state=state,
        reason=reason,
        detail=detail,
        next_step=reason.next_step,
        wanted=Wanted.STOPPED if state is State.STOPPED else Wanted.RUNNING,
        paired=jid is not None,
        jid=jid,
        since=since,
        next_attempt=next_attempt,
        connected_at=connected_at,
        probe_s=probe_s,
        probed_at=probed_at,
        sent=sent,
        attempt=attempt,
        proxy=proxy,
        pid=pid,
        qr=qr,
    )


def connected(
    name: str, tail: str = "4411", up_s: float = 273_120, sent: int = 3, at: float = NOW
) -> InstanceView:
    return instance(
        name,
        State.CONNECTED,
        Reason.ONLINE,
        at - up_s,
        jid=f"+62812••••{tail}:7@s.whatsapp.net",
        connected_at=at - up_s,
        probe_s=0.08,
        probed_at=at - 12,
        sent=sent,
        pid=41200 + int(tail) % 100,
    )


def pairing(name: str, left_s: float = 14, payload: str = FAKE_QR, at: float = NOW) -> InstanceView:
    code = QrCode(payload, 2, 6, at + left_s)
    return instance(name, State.PAIRING, Reason.QR_SHOWN, at - 26, qr=code, pid=41307)


def every_state(at: float = NOW, *, lab: bool = True) -> ScriptedFleet:
    """A fleet with an instance in each state, and some log."""
    jid = "+62811••••9083:12@s.whatsapp.net"
    fleet = ScriptedFleet(
        connected("shop-jakarta", at=at),
        instance(
            "shop-bandung",
            State.COOLDOWN,
            Reason.CONFLICT,
            at - 4,
            jid=jid,
            detail="python bot.py (pid 4121)",
            next_attempt=at + 7,
        ),
        pairing("shop-medan", at=at),
        instance("shop-bali", State.CONNECTING, Reason.RESUMED, at - 2, jid=jid, pid=41309),
        instance(
            "shop-solo", State.DEGRADED, Reason.KEEPALIVE_MISSED, at - 40, jid=jid,
            connected_at=at - 7400, probe_s=0.09, probed_at=at - 200, pid=41310,
        ),
        instance(
            "shop-malang", State.RETRYING, Reason.DROPPED, at - 9, jid=jid,
            next_attempt=at + 23, attempt=4, pid=41311,
        ),
        instance("shop-aceh", State.HELD, Reason.RIVAL, at - 900, jid=jid),
        instance("shop-batam", State.LOGGED_OUT, Reason.UNLINKED, at - 86_400 * 2),
        instance(
            "shop-kupang", State.BANNED, Reason.TEMPORARY_BAN, at - 600, jid=jid,
            detail="code 101", next_attempt=at + 11_000,
        ),
        instance("shop-ambon", State.OUTDATED, Reason.OUTDATED_CLIENT, at - 61, jid=jid),
        instance("shop-palu", State.STOPPED, Reason.BY_OPERATOR, at - 3600, jid=jid),
        connected("shop-surabaya", "2207", 754, 0, at),
        clock=Clock(at),
        lab=lab,
    )  # fmt: skip
    first = fleet.views["shop-jakarta"]
    fleet.views["shop-jakarta"] = replace(first, attempts=77, attempts_ok=76)
    said = {
        "shop-jakarta": ("probe answered after 0.08 s", "send-test accepted", "receipt: read"),
        "shop-bandung": ("probe answered after 0.11 s", "replaced by another client (440)"),
        "shop-medan": ("new QR code, 1 of 6", "new QR code, 2 of 6"),
        "shop-surabaya": ("connected", "probe answered after 0.08 s"),
        "shop-solo": ("no answer to a keep-alive", "no answer to a keep-alive"),
        "shop-malang": ("the connection was closed", "attempt 4 in 23 s"),
    }
    for name, texts in said.items():
        fleet.logs[name] = [
            LogLine(seq, at - 60 + 8 * seq, Source.LIBRARY, text)
            for seq, text in enumerate(texts, 1)
        ]
    return fleet


def big(count: int, at: float = NOW) -> ScriptedFleet:
    """Many connected instances."""
    return ScriptedFleet(
        *(connected(f"shop-{number:03}", f"{1000 + number}", at=at) for number in range(count))
    )


def busy(count: int = 40, at: float = NOW) -> ScriptedFleet:
    """A fleet with a past: most are well, some are worse than usual, a few need somebody."""
    jid = "+62811••••9083:12@s.whatsapp.net"
    towns = ("jakarta", "bandung", "surabaya", "solo", "palu", "ambon", "kupang", "malang")
    names = [f"shop-{towns[n % 8]}-{n // 8 + 1}" for n in range(count)]
    views = [
        connected(name, f"{1000 + n}", 4000.0 * n + 90, n % 4, at) for n, name in enumerate(names)
    ]
    views[5] = instance(
        names[5], State.HELD, Reason.RIVAL, at - 240, jid=jid, detail="node app.js (pid 812)"
    )
    views[9] = instance(
        names[9], State.RETRYING, Reason.DROPPED, at - 9, jid=jid, next_attempt=at + 34, attempt=4
    )
    views[12] = instance(names[12], State.STOPPED, Reason.BY_OPERATOR, at - 9000, jid=jid)
    views[14] = replace(views[14], silenced_until=at + 5400)
    return with_days(ScriptedFleet(*views, clock=Clock(at)))


def with_days(fleet: ScriptedFleet) -> ScriptedFleet:
    """The same, and the last days of each."""
    at = fleet.clock.at
    begin = first_cell(at, DAY_CELLS)
    told = []
    for place, view in enumerate(fleet.views.values()):
        chance = random.Random(view.name)
        often = (0, 0, 1, 0, 3, 0, 12, 2)[place % 8]
        drops = tuple(chance.randint(0, often) for _ in range(6))
        today = often * 3 if often > 2 else drops[-1]
        moves = [Stood(begin - 1 if place % 9 else begin + 9 * CELL_S, State.CONNECTED)]
        for _ in range(today):
            down = begin + chance.random() * (at - begin - 4000)
            moves.append(Stood(down, State.RETRYING))
            moves.append(Stood(down + chance.expovariate(1 / 400), State.CONNECTED))
        moves.sort(key=lambda each: each.at)
        if view.state is not State.CONNECTED:
            moves.append(Stood(view.since, view.state))
        lost = 0.004 * sum(drops) + 0.01 * today
        told.append(
            Recent(
                *(view.name, begin, cells_of(moves, begin, at, DAY_CELLS), 86_000.0, 86_400.0),
                uptime=max(0.0, 1 - lost),
                drops=(*drops, today),
                mean_drops=sum(drops) / 6,
                connect_s=0.4 + chance.random() * (1 + often),
            )
        )
    fleet.lately = tuple(told)
    return fleet


def sending(at: float = NOW) -> ScriptedFleet:
    """A fleet that sends: some messages wait, of some nobody knows whether they arrived."""
    fleet = every_state(at)
    hours = (0, 0, 0, 0, 0, 2, 9, 14, 22, 30, 41, 18, 12, 20, 26, 33, 28, 19, 11, 6, 2, 0, 7, 41)
    counts = {
        "shop-jakarta": QueueCounts(12, 1, 0, at + 140, "gap", 41, 341, hours),
        "shop-surabaya": QueueCounts(0, 0, 0, None, "", 3, 18, hours[::-1]),
        "shop-bandung": QueueCounts(4, 1, 1, at + 7, "cooldown", 0, 120, (0,) * 23 + (5,)),
    }
    for name, each in counts.items():
        fleet.views[name] = replace(fleet.views[name], messages=each)
    waits, unsure, read, failed = POSTED
    fleet.posted = (
        replace(waits, id="m-0009", instance="shop-jakarta"),
        replace(waits, id="m-0008", instance="shop-bandung", at=at - 31, code="cooldown"),
        replace(unsure, id="m-0007", instance="shop-bandung"),
        replace(unsure, id="m-0006", instance="shop-jakarta", at=at - 8000),
        replace(read, id="m-0005", instance="shop-surabaya"),
        replace(read, id="m-0004", instance="shop-jakarta", state=MessageState.SENT, read_at=None),
        replace(failed, id="m-0003", instance="shop-bandung"),
        replace(failed, id="m-0002", instance="shop-aceh", state=MessageState.EXPIRED,
            waits_for_person=False, code="expired"),
        replace(read, id="m-0001", instance="shop-jakarta", state=MessageState.CANCELLED,
            to="••••4711@g.us"),
    )  # fmt: skip
    return fleet


HOSTILE = (
    "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m \x1bc\x9b5A\x07",
    "[bold red]markup[/] [@click=app.quit]link[/] [/nonsense]",
    "zero\u200bwidth\u2060 \ufeffbom \u202eright-to-left\u202c \u2066isolated\u2069",
    "\u4ec0\u4e48 \u5bbd\u5b57 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f"
    " \U0001f1ee\U0001f1e9 1\ufe0f\u20e3 \U0001f44d\U0001f3fd",
    "a\r\nb\tc\x00d\x85e\u2028f",
    "z\u0351\u036b\u0343a\u0329l\u0348g\u0352o",
)
"""Texts as a stranger may send them: escapes, markup, invisible and wide characters."""


def hostile(at: float = NOW) -> ScriptedFleet:
    """Instances whose details and logs are hostile."""
    jid = "+62811\u2022\u2022\u2022\u20229083:12@s.whatsapp.net"
    fleet = ScriptedFleet(
        *(
            instance(f"shop-{number}", State.HELD, Reason.RIVAL, at - 60, jid=jid, detail=text)
            for number, text in enumerate(HOSTILE)
        ),
        clock=Clock(at),
    )
    for name in fleet.views:
        fleet.logs[name] = [
            LogLine(seq, at - 30 + seq, Source.LIBRARY, text) for seq, text in enumerate(HOSTILE, 1)
        ]
    return fleet
