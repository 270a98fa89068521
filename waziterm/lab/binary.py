"""WhatsApp's binary XML: nodes to bytes and back.

The layout was read from whatsmeow (`binary/encoder.go`, `binary/decoder.go`). Every plaintext
begins with a flag byte; bit 2 says that the rest is compressed with zlib.
"""

import zlib

from waziterm.domain.jid import Jid
from waziterm.lab.node import Node
from waziterm.lab.tokens import DOUBLE_PAGE_BASE, tokens

LIST_EMPTY = 0
AD_JID = 247
LIST_8 = 248
LIST_16 = 249
JID_PAIR = 250
HEX_8 = 251
BINARY_8 = 252
BINARY_20 = 253
BINARY_32 = 254
NIBBLE_8 = 255

PACKED_MAX = 127
FLAG_ZLIB = 2
MAX_PLAINTEXT = 1 << 24
MAX_DEPTH = 32

_NIBBLES = "0123456789-."
_HEX = "0123456789ABCDEF"
_AD_SERVERS = {0: "s.whatsapp.net", 1: "lid", 128: "hosted", 129: "hosted.lid"}
_AD_AGENTS = {server: agent for agent, server in _AD_SERVERS.items()}


class BinaryError(ValueError):
    """The bytes are not a node."""


def encode(node: Node) -> bytes:
    """A node as an uncompressed plaintext, its flag byte included.

    A surrogate from U+DC80 on in a text stands for a byte that is not UTF-8.
    """
    out = bytearray(b"\0")
    _write_node(out, node)
    return bytes(out)


def decode(plaintext: bytes) -> Node:
    """Read a plaintext, its flag byte included; what is not UTF-8 is as in `encode`.

    Raises BinaryError when it is cut short, has bytes left over or holds an unknown tag.
    """
    if not plaintext:
        raise BinaryError("empty plaintext")
    body = plaintext[1:]
    if plaintext[0] & FLAG_ZLIB:
        body = _inflate(body)
    reader = _Reader(body)
    node = reader.node(0)
    if reader.position != len(body):
        raise BinaryError("bytes left over after the node")
    return node


