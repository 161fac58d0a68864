"""Linear layers to predict with on a CPU: their weights are laid out for oneDNN once, in 32 or 16 bits, or in 8."""

import torch
from torch import Tensor

# Of 8-bit weights. A CPU without VNNI adds two products of 8-bit numbers in 16 bits, which hold 2 x 255 x 63, not more:
# so all processors compute the same integers.
LARGEST = 63


class PackedLinear(torch.nn.Module):
    """A linear layer whose weights are laid out once instead of with every product.

    Its two operators are those that torch's own compiler puts there.

    linear (torch.nn.Linear): The layer.
    rows (int): About how many it is going to be given at once.
    """

    def __init__(self, linear: torch.nn.Linear, rows: int) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), rows)
        self.bias = linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")


class QuantizedLinear(torch.nn.Module):
    """A linear layer in 8-bit integers, which are added exactly. Weights have a scale for each output, and what comes
    in a scale and an offset for each row, so that a piece with large numbers does not make those of others rough.

    linear (torch.nn.Linear): The layer, in float32.
    rows (int): About how many it is going to be given at once.
    RAISES (ValueError): Weights are no numbers or infinite, of which 8 bits would show nothing.
    """

    def __init__(self, linear: torch.nn.Linear, rows: int) -> None:
        super().__init__()
        weight = linear.weight.detach()
        if not weight.isfinite().all():
            raise ValueError(
                "Weights of the encoder are no numbers or infinite: its training failed, or it is damaged."
            )
        self.scales = (weight.abs().amax(1) / LARGEST).clamp_(min=torch.finfo(weight.dtype).tiny)
        rounded = (weight / self.scales[:, None]).round()
        self.sums = rounded.sum(1) * self.scales  # what an offset of 1 adds to each output
        self.zeros = weight.new_zeros(len(weight), dtype=torch.int32)
        self.weight = torch.ops.onednn.qlinear_prepack(rounded.to(torch.int8), [rows, weight.shape[1]])
        self.bias = weight.new_zeros(len(weight)) if linear.bias is None else linear.bias.detach()
        self.outputs, self.inputs = weight.shape

    def forward(self, inputs: Tensor) -> Tensor:
        """In float32, as what comes in."""
        rows = inputs.reshape(-1, self.inputs)
        # One pass of FBGEMM's: 8 bits a number, and behind each row its scale and its offset as floats
        packed = torch.ops.quantized.embedding_bag_byte_prepack(rows)
        scales, offsets = packed[:, self.inputs :].contiguous().view(torch.float32).split(1, dim=1)
        outputs = torch.ops.onednn.qlinear_pointwise(
            packed[:, : self.inputs], 1.0, 0, self.weight, self.scales, self.zeros, None,
            1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        outputs.mul_(scales).add_(self.bias).addcmul_(offsets, self.sums)
        return outputs.view(*inputs.shape[:-1], self.outputs)
