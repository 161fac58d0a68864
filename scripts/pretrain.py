"""Adapt an encoder to unlabelled notes by masked language modelling, before it is fine-tuned for entities.

python -m scripts.pretrain bert-base-uncased my_notes training/pretrained/bert

The folder that comes out is an encoder for `--vars.bert` or `--vars.albert`. It may have learnt parts of the notes by
heart, so it is to be protected as they are. No text is printed, logged or kept: the notes are cut into wordpieces in
memory, and neither the checkpoints nor pretrain.json hold any.

A training that was stopped goes on from its last checkpoint, in OUTPUT-work, when the same command is given again.
Checkpoints are read by torch's weights_only loader and safetensors, which run no code that a file may hold.
"""

import hashlib
import math
import platform
import shutil
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import srsly
import torch
import typer
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset, SequentialSampler
from tqdm import tqdm
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer
from transformers.modeling_utils import PreTrainedModel
from transformers.trainer import Trainer
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import set_seed
from transformers.training_args import TrainingArguments
from wasabi import msg

from scripts import cli
from scripts.architectures import has_fast_bfloat16
from scripts.blocks import Block, EncodedNote, Parts, Vocabulary, divide, encode_notes, read_vocabulary
from scripts.checkpoints import Keeper, bind, last_checkpoint, seconds_of, telling_faults
from scripts.masking import IGNORED, make_batch
from scripts.memory import return_freed_blocks
from scripts.note import InputError
from scripts.output import whole_folder
from scripts.texts import read_texts
from scripts.train import ADAPTED, BASE_WIDTH, WARMUP, check_encoder

LONGEST_SPAN = {"bert": 1, "albert": 3}  # words masked at once
PIECES_PER_STEP = 4096
LEARNING_RATE = 5e-5  # of an encoder 768 wide
PACKAGES = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


class Encoder(NamedTuple):
    """What is trained: the encoder with the head that restores words, and what cuts text into its pieces."""

    name: str
    model: PreTrainedModel
    tokenizer: Any
    vocabulary: Vocabulary
    width: int
    length: int  # of a block, in pieces with the special ones


class Corpus(NamedTuple):
    """The notes as blocks, with the hash of all their text, and how many there were of what."""

    parts: Parts
    hash: str
    counts: dict[str, Any]


def main(
    encoder: Annotated[str, typer.Argument(help="Folder of a BERT or ALBERT, or its name on the hub")],
    text: Annotated[Path, typer.Argument(help="Notes: a .txt, .jsonl or .jsonl.xz file, or a folder of them")],
    output: Annotated[Path, typer.Argument(help="Folder for the adapted encoder")],
    epochs: Annotated[int, typer.Option(help="Passes over the notes", min=1)] = 3,
    steps: Annotated[int | None, typer.Option(help="Stop after so many steps of 4,096 pieces", min=1)] = None,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
    seed: Annotated[int, typer.Option(help="Seed of all that is random", min=0)] = 0,
) -> None:
    """Train ENCODER further on the notes of TEXT, by words that are hidden and have to be restored."""
    return_freed_blocks()
    check_gpu(gpu)
    check_output(output)
    subject = load_encoder(encoder, seed)
    corpus = read_corpus(text, subject)
    batches = Batches(corpus.parts.train, subject, epochs, steps, seed)
    settings = make_settings(subject, corpus, batches)
    work = output.with_name(f"{output.name}-work")
    bind(work, settings)
    device = torch.device("cpu" if gpu < 0 else "cuda:0")
    subject.model.to(device)  # type: ignore[arg-type]
    trainer = make_trainer(subject.model, batches, settings, work)
    before = perplexity(subject, corpus.parts.held_out, seed)
    seconds = run(trainer, work)
    after = perplexity(subject, corpus.parts.held_out, seed)
    record = {
        "encoder": Path(encoder).name if Path(encoder).exists() else encoder,
        "perplexity": {"before": before, "after": after},
        "settings": settings,
        "counts": corpus.counts,
        "tokens_seen": batches.count_pieces(),
        "seconds": round(seconds, 1),
        **describe_machine(device),
    }
    save(subject, record, output)
    shutil.rmtree(work)
    msg.good(f"Perplexity of the held-out part {before:.2f} before, {after:.2f} after: {output}")


# What is given


