"""Freed blocks go back to the system."""

import platform
import subprocess
import sys

import pytest

from tests.paths import ROOT

# Blocks as torch frees them, each with a small one behind it that stays; prints the MiB that the process then holds.
CHURN = """
import ctypes, sys
from scripts.runtime.libc import return_freed_blocks

if sys.argv[1] == "returning":
    return_freed_blocks()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.free(libc.malloc(20 * 2**20))  # from here on glibc keeps blocks of up to 20 MiB, unless told otherwise
blocks = []
for _ in range(40):
    blocks.append(libc.malloc(5 * 2**20))
    ctypes.memset(blocks[-1], 1, 5 * 2**20)
    libc.malloc(1000)
for block in blocks:
    libc.free(block)
pages = int(open("/proc/self/statm").read().split()[1])
print(pages * 4096 // 2**20)
"""


def held(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", CHURN, how], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is one of glibc")
def test_freed_blocks_are_given_back():
    assert held("returning") < held("keeping") - 100
