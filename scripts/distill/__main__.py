"""Train the project's compact BERT and ALBERT encoders from openly licensed medical text.

Three steps, each reading what the one before wrote:

    python -m scripts.distill vocabulary TEXT TEACHER work/start       prune the teacher's pieces, add medical words
    python -m scripts.distill bert TEXT work/start encoders/bert-compact --steps 3000
    python -m scripts.distill albert TEXT encoders/bert-compact encoders/albert-compact --steps 3000

TEXT is whatever `annotate` reads, such as a folder of .jsonl.xz with one {"text": ...} a line; TEACHER is a folder
with an uncased BERT. A training that was stopped goes on from its last checkpoint (in --work) when the same command is
given again, or one with more steps; with anything else changed it is refused. On a CPU the matrix products are in bf16,
which pays only where it has instructions for it.
"""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.encoders import hash_weights, is_adapted

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Text = Annotated[Path, typer.Argument(help="Text: .txt, .jsonl, .csv or .parquet file, archive, or folder")]
Output = Annotated[Path, typer.Argument(help="Folder for the encoder")]
Steps = Annotated[int, typer.Option(help="Steps of 4,096 pieces", min=1)]
Rate = Annotated[float, typer.Option(help="The highest learning rate")]
Share = Annotated[float, typer.Option(help="Part of the words that is hidden", min=0.01, max=0.99)]
Work = Annotated[Path, typer.Option(help="Folder for the checkpoint")]
Seed = Annotated[int, typer.Option(help="Seed of all that is random", min=0)]
OpenText = Annotated[bool, typer.Option("--open-text", help="The text is open, and the encoder may be, too")]


@app.command("vocabulary")
def make_vocabulary(
    text: Text,
    teacher: Annotated[Path, typer.Argument(help="Folder of an uncased BERT")],
    out: Output,
    size: Annotated[int, typer.Option(help="Most pieces that the vocabulary may have", min=1)] = 16384,
    words: Annotated[int, typer.Option(help="Most new words, those that save most pieces", min=0)] = 4000,
    least: Annotated[int, typer.Option(help="A piece used so often in the text is kept", min=1)] = 30,
    seed: Seed = 0,
    open_text: OpenText = False,
) -> None:
    """Write the teacher with a vocabulary for medical English, not trained yet."""
    # Imported here, so that --help does not wait for torch and transformers.
    from scripts.distill.encoder import load_bert, write_encoder
    from scripts.distill.vocabulary import choose_pieces, count_words, make_tokenizer, replace_pieces

    model, tokenizer = load_bert(teacher, seed)
    former = len(tokenizer)
    pieces = choose_pieces(tokenizer, count_words(text, tokenizer), size, words, least)
    replace_pieces(model, tokenizer, pieces.all)
    write_encoder(model, make_tokenizer(pieces.all), out, open_text and not is_adapted(teacher))
    msg.good(f"{len(pieces.all):,} pieces, {len(pieces.new):,} of them new words; the teacher has {former:,}: {out}")


@app.command("bert")
def adapt_bert(
    text: Text,
    start: Annotated[Path, typer.Argument(help="Folder of the BERT to begin with, as `vocabulary` wrote it")],
    out: Output,
    steps: Steps = 3000,
    rate: Rate = 3e-4,
    share: Share = 0.2,
    work: Work = Path("work"),
    seed: Seed = 0,
    open_text: OpenText = False,
) -> None:
    """Adapt the BERT in START to the text by masked language modelling of whole words."""
    # Imported here, so that --help does not wait for torch and transformers.
    from scripts.distill.batches import read_batches
    from scripts.distill.checkpoint import Checkpoint
    from scripts.distill.encoder import FASTEST, load_bert, write_encoder
    from scripts.distill.losses import adaptation_loss
    from scripts.distill.training import Settings, train

    model, tokenizer = load_bert(start, seed, **FASTEST)
    is_open = open_text and not is_adapted(start)
    batches = read_batches(text, tokenizer, share, seed)
    identity = {"start": hash_weights(model.base_model), "rate": rate, **batches.identity()}
    train(
        model.train(),
        lambda step: adaptation_loss(model, batches.at(step), step),
        Settings(steps, rate),
        Checkpoint(work / "bert.pt", identity),
        lambda: write_encoder(model, tokenizer, out, is_open),
    )
    msg.good(f"{model.num_parameters():,} parameters in {out}")


@app.command("albert")
def distill_albert(
    text: Text,
    teacher: Annotated[Path, typer.Argument(help="Folder of the BERT to learn from, as `bert` wrote it")],
    out: Output,
    steps: Steps = 3000,
    rate: Rate = 8e-4,
    share: Share = 0.15,
    width: Annotated[int, typer.Option(help="Width of the ALBERT's embeddings", min=1)] = 128,
    layer: Annotated[int, typer.Option(help="Number of the teacher's layer to begin with, from 0", min=0)] = 1,
    words: Annotated[float, typer.Option(help="Weight of the restored words beside the hidden states", min=0)] = 0.1,
    start: Annotated[Path | None, typer.Option(help="An ALBERT to begin with; else the teacher's weights")] = None,
    work: Work = Path("work"),
    seed: Seed = 0,
    open_text: OpenText = False,
) -> None:
    """Distil the BERT in TEACHER into an ALBERT: same hidden states after each pass, and restored words."""
    # Imported here, so that --help does not wait for torch and transformers.
    from scripts.distill.albert import load_albert, make_albert
    from scripts.distill.batches import read_batches
    from scripts.distill.checkpoint import Checkpoint
    from scripts.distill.encoder import load_bert, write_encoder
    from scripts.distill.losses import distillation_loss
    from scripts.distill.training import Settings, train

    bert, tokenizer = load_bert(teacher, seed, attn_implementation="eager")
    model = load_albert(start, bert) if start else make_albert(bert, width, layer, seed)
    is_open = open_text and not any(map(is_adapted, [teacher, *([start] if start else [])]))
    batches = read_batches(text, tokenizer, share, seed)
    # Singular vectors may differ in their last digits between machines, so that a new ALBERT is known by its origin.
    begin = hash_weights(model.base_model) if start else f"layer {layer}, width {width}"
    identity = {
        "teacher": hash_weights(bert.base_model),
        "start": begin,
        "rate": rate,
        "words": words,
        **batches.identity(),
    }
    train(
        model.train(),
        lambda step: distillation_loss(model, bert, batches.at(step), words),
        Settings(steps, rate),
        Checkpoint(work / "albert.pt", identity),
        lambda: write_encoder(model, tokenizer, out, is_open),
    )
    msg.good(f"{model.num_parameters():,} parameters in {out}")


if __name__ == "__main__":
    cli.run(app)
