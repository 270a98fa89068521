"""Where the managers of one machine meet: each device that one of them has live is a name there.

A name is an abstract unix socket (unix(7)): the kernel gives it to whoever asks first, and takes it
back when its process ends. It lies in no directory, so neither a variable, a home nor the rights of
a user lead elsewhere; it belongs to the network namespace, out of which WhatsApp is dialled too.

It is made with a key of the device itself, so it tells nobody a number, and only who has the
session can make it. Root and the user's own processes are believed that they hold what they have
taken. Anybody else has to prove that he has the session, for himself: a name that he saw and took
proves nothing, and gets him no more than that others do not see this manager, which says so.
"""

import contextlib
import errno
import hmac
import json
import logging
import os
import pwd
import socket
import struct

from waziterm.domain.frozen import dataclass
from waziterm.domain.text import plain

PLACE = b"waziterm"
PLACES = 4
"""How many managers can have one device at once: the first one, and who took it over meanwhile."""
ANSWER_S = 2.0
_LONGEST = 8192
_LONGEST_PATH = 4096
_TRIES = 5
_CREDENTIALS = struct.Struct("iII")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another live manager on this machine. pid: 0 where it cannot be seen from here. user: its
    name, "" for our own. root: its data directory, "" when it did not answer."""

    pid: int
    user: str
    root: str

    def __str__(self) -> str:
        who = f"pid {self.pid or 'unknown'}" + (f" of the user {self.user}" if self.user else "")
        return f"another waziterm ({who}{self.root and ', '}{self.root})"


class Registry:
    """The devices that this manager has live, and what it sees of the others.

    root: our data directory, which the others are told. The key of a device is what only its
    session file holds. The methods that take one wait for others, up to a few seconds, but for
    those that say so.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._taken: dict[bytes, tuple[int, socket.socket]] = {}

    def take(self, key: bytes) -> bool:
        """Have a device live from now on that nobody else has, as nearly always, without waiting.
        False, and then nothing has changed, where it takes `claim` to tell who has it. Raises
        OSError."""
        if key in self._taken:
            return self._is_alone(key, self._taken[key][0])
        sock = _bound(_address(key, 0))
        if sock is None:
            return False
        if not self._is_alone(key, 0):
            sock.close()
            return False
        self._taken[key] = (0, sock)
        return True

    def _is_alone(self, key: bytes, place: int) -> bool:
        """Whether nobody has a place after ours."""
        return not any(_is_taken(_address(key, each)) for each in range(place + 1, PLACES))

    def claim(self, key: bytes, *, beside: bool) -> Peer | None:
        """Have a device live from now on, unless another manager has it, who is returned.

        beside: have it even then. A device that is ours already is only looked after: whoever
        took it over later is returned. Raises OSError.
        """
        if key in self._taken:
            return self._other(key, after=self._taken[key][0])
        for place in range(PLACES):
            for _ in range(_TRIES):
                sock = _bound(_address(key, place))
                if sock is not None:
                    return self._settle(key, place, sock, beside=beside)
                taken, peer = self._ask(key, place)
                if peer is not None and not beside:
                    return peer
                if taken:
                    break
        log.warning("this manager cannot be seen by others: all places of a device are taken")
        return None

    def release(self, key: bytes) -> None:
        """Have a device live no longer."""
        _, sock = self._taken.pop(key, (0, None))
        if sock is not None:
            sock.close()

    def holder(self, key: bytes) -> Peer | None:
        """Another manager that has this device live; the one that took it last."""
        return self._other(key, after=-1)

    def listening(self, key: bytes) -> socket.socket | None:
        """Where others ask about a device of ours; see `answer`."""
        return self._taken[key][1] if key in self._taken else None

    def answer(self, key: bytes) -> None:
        """Tell those who wait there who we are. Never blocks. Raises OSError when that is not
        possible now."""
        sock = self.listening(key)
        told = json.dumps({"root": self._root, "proof": _proof(key, os.geteuid())}).encode()
        while sock is not None:
            try:
                asking, _ = sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            with asking, contextlib.suppress(OSError):
                asking.setblocking(False)
                asking.send(told)

    def _settle(self, key: bytes, place: int, sock: socket.socket, *, beside: bool) -> Peer | None:
        self._taken[key] = (place, sock)
        peer = self._other(key, after=place)
        if peer is not None and not beside:
            self.release(key)
        return peer

    def _other(self, key: bytes, *, after: int) -> Peer | None:
        mine, _ = self._taken.get(key, (-1, None))
        for place in reversed(range(after + 1, PLACES)):
            if place != mine and (peer := self._ask(key, place)[1]) is not None:
                return peer
        return None

    def _ask(self, key: bytes, place: int) -> tuple[bool, Peer | None]:
        """Whether somebody has a place, and who, if he is to be believed."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(ANSWER_S)
            try:
                sock.connect(_address(key, place))
                pid, uid, _ = _CREDENTIALS.unpack(
                    sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                )
            except ConnectionRefusedError:
                return False, None
            except OSError as error:
                log.warning("who has the name of a device of ours cannot be asked: %s", error)
                return True, None
            told = _told(sock)
        if told is None:
            # Closed without a word: it was just being given up.
            return False, None
        mine, proof = os.geteuid(), str(told.get("proof"))
        if uid not in (mine, 0) and not hmac.compare_digest(
            proof.encode(errors="replace"), _proof(key, uid).encode()
        ):
            log.warning(
                "process %d of the user %s has the name of a device of ours and does not prove"
                " that it has the session; it is not believed",
                pid,
                _user(uid),
            )
            return True, None
        root = plain(str(told.get("root", "")), _LONGEST_PATH)
        return True, Peer(pid, "" if uid == mine else _user(uid), root)


def _bound(address: bytes) -> socket.socket | None:
    """A socket that has the name, or None when another one has it. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.bind(address)
        sock.listen(64)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return sock


def _is_taken(address: bytes) -> bool:
    """Whether somebody has the name, who is asked nothing."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        try:
            sock.connect(address)
        except ConnectionRefusedError:
            return False
        except OSError:
            # Its queue is full, for one.
            pass
    return True


def _address(key: bytes, place: int) -> bytes:
    mark = hmac.digest(key, b"name", "sha256").hex()[:32]
    return b"\0%s-%s-%d" % (PLACE, mark.encode(), place)


def _proof(key: bytes, uid: int) -> str:
    """What only who has the device's key can say, and only this user of himself."""
    return hmac.digest(key, b"held by the user %d" % uid, "sha256").hex()


def _told(sock: socket.socket) -> dict[str, object] | None:
    """What it says of itself, {} when it hangs or says nothing that can be understood; None when it
    is gone."""
    data = b""
    try:
        while len(data) < _LONGEST and (more := sock.recv(_LONGEST)):
            data += more
    except TimeoutError:
        return {}
    except OSError:
        return None
    if not data:
        return None
    with contextlib.suppress(ValueError):
        told = json.loads(data)
        if isinstance(told, dict):
            return told
    return {}


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
