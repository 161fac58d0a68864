"""What is computed how is decided by the instructions that the processor has."""

from collections.abc import Callable

import pytest
import torch

from scripts.runtime.hardware import has_fast_bfloat16, has_tiles

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
