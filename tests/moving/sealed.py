"""Sealed files of the tests, sound and hostile."""

import io
import struct
import tarfile

from waziterm.moving.bundle import Kind, Member, manifest_of, write_bundle

PASSPHRASE = "correct horse battery"


def bundle(*members: tuple[str, bytes], kind: Kind = Kind.BACKUP) -> bytes:
    """A bundle of these files."""
    stream = io.BytesIO()
    first = manifest_of(kind, "0.1.0", 0.0, {})
    write_bundle(stream, (first, *(Member(name, content) for name, content in members)))
    return stream.getvalue()


def odd(*heads: tuple[str, bytes, int, bytes], before: bytes = b"") -> bytes:
    """A tar by hand: name, type, claimed size, and what follows each head."""
    made = before
    for name, kind, size, content in heads:
        head = bytearray(512)
        head[: len(name)] = name.encode()
        head[100:108] = b"0000600\0"
        head[124:136] = f"{size:011o}\0".encode()
        head[156:157] = kind
        head[257:265] = b"ustar\x0000"
        head[148:156] = b" " * 8
        head[148:156] = f"{sum(head):06o}\0 ".encode()
        made += bytes(head) + content + bytes(-len(content) % 512)
    return made + bytes(1024)


def manifest_alone(kind: Kind = Kind.BACKUP) -> bytes:
    """A bundle without its end."""
    begun = bundle(kind=kind).rstrip(b"\0")
    return begun + bytes(-len(begun) % 512)


def sparse(name: str, size: int) -> bytes:
    """A file of many bytes that takes a few: GNU's sparse format, in which `tarfile` believes."""
    head = tarfile.TarInfo(name)
    head.type = tarfile.GNUTYPE_SPARSE
    raw = bytearray(head.tobuf(tarfile.GNU_FORMAT))
    raw[386:410] = b"%011o\0" % 0 + b"%011o\0" % 0
    raw[483:495] = b"%011o\0" % size
    raw[148:156] = b" " * 8
    raw[148:156] = f"{sum(raw):06o}\0 ".encode()
    return bytes(raw)


def too_much_work(log_n: int) -> bytes:
    """A file that asks for so much memory, 128 · 8 · 2^log_n bytes, before it can be refused."""
    lines = (b"-> scrypt AAAAAAAAAAAAAAAAAAAAAA %d" % log_n, b"A" * 43, b"--- " + b"A" * 43)
    return b"age-encryption.org/v1\n" + b"\n".join(lines) + b"\n" + struct.pack(">Q", 0) * 20