def _inflate(body: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(body, MAX_PLAINTEXT)
    except zlib.error as error:
        raise BinaryError(f"not zlib data ({error})") from error
    if not inflater.eof:
        raise BinaryError("zlib data cut short or too large")
    return data


def _write_node(out: bytearray, node: Node) -> None:
    content = node.content or None if isinstance(node.content, tuple) else node.content
    _write_list_start(out, 1 + 2 * len(node.attrs) + (content is not None))
    _write_text(out, node.tag)
    for name, value in node.attrs.items():
        _write_text(out, name)
        if isinstance(value, Jid):
            _write_jid(out, value)
        else:
            _write_text(out, value)
    if isinstance(content, bytes):
        _write_bytes(out, content)
    elif content is not None:
        _write_list_start(out, len(content))
        for child in content:
            _write_node(out, child)


def _write_list_start(out: bytearray, size: int) -> None:
    if size == 0:
        out.append(LIST_EMPTY)
    elif size < 256:
        out += bytes((LIST_8, size))
    else:
        out.append(LIST_16)
        out += size.to_bytes(2, "big")


def _write_bytes(out: bytearray, data: bytes) -> None:
    size = len(data)
    if size < 256:
        out += bytes((BINARY_8, size))
    elif size < 1 << 20:
        out.append(BINARY_20)
        out += size.to_bytes(3, "big")
    else:
        out.append(BINARY_32)
        out += size.to_bytes(4, "big")
    out += data


def _write_text(out: bytearray, text: str) -> None:
    token = tokens().encoded.get(text)
    if token is not None:
        out += token
    elif 0 < len(text) <= PACKED_MAX and all(char in _NIBBLES for char in text):
        _write_packed(out, NIBBLE_8, _NIBBLES, text)
    elif 0 < len(text) <= PACKED_MAX and all(char in _HEX for char in text):
        _write_packed(out, HEX_8, _HEX, text)
    else:
        _write_bytes(out, text.encode(errors="surrogateescape"))


def _write_packed(out: bytearray, tag: int, alphabet: str, text: str) -> None:
    odd = len(text) % 2
    out += bytes((tag, (len(text) + 1) // 2 | (odd << 7)))
    digits = [alphabet.index(char) for char in text] + [15] * odd
    out += bytes(high << 4 | low for high, low in zip(digits[::2], digits[1::2], strict=True))


def _write_jid(out: bytearray, jid: Jid) -> None:
    agent = _AD_AGENTS.get(jid.server)
    if agent is not None and jid.device > 0:
        out += bytes((AD_JID, agent, jid.device))
        _write_text(out, jid.user)
        return
    out.append(JID_PAIR)
    if jid.user:
        _write_text(out, jid.user)
    else:
        out.append(LIST_EMPTY)
    _write_text(out, jid.server)


class _Reader:
    """A position in the bytes of one node."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.position = 0

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.body):
            raise BinaryError("cut short")
        data = self.body[self.position : end]
        self.position = end
        return data

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def list_size(self, tag: int) -> int:
        if tag == LIST_EMPTY:
            return 0
        if tag == LIST_8:
            return self.integer(1)
        if tag == LIST_16:
            return self.integer(2)
        raise BinaryError(f"tag {tag} where a list was expected")

    def node(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise BinaryError("nested too deeply")
        size = self.list_size(self.integer(1))
        if size == 0:
            raise BinaryError("an empty node")
        tag = self.text()
        attrs: dict[str, str | Jid] = {}
        for _ in range((size - 1) // 2):
            name = self.text()
            attrs[name] = self.attribute()
        content = None if size % 2 else self.content(depth)
        return Node(tag, attrs, content)

    def content(self, depth: int) -> tuple[Node, ...] | bytes | None:
        tag = self.integer(1)
        if tag == LIST_EMPTY:
            return None
        if tag in (LIST_8, LIST_16):
            return tuple(self.node(depth + 1) for _ in range(self.list_size(tag)))
        if tag in (BINARY_8, BINARY_20, BINARY_32):
            return self.binary(tag)
        value = self.value(tag)
        return str(value).encode()

    def text(self) -> str:
        value = self.value(self.integer(1))
        if isinstance(value, Jid):
            raise BinaryError("a JID where text was expected")
        return value

    def attribute(self) -> str | Jid:
        return self.value(self.integer(1))

    def binary(self, tag: int) -> bytes:
        if tag == BINARY_8:
            return self.take(self.integer(1))
        if tag == BINARY_20:
            return self.take(self.integer(3) & 0xFFFFF)
        return self.take(self.integer(4))

    def value(self, tag: int) -> str | Jid:
        words = tokens()
        if 0 < tag < len(words.single):
            return words.single[tag]
        if DOUBLE_PAGE_BASE <= tag < DOUBLE_PAGE_BASE + len(words.double):
            page = words.double[tag - DOUBLE_PAGE_BASE]
            index = self.integer(1)
            if index >= len(page):
                raise BinaryError(f"no word {index} on page {tag - DOUBLE_PAGE_BASE}")
            return page[index]
        if tag == LIST_EMPTY:
            return ""
        if tag in (BINARY_8, BINARY_20, BINARY_32):
            return self.binary(tag).decode(errors="surrogateescape")
        if tag == NIBBLE_8:
            return self.packed(_NIBBLES)
        if tag == HEX_8:
            return self.packed(_HEX)
        if tag == JID_PAIR:
            user = self.text()
            return Jid(user, 0, self.text())
        if tag == AD_JID:
            agent, device = self.take(2)
            return Jid(self.text(), device, _AD_SERVERS.get(agent, "s.whatsapp.net"))
        raise BinaryError(f"unknown tag {tag}")

    def packed(self, alphabet: str) -> str:
        head = self.integer(1)
        digits: list[int] = []
        for byte in self.take(head & 0x7F):
            digits += (byte >> 4, byte & 15)
        if head & 0x80 and digits:
            digits.pop()
        if any(digit >= len(alphabet) for digit in digits):
            raise BinaryError("a packed digit that means nothing")
        return "".join(alphabet[digit] for digit in digits)
