"""How much memory is free, and whether freed memory goes back to the system."""

import ctypes
import functools
import os
import sys
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # of glibc's mallopt(3)


def keep_freed() -> None:
    """Let glibc reuse large freed blocks instead of returning them; elsewhere nothing happens.

    By default every block of 32 MB and more comes fresh from the system, which fills it with
    zeros: more work than many a layer of a network.
    """
    _set(M_MMAP_MAX, 0)
    _set(M_TRIM_THRESHOLD, -1)


def share() -> None:
    """Let new threads of glibc's reuse what others have freed; elsewhere nothing happens.

    By default each takes its memory from an own arena, and large freed blocks stay in all of them.
    """
    _set(M_ARENA_MAX, 1)


def trim() -> None:
    """Have glibc return all memory that is free now; elsewhere nothing happens."""
    if _glibc() is not None:
        _glibc().malloc_trim(0)


def available(system: Path = Path("/")) -> int | None:
    """Bytes that programs here can still take, a container's limit respected; None: not known.

    Pages of files that the system would give up for them count as free.
    """
    facts = _numbers(system / "proc/meminfo")
    if "MemAvailable:" not in facts:
        return None
    free = facts["MemAvailable:"] * 1024
    for limit, usage, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        group = system / "sys/fs/cgroup"
        try:
            most, used = (int((group / name).read_text()) for name in (limit, usage))
        except (OSError, ValueError):  # there is no such group, or "max": no limit
            continue
        unneeded = _numbers((group / limit).with_name("memory.stat")).get(cached, 0)
        free = min(free, most - used + unneeded)
    return max(0, free)


def processes(each: int) -> int:
    """How many processes may work side by side: one a core, if there are `each` bytes for it."""
    free, cores = available(), os.cpu_count() or 1
    return cores if free is None else max(1, min(cores, free // each))


def held(system: Path = Path("/")) -> int | None:
    """Bytes of memory that this process holds; None where that is not known."""
    return _of_status("VmRSS:", system)


def peak(system: Path = Path("/")) -> int | None:
    """Bytes of memory that this process has held at most; None where that is not known."""
    return _of_status("VmHWM:", system)


def _of_status(name: str, system: Path) -> int | None:
    count = _numbers(system / "proc/self/status").get(name)
    return None if count is None else count * 1024


def _numbers(path: Path) -> dict[str, int]:
    """First word -> first number of each line of a file under /proc or /sys."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdigit()}


def _set(name: int, value: int) -> None:
    if _glibc() is not None:
        _glibc().mallopt(name, value)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
