"""Helpers for tests that run a fleet: waiting for what the fleet shows, pairing on the lab."""

import asyncio
from collections.abc import Callable

from waziterm.domain.fleet.api import Fleet, InstanceView
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.words import Scanned

DEADLINE_S = 30.0


async def shown(
    fleet: Fleet,
    name: str,
    wanted: Callable[[InstanceView], bool],
    timeout_s: float = DEADLINE_S,
) -> InstanceView:
    """Wait until the fleet shows an instance the wanted way; the message tells what it showed."""
    seen: list[str] = []
    try:
        async with asyncio.timeout(timeout_s), fleet.subscribe() as changes:
            while True:
                change = await changes.next()
                views = change.snapshot.instances if change.snapshot else change.changed
                for view in views:
                    if view.name == name:
                        seen.append(f"{view.state}/{view.reason.slug} {view.detail}")
                        if wanted(view):
                            return view
    except TimeoutError:
        lines = "\n".join(f"  {line.source}: {line.text}" for line in fleet.tail(name))
        raise AssertionError(
            f"{name} never got there; it showed {seen}; its log:\n{lines}"
        ) from None


async def in_state(
    fleet: Fleet, name: str, state: State, timeout_s: float = DEADLINE_S
) -> InstanceView:
    """Wait until an instance is in a state."""
    return await shown(fleet, name, lambda view: view.state is state, timeout_s)


async def pair(fleet: Fleet, lab: Lab, name: str) -> Scanned:
    """Add an instance, let a phone of the lab scan its QR code, wait until it is connected and all
    that the phone sends after a linking has come."""
    await fleet.add(name)
    view = await shown(fleet, name, lambda view: view.qr is not None)
    assert view.qr is not None
    phone = await lab.scan(view.qr.payload)
    await in_state(fleet, name, State.CONNECTED)
    async with asyncio.timeout(DEADLINE_S), fleet.subscribe() as changes:
        while not any(line.text == "history received, 100 %" for line in fleet.tail(name, 500)):
            await changes.next()
    return phone


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something is so that nobody tells."""
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
