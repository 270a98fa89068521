"""waziterm: a terminal monitor that watches and heals many WhatsApp sessions on one box."""

__version__ = "0.1.0"
