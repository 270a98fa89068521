"""neonize's Go library and its message classes, without the rest of its package.

`import neonize` loads Pillow, BeautifulSoup, libmagic and 60 MB for media and stickers, and starts
the Go runtime, which does not survive a fork. So the package's own `__init__` modules are left
out: what is imported here is message classes alone, and is fit for a process that forks; `load`
starts the library, once, in the process that uses it.
"""

import importlib
import importlib.util
import re
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from waziterm.worker.library_file import LibraryFileError, file_name, package_folder


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
    be loaded."""
    own = ModuleType("neonize.download")
    # The real one would fetch a program from the network, and loads an HTTP client for that.
    own.__dict__.update(__GONEONIZE_VERSION__=LIBRARY_VERSION, download=_no_download)
    sys.modules.setdefault(own.__name__, own)
    named: Any = importlib.import_module("neonize.utils.platform")
    # neonize joins the name to its own folder, where an absolute path stays what it is. Its own
    # function would run a shell, twice in each process, to learn that this is no Android.
    file = path or file_name()
    named.generated_name = lambda *_: file
    return importlib.import_module("neonize._binder")


if __name__ == "__main__":
    # A trial in a process of its own: whether a copy can be loaded on this machine at all.
    load(sys.argv[1])
