"""The written-once rule: when a worker may start a client, and when it may call one.

neonize's Go side keeps its clients in three maps without a lock, and Go ends the whole process
when one is written while somebody reads it. A start writes them, and reads them a last time just
before its first callback; every call reads them; `Stop` writes them (goneonize `main.go`:
`Neonize`, `CallbackFunction`, `FetchMe`, `Stop`). So starts run one after the other, each until it
has begun, and the first call ends all starts of the process. `Stop` is not called at all.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import field

from waziterm.domain.frozen import dataclass

PATIENCE_S = 8.0
"""How long a start may take until it has begun; a resume takes 0.02 s beside a server. Longer than
the 5 s for which the library waits for a locked database, which comes before it dials."""
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Calls:
    """The proof that no client will be started in this process any more. What calls a client
    asks for it; only `Opening.close` makes it."""

    _made_by: "Opening" = field(repr=False)

    def __post_init__(self) -> None:
        if not self._made_by.is_closed:
            raise RuntimeError("a call was to be made while clients may still be started")


@dataclass(frozen=True, slots=True)
class Start:
    """One start.

    prepare: what comes before the library is asked; False when it is not to be asked.
    run: blocks for as long as the client lives. refuse: it will not be started, for the reason
    told. begun: set by the client's first callback, or its first QR code, by which it has written
    all that it writes; its end counts as well.
    """

    prepare: Callable[[], bool]
    run: Callable[[], None]
    refuse: Callable[[str], None]
    begun: threading.Event = field(default_factory=threading.Event)


class Opening:
    """The time of a worker in which clients are started, one after the other. It ends with the
    first call, with a start that hangs, and with one after which none may come. patience_s:
    seconds."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._queue: queue.SimpleQueue[Start | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closing = False
        self._closed = threading.Event()
        threading.Thread(target=self._work, name="starts", daemon=True).start()

    @property
    def is_closed(self) -> bool:
        """Whether every start is over, and none can follow."""
        return self._closed.is_set()

    def start(self, start: Start, *, last: bool) -> None:
        """Start a client when those before it have begun, or refuse it.

        last: no other may follow it. So is a pairing: its first callback comes when a phone has
        scanned the code, at any time or never.
        """
        with self._lock:
            closing = self._closing
            if not closing:
                self._queue.put(start)
                if last:
                    self._end()
        if closing:
            start.refuse("this worker starts nothing any more")

    def close(self) -> Calls:
        """End the starts, wait for those that are under way, and allow calls."""
        with self._lock:
            self._end()
        self._closed.wait()
        return Calls(self)

    def _end(self) -> None:
        if not self._closing:
            self._closing = True
            self._queue.put(None)

    def _work(self) -> None:
        hangs = False
        while (start := self._queue.get()) is not None:
            if hangs:
                start.refuse("a start before it hangs")
                continue
            if not _prepared(start):
                continue
            threading.Thread(target=_run, args=(start,), name="client", daemon=True).start()
            if not self._has_begun(start):
                # It waits for the network: what it writes comes before that, unless a disk holds
                # it up for so long, and what it reads may come at any moment.
                hangs = True
                with self._lock:
                    self._end()
        self._closed.set()

    def _has_begun(self, start: Start) -> bool:
        """Wait in short looks, so that a frozen process does not count as a start that hangs."""
        looks = max(1, round(self._patience_s / _LOOK_S))
        return any(start.begun.wait(self._patience_s / looks) for _ in range(looks))


def _prepared(start: Start) -> bool:
    try:
        return start.prepare()
    except Exception as error:  # noqa: BLE001 - the starts behind it must not wait for ever
        start.refuse(f"its start failed unexpectedly: {error!r}")
        return False


def _run(start: Start) -> None:
    try:
        start.run()
    finally:
        start.begun.set()
