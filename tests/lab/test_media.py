"""The lab's place for files, and a phone that opens only what its message names."""

import hashlib
import hmac
import json
import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from waziterm.lab import media
from waziterm.lab.media import MediaError, MediaHost, opened
from waziterm.lab.noise import hkdf
from waziterm.lab.ratchet import NO_SALT

KEY, CONTENT = bytes(range(32)), b"the menu of today"


def sealed(content: bytes = CONTENT, kind: str = "Image") -> bytes:
    """As whatsmeow seals a file (`upload.go`)."""
    keys = hkdf(KEY, NO_SALT, f"WhatsApp {kind} Keys".encode(), 112)
    padding = 16 - len(content) % 16
    encryptor = Cipher(algorithms.AES(keys[16:48]), modes.CBC(keys[:16])).encryptor()
    body = encryptor.update(content + bytes([padding]) * padding) + encryptor.finalize()
    return body + hmac.new(keys[48:80], keys[:16] + body, hashlib.sha256).digest()[:10]


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_what_was_uploaded_is_downloaded_and_opened() -> None:
    host, data = MediaHost(), sealed()
    answer = json.loads(host.take("/mms/image/token", data))
    assert answer["url"] == f"https://{media.HOST}{answer['direct_path']}"
    found = host.download(answer["direct_path"])
    assert opened(found, "Image", KEY, sha(CONTENT), sha(data)) == CONTENT
    with pytest.raises(MediaError, match="no such file"):
        host.download("/v/other")


def test_the_oldest_goes_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MOST_BYTES", 250)
    host = MediaHost()
    places = [
        json.loads(host.take("/mms/image/token", os.urandom(100)))["direct_path"] for _ in range(3)
    ]
    with pytest.raises(MediaError):
        host.download(places[0])
    assert len(host.download(places[2])) == 100


def test_a_phone_opens_only_what_its_message_names() -> None:
    data = sealed()
    for wrong, said in (
        ((sealed(b"another"), "Image", KEY, sha(CONTENT), sha(data)), "another one"),
        ((data, "Document", KEY, sha(CONTENT), sha(data)), "key"),
        ((data, "Image", bytes(32), sha(CONTENT), sha(data)), "key"),
        ((data, "Image", KEY, sha(b"another"), sha(data)), "content"),
    ):
        with pytest.raises(MediaError, match=said):
            opened(*wrong)
