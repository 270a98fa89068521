"""A lab's Noise root key in the place of WhatsApp's own, in this process's memory alone.

whatsmeow checks the server's certificates against a 32-byte key that is compiled into the
library and stands once in its writable data, so no file has to be touched.
"""

import ctypes
import re
from pathlib import Path

from waziterm.domain.frozen import dataclass

# whatsmeow handshake.go, WACertPubKey
WHATSAPP_ROOT_KEY = bytes.fromhex(
    "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"
)


class RootKeyError(RuntimeError):
    """The key could not be replaced; the message says why."""


@dataclass(frozen=True, slots=True)
class _Mapping:
    start: int
    size: int


def replace_root_key(library: str, new: bytes, old: bytes = WHATSAPP_ROOT_KEY) -> None:
    """Replace the one copy of `old` in the writable mappings of a loaded library.

    library: path of the shared library. new: 32 bytes.
    Raises RootKeyError when there is not exactly one copy, or nothing may be read here.
    """
    if len(new) != len(old):
        raise RootKeyError(f"a Noise root key has {len(old)} bytes, not {len(new)}")
    found = [
        mapping.start + match.start()
        for mapping in _writable_mappings(library)
        for match in re.finditer(re.escape(old), _bytes_of(mapping))
    ]
    if len(found) != 1:
        raise RootKeyError(
            f"the lab's Noise root key was not set: WhatsApp's own stands {len(found)} times "
            "in the library's memory, and it must be once"
        )
    ctypes.memmove(found[0], new, len(new))


def _writable_mappings(library: str) -> list[_Mapping]:
    path = str(Path(library).resolve())
    try:
        lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    except OSError as error:
        raise RootKeyError(f"the lab's Noise root key was not set: {error}") from error
    mappings = []
    for line in lines:
        span, permissions, *rest = line.split(maxsplit=5)
        if len(rest) == 4 and rest[3] == path and permissions.startswith("rw"):
            start, end = (int(part, 16) for part in span.split("-"))
            mappings.append(_Mapping(start, end - start))
    return mappings


def _bytes_of(mapping: _Mapping) -> memoryview:
    return memoryview((ctypes.c_char * mapping.size).from_address(mapping.start)).cast("B")