def check_gpu(number: int) -> None:
    """RAISES (InputError): There is no such GPU, or it is not the first, which is the one that the Trainer takes."""
    if number > 0:
        raise InputError(
            f"GPU {number} has to be named otherwise: set CUDA_VISIBLE_DEVICES={number}, and give --vars.gpu 0."
        )
    if number == 0 and not torch.cuda.is_available():
        raise InputError("GPU 0 cannot be used (torch finds none): give --vars.gpu -1 for the CPU.")


def check_output(output: Path) -> None:
    """RAISES (InputError): The folder holds something else than an encoder of this command, which it would replace."""
    if output.exists() and not (output / ADAPTED).exists() and not (output.is_dir() and not any(output.iterdir())):
        raise InputError(f"{output} exists and is not of this command's making: give another place for the output.")


def load_encoder(name: str, seed: int) -> Encoder:
    """Load an encoder with its head, which begins with random weights if there is none.

    RAISES (InputError): It cannot be loaded, is no BERT or ALBERT, or its tokenizer does not serve.
    """
    width = check_encoder(name)
    config = AutoConfig.from_pretrained(name)
    if config.model_type not in LONGEST_SPAN:
        raise InputError(
            f"The encoder '{name}' cannot be trained further: it is no BERT or ALBERT, but {config.model_type}."
        )
    tokenizer = AutoTokenizer.from_pretrained(name)
    vocabulary = read_vocabulary(tokenizer, name)
    if len(tokenizer) > config.vocab_size:
        raise InputError(
            f"The encoder '{name}' cannot be trained further: it lacks vectors for pieces of its tokenizer."
        )
    set_seed(seed)
    # Attention without dropout takes a third of the time on a CPU: 3.1 instead of 8.2 s a step (torch 2.13, bf16).
    model, info = AutoModelForMaskedLM.from_pretrained(
        name,
        use_safetensors=True,
        torch_dtype=torch.float32,
        attention_probs_dropout_prob=0.0,
        output_loading_info=True,
    )
    if info["missing_keys"]:
        msg.warn("The encoder comes without the head that restores words: a new one is trained along.")
    model.config.attention_probs_dropout_prob = config.attention_probs_dropout_prob
    length = min(config.max_position_embeddings, tokenizer.model_max_length)
    return Encoder(name, model, tokenizer, vocabulary, width, length)


def read_corpus(source: Path, encoder: Encoder) -> Corpus:
    """Read the notes and lay them into blocks, in memory.

    RAISES (InputError): They cannot be read, or are too short.
    """
    unused: Counter[str] = Counter()
    texts = tqdm(read_texts(source, unused), desc="Reading notes", unit=" notes")
    notes = list(encode_notes(texts, encoder.tokenizer))
    filled = [note for note in notes if len(note.ids)]
    parts = divide(filled, encoder.vocabulary, encoder.length)
    counts = {
        "notes": len(notes),
        "blank_notes": len(notes) - len(filled),
        "held_out_notes": parts.held_out_notes,
        "pieces": sum(len(note.ids) for note in notes),
        "train": count_blocks(parts.train),
        "held_out": count_blocks(parts.held_out),
        "unused_files": dict(sorted(unused.items())),
    }
    for suffix, count in counts["unused_files"].items():
        msg.info(f"{count:,} {suffix} files are no notes")
    msg.info(f"{len(notes):,} notes, {len(parts.train):,} blocks to train on, {len(parts.held_out):,} held out")
    return Corpus(parts, hash_notes(notes), counts)


def count_blocks(blocks: Sequence[Block]) -> dict[str, int]:
    return {"blocks": len(blocks), "pieces": sum(block.pieces for block in blocks)}


def hash_notes(notes: Sequence[EncodedNote]) -> str:
    return hashlib.sha256(b"".join(note.hash.to_bytes(8, "big") for note in notes)).hexdigest()


def hash_weights(model: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, weights in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weights.contiguous().numpy())
    return digest.hexdigest()


# Training


