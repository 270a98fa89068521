"""A `Fleet` in memory whose answers a test writes, and helpers to look at a socket from outside."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from tests.scriptedtools import ScriptedTools
from waziterm.domain.fleet.api import (
    Changes,
    Fleet,
    FleetError,
    FleetView,
    InstanceNotFoundError,
    InstanceView,
    LogLine,
    SendResult,
    Source,
    Subscription,
)
from waziterm.domain.fleet.counts import Counts
from waziterm.domain.lifecycle.instance import DEVICE_NAME, PairingCode, QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.text import mask_proxy
from waziterm.domain.upkeep.janitor import Act, ActKind

CODE_TEXT = "ABCD-EFGH"
QR_TEXT = "https://wa.me/settings/linked_devices#2@" + "Ab1+" * 55 + ",x,y,z,1"


class ScriptedFleet(ScriptedTools):
    """Keeps views that a test sets, and remembers the commands that reached it.

    refuse: raised by the next command, instead of carrying it out.
    """

    def __init__(self, *views: InstanceView, at: float | None = None) -> None:
        self.views = {view.name: view for view in views}
        self.calls: list[tuple[object, ...]] = []
        self.refuse: Exception | None = None
        self.sent = SendResult(True, 0.05, "3EB0", "")
        self.aliases: dict[str, str] = {}
        self._at = at

    def now(self) -> float:
        return time.time() if self._at is None else self._at

    def view(self, name: str) -> InstanceView:
        if name not in self.views:
            raise InstanceNotFoundError(name)
        return self.views[name]

    def snapshot(self) -> FleetView:
        counts = {
            view.name: Counts(view.attempts, view.attempts_ok, sends_ok=view.sent, lost=view.lost)
            for view in self.views.values()
        }
        views = tuple(self.views.values())
        return FleetView(
            *(self.now(), True, views),
            attempts=4,
            attempts_ok=3,
            counts=counts,
            aliases=dict(self.aliases),
        )

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        lines = [LogLine(seq, 100.0 + seq, Source.LIBRARY, f"line {seq}") for seq in range(1, 11)]
        return tuple(lines[-limit:])

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        return _subscribed(self.snapshot)

    async def add(
        self,
        name: str,
        phone: str | None = None,
        proxy: str | None = None,
        *,
        session: str | None = None,
    ) -> InstanceView:
        self._take("add", name, phone, proxy)
        if name in self.views:
            raise FleetError(f"{name} exists already", "choose another name")
        self.views[name] = view(name, proxy=proxy)
        return self.views[name]

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
        self._take("edit", name, note, tags, proxy, device_name, isolate, receipts)
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
        self.views[name] = view
        return view

    async def undo_edit(self, name: str, edit: int) -> InstanceView:
        self._take("undo_edit", name, edit)
        return self.views[name]

    async def rename(self, name: str, new: str, *, take: bool = False) -> InstanceView:
        self._take("rename", name, new, *([take] if take else []))
        if name not in self.views:
            raise InstanceNotFoundError(name)
        self.views[new] = replace(self.views.pop(name), name=new)
        self.aliases[name] = new
        return self.views[new]

    async def start(self, name: str) -> InstanceView:
        self._take("start", name)
        return self._move(name, State.CONNECTING, Reason.ASKED, Wanted.RUNNING)

    async def stop(self, name: str) -> InstanceView:
        self._take("stop", name)
        return self._move(name, State.STOPPED, Reason.BY_OPERATOR, Wanted.STOPPED)

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView:
        self._take("reconnect", name, takeover)
        return self._move(name, State.CONNECTING, Reason.ASKED, Wanted.RUNNING)

    async def took(self, *call: object) -> None:
        self._take(*call)

    async def clean(self, name: str, *, logout: bool = False, act_id: str = "") -> InstanceView:
        self._take("clean", name, logout)
        return self._move(name, State.STOPPED, Reason.CLEANED, Wanted.STOPPED)

    async def pairing_code(self, name: str, phone: str | None = None) -> InstanceView:
        self._take("pairing_code", name, phone)
        code = PairingCode(CODE_TEXT, self.snapshot().at + 150.0)
        self.views[name] = replace(self.views[name], code=code)
        return self.views[name]

    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        self.calls.append(("tidy_up", dry_run))
        return (Act(ActKind.REPORT, "lost.db", "a session file without an instance"),)

    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        self._take("send_test", name, to)
        return self.sent

    def _take(self, *call: object) -> None:
        if self.refuse is not None:
            refusal, self.refuse = self.refuse, None
            raise refusal
        self.calls.append(call)

    def _move(self, name: str, state: State, reason: Reason, wanted: Wanted) -> InstanceView:
        moved = replace(self.views[name], state=state, reason=reason, wanted=wanted)
        self.views[name] = moved
        return moved


class _Snapshots:
    def __init__(self, snapshot: Callable[[], FleetView]) -> None:
        self._snapshot = snapshot

    async def next(self) -> Changes:
        return Changes(snapshot=self._snapshot())


@asynccontextmanager
async def _subscribed(snapshot: Callable[[], FleetView]) -> AsyncIterator[Subscription]:
    yield _Snapshots(snapshot)


def view(name: str, **changes: object) -> InstanceView:
    """A new instance that nobody has linked yet, with changes."""
    fresh = InstanceView(
        name=name,
        state=State.STOPPED,
        reason=Reason.NEW,
        detail="",
        next_step=Reason.NEW.next_step,
        wanted=Wanted.RUNNING,
        paired=False,
        jid=None,
        since=1_767_225_600.0,
    )
    changed = replace(fresh, **changes)  # type: ignore[arg-type]
    if "next_step" in changes:
        return changed
    return replace(changed, next_step=changed.reason.next_step)


def connected_view(name: str, connected_at: float = 1_767_225_600.0) -> InstanceView:
    """A linked instance that is connected."""
    return view(
        name,
        state=State.CONNECTED,
        reason=Reason.ONLINE,
        paired=True,
        jid="+62812••••4411:3@s.whatsapp.net",
        connected_at=connected_at,
        probe_s=0.08,
        probed_at=connected_at + 30.0,
        sent=3,
        pid=4121,
    )


def pairing_view(name: str, expires_at: float | None = None) -> InstanceView:
    """An instance that shows its second QR code of six."""
    ends = time.time() + 15.0 if expires_at is None else expires_at
    return view(name, state=State.PAIRING, reason=Reason.QR_SHOWN, qr=QrCode(QR_TEXT, 2, 6, ends))


def as_fleet(fleet: ScriptedFleet) -> Fleet:
    """The same object, checked against the protocol by the type checker."""
    return fleet
