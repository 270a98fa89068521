"""One real neonize client for the lab's tests, in a process of its own.

`python driver.py LAB_FILE DATABASE [JID]`; SSL_CERT_FILE must be set when the process starts,
Go reads it then and never again. Commands are JSON lines on stdin, events JSON lines on stdout.
"""

import ctypes
import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from waziterm.domain.labfile import LabFile

REAL_ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")


def replace_root_key(root_key: bytes) -> None:
    """Put the lab's Noise root key in place of WhatsApp's, in this process's memory only."""
    places = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        span, modes, *_, name = line.split()
        if "w" not in modes or not Path(name).name.startswith("neonize-"):
            continue
        start, end = (int(part, 16) for part in span.split("-"))
        memory = ctypes.string_at(start, end - start)
        at = memory.find(REAL_ROOT_KEY)
        if at >= 0:
            places.append(start + at)
    if len(places) != 1:
        raise SystemExit(f"the Noise root key stands {len(places)} times in the library")
    ctypes.memmove(places[0], root_key, len(root_key))


class Driver:
    """The client, its events to stdout, and its commands from stdin."""

    def __init__(self, out: int, lab: LabFile, database: str, jid: str | None) -> None:
        from neonize.client import NewClient
        from neonize.utils.jid import build_jid

        self._out = out
        self._lock = threading.Lock()
        self._proxy = lab.proxy
        resume = None
        if jid is not None:
            user, _, device = jid.partition("@")[0].partition(":")
            resume = build_jid(user)
            resume.Device = int(device)
        self.client = NewClient(
            database, jid=resume, uuid=f"driver-{os.getpid()}", new_device=resume is None
        )
        self._subscribe()

    def tell(self, event: str, **details: Any) -> None:
        """One line to whoever started this process."""
        line = json.dumps({"event": event, **details}) + "\n"
        with self._lock:
            os.write(self._out, line.encode())

    def _subscribe(self) -> None:
        from neonize import events as ev

        def on_status(_uuid: int, status: int) -> None:
            self.tell("status", text=ctypes.string_at(status).decode())

        self.client._NewClient__onLoginStatus = on_status
        self.client.event.qr(lambda _, code: self.tell("qr", code=code.decode()))
        on = self.client.event
        on(ev.ConnectedEv)(lambda *_: self.tell("connected"))
        on(ev.DisconnectedEv)(lambda *_: self.tell("disconnected"))
        on(ev.StreamReplacedEv)(lambda *_: self.tell("stream_replaced"))
        on(ev.KeepAliveTimeoutEv)(lambda *_: self.tell("keepalive_timeout"))
        on(ev.ClientOutdatedEv)(lambda *_: self.tell("outdated"))
        on(ev.LoggedOutEv)(lambda _, e: self.tell("logged_out", text=str(e)))
        on(ev.TemporaryBanEv)(lambda _, e: self.tell("ban", code=e.Code, expire=e.Expire))
        on(ev.ConnectFailureEv)(lambda _, e: self.tell("failure", text=str(e)))
        on(ev.StreamErrorEv)(lambda _, e: self.tell("stream_error", code=e.Code))
        on(ev.PairStatusEv)(lambda _, e: self.tell("paired", user=e.ID.User, device=e.ID.Device))
        on(ev.ReceiptEv)(self._on_receipt)
        on(ev.MessageEv)(self._on_message)

    def _on_message(self, _client: Any, event: Any) -> None:
        text = event.Message.conversation or event.Message.extendedTextMessage.text
        self.tell("message", id=event.Info.ID, text=text)

    def _on_receipt(self, _client: Any, event: Any) -> None:
        self.tell("receipt", kind=event.Type, ids=list(event.MessageIDs))

    def run(self) -> None:
        """Connect, and obey until stdin ends."""
        from neonize.client import ProxySettings
        from neonize.exc import NeonizeError

        threading.Thread(target=self._obey, daemon=True).start()
        try:
            self.client.connect(ProxySettings(proxy_address=self._proxy))
        except NeonizeError as error:
            self.tell("connect_error", text=str(error))

    def _obey(self) -> None:
        for line in sys.stdin:
            command = json.loads(line)
            threading.Thread(target=self._do, args=(command,), daemon=True).start()
        os._exit(0)

    def _do(self, command: dict[str, Any]) -> None:
        from neonize.exc import NeonizeError

        try:
            if command["do"] == "send":
                sent = self.client.send_message(command["to"], command["text"])
                self.tell("sent", id=sent.ID)
            elif command["do"] == "pair_code":
                self.tell("pair_code", code=self.client.PairPhone(command["number"], False))
            elif command["do"] == "probe":
                asked = time.monotonic()
                self.client.set_passive(False)
                self.tell("probed", id=command["id"], seconds=time.monotonic() - asked)
        except NeonizeError as error:
            self.tell("command_error", text=str(error))


def main() -> None:
    """Run the driver with fd 1 kept for events alone: Go and neonize print there too."""
    out = os.dup(1)
    os.dup2(2, 1)
    import pylibmagic  # noqa: F401
    from neonize.utils import log

    log.setLevel(getattr(logging, os.environ.get("DRIVER_LOG", "WARNING")))
    lab = LabFile.parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
    replace_root_key(bytes.fromhex(lab.noise_root_key))
    Driver(out, lab, sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None).run()


if __name__ == "__main__":
    main()
