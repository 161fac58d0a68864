"""The C library: memory that goes back to the system, and processes that end with their parent.

Each function does nothing where the library has no such thing.
"""

import ctypes
import signal
import sys
from typing import Any

LIBC: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
# From glibc's malloc.h. Setting either also stops glibc from raising both as it goes, up to 32 MiB.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 4 * 2**20  # bytes from which a block is mapped, and given back, on its own
PR_SET_PDEATHSIG = 1  # from Linux' prctl.h


def give_back_memory() -> None:
    """Let the system have what is freed. glibc keeps it, and as batches always have new shapes it would pile up."""
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)


def return_freed_blocks() -> None:
    """From now on let glibc give large blocks back when they are freed.

    By default it keeps them for blocks of just that size, and training with batches that always have other shapes grew
    by 1.5 GiB an epoch of 31,000 words (torch 2.13, glibc 2.36), at most 5 % faster.
    """
    if hasattr(LIBC, "mallopt"):
        for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            LIBC.mallopt(parameter, LARGE)


def end_with_parent() -> None:
    """Let the system kill this process when the one that started it has ended."""
    if hasattr(LIBC, "prctl"):
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
