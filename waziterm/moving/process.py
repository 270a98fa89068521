"""The process that seals and opens: `python -m waziterm.moving.process`, and who starts it.

Its order is a line of JSON on stdin, so that no passphrase stands in an argument or a variable;
stdin stays open, and the process ends with it, whether its work is done or not. It answers with a
line of JSON on stdout: `{"done": …}`, or an error in the form of `FleetError.exact`.
"""

import asyncio
import contextlib
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

from waziterm.domain.errors import FleetError, told_in
from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.moving.sealing import Key

_END_S = 5.0
_KEEP = b"keep\n"


class Work(StrEnum):
    """What the process can do. SEAL: a bundle, into a new file. OPEN: a sealed file, into a folder.
    BACKUP: pack and seal a whole data directory."""

    SEAL = "seal"
    OPEN = "open"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class Order:
    """One task. source: what is read; target: what is made, which must not exist. kind: what a
    sealed file must hold, for `Work.OPEN`. shown: what a person calls the target, where that is
    another name."""

    work: Work
    source: Path
    target: Path
    key: Key
    kind: str = ""
    shown: str = ""

    @property
    def line(self) -> bytes:
        """As the process reads it."""
        paths = {"source": str(self.source), "target": str(self.target)}
        return json.dumps({**asdict(self), **paths}).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> "Order":
        """The order that a line holds. A manager goes on when the program is upgraded on disk, and
        may be of a version that had not each of the fields."""
        told = json.loads(line)
        paths = Path(told["source"]), Path(told["target"])
        return cls(
            Work(told["work"]), *paths, Key(**told["key"]), told["kind"], told.get("shown", "")
        )


async def carry_out(order: Order) -> Any:
    """Let a process of its own do it; what it has to tell. Raises FleetError.

    It ends with this task, whoever cancels it.
    """
    async with carried_out(order) as (told, keep):
        keep()
        return told


@asynccontextmanager
async def carried_out(order: Order) -> AsyncIterator[tuple[Any, Callable[[], None]]]:
    """The same for the time of a `with` block: what it has to tell, and what lets the file that it
    has made stay. Without that call the file goes with the block, or with this process, whatever
    ends that, unless it has another name by then."""
    read, write = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "waziterm.moving.process",
            stdin=read,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        os.close(write)
        why = error.strerror or ""
        raise FleetError(
            Phrase("no process can be started: {why}", why=why), Phrase("see the log")
        ) from error
    finally:
        os.close(read)
    is_over = False
    try:
        await asyncio.to_thread(_tell, write, order.line)
        assert process.stdout is not None
        answer = await process.stdout.readline()
        is_over = True
        yield await _told(process, answer), lambda: _tell(write, _KEEP)
    finally:
        os.close(write)
        await _end(process, at_once=not is_over)


async def _told(process: asyncio.subprocess.Process, answer: bytes) -> Any:
    try:
        told = json.loads(answer)
    except ValueError as error:
        code = await process.wait()
        said = Phrase("the process that does it ended with {code}", code=code)
        killed = Phrase("there may be too little memory; nothing was changed")
        broken = Phrase("restart the manager if the program was upgraded or removed")
        raise FleetError(said, killed if code < 0 else broken) from error
    if "error" in told:
        raise FleetError(told_in(told, "error"), told_in(told, "hint"), told["code"])
    return told["done"]


async def _end(process: asyncio.subprocess.Process, *, at_once: bool) -> None:
    """Wait for its end, which comes with that of its stdin. at_once: it is in the midst of it."""
    try:
        if not at_once:
            async with asyncio.timeout(_END_S):
                await process.wait()
    except TimeoutError:
        pass
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()


def _tell(pipe: int, line: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        while line:
            line = line[os.write(pipe, line) :]


def main() -> int:
    """Read the order, and do it."""
    stream = sys.stdin.buffer
    order = Order.of(stream.readline())
    if order.work is Work.BACKUP:
        # Nobody waits for it, and the fleet goes on beside it.
        os.nice(10)
    watching = threading.Thread(target=_end_with_starter, args=(order, stream.read), daemon=True)
    watching.start()
    try:
        answer = {"done": do(order)}
    except FleetError as error:
        answer = error.exact
    except OSError as error:
        where = str(error.filename or order.target)
        where = order.shown or where if where == str(order.target) else where
        said = Phrase("{path}: {why}", path=plain(where, 300), why=error.strerror or str(error))
        answer = FleetError(said, Phrase("see the disk and the mode")).exact
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    watching.join()
    return 0


def do(order: Order) -> Any:
    """Carry an order out in this process; what it has to tell. Raises FleetError and OSError."""
    from waziterm.moving.bundle import Kind  # noqa: PLC0415 - who starts it needs none of these
    from waziterm.moving.packing import opened, pack_and_seal  # noqa: PLC0415 - as above
    from waziterm.moving.sealing import seal  # noqa: PLC0415 - as above

    match order.work:
        case Work.SEAL:
            with order.source.open("rb") as plain_text:
                return seal(plain_text, order.target, order.key)
        case Work.OPEN:
            return opened(order.source, order.target, order.key, Kind(order.kind))
        case Work.BACKUP:
            return pack_and_seal(order.source, order.target, order.key)
        case _:
            assert_never(order.work)


def _end_with_starter(order: Order, until_end: Callable[[], bytes]) -> None:
    """End this process as soon as nobody waits for it any more, with what it has made."""
    if until_end() != _KEEP and order.work is not Work.OPEN:
        with contextlib.suppress(OSError):
            order.target.unlink(missing_ok=True)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
