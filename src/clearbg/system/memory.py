"""What becomes of memory that is freed: the process keeps it, or the system has it back."""

import ctypes
import functools
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt(3)


def keep_freed() -> None:
    """Switch glibc's returning of large blocks off; elsewhere nothing happens.

    By default every block of 32 MB and more comes fresh from the system, which fills it with
    zeros: more work than many a layer of a network.
    """
    _set(M_MMAP_MAX, 0)
    _set(M_TRIM_THRESHOLD, -1)


def trim() -> None:
    """Have glibc return all memory that is free now; elsewhere nothing happens."""
    if _glibc() is not None:
        _glibc().malloc_trim(0)


def _set(name: int, value: int) -> None:
    if _glibc() is not None:
        _glibc().mallopt(name, value)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
