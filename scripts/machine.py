"""On what something was computed: the processor or GPU, and the versions of the libraries."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def describe_machine(device: torch.device) -> str:
    """Name a GPU, or the processor with the number of threads in use, as "AMD EPYC 9B14, 2 threads"."""
    import torch  # here, so that a command that imports this does not wait for it

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    name = torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
    return f"{name}, {threads} thread{'s' if threads > 1 else ''}"


def describe_versions(packages: Iterable[str]) -> dict[str, str]:
    """The version of Python, and of each package that is named, in that order."""
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
