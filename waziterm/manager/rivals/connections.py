"""What processes of ours are connected to, read from /proc: the machine's table of connections once
for all of them, which may be long."""

import os
import socket
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

Address = tuple[str, int]
"""The IP and port of a TCP connection's far end."""

_TABLES = {"tcp": socket.AF_INET, "tcp6": socket.AF_INET6}
_ESTABLISHED = "01"
_WORD = 8
"""Hex digits of one of the words of an IP, each in the byte order of the machine."""


def addresses_of(pids: Collection[int]) -> Mapping[int, frozenset[Address]]:
    """By pid, what these processes are connected to, all of them in our network namespace; nothing
    for one that is gone, or cannot be looked into."""
    sockets = {pid: frozenset(_sockets(pid)) for pid in pids}
    far_ends = dict(_far_ends(frozenset().union(*sockets.values())))
    return {
        pid: frozenset(far_ends[each] for each in own if each in far_ends)
        for pid, own in sockets.items()
    }


def _sockets(pid: int) -> Iterator[str]:
    """The inodes of the sockets that a process has open."""
    try:
        descriptors = tuple(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return
    for each in descriptors:
        try:
            target = os.readlink(each)  # noqa: PTH115 - as text, of many
        except OSError:
            # It has been closed since.
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]


def _far_ends(inodes: Collection[str]) -> Iterator[tuple[str, Address]]:
    """Those of these sockets that are TCP connections, and where each leads to: see
    proc_pid_net(5)."""
    for table, family in _TABLES.items():
        try:
            rows = Path(f"/proc/self/net/{table}").read_text(encoding="ascii").splitlines()
        except OSError:
            # A kernel without IPv6 has no `tcp6`.
            continue
        for row in rows:
            _, _, far_end, state, _, _, _, _, _, inode, *_ = row.split(None, 10)
            if inode in inodes and state == _ESTABLISHED:
                yield inode, _address(far_end, family)


def _address(told: str, family: int) -> Address:
    ip, port = told.split(":")
    words = (ip[at : at + _WORD] for at in range(0, len(ip), _WORD))
    packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    return socket.inet_ntop(family, packed), int(port, 16)
