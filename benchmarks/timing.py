"""Seconds of reading texts, and which of several ways to do so is the fastest."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch

Run = Callable[[Sequence[str]], Any]
FEW = 25_000  # characters that the ways are compared on


def clock(run: Run, texts: Sequence[str]) -> float:
    """Seconds, until a GPU is done as well."""
    start = time.perf_counter()
    run(texts)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def fastest(ways: Mapping[str, Run], texts: Sequence[str]) -> tuple[str, Run]:
    """The name and function of the way that takes least time for the first of some texts; one alone is not measured."""
    if len(ways) == 1:
        return next(iter(ways.items()))
    few = [text for text, end in zip(texts, accumulate(map(len, texts)), strict=True) if end <= FEW] or texts[:1]
    for run in ways.values():
        run(few[:4])  # warm
    return min(ways.items(), key=lambda way: clock(way[1], few))
