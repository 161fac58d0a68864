"""Adapt an encoder to unlabelled notes by masked language modelling, before it is fine-tuned for entities.

python -m scripts.pretrain bert-base-uncased my_notes training/pretrained/bert

The folder that comes out is an encoder for `--vars.bert` or `--vars.albert`. It may have memorised parts of the notes,
so it is to be protected as they are. No text is printed, logged or kept: the notes are cut into wordpieces in memory,
and neither the checkpoints nor pretrain.json hold any.

A training that was stopped goes on from its last checkpoint, in OUTPUT-work, when the same command is given again.
Checkpoints are read by torch's weights_only loader and safetensors, which run no code that a file may hold.
"""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.runtime.libc import return_freed_blocks


def main(
    encoder: Annotated[str, typer.Argument(help="Folder of a BERT or ALBERT, or its name on the hub")],
    text: Annotated[Path, typer.Argument(help="Notes: .txt, .jsonl, .csv or .parquet file, archive, or folder")],
    output: Annotated[Path, typer.Argument(help="Folder for the adapted encoder")],
    epochs: Annotated[int, typer.Option(help="Passes over the notes", min=1)] = 3,
    steps: Annotated[int | None, typer.Option(help="Stop after so many steps of 4,096 pieces", min=1)] = None,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
    seed: Annotated[int, typer.Option(help="Seed of all that is random", min=0)] = 0,
) -> None:
    """Train ENCODER further on the notes of TEXT, by words that are hidden and have to be restored."""
    # Imported here, so that --help does not wait for torch and transformers.
    from scripts.pretrain.batches import Batches
    from scripts.pretrain.checkpoints import bind
    from scripts.pretrain.corpus import read_corpus
    from scripts.pretrain.device import choose_device
    from scripts.pretrain.encoder import check_output, load_encoder, write_encoder
    from scripts.pretrain.loss import measure_perplexity
    from scripts.pretrain.record import make_record, make_settings
    from scripts.pretrain.trainer import make_trainer, run

    return_freed_blocks()
    device = choose_device(gpu)
    check_output(output)
    subject = load_encoder(encoder, seed)
    corpus = read_corpus(text, subject)
    batches = Batches(corpus.parts.train, subject, epochs, steps, seed)
    settings = make_settings(subject, corpus, batches)
    work = output.with_name(f"{output.name}-work")
    bind(work, settings)
    subject.move_to(device)
    trainer = make_trainer(subject, batches, settings, work)
    before = measure_perplexity(subject, corpus.parts.held_out, seed)
    seconds = run(trainer, work)
    after = measure_perplexity(subject, corpus.parts.held_out, seed)
    write_encoder(subject, make_record(subject, corpus, batches, settings, (before, after), seconds), output)
    shutil.rmtree(work)
    msg.good(f"Perplexity of the held-out part {before:.2f} before, {after:.2f} after: {output}")


if __name__ == "__main__":
    cli.run(main)
