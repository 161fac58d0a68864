"""The same encoder in ONNX Runtime: exported by torch, fused and quantized by ONNX Runtime's own tools.

It needs the packages of requirements-benchmarks.txt, which are imported only when something is exported or read.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.huggingface import LIMIT, STRIDE, Encode, pad_rows
from benchmarks.processor import has_vnni

INPUTS, OUTPUT = ("input_ids", "attention_mask"), "output"
OPSET = 17


class Mention(NamedTuple):
    """What the pipeline of Hugging Face says of a mention: characters from `start` to `end`, mean probability."""

    label: str
    start: int
    end: int
    score: float


def is_installed() -> bool:
    """Whether the packages are there."""
    return all(find_spec(name) for name in ("onnx", "onnxruntime"))


def export(model: Any, path: Path) -> Path:
    """Export a module of transformers, on a CPU and in float32, with its layers fused."""
    from onnxruntime.transformers import optimizer  # pyright: ignore[reportMissingImports]

    ids = torch.ones(2, 8, dtype=torch.long)
    axes = {name: {0: "windows", 1: "pieces"} for name in (*INPUTS, OUTPUT)}
    with warnings.catch_warnings(), torch.inference_mode():
        # torch 2.13: this exporter is deprecated, but the other needs one package more; and traces warn of constants
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(), (ids, torch.ones_like(ids)), str(path), input_names=list(INPUTS), output_names=[OUTPUT],
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    heads, width = model.config.num_attention_heads, model.config.hidden_size
    fused = optimizer.optimize_model(str(path), "bert", num_heads=heads, hidden_size=width)
    fused.save_model_to_file(str(path))
    return path


def quantize(model: Path) -> Path:
    """Quantize the weights of an exported model to 8 bits a channel, and what they multiply when it is computed."""
    from onnx import TensorProto  # pyright: ignore[reportMissingImports]
    from onnxruntime.quantization import quantize_dynamic  # pyright: ignore[reportMissingImports]

    path = model.with_suffix(".int8.onnx")
    quantize_dynamic(
        str(model),
        str(path),
        per_channel=True,
        reduce_range=not has_vnni(),
        extra_options={"DefaultTensorType": TensorProto.FLOAT},  # onnx does not know the fused operators
    )
    return path


def open_session(model: Path) -> Any:
    """A session with as many threads as torch has."""
    import onnxruntime  # pyright: ignore[reportMissingImports]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def make_encoder(session: Any) -> Encode:
    """How ONNX Runtime computes a batch."""
    return lambda ids, mask: session.run([OUTPUT], dict(zip(INPUTS, (ids, mask), strict=True)))[0]


def make_pipeline(session: Any, tokenizer: Any, tags: Sequence[str]) -> Callable[..., list[list[Mention]]]:
    """What Hugging Face's pipeline does, around ONNX Runtime: texts and a batch size to the mentions of each text."""
    encode = make_encoder(session)

    def read(texts: Sequence[str], batch_size: int) -> list[list[Mention]]:
        cut = tokenizer(list(texts), truncation=True, max_length=LIMIT, stride=STRIDE, return_overflowing_tokens=True)
        rows, found = cut["input_ids"], [[] for _ in texts]
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        for start in range(0, len(rows), batch_size):
            group = order[start : start + batch_size]
            logits = encode(*pad_rows([rows[place] for place in group], tokenizer.pad_token_id))
            for place, of_one in zip(group, logits, strict=True):
                mentions = find_mentions(of_one[: len(rows[place])], cut.encodings[place], tags)
                found[cut["overflow_to_sample_mapping"][place]] += mentions
        windows = Counter(cut["overflow_to_sample_mapping"])
        return [drop_overlaps(mentions) if windows[i] > 1 else mentions for i, mentions in enumerate(found)]

    return read


def find_mentions(logits: np.ndarray, encoding: Any, tags: Sequence[str]) -> Iterator[Mention]:
    """Yield the runs of pieces with one label, which B- ends as well.

    logits (np.ndarray): Pieces of a window x tags.
    """
    real = np.flatnonzero(np.array(encoding.special_tokens_mask) == 0)
    scores = np.exp(logits - logits.max(-1, keepdims=True))
    scores = (scores.max(-1) / scores.sum(-1))[real]
    best = [tags[int(tag)] for tag in logits.argmax(-1)[real]]
    labels = [tag.partition("-")[2] for tag in best]
    starts = [i for i, tag in enumerate(best) if not i or tag[0] == "B" or labels[i] != labels[i - 1]]
    for start, end in zip(starts, [*starts[1:], len(best)], strict=True):
        if labels[start]:
            first, last = encoding.offsets[real[start]], encoding.offsets[real[end - 1]]
            yield Mention(labels[start], first[0], last[1], float(scores[start:end].mean()))


def drop_overlaps(mentions: list[Mention]) -> list[Mention]:
    """Of mentions that overlap, as windows do, the longer, or else the more probable one."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda mention: mention.start):
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
        else:
            kept[-1] = max(kept[-1], mention, key=lambda each: (each.end - each.start, each.score))
    return kept
