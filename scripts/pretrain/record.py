"""What decides a training and what came of it: the settings its checkpoints are bound to, and pretrain.json."""

import hashlib
from pathlib import Path
from typing import Any

from scripts.encoders import hash_weights, scale_rate
from scripts.machine import describe_machine, describe_versions
from scripts.pretrain.batches import Batches
from scripts.pretrain.corpus import Corpus
from scripts.pretrain.encoder import Encoder
from scripts.runtime.hardware import has_fast_bfloat16

LEARNING_RATE = 5e-5  # of an encoder 768 wide
PACKAGES = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


def make_settings(encoder: Encoder, corpus: Corpus, batches: Batches) -> dict[str, Any]:
    """All that decides what comes out; a checkpoint serves only a training with the same."""
    tokenizer = encoder.tokenizer.backend_tokenizer.to_str().encode("utf8")
    return {
        "encoder": hash_weights(encoder.model.base_model),  # a new head is the seed's
        "tokenizer": hashlib.sha256(tokenizer).hexdigest(),
        "text": corpus.hash,
        "epochs": batches.epochs,
        "steps": len(batches),
        "seed": batches.seed,
        "learning_rate": scale_rate(LEARNING_RATE, encoder.width),
        "block": encoder.length,
        "blocks_per_step": batches.rows,
        "longest_span": encoder.masking.longest,
    }


def make_record(
    encoder: Encoder,
    corpus: Corpus,
    batches: Batches,
    settings: dict[str, Any],
    perplexities: tuple[float, float],
    seconds: float,
) -> dict[str, Any]:
    """What is reported beside the adapted encoder, without text of the notes and without folders of the user.

    perplexities (tuple[float, float]): Of the held-out part, before and after.
    """
    device = encoder.model.device
    return {
        "encoder": Path(encoder.name).name if Path(encoder.name).exists() else encoder.name,
        "perplexity": dict(zip(("before", "after"), perplexities, strict=True)),
        "settings": settings,
        "counts": corpus.counts,
        "tokens_seen": batches.count_pieces(),
        "seconds": round(seconds, 1),
        "device": device.type,
        "machine": describe_machine(device),
        "precision": "bfloat16" if has_fast_bfloat16(device) else "float32",
        "versions": describe_versions(PACKAGES),
    }
