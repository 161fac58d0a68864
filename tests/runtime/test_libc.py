"""What the C library does for us where it can."""

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.runtime import libc
from tests.paths import ROOT

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is one of glibc")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can end a process with its parent")

# Blocks as torch frees them, each with a small one behind it that stays; prints the MiB that the process then holds.
CHURN = """
import ctypes, sys
from scripts.runtime.libc import give_back_memory, return_freed_blocks

if sys.argv[1] == "returning":
    return_freed_blocks()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.free(libc.malloc(20 * 2**20))  # from here on glibc keeps blocks of up to 20 MiB, unless it is set not to
blocks = []
for _ in range(40):
    blocks.append(libc.malloc(5 * 2**20))
    ctypes.memset(blocks[-1], 1, 5 * 2**20)
    libc.malloc(1000)
for block in blocks:
    libc.free(block)
if sys.argv[1] == "giving":
    give_back_memory()
pages = int(open("/proc/self/statm").read().split()[1])
print(pages * 4096 // 2**20)
"""
# A process that starts another one, which ends with it or does not, prints its number, and waits.
PARENT = """
import subprocess, sys, time

end = "from scripts.runtime.libc import end_with_parent; end_with_parent(); " * (sys.argv[1] == "ends")
child = subprocess.Popen([sys.executable, "-c", end + "import time; print(flush=True); time.sleep(60)"],
                         stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def held(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", CHURN, how], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


@glibc
@pytest.mark.parametrize("how", ["returning", "giving"])
def test_freed_blocks_are_given_back(how: str):
    assert held(how) < held("keeping") - 100


@linux
@pytest.mark.parametrize("ends", [True, False])
def test_a_process_ends_with_the_one_that_started_it(ends: bool):
    command = [sys.executable, "-c", PARENT, "ends" if ends else "stays"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    try:
        assert waits_for(lambda: not runs(child), 20 if ends else 0.5) is ends
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def waits_for(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("library", [None, SimpleNamespace()], ids=["none", "another"])
def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch, library: Any):
    monkeypatch.setattr(libc, "LIBC", library)
    for function in (libc.give_back_memory, libc.return_freed_blocks, libc.end_with_parent):
        function()


def test_memory_is_given_back_to_the_last_byte(monkeypatch: pytest.MonkeyPatch):
    given: list[int] = []
    monkeypatch.setattr(libc, "LIBC", SimpleNamespace(malloc_trim=given.append))
    libc.give_back_memory()
    assert given == [0]
