"""What the training runs on: the CPU or a GPU."""

import torch

from scripts.cli import InputError


def choose_device(number: int) -> torch.device:
    """The first GPU, or the CPU for a negative number.

    RAISES (InputError): There is no such GPU, or it is not the first, which is the one that the Trainer takes.
    """
    if number > 0:
        raise InputError(
            f"GPU {number} has to be named otherwise: set CUDA_VISIBLE_DEVICES={number}, and give --vars.gpu 0."
        )
    if number == 0 and not torch.cuda.is_available():
        raise InputError("GPU 0 cannot be used (torch finds none): give --vars.gpu -1 for the CPU.")
    return torch.device("cpu" if number < 0 else "cuda:0")
