"""How fast we are, side by side with stock spaCy and Hugging Face, in one run.

python -m benchmarks.speed annotate training/sample/bert/model-best --sentences ../shared/data/bc5cdr.tar.xz
python -m benchmarks.speed annotate bert-base --share 0.1 --sentences ../shared/data/bc5cdr.tar.xz
python -m benchmarks.speed train encoders/bert-compact

Each round runs every contestant once, one after the other; the table has the medians of words a second and of the
ratios within a round.
"""

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import spacy
import srsly
import torch
import typer
from spacy.language import Language
from spacy.util import registry
from thinc.api import Adam
from wasabi import msg

from benchmarks.huggingface import encode_bare, make_classifier, make_pipeline, make_rows, make_trainer, tags_of
from benchmarks.pipelines import SHAPES, build_ours, build_stock, encoder_of, load_ours, make_encoder, read_examples
from scripts.archives import read_files
from scripts.convert.formats import conll
from scripts.corpus.docs import create_nlp, read_docs
from scripts.machine import describe_machine
from scripts.runtime.shim import encoder_shim

RESULTS = Path(__file__).parent / "results"
PIPELINE_BATCHES = (1, 8, 32, 64)  # of the Hugging Face pipeline, of which the fastest counts

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def annotate(
    model: Annotated[str, typer.Argument(help=f"Folder of a trained pipeline of ours, or {', '.join(SHAPES)}")],
    corpus: Annotated[Path, typer.Option(help="Converted corpus")] = Path("corpus/sample"),
    sentences: Annotated[Path | None, typer.Option(help="BC5CDR, for its test sentences")] = None,
    share: Annotated[float, typer.Option(help="Part of the texts")] = 1.0,
    rounds: Annotated[int, typer.Option(help="Rounds")] = 5,
) -> None:
    """Measure words a second of reading texts."""
    torch.manual_seed(0)
    texts = {"notes": [doc.text for split in ("test", "train") for doc in read_split(corpus, split)]}
    if sentences:
        (test,) = (note for note in conll.read(list(read_files(sentences))) if note.split == "test")
        texts["sentences"] = [line for line in test.text.splitlines() if line.strip()]
    with tempfile.TemporaryDirectory() as folder:
        contestants = annotators(model, corpus / "train.spacy", Path(folder))
        for name, some in texts.items():
            some = some[: max(1, int(share * len(some)))]
            show(f"{Path(model).parent.name or model}, {name}", contestants, some, count_words(some), rounds)


def annotators(model: str, train: Path, folder: Path) -> dict[str, Callable[[Sequence[str]], Any]]:
    """What reads texts, by name; ours first."""
    if model in SHAPES:
        encoder = make_encoder(model, Path("encoders/bert-compact"), folder / model)
        ours = build_ours(encoder, train)
        plain = build_ours(encoder, train, "float32")
    else:
        ours, plain = load_ours(Path(model), "auto"), load_ours(Path(model), "float32")
        encoder = save_encoder(ours, folder / "encoder")
    stock = build_stock(plain, encoder, train)
    tags = tags_of(read_docs(train, create_nlp().vocab))
    classifiers = {
        dtype: make_classifier(encoder, tags, encoder_of(plain).state_dict())
        for dtype in (torch.float32, torch.bfloat16)
    }
    pipelines = {dtype: make_pipeline(*parts, dtype) for dtype, parts in classifiers.items()}
    size = best_batch_size(pipelines[torch.bfloat16], train)
    bare, tokenizer = classifiers[torch.bfloat16][0].base_model, classifiers[torch.bfloat16][1]
    return {
        "medner": lambda texts: drain(ours, texts),
        "medner, float32": lambda texts: drain(plain, texts),
        "spacy-transformers": lambda texts: drain(stock, texts),
        "HF pipeline": lambda texts: pipelines[torch.float32](list(texts)),
        f"HF pipeline, bfloat16, batches of {size}": lambda texts: pipelines[torch.bfloat16](
            list(texts), batch_size=size
        ),
        "bare encoder, bfloat16, windows of 128": lambda texts: encode_bare(bare, tokenizer, texts, 128),
        "bare encoder, bfloat16, windows of 512": lambda texts: encode_bare(bare, tokenizer, texts, 512),
    }


