"""The masked batches, by the number of their step."""

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from scripts.masking import PIECES_PER_STEP, make_batch
from scripts.pretrain.blocks import Block
from scripts.pretrain.encoder import Encoder


class Batches(Dataset):
    """The batch of every step, by its number, so that a resumed training sees what it would have seen."""

    def __init__(self, blocks: Sequence[Block], encoder: Encoder, epochs: int, steps: int | None, seed: int) -> None:
        self.blocks, self.encoder, self.epochs, self.seed = blocks, encoder, epochs, seed
        self.rows = rows_per_step(encoder)
        self.steps_per_epoch = math.ceil(len(blocks) / self.rows)
        self.steps = min(epochs * self.steps_per_epoch, steps or math.inf)

    def __len__(self) -> int:
        return int(self.steps)

    def blocks_of(self, step: int) -> list[Block]:
        """Each block once an epoch, in another order each time."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.blocks))
        return [self.blocks[i] for i in order[place * self.rows : (place + 1) * self.rows]]

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        return mask(self.blocks_of(step), self.encoder, np.random.default_rng([self.seed, 1, step]))

    def count_pieces(self) -> int:
        """How many pieces are trained on, special ones included, padding left out."""
        return sum(len(block.ids) for step in range(len(self)) for block in self.blocks_of(step))


def rows_per_step(encoder: Encoder) -> int:
    return max(1, PIECES_PER_STEP // encoder.length)


def mask(blocks: Sequence[Block], encoder: Encoder, generator: np.random.Generator) -> dict[str, Tensor]:
    return make_batch([block.ids for block in blocks], encoder.vocabulary, encoder.masking, generator)
