"""How fast we are, side by side with stock spaCy and Hugging Face, in one run.

python -m benchmarks.speed annotate training/sample/bert/model-best --sentences ../shared/data/bc5cdr.tar.xz
python -m benchmarks.speed annotate bert-base --share 0.1 --sentences ../shared/data/bc5cdr.tar.xz
python -m benchmarks.speed train encoders/bert-compact

Each round runs every contestant once, one after the other; the table has the medians of words a second and of the
ratios within a round. A contestant that can be run in several precisions or batch sizes takes those that are fastest on
a few of the texts, and its name says which. `--hold avx2` measures as on a processor that has no more.
"""

import gc
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import spacy
import srsly
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Adam, get_torch_default_device
from wasabi import msg

from benchmarks.annotators import annotators, drain
from benchmarks.huggingface import make_classifier, make_rows, make_trainer, tags_of
from benchmarks.pipelines import SHAPES, build_ours, build_stock, read_examples
from benchmarks.processor import describe_processor, hold_to
from benchmarks.timing import Run, clock, fastest
from scripts import cli
from scripts.archives import read_files
from scripts.convert.formats import conll
from scripts.corpus.docs import create_nlp, read_docs
from scripts.corpus.given import COMPONENT
from scripts.corpus.pipelines import count_words
from scripts.runtime.hardware import has_fast_bfloat16

RESULTS = Path(__file__).parent / "results"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def annotate(
    model: Annotated[str, typer.Argument(help=f"Folder of a trained pipeline of ours, or {', '.join(SHAPES)}")],
    corpus: Annotated[Path, typer.Option(help="Converted corpus")] = Path("corpus/sample"),
    sentences: Annotated[Path | None, typer.Option(help="BC5CDR, for its test sentences")] = None,
    share: Annotated[float, typer.Option(help="Part of the texts")] = 1.0,
    rounds: Annotated[int, typer.Option(help="Rounds")] = 5,
    hold: Annotated[str, typer.Option(help="Hold torch's libraries to these instructions: avx2")] = "",
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Measure words a second of reading texts."""
    hold_to(hold)
    cli.use_gpu(gpu)
    torch.manual_seed(0)
    texts = {"notes": [doc.text for split in ("test", "train") for doc in read_split(corpus, split)]}
    if sentences:
        (test,) = (note for note in conll.read(list(read_files(sentences))) if note.split == "test")
        texts["sentences"] = [line for line in test.text.splitlines() if line.strip()]
    with tempfile.TemporaryDirectory() as folder:
        device = get_torch_default_device()
        contestants = list(annotators(model, corpus / "train.spacy", Path(folder), device))
        for name, some in texts.items():
            some = some[: max(1, int(share * len(some)))]
            chosen = dict(fastest(ways, some) for ways in contestants)
            show(f"{Path(model).parent.name or model}, {name}", chosen, some, count_words(cut(some)), rounds)


@app.command()
def components(
    model: Annotated[Path, typer.Argument(help="Folder of a trained pipeline of ours")],
    corpus: Annotated[Path, typer.Option(help="Converted corpus")] = Path("corpus/sample"),
    rounds: Annotated[int, typer.Option(help="Rounds")] = 9,
) -> None:
    """Measure words a second of reading with and without the component for assertions."""
    texts = [doc.text for split in ("test", "train") for doc in read_split(corpus, split)]
    contestants = {
        "medner": partial(drain, spacy.load(model)),
        "medner, without assertions": partial(drain, spacy.load(model, exclude=[COMPONENT])),
    }
    show(f"{model.parent.name}, assertions", contestants, texts, count_words(cut(texts)), rounds)


@app.command()
def train(
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder")],
    corpus: Annotated[Path, typer.Option(help="Converted corpus")] = Path("corpus/sample"),
    notes: Annotated[int, typer.Option(help="Notes of an epoch")] = 84,
    rounds: Annotated[int, typer.Option(help="Rounds")] = 5,
    hold: Annotated[str, typer.Option(help="Hold torch's libraries to these instructions: avx2")] = "",
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Measure words a second of one epoch of fine-tuning."""
    hold_to(hold)
    cli.use_gpu(gpu)
    device = get_torch_default_device()
    torch.manual_seed(0)
    path = corpus / "train.spacy"
    ours = build_ours(encoder, path)
    stock = build_stock(ours, encoder, path)
    docs = read_docs(path, create_nlp().vocab)
    tags = tags_of(docs)
    model, tokenizer = make_classifier(encoder, tags)
    dtype = "bfloat16" if has_fast_bfloat16(device) else "float32"
    rows = make_rows([example.reference for example in read_examples(ours, path)][:notes], tokenizer, tags)
    steps = len(list(batches(ours, path, notes)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(model, tokenizer, rows, steps, Path(folder), device)
        contestants = {
            f"medner (auto: {dtype})": lambda _: run_epoch(ours, path, notes),
            "spacy-transformers, float32": lambda _: run_epoch(stock, path, notes),
            f"HF Trainer, {dtype}": lambda _: trainer.train(),
        }
        show(f"{encoder.name}, one epoch", contestants, [], count_words(docs[:notes]), rounds)


def batches(nlp: Language, path: Path, notes: int) -> Any:
    """The batches of the configs."""
    batcher = registry.batchers.get("spacy.batch_by_padded.v1")(size=500, buffer=256, discard_oversize=False)
    return batcher(read_examples(nlp, path)[:notes])


def run_epoch(nlp: Language, path: Path, notes: int) -> None:
    optimizer = Adam(1e-4, L2=0.01, grad_clip=1.0, use_averages=False)
    for batch in batches(nlp, path, notes):
        nlp.update(batch, sgd=optimizer, drop=0.1)


def show(title: str, contestants: Mapping[str, Run], texts: Sequence[str], words: int, rounds: int) -> None:
    """Run all, print their medians and keep every number."""
    for run in contestants.values():
        run(texts[:4])  # warm
    gc.collect()
    gc.freeze()  # one process holds all contestants: none pays for the others' objects
    seconds: list[dict[str, float]] = [
        {name: clock(run, texts) for name, run in contestants.items()} for _ in range(rounds)
    ]
    first = next(iter(contestants))
    rows = [
        (name, f"{words / median(row[name] for row in seconds):,.0f}",
         f"{median(row[name] / row[first] for row in seconds):.2f}")
        for name in contestants
    ]  # fmt: skip
    machine = describe_processor(get_torch_default_device())
    msg.text(f"{title}: {words:,} words, {rounds} rounds, {machine}")
    msg.table(rows, header=("", "words/s", "the first is faster by"), aligns=("l", "r", "r"), divider=True, max_col=80)
    RESULTS.mkdir(exist_ok=True)
    row = {"title": title, "words": words, "machine": machine, "seconds": seconds}
    srsly.write_jsonl(RESULTS / "speed.jsonl", [row], append=True, append_new_line=False)


def cut(texts: Sequence[str]) -> Iterator[Doc]:
    """Tokens by our tokenizer, whose words are counted for every contestant."""
    return map(create_nlp().make_doc, texts)


def read_split(corpus: Path, split: str) -> list[Any]:
    return read_docs(corpus / f"{split}.spacy", create_nlp().vocab)


if __name__ == "__main__":
    cli.run(app)
