"""The lab's control socket: JSON lines, requests with ids, events as they happen.

A request is `{"id": N, "op": NAME, …}`; its answer is `{"id": N, "ok": …}` or
`{"id": N, "error": LINE}`. Events are `{"event": {…}}`, from the moment of connecting.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from waziterm.domain.jid import Jid
from waziterm.lab.events import LabEvent
from waziterm.lab.node import Node
from waziterm.lab.phones import LID_SERVER
from waziterm.lab.server import Server
from waziterm.lab.trouble import ACTS, Trouble, TroubleKind
from waziterm.lab.webpage import Page
from waziterm.lab.words import PageMode, ReceiptMode, ScanOutcome

MAX_SOCKET_PATH = 107
MAX_LINE = 1 << 20
MAX_REFS = 20


class ControlError(Exception):
    """The socket cannot be opened; the message is one line for a person."""


@asynccontextmanager
async def control_socket(server: Server, path: Path) -> AsyncIterator[None]:
    """Serve requests on a unix socket that only its owner can open.

    Raises ControlError when the path is too long, or another lab answers there.
    """
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise ControlError(f"{path} is longer than {MAX_SOCKET_PATH} bytes; use a shorter --dir")
    if await _answers(path):
        raise ControlError(f"another lab runs in {path.parent}")
    _remove(path)
    clients: set[asyncio.StreamWriter] = set()
    async with asyncio.TaskGroup() as tasks:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            clients.add(writer)
            task = tasks.create_task(_Client(server, reader, writer).run())
            task.add_done_callback(lambda _: clients.discard(writer))

        old_mask = os.umask(0o177)
        try:
            listener = await asyncio.start_unix_server(accept, path, limit=MAX_LINE)
        finally:
            os.umask(old_mask)
        try:
            yield
        finally:
            listener.close()
            for writer in tuple(clients):
                writer.close()
            _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _answers(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


class _Client:
    """One connection to the control socket."""

    def __init__(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        """Answer requests and pass events on until the other side goes."""
        self._server.events.listeners.add(self._on_event)
        try:
            while line := await self._reader.readline():
                await self._answer(line)
                await self._writer.drain()
        except (OSError, ValueError):
            # The other side is gone, or sent a line that is too long to be a request.
            return
        finally:
            self._server.events.listeners.discard(self._on_event)
            self._writer.close()

    def _on_event(self, event: LabEvent) -> None:
        self._write({"event": asdict(event)})

    def _write(self, answer: dict[str, Any]) -> None:
        if not self._writer.is_closing():
            self._writer.write(json.dumps(answer).encode() + b"\n")

    async def _answer(self, line: bytes) -> None:
        request_id: object = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("a request that is not an object")
            request_id = request.pop("id", None)
            ok = await self._do(str(request.pop("op", "")), request)
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error) if isinstance(error, ValueError) else f"bad request ({error!r})"
            self._write({"id": request_id, "error": reason})
        else:
            self._write({"id": request_id, "ok": ok})

    async def _do(self, op: str, args: dict[str, Any]) -> Any:
        server = self._server
        plain: dict[str, Callable[[], Any]] = {
            "sessions": lambda: [asdict(session) for session in server.sessions()],
            "counters": lambda: dict(server.events.counters),
            "messages": lambda: [asdict(m) for m in server.messages(self._jid(args["jid"]))],
            "receipted": lambda: server.receipted(self._jid(args["jid"])),
            "drop_messages": lambda: server.drop_messages(self._jid(args["jid"])),
            "remove_device": lambda: server.remove_device(self._jid(args["jid"])),
            "send_text": lambda: server.send_text(
                self._jid(args["jid"]), str(args["text"]), args.get("number")
            ),
            "send_message": lambda: server.send_message(
                self._jid(args["jid"]), bytes.fromhex(args["body"]), args.get("number")
            ),
            "write": lambda: server.write(
                self._jid(args["jid"]), str(args["text"]), args.get("to"), float(args["ago_s"])
            ),
            "send_frame": lambda: server.send_frame(
                self._jid(args["jid"]), bytes.fromhex(args["data"])
            ),
            "send_history": lambda: server.send_history(
                self._jid(args["jid"]), int(args["size"]), int(args["part"]), int(args["days"])
            ),
            "send_stanza": lambda: server.send_stanza(
                self._jid(args["jid"]), _node_of(args["node"])
            ),
            "scan": lambda: self._scan(args),
            "settings": lambda: self._settings(args),
        }
        if op in plain:
            return plain[op]()
        if op == "trouble":
            return await self._trouble(args)
        if op == "enter_code":
            number = str(args["number"]).removeprefix("+")
            phone, device = await server.enter_code(str(args["code"]), number)
            return {"number": phone.number, "jid": str(device), "lid": str(phone.lid)}
        if op == "clear":
            kind = TroubleKind(args["kind"]) if args.get("kind") else None
            target = self._jid(args["jid"]) if args.get("jid") else None
            return await server.clear(kind, target)
        raise ValueError(f"unknown request {op!r}")

    def _scan(self, args: dict[str, Any]) -> dict[str, str]:
        outcome = ScanOutcome(args.get("outcome", ScanOutcome.PAIRED))
        number = args.get("number")
        bare = None if number is None else str(number).removeprefix("+")
        code = int(args.get("code", 0))
        if (outcome is ScanOutcome.REFUSED) != bool(code):
            raise ValueError("refused needs a code, and nothing else takes one")
        phone, jid = self._server.scan(str(args["qr"]), bare, outcome, code)
        return {"number": phone.number, "jid": str(jid), "lid": str(phone.lid)}

    def _settings(self, args: dict[str, Any]) -> None:
        if "receipts" in args:
            self._server.receipt_mode = ReceiptMode(args["receipts"])
        if "refs" in args:
            refs = int(args["refs"])
            if not 1 <= refs <= MAX_REFS:
                raise ValueError(f"1 to {MAX_REFS} QR references")
            self._server.desk.ref_count = refs
        if "page" in args or "revision" in args:
            page = PageMode(args.get("page", PageMode.REVISION))
            self._server.page = Page(page, int(args.get("revision", self._server.page.revision)))

    async def _trouble(self, args: dict[str, Any]) -> int:
        jid = args.pop("jid", None)
        kind = TroubleKind(args.pop("kind"))
        trouble = Trouble(kind, None if jid is None else self._jid(jid), **args)
        if kind in ACTS:
            return self._server.act(trouble)
        await self._server.put_in_force(trouble)
        return 0

    def _jid(self, text: str) -> Jid:
        """A number, a JID or a LID as the JID that the lab goes by. Raises ValueError."""
        bare = str(text).removeprefix("+")
        jid = Jid(bare) if bare.isdigit() else Jid.parse(bare)
        if jid.server != LID_SERVER:
            return jid
        phone = self._server.book.find(jid)
        if phone is None:
            raise ValueError(f"no phone has the LID {jid}")
        return Jid(phone.number, jid.device)


def _node_of(data: Any) -> Node:
    """A node from `[tag, attributes, children or text]`. A text that is a JID becomes one.

    Raises ValueError, TypeError or KeyError for anything else.
    """
    tag, attrs, content = data
    if isinstance(content, str):
        inside: tuple[Node, ...] | bytes = content.encode(errors="surrogateescape")
    else:
        inside = tuple(_node_of(child) for child in content)
    return Node(str(tag), {str(name): _value_of(str(text)) for name, text in attrs.items()}, inside)


def _value_of(text: str) -> str | Jid:
    try:
        return Jid.parse(text)
    except ValueError:
        return text
