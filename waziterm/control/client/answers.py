"""Reading what a manager answered: its JSON, or its error as a FleetError."""

import json
from typing import Any

from waziterm.domain.errors import FleetError, told_in
from waziterm.domain.phrase import Phrase

Json = dict[str, Any]

OTHER_VERSION = "is it another version of waziterm?"
_OTHER_SHAPE = Phrase("the manager's answer has another shape")


def read_answer(status: int, content: bytes) -> Any:
    """The answer's JSON. status: of HTTP. Raises the FleetError that it holds."""
    try:
        data = json.loads(content)
    except ValueError as error:
        if status >= 500:
            said = Phrase("the manager failed inside (HTTP {status})", status=status)
            raise FleetError(said, Phrase("its log says more")) from error
        said = Phrase("the manager's answer is not JSON (HTTP {status})", status=status)
        raise FleetError(said, OTHER_VERSION) from error
    if 200 <= status < 300:
        return data
    raise error_of(data, status)


def error_of(data: Any, status: int = 500) -> FleetError:
    """The error that an answer `{error, code, hint}` stands for."""
    if not isinstance(data, dict) or not isinstance(data.get("error"), str):
        unsaid = Phrase("the manager answered HTTP {status} without a reason", status=status)
        return FleetError(unsaid)
    code = data.get("code")
    said, hint = told_in(data, "error"), told_in(data, "hint")
    return FleetError(said, hint, code if code in (1, 2, 3) else 1)


def object_of(data: Any) -> Json:
    """The answer itself, when it is an object. Raises FleetError."""
    if not isinstance(data, dict):
        raise FleetError(_OTHER_SHAPE, OTHER_VERSION)
    return data


def array_of(data: Any) -> list[Json]:
    """The answer itself, when it is an array of objects. Raises FleetError."""
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise FleetError(_OTHER_SHAPE, OTHER_VERSION)
    return data


def line_of(data: Any) -> Json:
    """One line of an answer that comes in lines. Raises the FleetError that it holds."""
    told = object_of(data)
    if "error" in told:
        raise error_of(told)
    return told


def broken_off() -> FleetError:
    """An answer in lines ended before its end."""
    return FleetError(
        Phrase("the answer of the manager ended too early"),
        Phrase("look with `waziterm list` and `waziterm check`"),
    )
