"""Requests through a worker, with everything that can come of them as a result."""

from collections.abc import Awaitable, Callable

from waziterm.domain.fleet.api import SendResult
from waziterm.manager.workers.link import Link
from waziterm.manager.workers.process import WorkerGoneError
from waziterm.worker.protocol import Answered


async def send(
    link: Link, text: str, to: str | None, limit_s: float, unanswered: Callable[[], None]
) -> SendResult:
    """Send a text and wait at most `limit_s` seconds for WhatsApp's acknowledgement.

    to: a JID, or None for the instance's own account. unanswered: called when it did not come.
    """
    try:
        answered = await link.send_text(text, to, limit_s)
    except TimeoutError:
        unanswered()
        return SendResult(False, limit_s, error=f"no acknowledgement within {limit_s:.0f} s")
    except WorkerGoneError as error:
        return SendResult(False, 0.0, error=f"{error} before WhatsApp acknowledged")
    return SendResult(
        ok=not answered.error,
        took_s=answered.took_s,
        message_id=answered.message_id,
        error=answered.error,
    )


async def unlink(link: Link, limit_s: float) -> str:
    """Unlink the device at WhatsApp; "" or why it failed, after `limit_s` seconds at most."""
    return await _ended(link.logout(limit_s), limit_s)


async def ask_code(link: Link, phone: str, limit_s: float) -> str:
    """Have a pairing code made; "" or why it failed, after `limit_s` seconds at most."""
    return await _ended(link.pair_by_code(phone.removeprefix("+"), limit_s), limit_s)


async def _ended(asking: Awaitable[Answered], limit_s: float) -> str:
    try:
        answered = await asking
    except TimeoutError:
        return f"no answer within {limit_s:.0f} s"
    except WorkerGoneError as error:
        return str(error)
    return answered.error
