"""The same work with Hugging Face's own tools: the bare encoder, the pipeline, the Trainer."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from transformers import AutoModelForTokenClassification, AutoTokenizer
from transformers.data.data_collator import DataCollatorForTokenClassification
from transformers.pipelines import pipeline
from transformers.trainer import Trainer
from transformers.training_args import TrainingArguments

from scripts.corpus.conll import iob_tag
from scripts.runtime.batches import CPU_BATCH, group_by_length
from scripts.runtime.hardware import has_fast_bfloat16

Encode = Callable[[np.ndarray, np.ndarray], Any]  # pieces and mask, windows x pieces, to vectors

BATCH_PIECES = 4096  # of the bare encoder, padding included
LIMIT, STRIDE = 512, 32  # pieces of a pipeline's window, and those that it shares with the one before


def encode_bare(encode: Encode, tokenizer: Any, texts: Sequence[str], window: int) -> None:
    """Tokenise all texts, cut them into windows, compute these from short to long."""
    rows = tokenizer(list(texts), truncation=True, max_length=window, return_overflowing_tokens=True)["input_ids"]
    for group in group_by_length(np.array([len(row) for row in rows]), BATCH_PIECES, CPU_BATCH[1]):
        encode(*pad_rows([rows[place] for place in group], tokenizer.pad_token_id))


def pad_rows(rows: Sequence[Sequence[int]], padding: int) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of windows as one array, and where they are no padding."""
    ids = np.full((len(rows), max(map(len, rows))), padding)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return ids, mask


def bare_encoder(encoder: Any) -> Encode:
    """How torch computes a batch, in the encoder's own precision."""

    def encode(ids: np.ndarray, mask: np.ndarray) -> Any:
        batch = (torch.from_numpy(array).to(encoder.device) for array in (ids, mask))
        with torch.inference_mode():
            return encoder(next(batch), attention_mask=next(batch)).last_hidden_state

    return encode


def make_classifier(encoder: Path, labels: Sequence[str], weights: Any = None) -> tuple[Any, Any]:
    """A token-classification model with the encoder's weights, or those given, and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    tokenizer.model_max_length = LIMIT
    names = dict(enumerate(labels))
    model = AutoModelForTokenClassification.from_pretrained(
        encoder, id2label=names, label2id={label: i for i, label in names.items()}
    )
    if weights is not None:
        model.base_model.load_state_dict(weights, strict=False)
    return model, tokenizer


def make_pipeline(model: Any, tokenizer: Any, device: torch.device) -> Any:
    """The token-classification pipeline; notes beyond the encoder's limit in overlapping parts."""
    return pipeline(
        "token-classification",
        model=model,
        tokenizer=tokenizer,
        aggregation_strategy="simple",
        stride=STRIDE,
        device=device,
    )


def tags_of(docs: Sequence[Doc]) -> list[str]:
    """Every IOB2 tag."""
    labels = sorted({ent.label_ for doc in docs for ent in doc.ents})
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def make_rows(docs: Sequence[Doc], tokenizer: Any, tags: list[str]) -> list[dict[str, list[int]]]:
    """Pieces with the tag of each token at its first piece; what exceeds the encoder's limit is cut off."""
    rows = []
    for doc in docs:
        tokens = [token for token in doc if not token.is_space]
        words = [token.text for token in tokens]
        row = tokenizer(words, is_split_into_words=True, truncation=True, max_length=LIMIT)
        places = row.word_ids()
        first = [place is not None and place != before for before, place in zip([None, *places], places, strict=False)]
        labels = [tags.index(iob_tag(tokens[place])) if new else -100 for place, new in zip(places, first, strict=True)]
        rows.append({"input_ids": row["input_ids"], "labels": labels})
    return rows


def make_trainer(
    model: Any, tokenizer: Any, rows: list[Any], steps: int, output: Path, device: torch.device
) -> Trainer:
    """The Trainer of an epoch, in bfloat16 where that is fast, by length, with as many steps as ours takes."""
    arguments = TrainingArguments(
        output_dir=str(output),
        per_device_train_batch_size=math.ceil(len(rows) / steps),
        per_device_eval_batch_size=32,
        num_train_epochs=1,
        learning_rate=2e-4,
        warmup_ratio=0.1,
        weight_decay=0.01,
        bf16=has_fast_bfloat16(device),
        use_cpu=device.type == "cpu",
        group_by_length=True,
        save_strategy="no",
        report_to=[],
        logging_strategy="no",
        disable_tqdm=True,
    )
    return Trainer(
        model=model, args=arguments, train_dataset=rows, data_collator=DataCollatorForTokenClassification(tokenizer)
    )
