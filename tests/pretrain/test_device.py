"""The device is the CPU or the first GPU, and a GPU that is not there is reported."""

import pytest
import torch

from scripts.cli import InputError
from scripts.pretrain.device import choose_device


def test_the_device_follows_from_the_number(monkeypatch):
    assert choose_device(-1) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device(0) == torch.device("cuda:0")


def test_a_gpu_that_is_not_there_is_reported(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for number, words in ((0, "--vars.gpu -1"), (1, "CUDA_VISIBLE_DEVICES=1")):
        with pytest.raises(InputError, match=f"GPU {number}.*{words}"):
            choose_device(number)
