"""Curve25519 keys and XEdDSA signatures, as far as moving a session needs them."""

import hashlib
import hmac

import xeddsa

KEY_TYPE = b"\x05"
"""What stands before a public key where Signal's library writes one."""
_NO_SALT = bytes(32)
_HIGH = 0x80


def public_of(private: bytes) -> bytes:
    """The public half, 32 bytes, of a private one of 32."""
    clamped = bytearray(private)
    clamped[0] &= 248
    clamped[31] = clamped[31] & 127 | 64
    public: bytes = xeddsa.priv_to_curve25519_pub(bytes(clamped))
    return public


def is_signed(message: bytes, signature: bytes, public: bytes) -> bool:
    """Whether a signature of 64 bytes over the message is by the key with this public half."""
    sign = bool(signature[63] & _HIGH)
    plain = signature[:63] + bytes([signature[63] & ~_HIGH])
    edwards = xeddsa.curve25519_pub_to_ed25519_pub(public, sign)
    return bool(xeddsa.ed25519_verify(plain, edwards, message))


def derived(seed: bytes, purpose: bytes, size: int) -> bytes:
    """HKDF-SHA256 without a salt, as Signal's libraries make message keys of their seeds."""
    key, block, out = hmac.digest(_NO_SALT, seed, hashlib.sha256), b"", b""
    for number in range(1, -(-size // 32) + 1):
        block = hmac.digest(key, block + purpose + bytes([number]), hashlib.sha256)
        out += block
    return out[:size]
