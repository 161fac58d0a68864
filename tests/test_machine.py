"""On what something was computed, in words."""

import platform

import numpy as np
import pytest
import torch

from scripts.machine import describe_machine, describe_versions

CPU = torch.device("cpu")


@pytest.mark.parametrize(("threads", "words"), [(1, "1 thread"), (2, "2 threads")])
def test_a_processor_is_named_with_the_threads_in_use(threads, words, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "AMD EPYC 9B14"})
    assert describe_machine(CPU) == f"AMD EPYC 9B14, {words}"


def test_a_processor_without_a_name_is_known_by_its_kind(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert describe_machine(CPU).startswith(f"{platform.machine()}, ")


def test_a_gpu_is_known_by_its_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"NVIDIA H{device.index}00")
    assert describe_machine(torch.device("cuda:1")) == "NVIDIA H100"


def test_versions_are_those_of_python_and_of_the_packages():
    versions = describe_versions(["torch", "numpy"])
    assert list(versions) == ["python", "torch", "numpy"]
    assert versions == {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
