"""What a request brings, read as it comes, within bounds."""

import asyncio
from collections.abc import AsyncGenerator

from aiohttp import web

from waziterm.gateway.api_error import ApiError

BODY_S = 10.0
"""Seconds within which a body that is no file has to come."""


async def body_of(request: web.Request, most: int) -> bytes:
    """All of a request's body, of at most so many bytes. Raises ApiError."""
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in chunks_of(request, most):
                raw += chunk
    except TimeoutError:
        said = f"the body did not come within {BODY_S:g} s"
        raise ApiError(408, "too_slow", said) from None
    return bytes(raw)


async def later(_request: web.Request) -> None:
    """Of a route, what is done when somebody waits for leave to send a body: they get it when it
    is read, see `chunks_of`."""


async def chunks_of(request: web.Request, most: int) -> AsyncGenerator[bytes, None]:
    """A request's body as it comes, of at most so many bytes. Raises ApiError."""
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        raise ApiError(415, "content_encoding", "the body must not be compressed")
    if (request.content_length or 0) > most:
        raise _too_large(most)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # It is no part of the answer, by whose size aiohttp knows whether that has begun.
        request.writer.output_size = 0
    size = 0
    try:
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            yield chunk
    except web.RequestPayloadError:
        said = "the body is not complete, or no sound HTTP"
        raise ApiError(400, "bad_request", said) from None


def _too_large(most: int) -> ApiError:
    return ApiError(413, "too_large", f"the body has more than {most} bytes")
