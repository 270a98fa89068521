"""What the API refuses, and with which status and word."""

import math
from typing import Any, assert_never

from waziterm.domain.errors import FleetError
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode

Json = dict[str, Any]

RETRY_S = 60.0
"""Seconds after which it may be asked again, where nobody knows better."""

_WORDS = {
    400: "bad_request",
    404: "no_such_path",
    405: "no_such_method",
    408: "too_slow",
    413: "too_large",
    417: "bad_request",
    500: "fault",
    503: "busy",
    504: "too_slow",
}


class ApiError(Exception):
    """A request that is refused. status: of HTTP. code: the word for it. hint: what to do.
    retry_after_s: when to ask again, None where that is no use."""

    def __init__(
        self,
        status: int,
        code: str,
        said: str,
        hint: str = "",
        *,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(said)
        self.status = status
        self.code = code
        self.hint = hint
        self.retry_after_s = retry_after_s

    @property
    def document(self) -> Json:
        """`{error, code, hint}`."""
        return {"error": str(self), "code": self.code, "hint": self.hint}

    @property
    def headers(self) -> dict[str, str]:
        """What it says beside its document."""
        found = {}
        if self.status == 401:
            found["WWW-Authenticate"] = 'Bearer realm="waziterm"'
        if self.retry_after_s is not None:
            found["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        return found


def told(error: FleetError, status: int) -> Json:
    """The document of what is refused before a request could be looked at."""
    return ApiError(status, _WORDS.get(status, "bad_request"), str(error), str(error.hint)).document


def http_failure(status: int, said: str, hint: str = "") -> ApiError:
    """What HTTP itself refuses."""
    return ApiError(status, _WORDS.get(status, "bad_request"), said, hint)


def refused(error: MessageRefusedError) -> ApiError:
    """What the queue has refused."""
    status = _status(error.refusal)
    retry = (error.retry_after_s or RETRY_S) if status == 429 else None
    return ApiError(status, error.refusal.value, str(error), str(error.hint), retry_after_s=retry)


def _status(refusal: RefusalCode) -> int:
    match refusal:
        case RefusalCode.WRONG_RECIPIENT | RefusalCode.WRONG_CONTENT:
            return 400
        case (
            RefusalCode.INSTANCE_NOT_FOUND
            | RefusalCode.MESSAGE_NOT_FOUND
            | RefusalCode.OPT_OUT_NOT_FOUND
        ):
            return 404
        case (
            RefusalCode.HELD
            | RefusalCode.BANNED
            | RefusalCode.LOGGED_OUT
            | RefusalCode.NOT_PAIRED
            | RefusalCode.OPTED_OUT
            | RefusalCode.TOO_LATE
        ):
            return 409
        case RefusalCode.OTHER_BODY:
            return 422
        case RefusalCode.QUEUE_FULL | RefusalCode.RATE:
            return 429
        case _:
            assert_never(refusal)


def unauthorized() -> ApiError:
    """What is told to whoever has no valid token."""
    return ApiError(
        *(401, "unauthorized", "this takes a token that is valid"),
        "Authorization: Bearer …; `waziterm token add` makes one",
    )


def unavailable() -> ApiError:
    """What is told when the queue fails; the program's log says why."""
    return ApiError(
        503,
        "unavailable",
        "the messages cannot be read or written now",
        "ask again later; the manager's log says why",
        retry_after_s=RETRY_S,
    )
