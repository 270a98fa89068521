"""Other services, by Apprise: it blocks, so each sink has a thread of its own."""

import contextlib
import importlib
import logging
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from urllib.parse import unquote

from waziterm.alerts.channel import is_done
from waziterm.domain.alerts.alert import AlertSeverity, AlertState
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.delivery import Arrived, Json, Letter, NotYet, Outcome, body_for
from waziterm.domain.secret import MASK, Secret
from waziterm.domain.text import safe_line

DEADLINE_S = 30.0
_SEVERITY = {
    AlertSeverity.INFO.value: "info",
    AlertSeverity.WARNING.value: "warning",
    AlertSeverity.CRITICAL.value: "failure",
}
"""Apprise's words for how much a message matters."""
_PART = re.compile(r"[/:@?&=#,]+")
_SHORTEST = 3
_LOGS = ("apprise", "urllib3")
"""The logs in which a URL with a service's keys may stand."""

Work = tuple[Letter, "Future[Outcome]"]


class AppriseChannel:
    """See `alerts.channel.Channel`. The thread is a daemon: the program's end waits for none that
    hangs. One that is late with a message keeps what became of it for the message's next try.
    """

    def __init__(self, name: str, url: Secret, numbers: Numbers) -> None:
        self._name = name
        self._url = url
        self._numbers = numbers
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._under_way: Work | None = None

    async def prepare(self) -> None:
        self._live_from_now()

    async def send(self, letter: Letter) -> Outcome:
        under_way = self._under_way
        if under_way is not None and under_way[0].id != letter.id:
            if not await is_done(under_way[1], DEADLINE_S):
                return NotYet("it is still busy with another message")
            under_way = None
        if under_way is None:
            under_way = self._under_way = self._begun(letter)
        if not await is_done(under_way[1], DEADLINE_S):
            return NotYet(f"no answer within {DEADLINE_S:.0f} s")
        self._under_way = None
        return under_way[1].result()

    async def close(self) -> None:
        self._work.put(None)

    def _begun(self, letter: Letter) -> Work:
        """Hand a message to the thread."""
        self._live_from_now()
        future: Future[Outcome] = Future()
        # From now on nobody who waits for it can take it back.
        future.set_running_or_notify_cancel()
        self._work.put((letter, future))
        return letter, future

    def _live_from_now(self) -> None:
        if self._thread is None:
            name = f"alerts {self._name}"
            self._thread = threading.Thread(target=self._live, name=name, daemon=True)
            self._thread.start()

    def _live(self) -> None:
        with contextlib.suppress(ImportError):
            importlib.import_module("apprise")
        while (work := self._work.get()) is not None:
            letter, future = work
            try:
                outcome = self._tell(body_for(letter.body, self._numbers))
            except Exception as error:  # noqa: BLE001 - whatever a service's plugin raises
                outcome = NotYet(f"Apprise failed ({type(error).__name__})")
            future.set_result(outcome)

    def _tell(self, body: Json) -> Outcome:
        """Tell the service, on the thread."""
        try:
            import apprise  # noqa: PLC0415 - 0.2 s, and most fleets have no such sink
        except ImportError:
            return NotYet("Apprise is not installed: `pip install apprise`")
        url = self._url.reveal()
        with _Heard() as heard:
            # With a limit of its own it would use a pool of threads, which the program's end waits
            # for.
            asset = apprise.AppriseAsset(app_id="waziterm", async_mode=False, service_timeout=0)
            service = apprise.Apprise(asset=asset)
            if not service.add(url) or len(service) != 1:
                return NotYet(_why(heard.said, url) or "Apprise knows no such service")
            number = body["number"] if self._numbers is Numbers.FULL else None
            ok = service.notify(
                title=_title(body),
                body=body["text"] + (f"\n{number}" if number else ""),
                notify_type=_type(body),
            )
        return Arrived() if ok else NotYet(_why(heard.said, url) or "the service said no")


class _Heard(logging.Handler):
    """What is logged of a service on this thread while it lasts. Nothing of it reaches our log: it
    may hold the service's keys."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.said.append(record.getMessage())

    def __enter__(self) -> "_Heard":
        for logger in map(logging.getLogger, _LOGS):
            logger.propagate = False
            logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for logger in map(logging.getLogger, _LOGS):
            logger.removeHandler(self)


def _why(said: Sequence[str], url: str) -> str:
    """The last of what was said, without any part of the URL."""
    if not said:
        return ""
    line = said[-1]
    rest = url.split("://", 1)[-1]
    parts = {rest, url, *_PART.split(rest)}
    for part in sorted(parts | {unquote(each) for each in parts}, key=len, reverse=True):
        if len(part) >= _SHORTEST:
            line = line.replace(part, MASK)
    return safe_line(line, 200)


def _title(body: Json) -> str:
    who = body["instance"] or ""
    over = " (resolved)" if body["state"] == AlertState.RESOLVED else ""
    return " ".join(f"waziterm: {body['rule']} {who}".split()) + over


def _type(body: Json) -> str:
    if body["state"] == AlertState.RESOLVED:
        return "success"
    return _SEVERITY.get(body["severity"], "info")
