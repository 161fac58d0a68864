"""Activations that cost less."""

import math

import torch
from torch import Tensor

SLOPE = 2 * math.sqrt(2 / math.pi)


class TanhGelu(torch.nn.Module):
    """GELU by its formula with tanh, to predict with on a CPU: x times the sigmoid of twice what torch takes the tanh
    of, as its sigmoid is more than twice as fast. In float32 within, whatever comes in.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        exact = inputs.float()
        share = (exact * exact).mul_(0.044715 * SLOPE).add_(SLOPE).mul_(exact).sigmoid_()
        return share.mul_(exact).to(inputs.dtype)
