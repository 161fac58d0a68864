"""Linear layers to predict with give what torch's do: to rounding, or in 8 bits exactly the sums of rounded numbers."""

import pytest
import torch
from torch.nn import functional as F

from scripts.runtime.hardware import has_packed_bfloat16, has_packed_float32
from scripts.runtime.products import LARGEST, PackedLinear, QuantizedLinear
from tests.pipelines import quantizes


def make_linear(bias: bool = True) -> torch.nn.Linear:
    torch.manual_seed(1)
    return torch.nn.Linear(32, 7, bias=bias)


def round_rows(rows: torch.Tensor) -> torch.Tensor:
    """Each row on 256 steps from its smallest to its largest number, in float64."""
    rows = rows.double()
    low, high = rows.amin(1, keepdim=True), rows.amax(1, keepdim=True)
    step = (high - low) / 255
    return ((rows - low) / step).round() * step + low


def round_weights(linear: torch.nn.Linear) -> torch.Tensor:
    weight = linear.weight.detach().double()
    step = weight.abs().amax(1, keepdim=True) / LARGEST
    return (weight / step).round() * step


@pytest.mark.skipif(not has_packed_float32(), reason="weights are not laid out on this CPU")
@pytest.mark.parametrize("bias", [True, False])
def test_packed_weights_give_the_same_to_rounding(bias: bool):
    linear, rows = make_linear(bias), torch.randn(2, 5, 32)
    for dtype, close in ((torch.float32, 1e-6), (torch.bfloat16, 0.02)):
        if dtype == torch.bfloat16 and not has_packed_bfloat16():
            continue
        found = PackedLinear(linear.to(dtype), 10)(rows.to(dtype))
        torch.testing.assert_close(found, linear(rows.to(dtype)), atol=close, rtol=close)


@quantizes
@pytest.mark.parametrize("bias", [True, False])
def test_8_bit_products_are_exact_sums_of_rounded_numbers(bias: bool):
    linear, rows = make_linear(bias), torch.randn(6, 32) * 10 ** torch.arange(-3.0, 3)[:, None]
    expected = F.linear(round_rows(rows), round_weights(linear), linear.bias.detach().double() if bias else None)
    found = QuantizedLinear(linear, 6)(rows.view(2, 3, 32)).view(6, 7)
    assert found.dtype == torch.float32
    scale = rows.abs().amax(1, keepdim=True).double() + 1
    assert ((found - expected) / scale).abs().max() < 1e-5
    assert ((found - linear(rows)) / scale).abs().max() < 0.05


@quantizes
def test_the_largest_numbers_are_added_without_loss():
    """As a CPU without VNNI adds two products in 16 bits, and cuts off what these do not hold."""
    assert 2 * 255 * LARGEST <= 2**15 - 1
    linear, rows = make_linear(), torch.ones(3, 32)
    rows[:, 0] = 0.0
    linear.weight.data[:] = 1.0
    linear.bias.data[:] = 0.0
    torch.testing.assert_close(QuantizedLinear(linear, 3)(rows), torch.full((3, 7), 31.0))


@quantizes
def test_a_row_with_large_numbers_leaves_the_others_as_they_are():
    layer, rows = QuantizedLinear(make_linear(), 4), torch.randn(4, 32)
    alone = layer(rows[:2])
    rows[2, 5] = 1e4
    assert layer(rows)[:2].equal(alone)


@quantizes
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_weights_are_refused(value: float):
    """The smallest and largest number of a row are found without those that are none, so nothing would show them."""
    linear = make_linear()
    linear.weight.data[2, 3] = value
    with pytest.raises(ValueError, match="no numbers or infinite"):
        QuantizedLinear(linear, 2)


@quantizes
@pytest.mark.parametrize("shape", [(0, 3), (3,), (1,), (2, 1, 3)])
def test_any_shape_is_taken(shape: tuple[int, ...]):
    linear, rows = make_linear(), torch.randn(*shape, 32)
    assert QuantizedLinear(linear, 2)(rows).shape == linear(rows).shape


@quantizes
def test_rows_and_weights_without_a_range_are_no_numbers_that_are_none():
    linear = make_linear()
    linear.weight.data[3] = 0.0
    for value in (0.0, -2.5):
        rows = torch.full((2, 32), value)
        torch.testing.assert_close(QuantizedLinear(linear, 2)(rows), linear(rows), atol=0.1, rtol=0.1)
