"""Let the process keep the memory that tensors give back, instead of asking for it again."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt(3)


def keep_freed() -> None:
    """Switch glibc's returning of large blocks off; elsewhere nothing happens.

    By default every block of 32 MB and more comes fresh from the system, which fills it with
    zeros: more work than many a layer of a network.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)
