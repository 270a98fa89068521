"""What is used of neonize that it does not promise: its private names, each with the reason.
`tests/test_private_names.py` finds them here and asserts that the installed version has them."""

import ctypes
from typing import Any

BINDER = "neonize._binder"
"""The module that binds the Go library; its public ones load Pillow and more, see `library`."""


def library_path(binder: Any) -> str:
    """The file that was loaded, to find its memory by: ctypes tells it in no other way."""
    path: str = binder.gocode._name
    return path


def proxy_settings(binder: Any, proxy: str) -> ctypes.Structure:
    """A proxy's URL as `Neonize` takes it; only neonize's own client makes one in public."""
    made: ctypes.Structure = binder.ProxySettings(proxy)._to_c_struct()
    return made
