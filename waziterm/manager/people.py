"""Who is at the other end of a socket, and who runs this process, as the kernel tells it.

The user that logged in stands in `/proc/PID/loginuid`, which nobody but the login can write and
which sudo and su leave as it is. See unix(7) for SO_PEERCRED and proc(5).
"""

import asyncio
import ipaddress
import os
import pwd
import socket
import struct
import time
from asyncio.trsock import TransportSocket
from pathlib import Path

from waziterm.domain.fleet.audit import Person, Via
from waziterm.domain.frozen import dataclass
from waziterm.domain.text import plain

_CREDENTIALS = struct.Struct("iII")
_NOBODY = 0xFFFFFFFF
"""What `loginuid` is where nobody logged in: a service, a container."""
Socket = TransportSocket | socket.socket
_MOST_BYTES, _AT_ONCE = 1 << 20, 1 << 14
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_TTY, _STARTED = 4, 19
"""Places in `/proc/PID/stat` behind the name: of the terminal, and of the start in ticks."""
_PTS_MAJORS = range(136, 144)
_TTY_MAJOR, _FIRST_SERIAL = 4, 64


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a process beside its user; nothing of one that is gone."""

    login_uid: int | None = None
    tty: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that made a connection, as the kernel noted it then.

    pid: 0 for one in another container. at: when it was noted, in seconds since the machine's
    start, by which the kernel tells when a process started.
    """

    pid: int
    uid: int
    at: float

    @classmethod
    def of(cls, sock: Socket) -> "Peer":
        """Who is at the other end of a unix socket that was accepted just now."""
        found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(found)
        return cls(pid, uid, time.clock_gettime(time.CLOCK_BOOTTIME))


def myself(via: Via) -> Person:
    """The person who runs this process."""
    return _person(os.getuid(), os.getpid(), via, _facts(os.getpid()))


def signaller() -> Person:
    """Whoever sent a signal: this process's user or root; which one, nobody tells us."""
    return Person("", os.getuid(), 0, Via.SIGNAL)


def person_of(peer: Peer, via: Via) -> Person:
    """The person behind a connection. It reads files; not for an event loop.

    Of a process that has ended meanwhile only its user is told: another one that has its number now
    is younger than the connection, and is not believed to be it.
    """
    started = _started(peer.pid) if peer.pid else None
    facts = _Facts()
    if started is not None and started <= peer.at:
        found = _facts(peer.pid)
        # The number may have changed hands while its files were read.
        if _started(peer.pid) == started:
            facts = found
    return _person(peer.uid, peer.pid, via, facts)


def _facts(pid: int) -> _Facts:
    return _Facts(_login_uid(pid), _tty(pid), _origin(pid))


def _person(uid: int, pid: int, via: Via, facts: _Facts) -> Person:
    who = _name(uid if facts.login_uid is None else facts.login_uid)
    return Person(who, uid, pid, via, facts.login_uid, facts.tty, facts.origin)


def _name(uid: int) -> str:
    try:
        return plain(pwd.getpwuid(uid).pw_name, 64)
    except (KeyError, OverflowError):
        return f"uid {uid}"


def _login_uid(pid: int) -> int | None:
    text = _read(pid, "loginuid").strip()
    uid = int(text) if text.isdigit() else _NOBODY
    return None if uid == _NOBODY else uid


def _started(pid: int) -> float | None:
    """When a process started, by `since_boot`; None when there is none."""
    fields = _stat(pid)
    return int(fields[_STARTED]) * _TICK_S if len(fields) > _STARTED else None


def _tty(pid: int) -> str | None:
    """The terminal of a process by the numbers of its device, see proc(5)."""
    fields = _stat(pid)
    number = int(fields[_TTY]) if len(fields) > _TTY else 0
    major, minor = os.major(number), os.minor(number)
    if major in _PTS_MAJORS:
        return f"pts/{minor + 256 * (major - _PTS_MAJORS.start)}"
    if major == _TTY_MAJOR:
        serial = minor - _FIRST_SERIAL
        return f"tty{minor}" if serial < 0 else f"ttyS{serial}"
    return None


def _stat(pid: int) -> list[str]:
    """The fields behind the process's name, which may hold anything."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _origin(pid: int) -> str | None:
    """The address in SSH_CONNECTION, see ssh(1); nothing else that stands there."""
    for entry in _read(pid, "environ").split("\0"):
        if entry.startswith("SSH_CONNECTION="):
            address = entry.partition("=")[2].split(" ")[0]
            try:
                return str(ipaddress.ip_address(address))
            except ValueError:
                return None
    return None


def _read(pid: int, name: str) -> str:
    """A file of a process; "" where it is gone, or not for us to read."""
    try:
        with Path(f"/proc/{pid}/{name}").open("rb", buffering=0) as file:
            found = b""
            while len(found) < _MOST_BYTES and (more := file.read(_AT_ONCE)):
                found += more
            return found.decode(errors="replace")
    except OSError:
        return ""


class People:
    """Who made which connection, looked for once: a screen keeps its own, and asks much.

    most: of so many it is kept, the newest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[tuple[Peer, Via], Person] = {}

    async def of(self, peer: Peer, via: Via) -> Person:
        """Who made a connection."""
        known = self._known.get((peer, via))
        if known is None:
            known = await asyncio.to_thread(person_of, peer, via)
            while len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            self._known[peer, via] = known
        return known
