"""GELU to predict with is torch's."""

import pytest
import torch
from torch.nn import functional as F

from scripts.runtime.activations import TanhGelu


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
def test_gelu_by_a_sigmoid_is_gelu_by_tanh(dtype: torch.dtype, close: float):
    numbers = torch.cat([torch.linspace(-12, 12, 4801), torch.tensor([-1e4, 1e4])]).to(dtype)
    before = numbers.clone()
    found = TanhGelu()(numbers)
    assert found.dtype == dtype
    torch.testing.assert_close(
        found, F.gelu(numbers, approximate="tanh"), atol=close, rtol=1e-6 if close < 1e-3 else close
    )
    assert numbers.equal(before)
