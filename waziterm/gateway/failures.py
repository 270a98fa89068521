"""A request over HTTP that is refused."""

import math
from typing import Any

Json = dict[str, Any]

RETRY_S = 60.0
"""Seconds after which it may be asked again, where nobody knows better."""


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
