"""Keys in their order: what one of them opens is open before the next one is read.

Textual passes a key on to what has the focus when it arrives, and carries out its binding some
steps later. Keys that come in one burst, as over a slow connection, would all go to the old
screen: `/shop` would begin a filter, and stop an instance with its `s`.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

from waziterm.tui.textual_private import parent_of

AT_ONCE = frozenset({"ctrl+c", "ctrl+q"})
"""Keys that leave; they wait for nothing."""
PATIENCE_S = 2.0
"""How long a key may keep the next one waiting: who handled it may be gone by then."""
MOST_WAITING = 512
"""Keys that wait for their turn. Nobody types so far ahead: the oldest are lost then."""


class KeyOrder:
    """Gives an app the next key when the one before it has had its effect.

    take_in: what the app does with an event otherwise.
    """

    def __init__(
        self, app: App[Any], take_in: Callable[[events.Event], Coroutine[Any, Any, None]]
    ) -> None:
        self._app = app
        self._take_in = take_in
        self._typed: deque[events.Key] = deque(maxlen=MOST_WAITING)
        self._under_way: object | None = None

    async def on_event(self, event: events.Event) -> None:
        """Pass it on, unless it is a key that has to wait."""
        if not isinstance(event, events.Key) or event.is_forwarded or event.key in AT_ONCE:
            await self._take_in(event)
        elif self._under_way is not None:
            self._typed.append(event)
        else:
            await self._pass_on(event)

    async def _pass_on(self, event: events.Key) -> None:
        mine = self._under_way = object()
        stations = self._stations(self._app.focused or self._app.screen)
        await self._take_in(event)

        async def done() -> None:
            if self._under_way is mine:
                self._under_way = None
                if self._typed:
                    await self._pass_on(self._typed.popleft())

        def go_on() -> None:
            for station in stations:
                if station().call_later(go_on):
                    return
            self._app.call_later(done)

        self._app.set_timer(PATIENCE_S, done)
        go_on()

    def _stations(self, first: MessagePump) -> Iterator[Callable[[], MessagePump]]:
        """Whose queues the key and its effect go through, one after the other.

        From what has the focus it rises to the app, which acts; what the action has opened then
        asks the app for the focus.
        """
        pump: MessagePump | None = first
        while pump is not None:
            yield partial(_itself, pump)
            pump = parent_of(pump)
        yield lambda: self._app.screen
        yield lambda: self._app


def _itself(pump: MessagePump) -> MessagePump:
    return pump
