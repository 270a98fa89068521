"""What the API refuses, and with which status and word."""

from typing import Any, assert_never

from waziterm.domain.errors import FleetError
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode
from waziterm.gateway.failures import RETRY_S, ApiError

Json = dict[str, Any]

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
