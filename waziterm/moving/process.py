"""The process that seals and opens: `python -m waziterm.moving.process`, and who starts it.

Its order is a line of JSON on stdin, so that no passphrase stands in an argument or a variable;
stdin stays open, and when it ends before the work does, so does the process. It answers with a line
of JSON on stdout: `{"done": …}` or `{"error", "hint", "code"}`.
"""

import asyncio
import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

from waziterm.domain.errors import FleetError
from waziterm.domain.text import plain
from waziterm.moving.sealing import Key

_END_S = 5.0


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
        raise FleetError(f"no process can be started: {error.strerror}", "see the log") from error
    finally:
        os.close(read)
    try:
        await asyncio.to_thread(_tell, write, order.line)
        assert process.stdout is not None
        answer = await process.stdout.read()
        code = await process.wait()
    finally:
        os.close(write)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_S):
                    await process.wait()
    try:
        told = json.loads(answer)
    except ValueError as error:
        said = f"the process that does it ended with {code}"
        killed = "there may be too little memory; nothing was changed"
        hint = killed if code < 0 else "restart the manager if the program was upgraded or removed"
        raise FleetError(said, hint) from error
    if "error" in told:
        raise FleetError(told["error"], told["hint"], told["code"])
    return told["done"]


def _tell(pipe: int, line: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        while line:
            line = line[os.write(pipe, line) :]


def main() -> int:
    """Read the order, and do it."""
    os.nice(10)
    stream = sys.stdin.buffer
    order = Order.of(stream.readline())
    threading.Thread(target=_end_with_starter, args=(order, stream.read), daemon=True).start()
    try:
        answer = {"done": do(order)}
    except FleetError as error:
        answer = {"error": str(error), "hint": str(error.hint), "code": error.code}
    except OSError as error:
        where = str(error.filename or order.target)
        where = order.shown or where if where == str(order.target) else where
        said = f"{plain(where, 300)}: {error.strerror or error}"
        answer = {"error": said, "hint": "see the disk and the mode", "code": 1}
    if "error" in answer and order.work is not Work.OPEN:
        with contextlib.suppress(OSError):
            order.target.unlink(missing_ok=True)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    return int("error" in answer)


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
    until_end()
    if order.work is not Work.OPEN:
        with contextlib.suppress(OSError):
            order.target.unlink(missing_ok=True)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
