"""The client of the manager's HTTP API: one question for all verbs, errors as FleetError.

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
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from waziterm.control.client.answers import (
    Json,
    array_of,
    broken_off,
    line_of,
    object_of,
    read_answer,
)
from waziterm.control.protocol import refuse_other
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.asking import Asked, asked_of
from waziterm.domain.fleet.protocol import Fleet
from waziterm.domain.fleet.verbs import LINE, Verb
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.units import moment_text
from waziterm.manager.files.listener import check_socket_path

PATIENCE_S = 5.0
_PAUSE_S = 0.05
_HEADERS = {"Content-Type": "application/json", "User-Agent": LINE}


class _UnixConnection(http.client.HTTPConnection):
    """One HTTP exchange over a unix socket. timeout_s: for connecting and for each read."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("waziterm", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


class Request(NamedTuple):
    """One HTTP request of a verb. body: None without one. deadline_s: seconds to the answer."""

    method: str
    url: str
    body: Json | None
    deadline_s: float


def request_of(verb: Verb, arguments: Mapping[str, Any]) -> Request:
    """The request that asks for a verb with these arguments."""
    path, rest = verb.path, {}
    for name, value in arguments.items():
        if "{" + name + "}" in path:
            path = path.replace("{" + name + "}", quote(str(value), safe=""))
        elif value is not None:
            is_moment = verb.parameters[name].annotation == "Moment"
            rest[name] = moment_text(value) if is_moment else value
    if verb.method == "POST":
        return Request("POST", path, rest, verb.deadline_s)
    query = f"?{urlencode(rest)}" if rest else ""
    return Request("GET", path + query, None, verb.deadline_s)


class NoManagerError(FleetError):
    """No manager runs, and nothing was asked of one."""


class ControlClient:
    """Asks the manager that serves the socket `path`.

    path: the control socket. owner_pid: the pid of the process that holds the data directory's
    lock now, or None. patience_s: how long a manager that holds the lock may stay silent.

    Every method raises FleetError: the manager's own errors with their code and hint; code 3
    when no manager runs, when the one that holds the lock stays silent, and when it speaks
    another protocol. Such a one is asked for nothing but its hello.
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
        """Who answers: `{version, protocol, pid}`."""
        told = object_of(self._patiently("/v1"))
        refuse_other(told)
        return told

    def ask(self, call: Callable[[Fleet], object]) -> Any:
        """The document of what a call of one verb answers: `lambda fleet: fleet.stop(name)`.

        A verb that tells in lines gives an iterator of its documents.
        """
        return self.answer(asked_of(call))

    def answer(self, asked: Asked) -> Any:
        """The same for a call that was written down."""
        request = request_of(asked.verb, asked.arguments)
        if asked.verb.told_in_lines:
            return self._lines(request)
        found = self._get(request.url) if request.method == "GET" else self._post(request)
        return _shaped(asked.verb, found)

    def _get(self, url: str) -> Any:
        """Ask a manager that speaks our protocol."""
        self.hello()
        return self._patiently(url)

    def _patiently(self, url: str) -> Any:
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

    def _post(self, request: Request) -> Any:
        """Send a command once, and only to a manager that answers."""
        self.hello()
        try:
            return self._exchange("POST", request.url, request.body, request.deadline_s)
        except TimeoutError as error:
            raise FleetError(
                f"the manager has not answered the command for {request.deadline_s:g} s",
                "it may still carry it out: look with `waziterm list`",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise FleetError(
                "the manager ended before it answered the command",
                "look with `waziterm list` whether it was carried out",
                code=3,
            ) from error

    def _lines(self, request: Request) -> Iterator[Json]:
        """A command whose answer is one JSON object per line, each given out as it comes."""
        self.hello()
        connection = _UnixConnection(self._path, request.deadline_s)
        try:
            content = json.dumps(request.body)
            connection.request("POST", request.url, content, _HEADERS)
            answer = connection.getresponse()
            if answer.status != 200:
                read_answer(answer.status, answer.read())
            while line := answer.readline():
                yield line_of(read_answer(200, line))
        except (OSError, http.client.HTTPException) as error:
            raise broken_off() from error
        finally:
            connection.close()

    def _exchange(self, method: str, url: str, body: Json | None, timeout_s: float) -> Any:
        """One request and its answer. Raises OSError and HTTPException, or the answer's error."""
        content = None if body is None else json.dumps(body)
        connection = _UnixConnection(self._path, timeout_s)
        try:
            connection.request(method, url, content, _HEADERS)
            answer = connection.getresponse()
            return read_answer(answer.status, answer.read())
        finally:
            connection.close()

    def _nobody(self) -> NoManagerError:
        return NoManagerError(
            f"no manager runs on {self._path.parent}",
            f"{Reason.NO_MANAGER.next_step}, then ask again",
            code=3,
        )


def _shaped(verb: Verb, found: Any) -> Any:
    """The answer itself, when it is an array where its verb answers with several things, and an
    object elsewhere. Raises FleetError."""
    if not verb.under and verb.several:
        return array_of(found)
    return object_of(found)
