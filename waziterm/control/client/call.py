"""The client of the manager's HTTP API: one method per verb, errors as FleetError.

It is synchronous and on the standard library's HTTP client, because a verb asks once and ends,
and most of its quarter of a second goes into imports: httpx takes 0.10 to 0.15 s of it (it
brings click, rich and pygments where they are installed), an event loop another 0.05 s.
"""

import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from waziterm.control.client.answers import array_of, error_of, object_of, read_answer
from waziterm.control.server.listener import check_socket_path
from waziterm.domain.errors import FleetError

Json = dict[str, Any]

PATIENCE_S = 5.0
# A command is answered when it was stored; a send-test when WhatsApp has answered, for which the
# settings allow up to 600 s (`limits.query_timeout_s`).
COMMAND_S = 30.0
SEND_TEST_S = 660.0
# Between two lines of its answer, for what stops and starts a whole fleet.
MAINTENANCE_S = 300.0
_PAUSE_S = 0.05


class _UnixConnection(http.client.HTTPConnection):
    """One HTTP exchange over a unix socket. timeout_s: for connecting and for each read."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("waziterm", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


class NoManagerError(FleetError):
    """No manager runs, and nothing was asked of one."""


class ControlClient:
    """Asks the manager that serves the socket `path`.

    path: the control socket. owner_pid: the pid of the process that holds the data directory's
    lock now, or None. patience_s: how long a manager that holds the lock may stay silent.

    Every method raises FleetError: the manager's own errors with their code and hint; code 3
    when no manager runs, or when the one that holds the lock stays silent.
    """

    def __init__(
        self,
        path: Path,
        owner_pid: Callable[[], int | None],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        check_socket_path(path)
        self._path = path
        self._owner_pid = owner_pid
        self._patience_s = patience_s

    def hello(self) -> Json:
        """Who answers: `{version, pid}`."""
        return object_of(self._get("/v1"))

    def fleet(self) -> Json:
        return object_of(self._get("/v1/fleet"))

    def instances(self) -> list[Json]:
        return array_of(self._get("/v1/instances"))

    def instance(self, name: str) -> Json:
        return object_of(self._get(f"/v1/instances/{name}"))

    def qr(self, name: str) -> Json:
        return object_of(self._get(f"/v1/instances/{name}/qr"))

    def logs(
        self, name: str, limit: int = 200, *, after: int | None = None, since: str | None = None
    ) -> list[Json]:
        """The newest lines. after: only those with a greater number. since: a moment, ISO 8601."""
        query = {"limit": limit, "after": after, "since": since}
        return array_of(self._get(_url(f"/v1/instances/{name}/logs", query)))

    def conflicts(self, since: str | None = None) -> list[Json]:
        """since: a moment, ISO 8601; None for all."""
        return array_of(self._get(_url("/v1/conflicts", {"since": since})))

    def trash(self) -> list[Json]:
        return array_of(self._get("/v1/trash"))

    def add(self, name: str, phone: str | None = None, proxy: str | None = None) -> Json:
        return self._command("/v1/instances", {"name": name, "phone": phone, "proxy": proxy})

    def start(self, name: str) -> Json:
        return self._command(f"/v1/instances/{name}/start")

    def stop(self, name: str) -> Json:
        return self._command(f"/v1/instances/{name}/stop")

    def reconnect(self, name: str, *, takeover: bool = False) -> Json:
        return self._command(f"/v1/instances/{name}/reconnect", {"takeover": takeover})

    def clean(self, name: str, *, logout: bool = False) -> Json:
        return self._command(f"/v1/instances/{name}/clean", {"logout": logout})

    def remove(self, name: str, *, logout: bool = False) -> Json:
        return self._command(f"/v1/instances/{name}/remove", {"logout": logout})

    def clean_all(self, count: int, *, logout: bool = False) -> Json:
        body = {"count": count, "logout": logout}
        return self._command("/v1/clean-all", body, MAINTENANCE_S)

    def restore(self, entry: str) -> Json:
        return self._command(f"/v1/trash/{quote(entry, safe='')}/restore")

    def with_session(self) -> list[str]:
        """The instances that have something to clean."""
        return list(object_of(self._get("/v1/sessions"))["names"])

    def check(self) -> Json:
        return self._command("/v1/check", timeout_s=MAINTENANCE_S)

    def fix(self, *, dry_run: bool) -> Json:
        return self._command("/v1/fix", {"dry_run": dry_run}, MAINTENANCE_S)

    def restart(self, clean_sessions: int | None) -> Iterator[Json]:
        """Restart the fleet: its steps as they come, then the report."""
        self.hello()
        yield from self._lines("/v1/restart", {"clean_sessions": clean_sessions})

    def test(self, name: str, to: str | None = None) -> Json:
        return self._command(f"/v1/instances/{name}/test", {"to": to}, SEND_TEST_S)

    def tidy_up(self, *, dry_run: bool) -> list[Json]:
        return array_of(self._post("/v1/janitor", {"dry_run": dry_run}))

    def _get(self, url: str) -> Any:
        """Ask until there is an answer, as long as the lock is held and the patience lasts."""
        deadline = time.monotonic() + self._patience_s
        while True:
            left = max(_PAUSE_S, deadline - time.monotonic())
            try:
                return self._exchange("GET", url, None, left)
            except PermissionError as error:
                raise FleetError(
                    f"{self._path} belongs to another user",
                    "run the verb as the user who runs the manager",
                    code=3,
                ) from error
            except (OSError, http.client.HTTPException):
                # Missing, refused, silent, or ended in the middle of its answer: asking again
                # does no harm.
                pid = self._owner_pid()
            if pid is None:
                raise self._nobody()
            if time.monotonic() >= deadline:
                raise FleetError(
                    f"the manager (pid {pid if pid > 0 else 'unknown'}) has not answered for"
                    f" {self._patience_s:g} s",
                    "it may be starting up: try again; if it hangs, its log says more",
                    code=3,
                )
            time.sleep(_PAUSE_S)

    def _command(self, url: str, body: Json | None = None, timeout_s: float = COMMAND_S) -> Json:
        return object_of(self._post(url, body, timeout_s))

    def _post(self, url: str, body: Json | None = None, timeout_s: float = COMMAND_S) -> Any:
        """Send a command once, and only to a manager that answers."""
        self.hello()
        try:
            return self._exchange("POST", url, body or {}, timeout_s)
        except TimeoutError as error:
            raise FleetError(
                f"the manager has not answered the command for {timeout_s:g} s",
                "it may still carry it out: look with `waziterm list`",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise FleetError(
                "the manager ended before it answered the command",
                "look with `waziterm list` whether it was carried out",
                code=3,
            ) from error

    def _lines(self, url: str, body: Json) -> Iterator[Json]:
        """A command whose answer is one JSON object per line, each given out as it comes."""
        connection = _UnixConnection(self._path, MAINTENANCE_S)
        try:
            connection.request("POST", url, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200:
                read_answer(answer.status, answer.read())
            while line := answer.readline():
                told = object_of(read_answer(200, line))
                if "error" in told:
                    raise error_of(told)
                yield told
        except (OSError, http.client.HTTPException) as error:
            raise FleetError(
                "the manager did not tell how it went on",
                "look with `waziterm list` and `waziterm check`",
            ) from error
        finally:
            connection.close()

    def _exchange(self, method: str, url: str, body: Json | None, timeout_s: float) -> Any:
        """One request and its answer. Raises OSError and HTTPException, or the answer's error."""
        content = None if body is None else json.dumps(body)
        connection = _UnixConnection(self._path, timeout_s)
        try:
            connection.request(method, url, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return read_answer(answer.status, answer.read())
        finally:
            connection.close()

    def _nobody(self) -> NoManagerError:
        return NoManagerError(
            f"no manager runs on {self._path.parent}",
            "start `waziterm` or `waziterm headless`",
            code=3,
        )


def _url(path: str, query: Mapping[str, object]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path
