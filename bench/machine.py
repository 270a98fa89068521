"""What processes cost, read from Linux."""

import time
from pathlib import Path

import psutil


def pss_mb(pid: int) -> float:
    """Proportional set size in MB (10^6 bytes): its own pages and its share of the common ones."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"no Pss for process {pid}")


def rss_mb(pid: int) -> float:
    """Resident set size in MB (10^6 bytes)."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def peak_mb(pid: int) -> float:
    """The largest resident set size that a process ever had, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"no peak for process {pid}")


def cpu_s(pid: int) -> float:
    """CPU seconds of a process since its start, threads that have ended included.

    It is the process's own CPU clock, in nanoseconds: the 10 ms ticks of /proc are too coarse
    for dozens of idle processes.
    """
    return time.clock_gettime((~pid << 3) | 2)


def waited_s(pid: int) -> float:
    """Seconds for which the main thread of a process was ready to run and got no core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def workers(pid: int) -> tuple[int, ...]:
    """The workers of a manager that live: what its zygote has forked."""
    return tuple(child.pid for child in psutil.Process(zygote(pid)).children() if _lives(child))


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def zygote(pid: int) -> int:
    """The process from which a manager's workers are forked. Raises LookupError."""
    for child in psutil.Process(pid).children():
        if any(part.startswith("waziterm.worker") for part in child.cmdline()):
            return child.pid
    raise LookupError(f"process {pid} has no zygote")


def zombies(pid: int) -> int:
    """How many processes below a process have ended and were not reaped."""
    below = psutil.Process(pid).children(recursive=True)
    return sum(child.status() == psutil.STATUS_ZOMBIE for child in below)


def open_fds(pid: int) -> int:
    return psutil.Process(pid).num_fds()


def threads(pid: int) -> int:
    return psutil.Process(pid).num_threads()
