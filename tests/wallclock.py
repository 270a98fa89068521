"""A wall clock of the test's own for programs in processes of their own; see `clockshim.c`."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("clockshim.c")


class WallClock:
    """The wall clock of the programs that are started in `environment`. The workers' library asks
    the kernel without the C library, so it goes on by the right time."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("no C compiler here: the clock of a program cannot be set")
        folder.mkdir()
        library = folder / "clockshim.so"
        self._file = folder / "ahead"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-lm"],
            check=True,
            timeout=60,
        )
        self.ahead_s = 0.0
        self._file.write_bytes(struct.pack("d", 0.0))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SHIM": str(self._file)}

    def set_by(self, seconds: float) -> None:
        """Set it, for the programs that run too."""
        self.ahead_s += seconds
        with self._file.open("r+b") as file:
            file.write(struct.pack("d", self.ahead_s))
