"""Train the project's compact BERT and ALBERT encoders from openly licensed medical text.

Three steps, each reading what the one before wrote:

    python -m scripts.distill vocabulary TEXT TEACHER work/start       prune the teacher's pieces, add medical words
    python -m scripts.distill bert TEXT work/start encoders/bert-compact --steps 3000
    python -m scripts.distill albert TEXT encoders/bert-compact encoders/albert-compact --steps 3000

TEXT is a folder of .jsonl.xz files with one {"text": ...} a line, TEACHER a folder with an uncased BERT. A training
that was stopped goes on from its last checkpoint (in --work) when the same command is given again, or one with more
steps. On a CPU the matrix products are in bf16, which pays only where it has instructions for it.
"""

# torch 2.13 types the parts of a module as "Tensor | Module", transformers leaves them untyped
# pyright: reportArgumentType=false, reportCallIssue=false, reportAssignmentType=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false

import copy
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import typer
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm
from transformers import AlbertConfig, AlbertForPreTraining, BertConfig, BertForPreTraining, BertTokenizerFast
from wasabi import msg

from scripts import cli
from scripts.output import whole_file, whole_folder
from scripts.texts import read_texts

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENS_PER_STEP = 4096
WARM_UP = 60  # steps
# No block is seen often enough to be learnt by heart; and for short blocks plain attention is the quicker one on a CPU
FASTEST = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "attn_implementation": "eager"}
LONG_EVERY = 16  # one step in sixteen has blocks of 512, or the later positions would be forgotten

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Batch(NamedTuple):
    """`ids` as the model sees them, `labels` the pieces to restore at `masked` (both int64, block x position)."""

    ids: Tensor
    labels: Tensor
    masked: Tensor


class Settings(NamedTuple):
    """What a training run is told; `steps` of 4,096 tokens each, `rate` the highest learning rate."""

    steps: int
    rate: float
    seed: int
    save_every: int = 50


# Text


def read_stream(folder: Path, tokenizer: BertTokenizerFast, cache: Path) -> np.ndarray:
    """Every text as pieces, shuffled by text and joined by [SEP], in one array; kept in `cache` for the next start."""
    if cache.exists():
        return np.load(cache)
    texts = list(read_texts(folder, Counter()))
    order = np.random.default_rng(0).permutation(len(texts))
    parts = []
    for start in tqdm(range(0, len(texts), 1000), desc="Cutting the text into pieces"):
        encoded = tokenizer.backend_tokenizer.encode_batch(
            [texts[i] for i in order[start : start + 1000]], add_special_tokens=False
        )
        parts += [np.array([*item.ids, tokenizer.sep_token_id], dtype=np.uint16) for item in encoded]
    stream = np.concatenate(parts)
    with whole_file(cache) as part, part.open("wb") as file:
        np.save(file, stream)
    return stream