class Batches(Dataset):
    """The batch of every step, by its number, so that a resumed training sees what it would have seen."""

    def __init__(self, blocks: Sequence[Block], encoder: Encoder, epochs: int, steps: int | None, seed: int) -> None:
        self.blocks, self.encoder, self.epochs, self.seed = blocks, encoder, epochs, seed
        self.rows = max(1, PIECES_PER_STEP // encoder.length)
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
        generator = np.random.default_rng([self.seed, 1, step])
        return mask(self.blocks_of(step), self.encoder, generator)

    def count_pieces(self) -> int:
        """How many pieces are trained on, special ones included, padding left out."""
        return sum(len(block.ids) for step in range(len(self)) for block in self.blocks_of(step))


def mask(blocks: Sequence[Block], encoder: Encoder, generator: np.random.Generator) -> dict[str, Tensor]:
    return make_batch(blocks, encoder.vocabulary, LONGEST_SPAN[encoder.model.config.model_type], generator)


def summed_loss(model: Any, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
    """The cross-entropy of the hidden pieces, summed, and their number; the head computes nothing else."""
    device = model.device
    with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bfloat16(device)):
        states = model.base_model(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        hidden = batch["labels"] != IGNORED
        head = model.cls if hasattr(model, "cls") else model.predictions  # of a BERT, of an ALBERT
        scores = head(states[hidden])
    return F.cross_entropy(scores.float(), batch["labels"][hidden], reduction="sum"), int(hidden.sum())


@torch.no_grad()
def perplexity(encoder: Encoder, blocks: Sequence[Block], seed: int) -> float:
    """Of the hidden pieces, which are the same ones each time: e to the power of their mean cross-entropy.

    RAISES (InputError): There are none to hide, because all pieces stand for unknown text.
    """
    model, total, pieces = encoder.model.eval(), 0.0, 0
    rows = max(1, PIECES_PER_STEP // encoder.length)
    for start in tqdm(range(0, len(blocks), rows), desc="Measuring"):
        batch = mask(blocks[start : start + rows], encoder, np.random.default_rng([seed, 2, start]))
        loss, count = summed_loss(model, {name: tensor.to(model.device) for name, tensor in batch.items()})
        total, pieces = total + loss.item(), pieces + count
    if not pieces:
        raise InputError(
            f"The encoder '{encoder.name}' knows no piece of the held-out notes: they are in another script."
        )
    return math.exp(total / pieces)


class Pretrainer(Trainer):
    """The Trainer with the loss above, and the batches in the order of the steps."""

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any) -> Tensor:
        loss, pieces = summed_loss(model, inputs)
        return loss / max(pieces, 1)

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)  # type: ignore[arg-type]


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
        "learning_rate": LEARNING_RATE * (BASE_WIDTH / encoder.width) ** 2,
        "block": encoder.length,
        "blocks_per_step": batches.rows,
        "longest_span": LONGEST_SPAN[encoder.model.config.model_type],
    }


def make_trainer(model: PreTrainedModel, batches: Batches, settings: dict[str, Any], work: Path) -> Pretrainer:
    """A Trainer that saves when it is told to, and logs nothing."""
    arguments = TrainingArguments(
        str(work),
        per_device_train_batch_size=1,  # an item is a batch
        num_train_epochs=1,  # of all batches, those of every epoch
        learning_rate=settings["learning_rate"],
        warmup_steps=max(1, int(WARMUP * len(batches))),
        weight_decay=0.01,
        optim="adamw_torch_fused",
        seed=batches.seed,
        use_cpu=model.device.type == "cpu",
        save_strategy="no",
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=model.device.type != "cpu",
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # or the Trainer would divide each batch among all GPUs
    trainer = Pretrainer(model, arguments, train_dataset=batches, data_collator=lambda items: items[0])
    trainer.remove_callback(PrinterCallback)
    return trainer


def run(trainer: Pretrainer, work: Path) -> float:
    """Train, from the last checkpoint if there is one.

    RETURNS (float): Seconds that it took, those before a stop included.
    """
    checkpoint = last_checkpoint(work)
    if checkpoint:
        msg.info(f"Going on from step {checkpoint.name.split('-')[1]}")
    keeper = Keeper(seconds_of(checkpoint) if checkpoint else 0.0)
    trainer.add_callback(keeper)
    with telling_faults(work):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return keeper.seconds


def describe_machine(device: torch.device) -> dict[str, Any]:
    return {
        "device": device.type,
        "precision": "bfloat16" if has_fast_bfloat16(device) else "float32",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def save(encoder: Encoder, record: dict[str, Any], output: Path) -> None:
    """Write a Hugging Face folder, head included, so that it can be trained further again."""
    with telling_faults(output), whole_folder(output) as folder:
        encoder.model.save_pretrained(folder)
        encoder.tokenizer.save_pretrained(folder)
        srsly.write_json(folder / ADAPTED, record)


if __name__ == "__main__":
    cli.run(main)