def save_encoder(nlp: Language, folder: Path) -> Path:
    """The fine-tuned encoder of a pipeline as a folder."""
    component: Any = nlp.get_pipe("transformer")
    encoder_of(nlp).save_pretrained(folder)
    encoder_shim(component.model).tokenizer.save_pretrained(folder)
    return folder


def best_batch_size(pipe: Any, train: Path) -> int:
    """The pipeline's fastest batch size on a few notes."""
    texts = [doc.text for doc in read_docs(train, create_nlp().vocab)][:16]
    return min(PIPELINE_BATCHES, key=lambda size: clock(lambda _: pipe(texts, batch_size=size), texts))


def drain(nlp: Language, texts: Sequence[str]) -> None:
    for _ in nlp.pipe(texts):
        pass


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
        "medner, without assertions": partial(drain, spacy.load(model, exclude=["assertion"])),
    }
    show(f"{model.parent.name}, assertions", contestants, texts, count_words(texts), rounds)


@app.command()
def train(
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder")],
    corpus: Annotated[Path, typer.Option(help="Converted corpus")] = Path("corpus/sample"),
    notes: Annotated[int, typer.Option(help="Notes of an epoch")] = 84,
    rounds: Annotated[int, typer.Option(help="Rounds")] = 5,
) -> None:
    """Measure words a second of one epoch of fine-tuning."""
    torch.manual_seed(0)
    path = corpus / "train.spacy"
    ours = build_ours(encoder, path)
    stock = build_stock(ours, encoder, path)
    docs = read_docs(path, create_nlp().vocab)
    tags = tags_of(docs)
    model, tokenizer = make_classifier(encoder, tags)
    rows = make_rows([example.reference for example in read_examples(ours, path)][:notes], tokenizer, tags)
    steps = len(list(batches(ours, path, notes)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(model, tokenizer, rows, steps, 1, Path(folder), 2e-4)
        contestants = {
            "medner": lambda _: run_epoch(ours, path, notes),
            "spacy-transformers": lambda _: run_epoch(stock, path, notes),
            "HF Trainer, bfloat16": lambda _: trainer.train(),
        }
        words = sum(not token.is_space for doc in docs[:notes] for token in doc)
        show(f"{encoder.name}, one epoch", contestants, [], words, rounds)


def batches(nlp: Language, path: Path, notes: int) -> Any:
    """The batches of the configs."""
    batcher = registry.batchers.get("spacy.batch_by_padded.v1")(size=500, buffer=256, discard_oversize=False)
    return batcher(read_examples(nlp, path)[:notes])


def run_epoch(nlp: Language, path: Path, notes: int) -> None:
    optimizer = Adam(1e-4, L2=0.01, grad_clip=1.0, use_averages=False)
    for batch in batches(nlp, path, notes):
        nlp.update(batch, sgd=optimizer, drop=0.1)


def show(
    title: str,
    contestants: dict[str, Callable[[Sequence[str]], Any]],
    texts: Sequence[str],
    words: int,
    rounds: int,
) -> None:
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
    machine = describe_machine(torch.device("cpu"))
    msg.text(f"{title}: {words:,} words, {rounds} rounds, {machine}")
    msg.table(rows, header=("", "words/s", f"{first} is faster by"), aligns=("l", "r", "r"), divider=True, max_col=60)
    RESULTS.mkdir(exist_ok=True)
    row = {"title": title, "words": words, "machine": machine, "seconds": seconds}
    srsly.write_jsonl(RESULTS / "speed.jsonl", [row], append=True, append_new_line=False)


def clock(run: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> float:
    """Seconds."""
    start = time.perf_counter()
    run(texts)
    return time.perf_counter() - start


def count_words(texts: Sequence[str]) -> int:
    """Tokens that are not blanks, by our tokenizer, for every contestant."""
    nlp = create_nlp()
    return sum(not token.is_space for text in texts for token in nlp.make_doc(text))


def read_split(corpus: Path, split: str) -> list[Any]:
    return read_docs(corpus / f"{split}.spacy", create_nlp().vocab)


if __name__ == "__main__":
    app()