def take_blocks(stream: np.ndarray, step: int, seed: int, tokenizer: BertTokenizerFast) -> Tensor:
    """The blocks of one step: [CLS], a stretch of the text, [SEP]; every stretch once before any comes again."""
    length = 512 if step % LONG_EVERY == LONG_EVERY - 1 else 128
    rows, width = TOKENS_PER_STEP // length, length - 2
    epoch, place = divmod(step, len(stream) // TOKENS_PER_STEP)
    order = np.random.default_rng([seed, epoch]).permutation(len(stream) // TOKENS_PER_STEP)
    start = order[place] * TOKENS_PER_STEP
    body = stream[start : start + rows * width].reshape(rows, width).astype(np.int64)
    edge = np.ones((rows, 1), dtype=np.int64)
    return torch.from_numpy(np.hstack([edge * tokenizer.cls_token_id, body, edge * tokenizer.sep_token_id]))


def mask_words(ids: Tensor, begins: Tensor, tokenizer: BertTokenizerFast, step: int, share: float) -> Batch:
    """Hide whole words: 80 % of the chosen become [MASK], 10 % another piece, 10 % stay (Devlin et al. 2019).

    begins (Tensor): for every piece of the vocabulary, whether it begins a word.
    share (float): part of the words that is chosen.
    """
    generator = torch.Generator().manual_seed(step)
    word = begins[ids].cumsum(1)
    chosen = torch.rand(ids.shape, generator=generator).gather(1, word.clamp(max=ids.shape[1] - 1)) < share
    masked = chosen & (ids >= len(SPECIAL))
    kind = torch.rand(ids.shape, generator=generator)
    other = torch.randint(len(SPECIAL), len(begins), ids.shape, generator=generator)
    seen = torch.where(masked & (kind < 0.8), tokenizer.mask_token_id, ids)
    seen = torch.where(masked & (kind > 0.9), other, seen)
    return Batch(seen, ids, masked)


def read_batches(stream: np.ndarray, tokenizer: BertTokenizerFast, settings: Settings, share: float):
    """RETURNS a function from the step's number to its batch, so that a resumed run sees what it would have seen."""
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    begins = torch.tensor([not piece.startswith("##") for piece in pieces])

    def batch_at(step: int) -> Batch:
        ids = take_blocks(stream, step, settings.seed, tokenizer)
        return mask_words(ids, begins, tokenizer, step, share)

    return batch_at


# Vocabulary


def count_words(folder: Path, tokenizer: BertTokenizerFast) -> Counter[str]:
    """How often each word (lower-cased, split at punctuation, as WordPiece sees it) occurs in the text."""
    backend, counts = tokenizer.backend_tokenizer, Counter()
    for text in tqdm(read_texts(folder, Counter()), desc="Counting words", mininterval=5):
        normal = backend.normalizer.normalize_str(text)
        counts.update(word for word, _ in backend.pre_tokenizer.pre_tokenize_str(normal))
    return counts


def is_plain_character(piece: str) -> bool:
    """One character (or its ## form) of Latin, Greek, punctuation, arrows or mathematics: what notes may hold."""
    character = piece.removeprefix("##")
    return len(character) == 1 and (ord(character) < 0x400 or 0x2000 <= ord(character) < 0x2300)


def choose_pieces(tokenizer: BertTokenizerFast, counts: Counter[str], size: int, words: int, least: int) -> list[str]:
    """The pruned vocabulary, in the teacher's order (which is by frequency in general English), then the new words.

    words (int): new whole words, the ones that save most pieces.
    least (int): a piece of the teacher's used so often in the text is kept; general English fills up to `size`.
    """
    used, saved = Counter(), Counter()
    encoded = tokenizer.backend_tokenizer.encode_batch(list(counts), add_special_tokens=False)
    for (word, count), item in zip(counts.items(), encoded, strict=True):
        for piece in set(item.tokens):
            used[piece] += count
        if len(word) > 3 and word.isascii() and word.isalpha():
            saved[word] = count * (len(item.tokens) - 1)
    new = [word for word, _ in saved.most_common(words)]
    teacher = [p for p in tokenizer.convert_ids_to_tokens(range(len(tokenizer))) if p not in SPECIAL]
    kept = {p for p in teacher if used[p] >= least or is_plain_character(p)}
    if len(SPECIAL) + len(kept) + len(new) > size:
        msg.fail(f"{len(kept)} pieces and {len(new)} words do not fit in {size}: raise --least", exits=1)
    for piece in teacher:
        if len(SPECIAL) + len(kept) + len(new) < size and piece.removeprefix("##").isascii() and "[" not in piece:
            kept.add(piece)
    return SPECIAL + [p for p in teacher if p in kept] + new


def embed_pieces(pieces: list[str], tokenizer: BertTokenizerFast, old: Tensor) -> Tensor:
    """The teacher's embedding of each piece; for a new word the mean of its old pieces'."""
    rows, vocabulary = [], tokenizer.get_vocab()
    for piece in pieces:
        known = vocabulary.get(piece)
        ids = tokenizer.encode(piece, add_special_tokens=False) if known is None else [known]
        rows.append(old[ids].mean(0))
    return torch.stack(rows)


@app.command("vocabulary")
def make_vocabulary(
    text: Path, teacher: Path, out: Path, size: int = 16384, words: int = 4000, least: int = 30
) -> None:
    """Write the teacher with a vocabulary for medical English, not trained yet."""
    old = BertTokenizerFast.from_pretrained(teacher)
    old.backend_tokenizer.no_padding()
    old.backend_tokenizer.no_truncation()
    pieces = choose_pieces(old, count_words(text, old), size, words, least)
    model = BertForPreTraining.from_pretrained(teacher)
    embeddings = embed_pieces(pieces, old, model.get_input_embeddings().weight.data)
    model.resize_token_embeddings(len(pieces))
    model.get_input_embeddings().weight.data.copy_(embeddings)
    save_encoder(model, make_tokenizer(pieces), out)
    msg.good(f"{len(pieces):,} pieces, {words:,} of them new words")


def make_tokenizer(pieces: list[str]) -> BertTokenizerFast:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf8")
        return BertTokenizerFast(str(path), do_lower_case=True, model_max_length=512)


# Training


def save_encoder(model, tokenizer: BertTokenizerFast, out: Path) -> None:
    """Write a Hugging Face folder with weights in half precision; the folder appears only when it is complete."""
    with whole_folder(out) as part:
        copy.deepcopy(model).half().save_pretrained(part)
        tokenizer.save_pretrained(part)
        config = json.loads((part / "config.json").read_text(encoding="utf8"))
        # spacy-transformers rebuilds a saved model from its config, and would compute in half precision
        config["torch_dtype"] = "float32"
        config["hidden_dropout_prob"] = config["attention_probs_dropout_prob"] = 0.1
        config.pop("_name_or_path", None)
        (part / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf8")


def rate_at(step: int, steps: int) -> float:
    """Part of the highest learning rate: up in the warm-up, level, straight down over the last third of the steps."""
    return min(1.0, (step + 1) / WARM_UP, (steps - step) / (steps / 3))


def train(
    model, loss_at: Callable[[int], Tensor], settings: Settings, checkpoint: Path, save: Callable[[], None]
) -> None:
    """Train `model` from its checkpoint, or from the start, for the number of steps wanted.

    loss_at (Callable): the loss of a step, by its number.
    save (Callable): writes the encoder as it is; called at each checkpoint and at the end.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    bar = tqdm(range(first, settings.steps), initial=first, total=settings.steps, mininterval=10)
    mean = None
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * rate_at(step, settings.steps)
        loss = loss_at(step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        bar.set_postfix(loss=f"{mean:.3f}", refresh=False)
        if (step + 1) % settings.save_every == 0 or step + 1 == settings.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            with whole_file(checkpoint) as part:
                torch.save(state, part)
            save()


def autocast() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)


@app.command("bert")
def adapt_bert(
    text: Path, start: Path, out: Path, steps: int = 3000, rate: float = 3e-4, share: float = 0.2,
    work: Path = Path("work"), seed: int = 0,
) -> None:  # fmt: skip
    """Adapt the BERT in START to the text by masked language modelling of whole words."""
    settings = Settings(steps, rate, seed)
    tokenizer = BertTokenizerFast.from_pretrained(start)
    model = BertForPreTraining.from_pretrained(start, **FASTEST).train()
    batch_at = read_batches(read_stream(text, tokenizer, work / "stream.npy"), tokenizer, settings, share)

    def loss_at(step: int) -> Tensor:
        batch = batch_at(step)
        with autocast():
            hidden = model.bert(batch.ids).last_hidden_state
            if step < WARM_UP:  # the new head knows nothing yet: what it says must not reach the layers
                hidden = hidden.detach()
            return F.cross_entropy(model.cls.predictions(hidden[batch.masked]).float(), batch.labels[batch.masked])

    train(model, loss_at, settings, work / "bert.pt", lambda: save_encoder(model, tokenizer, out))
    msg.good(f"{sum(p.numel() for p in model.parameters()):,} parameters in {out}")


def make_albert(teacher: BertForPreTraining, width: int, layer: int) -> AlbertForPreTraining:
    """An ALBERT of the teacher's shape: its embeddings by their largest `width` singular values, one of its layers."""
    bert: BertConfig = teacher.config
    config = AlbertConfig(
        vocab_size=bert.vocab_size,
        embedding_size=width,
        hidden_size=bert.hidden_size,
        num_hidden_layers=bert.num_hidden_layers,
        num_attention_heads=bert.num_attention_heads,
        intermediate_size=bert.intermediate_size,
        hidden_act=bert.hidden_act,
        layer_norm_eps=bert.layer_norm_eps,
        max_position_embeddings=bert.max_position_embeddings,
        classifier_dropout_prob=0.1,
        **{f"{name}_token_id": SPECIAL.index(f"[{piece}]") for name, piece in
           [("pad", "PAD"), ("bos", "CLS"), ("eos", "SEP")]},
        **FASTEST,
    )  # fmt: skip
    model = AlbertForPreTraining(config)
    copy_embeddings(teacher, model, width)
    copy_layer(teacher.bert.encoder.layer[layer], model.albert.encoder.albert_layer_groups[0].albert_layers[0])
    model.albert.pooler.load_state_dict(teacher.bert.pooler.dense.state_dict())
    return model


@torch.no_grad()
def copy_embeddings(teacher: BertForPreTraining, model: AlbertForPreTraining, width: int) -> None:
    """Project all three embeddings on the words' main directions; fit the way back by least squares."""
    old, new = teacher.bert.embeddings, model.albert.embeddings
    directions = torch.linalg.svd(old.word_embeddings.weight.data, full_matrices=False).Vh[:width]
    for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        getattr(new, name).weight.data.copy_(getattr(old, name).weight.data @ directions.T)
    ids = torch.arange(model.config.vocab_size)[: model.config.vocab_size // 64 * 64].view(64, -1)
    ids = ids[:, : model.config.max_position_embeddings]
    narrow, wide = new(ids).flatten(0, 1), old(ids).flatten(0, 1)
    way = torch.linalg.lstsq(F.pad(narrow, (0, 1), value=1.0), wide).solution
    back = model.albert.encoder.embedding_hidden_mapping_in
    back.weight.data.copy_(way[:-1].T)
    back.bias.data.copy_(way[-1])


def copy_layer(old, new) -> None:
    """Copy a BERT layer into an ALBERT layer, which computes the same under other names."""
    pairs = [
        (old.attention.self.query, new.attention.query),
        (old.attention.self.key, new.attention.key),
        (old.attention.self.value, new.attention.value),
        (old.attention.output.dense, new.attention.dense),
        (old.attention.output.LayerNorm, new.attention.LayerNorm),
        (old.intermediate.dense, new.ffn),
        (old.output.dense, new.ffn_output),
        (old.output.LayerNorm, new.full_layer_layer_norm),
    ]
    for source, target in pairs:
        target.load_state_dict(source.state_dict())


def hidden_loss(student: tuple[Tensor, ...], teacher: tuple[Tensor, ...]) -> Tensor:
    """Mean squared distance of the hidden states, each layer's divided by the teacher's variance there."""
    parts = [F.mse_loss(s.float(), t.float()) / t.float().var() for s, t in zip(student, teacher, strict=True)]
    return torch.stack(parts).mean()


@app.command("albert")
def distill_albert(
    text: Path, teacher: Path, out: Path, steps: int = 3000, rate: float = 8e-4, share: float = 0.15,
    width: int = 128, layer: int = 1, words: float = 0.1, start: Path | None = None,
    work: Path = Path("work"), seed: int = 0,
) -> None:  # fmt: skip
    """Distil the BERT in TEACHER into an ALBERT: same hidden states after each pass, and restored words.

    words (float): weight of the masked language modelling beside the hidden states.
    start (Path): an ALBERT to go on from, with the same vocabulary; without it the teacher's weights are the start.
    """
    settings = Settings(steps, rate, seed)
    tokenizer = BertTokenizerFast.from_pretrained(teacher)
    bert = BertForPreTraining.from_pretrained(teacher, attn_implementation="eager").eval()
    model = AlbertForPreTraining.from_pretrained(start, **FASTEST) if start else make_albert(bert, width, layer)
    model.train()
    batch_at = read_batches(read_stream(text, tokenizer, work / "stream.npy"), tokenizer, settings, share)

    def loss_at(step: int) -> Tensor:
        batch = batch_at(step)
        with autocast():
            with torch.no_grad():
                wanted = bert.bert(batch.ids, output_hidden_states=True).hidden_states
            hidden = model.albert(batch.ids, output_hidden_states=True).hidden_states
            restored = model.predictions(hidden[-1][batch.masked]).float()
        return hidden_loss(hidden, wanted) + words * F.cross_entropy(restored, batch.labels[batch.masked])

    train(model, loss_at, settings, work / "albert.pt", lambda: save_encoder(model, tokenizer, out))
    msg.good(f"{sum(p.numel() for p in model.parameters()):,} parameters in {out}")


if __name__ == "__main__":
    cli.run(app)
