"""Starts one of the worker's programs in a process of its own."""

import asyncio
import os
import socket
import sys
import sysconfig
from pathlib import Path

import waziterm
from waziterm.domain.errors import FleetError
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import safe_line
from waziterm.manager.workers.child import OwnChild, exit_cause
from waziterm.worker.protocol import PROTOCOL

TRIAL_S = 20.0
# GOMEMLIMIT, GOGC: without them a phone's history after a linking makes 600 to 940 MB of a worker
# of 50; a soft limit, which costs CPU and no failure. GOMAXPROCS: with as many as there are cores,
# each message that wakes a worker wakes threads that find nothing to do: a fifth of its CPU, and
# 3 MB of each worker; for the other cores there are other workers. Go reads them at the start of a
# process that executes (not of one that forks), so they hold for every worker; whoever sets them
# otherwise is obeyed.
_GO_RUNTIME = {"GOMEMLIMIT": "100MiB", "GOGC": "50", "GOMAXPROCS": "1"}


async def launch(
    module: str,
    line: socket.socket,
    output: socket.socket | None,
    ca_file: str | None,
    library: str | None = None,
) -> OwnChild:
    """Start `python -m module --fd LINE` in a session of its own. Raises OSError.

    What is started may be of another version, where the program was upgraded on disk: it ends at
    once unless it speaks our protocol.

    line: what it inherits for the talk with us. output: its fds 1 and 2; None for nothing.
    ca_file: path of a PEM file that it and its forks trust as well, for a lab. Go reads the
    environment with which the process was executed, and no later change. library: path of a copy
    of neonize's library that it loads, None for neonize's own.
    """
    printed = asyncio.subprocess.DEVNULL if output is None else output.fileno()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # no module of the current directory may stand in for one of the library's
        "-m",
        module,
        "--protocol",
        str(PROTOCOL),
        "--fd",
        str(line.fileno()),
        *(() if library is None else ("--library", library)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=printed,
        stderr=printed,
        pass_fds=(line.fileno(),),
        start_new_session=True,
        env=_environment(ca_file),
    )
    return OwnChild(process)


async def trial(library: Path) -> str:
    """Load a copy of neonize's library as a worker would, in a process that ends at once; "", or
    why that fails."""
    try:
        code, said = await _once("waziterm.worker.neonize.library", library)
    except TimeoutError:
        return f"not loaded after {TRIAL_S:.0f} s"
    except OSError as error:
        return f"no process could be started: {error.strerror}"
    return "" if code == 0 else said or f"its process ended with {code}"


async def new_store(path: Path) -> None:
    """Make an empty whatsmeow store with the installed library, in a process that ends at once.
    path: must not exist. Raises FleetError."""
    failed = Phrase("the library cannot make an empty session")
    try:
        code, said = await _once("waziterm.worker.neonize.new_store", path)
    except TimeoutError as error:
        why = Phrase("not made after {count} s", count=round(TRIAL_S))
        raise FleetError(Phrase("{what}: {why}", what=failed, why=why)) from error
    except OSError as error:
        why = Phrase("no process could be started: {why}", why=error.strerror or str(error))
        raise FleetError(Phrase("{what}: {why}", what=failed, why=why)) from error
    if code != 0:
        raise FleetError(
            Phrase("{what}: {why}", what=failed, why=said or exit_cause(code)),
            Phrase("`waziterm doctor` looks at the library"),
        )


async def _once(module: str, path: Path) -> tuple[int, str]:
    """Run a module of the worker's on one path, in a process that ends at once: its exit code, and
    the last line of what it printed. Raises TimeoutError, and OSError when there is no process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, str(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=_environment(None),
    )
    try:
        async with asyncio.timeout(TRIAL_S):
            _, printed = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = printed.decode(errors="replace").strip().splitlines()
    return process.returncode or 0, safe_line(lines[-1], 200) if lines else ""


def _environment(ca_file: str | None) -> dict[str, str]:
    environment = dict(os.environ)
    environment["PYTHONUNBUFFERED"] = "1"
    # Else whatsmeow adds `<bot biz_bot="1"/>` to each text, which no ordinary client sends.
    environment["NEONIZE_BOT_TAG"] = "off"
    for name, value in _GO_RUNTIME.items():
        environment.setdefault(name, value)
    if ca_file is not None:
        environment["SSL_CERT_FILE"] = ca_file
    root = str(Path(waziterm.__file__).parent.parent)
    if root not in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        # Run from a source tree: the worker must find the same waziterm.
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{root}{os.pathsep}{known}" if known else root
    return environment
