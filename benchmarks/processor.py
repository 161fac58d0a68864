"""The class of the processor, and how the libraries are held to less than it has.

What is measured on a held processor stands for one that has no more; it says so in every table and result.
"""

import os
import sys

import torch

from scripts.cli import InputError
from scripts.machine import describe_machine

# By torch's names of instructions, the most first
CLASSES = {
    "amx_bf16": "AMX",
    "avx512_bf16": "AVX-512-BF16",
    "avx512_vnni": "AVX-512-VNNI",
    "avx512_f": "AVX-512",
    "avx_vnni": "AVX-VNNI",
    "avx2": "AVX2",
}
# What oneDNN, torch's own kernels, MKL and FBGEMM read as they are loaded; ONNX Runtime and thinc's BLAS read nothing
HOLDS = {
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2",
    }
}


def hold_to(instructions: str) -> None:
    """Start the same command again with torch's libraries held to some instructions, unless they are already.

    instructions (str): A name of HOLDS; with none nothing is done.
    RAISES (InputError): It is no such name.
    """
    if not instructions:
        return
    if instructions not in HOLDS:
        raise InputError(f"Libraries cannot be held to {instructions}: give one of {', '.join(HOLDS)}.")
    if describe_hold() != f"held to {instructions.upper()}":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **HOLDS[instructions]})


def describe_hold() -> str:
    """What the environment holds the libraries to; of only some of them, or to something else, how it is set."""
    known = {variable for variables in HOLDS.values() for variable in variables}
    found = {variable: os.environ[variable] for variable in sorted(known) if os.environ.get(variable)}
    for instructions, variables in HOLDS.items():
        if found == variables:
            return f"held to {instructions.upper()}"
    return ", ".join(f"{variable}={value}" for variable, value in found.items())


def describe_processor(device: torch.device) -> str:
    """As `describe_machine`, with the class of a processor, as "AMD EPYC, 2 threads, AVX-512-BF16, held to AVX2"."""
    parts = [describe_machine(device)]
    if device.type == "cpu":
        can = torch.cpu.get_capabilities()
        parts += [name for instructions, name in CLASSES.items() if can.get(instructions)][:1]
        parts += [hold] if (hold := describe_hold()) else []
    return ", ".join(parts)


def has_vnni() -> bool:
    """Whether the processor multiplies 8-bit numbers without that their sums saturate."""
    can = torch.cpu.get_capabilities()
    return bool(can.get("avx512_vnni") or can.get("avx_vnni"))
