"""neonize's Go library and its message classes, without the rest of its package.

`import neonize` loads Pillow, BeautifulSoup, libmagic and 60 MB for media and stickers, and starts
the Go runtime, which does not survive a fork. So the package's own `__init__` modules are left
out: what is imported here is message classes alone, and is fit for a process that forks; `load`
starts the library, once, in the process that uses it.
"""

import ctypes.util  # noqa: F401 - what the library is loaded with, before a fork
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from waziterm.worker.library_file import LibraryFileError, file_name, package_folder
from waziterm.worker.neonize.private import BINDER


def _without_init(name: str, folder: str) -> None:
    """Stand in for a package whose `__init__` must not run; its modules are found as ever."""
    if name not in sys.modules:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [folder]
        sys.modules[name] = importlib.util.module_from_spec(spec)


def _no_download() -> None:
    raise OSError("neonize's library is missing or of another version; install neonize again")


try:
    _HOME = package_folder()
except LibraryFileError as error:
    raise ModuleNotFoundError(str(error)) from error
# What the package asks of its library, as its own `download` module says.
LIBRARY_VERSION = re.findall(
    r'^__GONEONIZE_VERSION__ = "(.+)"', (_HOME / "download.py").read_text(), re.MULTILINE
)[0]
_without_init("neonize", str(_HOME))
_without_init("neonize.utils", str(_HOME / "utils"))

messages: Any = importlib.import_module("neonize.proto.Neonize_pb2")
"""The classes of what crosses into the library and out of it."""
# Its own modules know the generated ones by these names; by any other name they would be
# loaded twice.
e2e: Any = importlib.import_module("waE2E.WAWebProtobufsE2E_pb2")
companion: Any = importlib.import_module("waCompanionReg.WAWebProtobufsCompanionReg_pb2")


def load(path: str | None = None) -> Any:
    """The library itself: neonize's ctypes functions, with their signatures. Starts the Go
    runtime. path: of a copy to load instead of the installed one. Raises OSError when it cannot
    be loaded, and ImportError when neonize is not whole."""
    return _binder()(path or file_name())


def held() -> Callable[[str | None], Any]:
    """`load` with all that it reads at hand, but for a copy: a fork of this process can call it
    when neonize's files were replaced or removed since. Raises ImportError and OSError when they
    are not there.
    """
    loaded, own = _binder(), file_name()
    if sys.platform == "linux":
        # A file that is open can be loaded by its descriptor, which therefore stays open.
        own = f"/proc/self/fd/{os.open(_HOME / own, os.O_RDONLY | os.O_CLOEXEC)}"
    return lambda path: loaded(path or own)


def _binder() -> Callable[[str], Any]:
    """What loads a library with neonize's binder, which is read now and executed then."""
    own = ModuleType("neonize.download")
    # The real one would fetch a program from the network, and loads an HTTP client for that.
    own.__dict__.update(__GONEONIZE_VERSION__=LIBRARY_VERSION, download=_no_download)
    sys.modules.setdefault(own.__name__, own)
    named: Any = importlib.import_module("neonize.utils.platform")
    spec = importlib.util.find_spec(BINDER)
    code = getattr(spec.loader, "get_code", _no_code)(spec.name) if spec else None
    if spec is None or code is None:
        raise ModuleNotFoundError("neonize is not whole; install it again")

    def loaded(file: str) -> Any:
        if spec.name not in sys.modules:
            # neonize joins the name to its own folder, where an absolute path stays what it is.
            # Its own function would run a shell, twice in each process, to learn that this is no
            # Android.
            named.generated_name = lambda *_: file
            binder = importlib.util.module_from_spec(spec)
            exec(code, binder.__dict__)
            sys.modules[spec.name] = binder
        return sys.modules[spec.name]

    return loaded


def _no_code(_name: str) -> None:
    return None


if __name__ == "__main__":
    # A trial in a process of its own: whether a copy can be loaded on this machine at all.
    load(sys.argv[1])
