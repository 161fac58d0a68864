"""The class of the processor, and how a command starts again with libraries held to less."""

import subprocess
import sys

import pytest
import torch

from benchmarks import processor
from benchmarks.processor import HOLDS, describe_hold, describe_processor, has_vnni, hold_to
from scripts.cli import InputError
from tests.paths import ROOT

CPU = torch.device("cpu")
VARIABLES = HOLDS["avx2"]
HELD = """
import sys
from benchmarks.processor import describe_hold, hold_to
print("start", flush=True)
hold_to(sys.argv[1])
import torch
print(describe_hold(), torch.backends.cpu.get_cpu_capability())
"""


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def give(monkeypatch: pytest.MonkeyPatch, *instructions: str) -> None:
    found = {"cpu_name": "EPYC", **dict.fromkeys(instructions, True)}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


@pytest.mark.parametrize(
    ("instructions", "name", "vnni"),
    [
        ("avx2 avx512_f avx512_vnni avx512_bf16 amx_bf16", "AMX", True),
        ("avx2 avx512_f avx512_vnni avx512_bf16", "AVX-512-BF16", True),
        ("avx2 avx512_f avx512_vnni", "AVX-512-VNNI", True),
        ("avx2 avx512_f", "AVX-512", False),
        ("avx2 avx_vnni", "AVX-VNNI", True),
        ("avx2", "AVX2", False),
    ],
)
def test_a_processor_is_named_with_its_class(instructions: str, name: str, vnni: bool, monkeypatch):
    give(monkeypatch, *instructions.split())
    assert describe_processor(CPU) == f"EPYC, 2 threads, {name}"
    assert has_vnni() == vnni


def test_it_is_said_what_the_libraries_are_held_to(monkeypatch):
    give(monkeypatch, "avx2", "avx512_f")
    assert describe_hold() == ""
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    assert describe_processor(CPU).endswith(", AVX-512, ATEN_CPU_CAPABILITY=avx2")
    for variable, value in VARIABLES.items():
        monkeypatch.setenv(variable, value)
    assert describe_processor(CPU).endswith(", AVX-512, held to AVX2")


def test_the_same_command_starts_once_more_with_the_libraries_held():
    if not torch.cpu.get_capabilities().get("avx2"):
        pytest.skip("this processor has no AVX2")
    done = subprocess.run(
        [sys.executable, "-c", HELD, "avx2"], cwd=ROOT, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout.splitlines() == ["start", "start", "held to AVX2 AVX2"]


def test_nothing_starts_again_without_a_name_nor_with_an_unknown_one(monkeypatch):
    monkeypatch.setattr(processor.os, "execve", lambda *_: pytest.fail("started again"))
    hold_to("")
    with pytest.raises(InputError, match=r"to sse: give one of avx2\.$"):
        hold_to("sse")
