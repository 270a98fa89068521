"""The service under systemd: what it is told (sd_notify(3)), and the unit files.

Without `NOTIFY_SOCKET` in the environment nobody is told anything.
"""

import asyncio
import logging
import os
import pwd
import socket
import sys
import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path

from waziterm.domain.frozen import dataclass

STOP_S = 20
"""The unit's TimeoutStopSec: a manager ends within ten seconds."""
WATCHDOG_S = 30

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """Who is told how the service does. address: of a datagram socket, None for nobody; a leading
    `@` stands for the NUL of an abstract one. watchdog_s: seconds after which systemd gives the
    process up unless it hears of it, None when it does not watch."""

    address: str | None
    watchdog_s: float | None

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str]) -> "Service":
        """What systemd left in the environment, which is taken out: workers must not use it."""
        address = environ.pop("NOTIFY_SOCKET", "")
        microseconds = environ.pop("WATCHDOG_USEC", "")
        for_us = environ.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        watched = for_us and microseconds.isascii() and microseconds.isdigit()
        return cls(
            address if address.startswith(("/", "@")) else None,
            int(microseconds) / 1e6 if watched and int(microseconds) > 0 else None,
        )

    def ready(self) -> None:
        self._tell("READY=1")

    def reloading(self) -> None:
        """To be followed by `ready`."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Let the event loop itself tell that it works while the context lasts: a loop that hangs
        is restarted by systemd."""
        if self.address is None or self.watchdog_s is None:
            yield
            return
        beating = asyncio.create_task(self._beat(self.watchdog_s / 2))
        try:
            yield
        finally:
            beating.cancel()

    async def _beat(self, every_s: float) -> None:
        while True:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(every_s)

    def _tell(self, *lines: str) -> None:
        if self.address is None:
            return
        address = self.address.replace("@", "\0", 1) if self.address[0] == "@" else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
                sock.connect(address)
                sock.send("\n".join(lines).encode())
        except OSError as error:
            log.warning("systemd was not told %s: %s", lines[0], error)


def unit(data_dir: Path, lab: Path | None, config: Path | None, *, of_user: bool) -> str:
    """A unit file for this installation.

    config: the service's settings, None for those of its user's own place. of_user: for the
    caller's own systemd, which knows neither `User=` nor `multi-user.target`; else for that of the
    system, where it runs as the owner of the data directory.
    """
    words = [*_program(), "headless", "--data-dir", str(data_dir)]
    if lab is not None:
        words += ["--lab", str(lab.absolute())]
    command = " ".join(map(_quoted, words)).replace("$", "$$")
    environment = f"Environment={_quoted(f'WAZITERM_CONFIG={config}')}\n" if config else ""
    text = _FOR_USER if of_user else _FOR_SYSTEM
    return text.format(
        user=_user(data_dir),
        service=f"""\
{environment}ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
TimeoutStopSec={STOP_S}
WatchdogSec={WATCHDOG_S}
Restart=on-failure
RestartSec=5
# Wrong settings: another start would end the same way.
RestartPreventExitStatus=2
LimitNOFILE=65536
NoNewPrivileges=yes
UMask=0077""",
    )


_FOR_SYSTEM = """\
# Save it as /etc/systemd/system/waziterm.service, then: systemctl enable --now waziterm
[Unit]
Description=WhatsApp session manager
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User={user}
{service}

[Install]
WantedBy=multi-user.target
"""
# What a user's systemd cannot have: another user, the system's targets.
_FOR_USER = """\
# Save it as ~/.config/systemd/user/waziterm.service, then: systemctl --user enable --now waziterm
# `loginctl enable-linger` lets it start at boot and go on after you have logged out; without it
# all sessions end with your last login.
[Unit]
Description=WhatsApp session manager

[Service]
Type=notify
{service}

[Install]
WantedBy=default.target
"""


def _user(data_dir: Path) -> str:
    """Whom the service runs as: the data directory's owner, else the caller, whatever LOGNAME
    says. systemd takes a number too."""
    try:
        uid = data_dir.stat().st_uid
    except OSError:
        uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _program() -> list[str]:
    """How this installation is started: its own script, or its Python."""
    script = Path(sys.executable).parent / "waziterm"
    return [str(script)] if os.access(script, os.X_OK) else [sys.executable, "-m", "waziterm"]


def _quoted(word: str) -> str:
    """A word for a unit file: neither specifiers nor spaces mean anything in it."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{word}"' if any(mark in word for mark in " '\"\\;\t") or not word else word
