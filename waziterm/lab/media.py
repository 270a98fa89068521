"""The files of messages: WhatsApp's place for them, and how a phone opens one."""

import hashlib
import hmac
import json
from collections import OrderedDict

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from waziterm.lab.node import Node
from waziterm.lab.noise import hkdf
from waziterm.lab.ratchet import NO_SALT

HOST = "mmg.whatsapp.net"
UPLOADS = "/mms/"
MOST_BYTES = 256 * 1024 * 1024
_LIFE_S = 3600
_MAC = 10
_BLOCK = 16


class MediaError(ValueError):
    """A file cannot be had, or is not what its message says."""


class MediaHost:
    """What was uploaded, by its path; the oldest goes when there is no room."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, bytes] = OrderedDict()

    def take(self, path: str, data: bytes) -> bytes:
        """Keep an upload to a path, `/mms/TYPE/TOKEN`; the JSON that answers it."""
        place = f"/v/{hashlib.sha256(data).hexdigest()[:32]}"
        self._files[place] = data
        while sum(map(len, self._files.values())) > MOST_BYTES:
            self._files.popitem(last=False)
        answer = {"url": f"https://{HOST}{place}", "direct_path": place, "handle": "lab"}
        return json.dumps(answer).encode()

    def download(self, place: str) -> bytes:
        """What lies at a direct path. Raises MediaError."""
        if place not in self._files:
            raise MediaError("there is no such file")
        return self._files[place]


def connection() -> Node:
    """The answer to a client that asks where to upload (whatsmeow `mediaconn.go`)."""
    attrs = {"auth": "lab", "auth_ttl": str(_LIFE_S), "ttl": str(_LIFE_S), "max_buckets": "12"}
    return Node("media_conn", attrs, (Node("host", {"hostname": HOST}),))


def opened(data: bytes, kind: str, key: bytes, sha256: bytes, enc_sha256: bytes) -> bytes:
    """The content of a file as a phone reads it. kind: `Image` or `Document`. key, sha256,
    enc_sha256: of the message (whatsmeow `download.go`). Raises MediaError."""
    if hashlib.sha256(data).digest() != enc_sha256:
        raise MediaError("the file is another one than the message names")
    keys = hkdf(key, NO_SALT, f"WhatsApp {kind} Keys".encode(), 112)
    iv, cipher_key, mac_key = keys[:16], keys[16:48], keys[48:80]
    body, mac = data[:-_MAC], data[-_MAC:]
    if hmac.new(mac_key, iv + body, hashlib.sha256).digest()[:_MAC] != mac:
        raise MediaError("the file was not sealed with the message's key")
    decryptor = Cipher(algorithms.AES(cipher_key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(body) + decryptor.finalize()
    if not padded or not 0 < padded[-1] <= _BLOCK:
        raise MediaError("the file has wrong padding")
    content = padded[: -padded[-1]]
    if hashlib.sha256(content).digest() != sha256:
        raise MediaError("the content is another one than the message names")
    return content
