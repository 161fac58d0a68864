"""What is computed how is decided by the instructions that the processor has."""

from collections.abc import Callable

import pytest
import torch

from scripts.runtime import hardware
from scripts.runtime.hardware import has_fast_bfloat16, has_fast_int8, has_packed_float32, has_tiles

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "fast", "tiles"),
    [
        ({"avx512_bf16": True}, True, False),
        ({"amx_bf16": True}, True, True),
        ({"avx512_bf16": False, "amx_bf16": False, "avx2": True}, False, False),
        ({}, False, False),
    ],
)
def test_bfloat16_and_tiles_ask_for_instructions(monkeypatch, capabilities: dict[str, bool], fast: bool, tiles: bool):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(hardware, "has_packed_bfloat16", lambda: True)
    assert (has_fast_bfloat16(CPU), has_tiles()) == (fast, tiles)


def test_a_gpu_is_asked_itself(monkeypatch: pytest.MonkeyPatch, set_tiles: Callable[[bool], None]):
    set_tiles(False)
    asked: list[bool] = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: asked.append(including_emulation))
    has_fast_bfloat16(torch.device("cuda"))
    assert asked == [False]
    assert has_fast_bfloat16(torch.device("mps")) is False


def test_a_torch_that_does_not_know_the_instructions_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_fast_bfloat16(torch.device("cpu")) and not has_tiles()


def test_bfloat16_is_not_fast_where_onednn_is_kept_from_it(monkeypatch: pytest.MonkeyPatch):
    """By ONEDNN_MAX_CPU_ISA, which holds a processor to the instructions of an older one."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(hardware, "has_packed_bfloat16", lambda: False)
    assert not has_fast_bfloat16(CPU)


def test_a_torch_without_onednn_is_asked_nothing_of_it(monkeypatch: pytest.MonkeyPatch):
    """As on Apple's processors, where its operators are not there."""
    monkeypatch.setattr(torch.ops, "mkldnn", torch._ops._OpNamespace("not_built"))
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "avx2": True})
    assert not (has_fast_bfloat16(CPU) or hardware.has_packed_bfloat16() or has_packed_float32() or has_fast_int8())


@pytest.mark.parametrize(
    ("capabilities", "onednn", "engines", "packed", "int8"),
    [
        ({"avx2": True}, True, ["onednn", "x86"], True, True),
        ({"avx2": True}, True, ["qnnpack"], True, False),
        ({"avx2": True}, False, ["x86"], False, False),
        ({"neon": True}, True, ["onednn", "x86"], False, False),
    ],
)
def test_weights_are_laid_out_where_that_was_measured(
    monkeypatch, capabilities: dict[str, bool], onednn: bool, engines: list[str], packed: bool, int8: bool
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: onednn)
    monkeypatch.setattr(type(torch.backends.quantized), "supported_engines", engines)
    assert (has_packed_float32(), has_fast_int8()) == (packed, int8)
