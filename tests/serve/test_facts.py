"""What /model tells of a pipeline's encoder."""

from types import SimpleNamespace

import torch

from scripts.serve.facts import name_precision


def test_an_encoder_says_in_which_precision_it_reads_and_one_of_older_code_in_which_it_computes():
    assert name_precision(SimpleNamespace(reads_in="int8", dtype=torch.float32)) == "int8"
    assert name_precision(SimpleNamespace(dtype=torch.bfloat16, precision="auto")) == "bfloat16"
