"""What reads texts: our pipeline, spacy-transformers' own, Hugging Face's, the encoder alone, and ONNX Runtime."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from spacy.language import Language
from wasabi import msg

from benchmarks import onnx_runtime
from benchmarks.huggingface import Encode, bare_encoder, encode_bare, make_classifier, make_pipeline, tags_of
from benchmarks.pipelines import SHAPES, build_ours, build_stock, encoder_of, load_ours, make_encoder
from benchmarks.processor import describe_hold
from benchmarks.timing import Run
from scripts.corpus.docs import create_nlp, read_docs
from scripts.runtime.hardware import has_fast_bfloat16, has_fast_int8
from scripts.runtime.shim import PRECISIONS, encoder_shim

BATCHES = (1, 8, 32, 64)  # of pipelines
Ways = dict[str, Run]  # by name, of which the fastest is the contestant


def annotators(model: str, train: Path, folder: Path, device: torch.device) -> Iterator[Ways]:
    """Yield what reads texts, ours first.

    model (str): Folder of a trained pipeline, or a name of SHAPES.
    train (Path): Notes to take the labels from, .spacy.
    folder (Path): For what is exported.
    """
    if model in SHAPES:
        encoder = make_encoder(model, Path("encoders/bert-compact"), folder / model)
        make: Callable[[str], Language] = partial(build_ours, encoder, train)
        ours = make("auto")
    else:
        make = partial(load_ours, Path(model))
        ours = make("auto")
        encoder = save_encoder(ours, folder / "encoder")
    fast = auto_precision(ours)
    yield {f"medner (auto: {fast})": partial(drain, ours)}
    yield from ({f"medner, {name}": partial(drain, make(name))} for name in precisions(device) if name != fast)
    yield {"spacy-transformers, float32": partial(drain, build_stock(ours, encoder, train))}
    tags = tags_of(read_docs(train, create_nlp().vocab))
    make_parts = partial(make_classifier, encoder, tags, encoder_of(ours).state_dict())
    yield from huggingface_annotators(make_parts, device)
    yield from onnx_annotators(*make_parts(), tags, folder, device)


def precisions(device: torch.device) -> list[str]:
    """The precisions of ours, those left out that the processor only emulates, or that the device has not."""
    lacking = {"auto"} if has_fast_bfloat16(device) else {"auto", "bfloat16"}
    if device.type != "cpu" or not has_fast_int8():
        lacking.add("int8")
    return [name for name in PRECISIONS if name not in lacking]


def auto_precision(nlp: Language) -> str:
    """What "auto" stands for on this machine in prediction."""
    component: Any = nlp.get_pipe("transformer")
    return encoder_shim(component.model).reads_in


def huggingface_annotators(make_parts: Callable[[], tuple[Any, Any]], device: torch.device) -> Iterator[Ways]:
    """Yield the pipeline at its defaults, then with the best batches, and the encoder alone on two kinds of windows."""
    pipes: dict[str, Any] = {}
    bare: dict[str, tuple[Encode, Any]] = {}
    for dtype in ("float32", "bfloat16") if has_fast_bfloat16(device) else ("float32",):
        model, tokenizer = make_parts()
        pipes[dtype] = make_pipeline(model.to(getattr(torch, dtype)).eval(), tokenizer, device)
        bare[dtype] = (bare_encoder(model.base_model), tokenizer)
    yield {"HF pipeline, float32": lambda texts: pipes["float32"](list(texts))}
    yield {name: run for dtype, pipe in pipes.items() for name, run in by_batch_size(f"HF pipeline, {dtype}", pipe)}
    for window in (128, 512):
        yield dict(by_window(f"bare encoder, {dtype}", *parts, window) for dtype, parts in bare.items())


def onnx_annotators(
    model: Any, tokenizer: Any, tags: Sequence[str], folder: Path, device: torch.device
) -> Iterator[Ways]:
    """Yield pipeline and encoder in ONNX Runtime, in float32 and in 8 bits; nothing where it is not installed."""
    if device.type != "cpu" or not onnx_runtime.is_installed():
        msg.warn("ONNX Runtime is left out: it needs a processor and requirements-benchmarks.txt.")
        return
    held = " (not held)" if describe_hold() else ""
    whole = onnx_runtime.export(model, folder / "classifier.onnx")
    bare = onnx_runtime.export(model.base_model, folder / "encoder.onnx")
    for name, make in (("float32", lambda path: path), ("int8", onnx_runtime.quantize)):
        pipe = onnx_runtime.make_pipeline(onnx_runtime.open_session(make(whole)), tokenizer, tags)
        yield dict(by_batch_size(f"ONNX Runtime{held}, {name}", pipe))
        encode = onnx_runtime.make_encoder(onnx_runtime.open_session(make(bare)))
        yield dict([by_window(f"bare encoder, ONNX Runtime{held}, {name}", encode, tokenizer, 128)])


def by_batch_size(name: str, pipe: Callable[..., Any]) -> Iterator[tuple[str, Run]]:
    for size in BATCHES:
        yield f"{name}, batches of {size}", lambda texts, size=size: pipe(list(texts), batch_size=size)


def by_window(name: str, encode: Encode, tokenizer: Any, window: int) -> tuple[str, Run]:
    return f"{name}, windows of {window}", lambda texts: encode_bare(encode, tokenizer, texts, window)


def save_encoder(nlp: Language, folder: Path) -> Path:
    """The fine-tuned encoder of a pipeline as a folder."""
    component: Any = nlp.get_pipe("transformer")
    encoder_of(nlp).save_pretrained(folder)
    encoder_shim(component.model).tokenizer.save_pretrained(folder)
    return folder


def drain(nlp: Language, texts: Sequence[str]) -> None:
    for _ in nlp.pipe(texts):
        pass
