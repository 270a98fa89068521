"""Curve25519 keys and XEdDSA signatures, as WhatsApp uses them."""

import secrets

import xeddsa

from waziterm.domain.frozen import dataclass

KEY_TYPE = b"\x05"


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A Curve25519 key pair; both halves are 32 bytes."""

    private: bytes
    public: bytes

    @classmethod
    def generate(cls) -> "KeyPair":
        """A fresh pair."""
        return cls.of(secrets.token_bytes(32))

    @classmethod
    def of(cls, seed: bytes) -> "KeyPair":
        """The pair whose private half is these 32 bytes, clamped."""
        clamped = bytearray(seed)
        clamped[0] &= 248
        clamped[31] = clamped[31] & 127 | 64
        private = bytes(clamped)
        return cls(private, xeddsa.priv_to_curve25519_pub(private))

    def agree(self, public: bytes) -> bytes:
        """The 32-byte Diffie-Hellman secret with another public key.

        Raises ValueError when the bytes are not a usable public key.
        """
        if len(public) != 32:
            raise ValueError("a public key that is not 32 bytes")
        try:
            secret: bytes = xeddsa.x25519(self.private, public)
        except xeddsa.XEdDSAException as error:
            raise ValueError("a public key of low order") from error
        return secret

    def sign(self, message: bytes) -> bytes:
        """A 64-byte XEdDSA signature that `public` verifies."""
        forced = xeddsa.priv_force_sign(self.private, False)
        signature: bytes = xeddsa.ed25519_priv_sign(forced, message)
        return signature
