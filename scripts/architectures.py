"""The encoder as a spaCy layer: every wordpiece is computed once, in the precision that is fast on this machine.

On top of spacy-transformers' component, listener and way of saving. The file travels inside the packaged models, so it
imports nothing of the project.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from spacy.attrs import IDX, LENGTH
from spacy.tokens import Doc
from spacy.util import registry
from spacy_transformers.data_classes import HFObjects, TransformerData, WordpieceBatch
from spacy_transformers.layers.hf_shim import HFShim
from spacy_transformers.layers.listener import TransformerListener
from spacy_transformers.layers.transformer_model import huggingface_from_pretrained
from thinc.api import Model, Optimizer, torch2xp, xp2torch
from thinc.types import Floats2d, Ragged
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModel, PretrainedConfig
from transformers.modeling_utils import PreTrainedModel
from transformers.models.albert import modeling_albert
from transformers.models.bert import modeling_bert
from transformers.utils.generic import ModelOutput

PRECISIONS = ("auto", "float32", "bfloat16")
# Pieces computed at once, and how many of these may be padding before one more batch costs less: by a core, by a core
# in tiles, by this thread, by a GPU (guessed). More leaves its caches; with less padding there are more shapes.
CORE_BATCH, TILES_BATCH, CPU_BATCH, GPU_BATCH = (1024, 64), (1280, 256), (2048, 128), (16384, 2048)
CORE_FEWEST = 128  # pieces for a core, where there is little to share
PLAIN_WINDOW = 128  # pieces of the longest window whose attention is computed plainly
TILE = 16  # rows that AMX multiplies at once; batches with such widths fill them, and have few different shapes
NARROW = 64  # widths up to here fill half a tile: padding would cost more
BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
STOPS, BLANKS = ([ord(character) for character in characters] for characters in (".?!", " \t\r\n"))


class Pieces(NamedTuple):
    """The wordpieces of a note in order, special ones left out: its text, and arrays of int64, one number a piece.

    ids: Places in the vocabulary.
    starts, ends: Characters.
    first, last: The tokens that a piece shares a character with, from `first` up to, not including, `last`.
    """

    text: str
    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    first: np.ndarray
    last: np.ndarray


class Batch(NamedTuple):
    """Windows that are computed together, and what becomes of their pieces.

    ids, mask: Windows x pieces, with special ones and padding.
    rows: Of all these pieces, numbered through, those of the first token, of the second and so on.
    bags: Where each token begins in `rows`.
    tokens: Their numbers among those of all notes.
    counts: How many pieces each has in all.
    """

    ids: Tensor
    mask: Tensor
    rows: Tensor
    bags: Tensor
    tokens: Tensor
    counts: Tensor


class TokenVectors:
    """What the encoder gives to spacy-transformers' component.

    find: Waits for the cores that compute, and returns tokens x width for each Doc.
    """

    def __init__(self, find: Callable[[], list[Floats2d]]) -> None:
        self._find = find

    @cached_property
    def vectors(self) -> list[Floats2d]:
        """Tokens x width for each Doc."""
        return self._find()

    @property
    def doc_data(self) -> list[TransformerData]:
        """As if every token were one wordpiece."""
        return [_wrap(vectors) for vectors in self.vectors]

    def unsplit_by_doc(self, gradients: list[list[Any]]) -> list[Floats2d]:
        """The component's gradients, 1 x tokens x width for each Doc, as the encoder takes them."""
        return [gradient[0] for (gradient,) in gradients]


@registry.architectures("medner.TransformerModel.v1")
def create_transformer(
    name: str, window: int, precision: str, tokenizer_config: dict[str, Any], transformer_config: dict[str, Any]
) -> Model[list[Doc], TokenVectors]:
    """An encoder that gives each token the mean of its wordpieces, and zeros to one that has none, such as a blank.

    name (str): Folder of the encoder, or its name on the hub.
    window (int): Longest stretch of a note that is computed together, in wordpieces with the special ones; the
        encoder's own limit holds as well. Windows end at line ends, else sentence ends, else tokens.
    precision (str): "float32", "bfloat16" or "auto": bfloat16 on a GPU or CPU that has instructions for it. Weights
        are trained and saved in float32 in any case.
    tokenizer_config, transformer_config (dict): Further settings for Hugging Face's tokenizer and model.
    RAISES (ValueError): The precision is none of these.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is '{precision}', but has to be one of {', '.join(PRECISIONS)}.")
    objects = HFObjects(None, None, None, tokenizer_config, transformer_config)
    return Model(
        "medner-transformer",
        forward,
        init=init,
        shims=[EncoderShim(objects, precision)],
        dims={"nO": None},
        attrs={"name": name, "window": window},
    )


@registry.architectures("medner.TransformerListener.v1")
def create_listener(upstream: str, keep_output: bool) -> Model[list[Doc], list[Floats2d]]:
    """The vectors of the tokens, for a component after the transformer.

    upstream (str): Name of the transformer component, or "*".
    keep_output (bool): Whether the vectors stay in `doc._.trf_data` after prediction. If several components listen,
        all but the last have to keep them.
    """
    return TokenListener(upstream, keep_output)


# The encoder


class EncoderShim(HFShim):
    """The encoder without its pooler, in mixed precision on any device; predictions wholly in bfloat16."""

    def __init__(self, objects: HFObjects, precision: str) -> None:
        super().__init__(objects, model_cls=LeanModel)  # type: ignore[arg-type]
        self.precision = precision
        self.cores: ThreadPoolExecutor | None = None
        self._forget()

    def _forget(self) -> None:
        self._copy: PreTrainedModel | None = None
        self._adam: tuple[Optimizer, torch.optim.Optimizer] | None = None
        self._updates = 0
        self._embedding_gradient: Tensor | None = None

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the matrix products."""
        if self.precision == "auto":
            return torch.bfloat16 if has_fast_bfloat16(self.device) else torch.float32
        return getattr(torch, self.precision)

    @property
    def in_tiles(self) -> bool:
        """Whether matrices are multiplied by AMX's tiles."""
        return self.device.type == "cpu" and self.dtype == torch.bfloat16 and has_tiles()

    @contextmanager
    def computing(self, is_train: bool) -> Iterator[PreTrainedModel]:
        """Yield the encoder to compute with, in training mode or not, in the right precision."""
        if is_train:
            self._model.get_input_embeddings().sparse = self.device.type == "cpu"
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
                yield self._model.train()
        else:
            yield self._reader()

    @contextmanager
    def by_cores(self) -> Iterator[None]:
        """Meanwhile predictions on a CPU are computed by each core on its own, and by this thread on one core.

        Cores that share a batch wait for each other after every product.
        """
        threads = torch.get_num_threads()
        if self.device.type != "cpu" or threads == 1:
            yield
            return
        cores = self.cores = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        torch.set_num_threads(1)
        try:
            yield
        finally:
            cores.shutdown(cancel_futures=True)
            if self.cores is cores:
                self.cores = None
            torch.set_num_threads(threads)  # a thread yet to come computes with as many as were set last

    def _reader(self) -> Any:
        if self.dtype == torch.float32:
            return self._model.eval()
        if self._copy is None:
            self._copy = copy.deepcopy(self._model).to(self.dtype).eval()
            if self.device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
                replace_layers(self._copy, torch.nn.Linear, PackedLinear)
        return self._copy

    def finish_update(self, optimizer: Optimizer) -> None:
        self._copy = None
        with self._dense_gradients():
            self._step(optimizer)

    @contextmanager
    def _dense_gradients(self) -> Iterator[None]:
        """Put the gradient of the few embeddings that a batch has into one of all, kept from batch to batch."""
        weights: Any = self._model.get_input_embeddings().weight
        if weights.grad is None or not weights.grad.is_sparse:
            yield
            return
        gradient = weights.grad.coalesce()
        (rows,) = gradient.indices()
        if self._embedding_gradient is None:
            self._embedding_gradient = torch.zeros_like(weights)
        self._embedding_gradient[rows] = gradient.values()
        weights.grad = self._embedding_gradient
        yield
        self._embedding_gradient[rows] = 0.0
        weights.grad = None

    def _step(self, optimizer: Optimizer) -> None:
        """Thinc's Adam, computed by torch's fused one, which uses all cores; other optimizers as they are."""
        if optimizer.averages is not None or optimizer.use_radam or not (optimizer.b1 and optimizer.b2):
            super().finish_update(optimizer)
            return
        if self._adam is None or self._adam[0] is not optimizer:
            self._adam, self._updates = (optimizer, torch.optim.AdamW(self._model.parameters(), fused=True)), 0
        adam = self._adam[1]
        self._updates += 1
        for group in adam.param_groups:
            decay = optimizer.L2 if optimizer.L2_is_weight_decay else 0.0
            group.update(lr=optimizer.learn_rate, betas=(optimizer.b1, optimizer.b2), weight_decay=decay)
            # torch adds eps after the bias correction, thinc before
            group["eps"] = optimizer.eps / math.sqrt(1 - optimizer.b2**self._updates)
            for weights in group["params"]:
                if weights.grad is not None:
                    _prepare_gradient(weights, optimizer)
        adam.step()
        adam.zero_grad()

    def from_bytes(self, bytes_data: bytes) -> "EncoderShim":
        self._forget()
        return super().from_bytes(bytes_data)

    @contextmanager
    def use_params(self, params: dict) -> Iterator[None]:
        self._copy = None
        with super().use_params(params):
            yield
        self._copy = None


def _prepare_gradient(weights: Tensor, optimizer: Optimizer) -> None:
    """Decay that is no weight decay, and clipping array by array, as thinc does both."""
    assert weights.grad is not None
    if optimizer.L2 and not optimizer.L2_is_weight_decay:
        weights.grad.add_(weights.detach(), alpha=optimizer.L2)
    if optimizer.grad_clip:
        norm = torch.linalg.vector_norm(weights.grad).item()
        if norm >= optimizer.grad_clip:
            weights.grad.mul_(optimizer.grad_clip / norm)


class LeanModel:
    """AutoModel, less the pooler, which no token needs, and with layers that cost less."""

    @staticmethod
    def from_pretrained(name: Any, config: PretrainedConfig, **kwargs: Any) -> PreTrainedModel:
        config = _with_fused_gelu(config)
        return _lean(AutoModel.from_pretrained(name, config=config, use_safetensors=True, **kwargs))

    @staticmethod
    def from_config(config: PretrainedConfig, **kwargs: Any) -> PreTrainedModel:
        return _lean(AutoModel.from_config(_with_fused_gelu(config), **kwargs))


def _with_fused_gelu(config: PretrainedConfig) -> PretrainedConfig:
    """ALBERT's activation in one step of torch's; Hugging Face's of the same formula takes eight."""
    if getattr(config, "hidden_act", None) == "gelu_new":
        config.hidden_act = "gelu_pytorch_tanh"
    return config


def _lean(model: PreTrainedModel) -> PreTrainedModel:
    if hasattr(model, "pooler"):
        model.pooler = None  # type: ignore[assignment]
    replace_layers(model, torch.nn.Dropout, lambda layer: Dropout(layer.p))
    for layer in model.modules():
        for attention in (BertAttention, AlbertAttention):
            if isinstance(layer, attention.__base__) and layer.position_embedding_type == "absolute":
                layer.__class__ = attention
    return model


def replace_layers(module: torch.nn.Module, kind: type, create: Callable[[Any], torch.nn.Module]) -> None:
    """Put other layers in the places of all those of a kind."""
    for name, layer in module.named_children():
        if type(layer) is kind:
            setattr(module, name, create(layer))
        else:
            replace_layers(layer, kind, create)


class Dropout(torch.nn.Dropout):
    """Dropout that on a CPU takes 16 random bits a number from a fast generator, seeded by torch's.

    torch's own draws one number after the other there, a fifth of the time of training on an AMD processor.
    """

    def forward(self, numbers: Tensor) -> Tensor:
        dropped = round(self.p * 2**16)  # of 2 ** 16 values
        if not self.training or not 0 < dropped < 2**16 or numbers.device.type != "cpu":
            return super().forward(numbers)
        seed = int(torch.randint(2**63 - 1, ()))
        words = np.random.SFC64(seed).random_raw(-(-numbers.numel() // 4))
        bits = torch.from_numpy(words.view(np.int16)[: numbers.numel()]).view(numbers.shape)
        kept = torch.ge(bits, dropped - 2**15, out=torch.empty_like(numbers, requires_grad=False))
        return numbers * kept.mul_(2**16 / (2**16 - dropped))


class BertAttention(modeling_bert.BertSelfAttention):
    """BERT's attention, by `attend`."""

    def forward(self, hidden: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> tuple[Tensor]:
        return (attend(self, self.dropout, hidden, attention_mask),)


class AlbertAttention(modeling_albert.AlbertAttention):
    """ALBERT's attention, by `attend`."""

    def forward(self, hidden: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> tuple[Tensor]:
        context = self.dense(attend(self, self.attention_dropout, hidden, attention_mask))
        return (self.LayerNorm(hidden + self.output_dropout(context)),)


def attend(layer: Any, dropout: torch.nn.Module, hidden: Tensor, mask: Tensor | None) -> Tensor:
    """What each piece takes from the others of its window.

    hidden (Tensor): Windows x pieces x width.
    mask (Tensor | None): Added to the scores, windows x 1 x 1 or pieces x pieces; none where nothing is padding.
    RETURNS (Tensor): Windows x pieces x width.
    """
    heads = (layer.num_attention_heads, layer.attention_head_size)
    query, key, value = (
        project(hidden).unflatten(-1, heads).transpose(1, 2) for project in (layer.query, layer.key, layer.value)
    )
    if prefers_plain_attention(query, layer.training):
        # Scores stay in the products' precision: in autocast's they would be in float32, at twice the traffic.
        with torch.autocast(hidden.device.type, enabled=False):
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
            if mask is not None:
                scores += mask
            context = dropout(scores.softmax(-1)) @ value
    else:
        rate = dropout.p if layer.training else 0.0
        context = F.scaled_dot_product_attention(query, key, value, mask, rate)
    return context.transpose(1, 2).flatten(2)


def prefers_plain_attention(query: Tensor, training: bool) -> bool:
    """Whether plain attention is faster than torch's fused one, as measured with torch 2.13: on a CPU with dropout, or
    in short windows in bfloat16 without AMX.
    """
    if query.device.type != "cpu":
        return False
    return training or (query.dtype == torch.bfloat16 and query.shape[-2] <= PLAIN_WINDOW and not has_tiles())


class PackedLinear(torch.nn.Module):
    """A linear layer to predict with on a CPU, whose weights oneDNN lays out once instead of with every product.

    Its two operators are those that torch's own compiler puts there.
    """

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), CORE_BATCH[0])
        self.bias = linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32, by the instructions there are."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and any(torch.cpu.get_capabilities().get(name) for name in BF16_INSTRUCTIONS)


def has_tiles() -> bool:
    """Whether the CPU multiplies matrices in bfloat16 by tiles."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


# The layer


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Load the encoder, if none has been loaded."""
    shim: EncoderShim = model.shims[0]  # type: ignore[assignment]
    if shim._hfmodel.transformer is None:
        settings = shim._hfmodel
        objects = huggingface_from_pretrained(
            model.attrs["name"],
            dict(settings._init_tokenizer_config),
            dict(settings._init_transformer_config),
            model_cls=LeanModel,  # type: ignore[arg-type]
        )
        # Both would be saved with the model, and may be a path of this machine.
        objects.transformer.config._name_or_path = model.attrs["name"] = ""
        shim._model, shim._hfmodel = objects.transformer, objects
    model.set_dim("nO", shim._model.config.hidden_size)


def forward(model: Model, docs: Sequence[Doc], is_train: bool) -> tuple[TokenVectors, Callable]:
    shim: EncoderShim = model.shims[0]  # type: ignore[assignment]
    tokenizer = shim._hfmodel.tokenizer
    pieces = read_pieces(tokenizer, docs)
    before, after = special_pieces(tokenizer)
    limit = min(model.attrs["window"], tokenizer.model_max_length, shim._model.config.max_position_embeddings)
    windows = [cut_windows(note, limit - len(before) - len(after)) for note in pieces]
    lengths = [len(doc) for doc in docs]
    cores = None if is_train else shim.cores
    with shim.computing(is_train) as encoder:
        batches = list(make_batches(encoder, cores, shim.in_tiles, tokenizer, pieces, windows, lengths))
        parts = compute(encoder, cores, batches)

    def find() -> Tensor:
        with torch.inference_mode(not is_train):
            tokens = torch.zeros(sum(lengths), encoder.config.hidden_size, device=encoder.device)
            for numbers, part in parts:
                tokens.index_add_(0, numbers, part)
            return tokens

    def split(tokens: Tensor) -> list[Floats2d]:
        return model.ops.xp.split(torch2xp(tokens), np.cumsum(lengths)[:-1])

    if not is_train:
        return TokenVectors(lambda: split(find())), lambda gradients: docs
    tokens = find()

    def backprop(gradients: list[Floats2d]) -> Sequence[Doc]:
        if tokens.requires_grad:  # unless all notes are blank
            torch.autograd.backward(tokens, xp2torch(model.ops.xp.concatenate(gradients), device=tokens.device))
        return docs

    return TokenVectors(lambda: split(tokens.detach())), backprop


def read_pieces(tokenizer: Any, docs: Sequence[Doc]) -> list[Pieces]:
    """Cut each note into wordpieces, once, and find their tokens."""
    backend = tokenizer.backend_tokenizer
    # Set once: what changes the tokenizer fails while another thread uses it.
    if backend.truncation:
        backend.no_truncation()
    if backend.padding:
        backend.no_padding()
    texts = [doc.text for doc in docs]
    encodings = backend.encode_batch(texts, add_special_tokens=False)
    return [
        align(doc, text, encoding.ids, encoding.offsets)
        for doc, text, encoding in zip(docs, texts, encodings, strict=True)
    ]


def align(doc: Doc, text: str, ids: list[int], offsets: list[tuple[int, int]]) -> Pieces:
    """Find the tokens of each piece by the characters that both cover."""
    token_starts, lengths = doc.to_array([IDX, LENGTH]).astype(np.int64).reshape(-1, 2).T
    starts, ends = np.array(offsets, dtype=np.int64).reshape(-1, 2).T
    first = np.searchsorted(token_starts + lengths, starts, side="right")
    last = np.searchsorted(token_starts, np.maximum(ends, starts + 1), side="left")
    return Pieces(text, np.array(ids, dtype=np.int64), starts, ends, first, np.maximum(first, last))


def special_pieces(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids of the pieces that the encoder expects before and after a text, such as [CLS] and [SEP]."""
    pieces = tokenizer.build_inputs_with_special_tokens([-1])
    place = pieces.index(-1)
    return pieces[:place], pieces[place + 1 :]


def cut_windows(pieces: Pieces, limit: int) -> np.ndarray:
    """Cut a note into as few windows as it takes, about equally long.

    A window ends at a line end, else a sentence end (a full stop, question or exclamation mark before a blank), else
    between two tokens; only a token longer than a window is cut itself, between two pieces.

    limit (int): Longest window in pieces.
    RETURNS (np.ndarray): Start and end pieces, windows x 2, which cover all pieces in order.
    """
    total = len(pieces.ids)
    if total <= limit:
        return np.array([[0, total]] if total else np.empty((0, 2)), dtype=np.int64)
    ends_by_rank = list(_find_ends(pieces))
    bounds = [0]
    while bounds[-1] < total:
        bounds.append(_next_end(bounds[-1], total, limit, ends_by_rank))
    return np.array([bounds[:-1], bounds[1:]], dtype=np.int64).T


def _find_ends(pieces: Pieces) -> Iterator[np.ndarray]:
    """Where a window may end, as numbers of the piece after it: at lines, at sentences, at tokens."""
    characters = np.frombuffer(pieces.text.encode("utf-32-le"), dtype=np.uint32)
    at_token = pieces.last[:-1] <= pieces.first[1:]
    lines = np.cumsum(characters == ord("\n"))[pieces.ends - 1]
    at_line = lines[1:] > lines[:-1]
    before, after = characters[pieces.ends[:-1] - 1], characters[np.minimum(pieces.ends[:-1], len(characters) - 1)]
    at_sentence = np.isin(before, STOPS) & np.isin(after, BLANKS)
    for here in (at_token & at_line, at_token & at_sentence, at_token):
        yield np.flatnonzero(here) + 1


def _next_end(start: int, total: int, limit: int, ends_by_rank: list[np.ndarray]) -> int:
    """The first end from an equal share of the rest on, or the last one before it, down to half the share."""
    rest = total - start
    if rest <= limit:
        return total
    share = -(-rest // -(-rest // limit))
    for ends in ends_by_rank:
        place = np.searchsorted(ends, start + share)
        if place < len(ends) and ends[place] <= start + limit:
            return int(ends[place])
        if place and ends[place - 1] > start + share // 2:
            return int(ends[place - 1])
    return start + share


def make_batches(
    encoder: PreTrainedModel,
    cores: ThreadPoolExecutor | None,
    in_tiles: bool,
    tokenizer: Any,
    pieces: list[Pieces],
    windows: list[np.ndarray],
    lengths: list[int],
) -> Iterator[Batch]:
    """Yield all windows, those of similar length together.

    cores (ThreadPoolExecutor | None): What computes, if not this thread.
    in_tiles (bool): Whether widths are to fill tiles.
    windows (list[np.ndarray]): The windows of each note, windows x 2.
    lengths (list[int]): Tokens of each note.
    """
    before, after = special_pieces(tokenizer)
    shifts = np.cumsum([0, *(len(note.ids) for note in pieces)])
    spans = np.concatenate([note + shift for note, shift in zip(windows, shifts, strict=False)])
    ids = np.concatenate([note.ids for note in pieces])
    tokens, starts = find_tokens(pieces, lengths)
    counts = np.bincount(tokens, minlength=sum(lengths))
    widths = spans @ (-1, 1) + len(before) + len(after)
    if in_tiles:
        step = np.where(widths > NARROW, TILE, TILE // 2)
        widths = np.minimum(-(-widths // step) * step, encoder.config.max_position_embeddings)
    for group in group_by_length(widths, *batch_sizes(encoder, cores, in_tiles, int(widths.sum()))):
        width = int(widths[group[-1]])
        batch = np.full((len(group), width), tokenizer.pad_token_id, dtype=np.int64)
        mask = np.zeros_like(batch)
        rows = []
        for i, (start, end) in enumerate(spans[group]):
            filled = [*before, *ids[start:end], *after]
            batch[i, : len(filled)] = filled
            mask[i, : len(filled)] = 1
            rows.append(np.repeat(np.arange(end - start), np.diff(starts[start : end + 1])) + i * width + len(before))
        covered = np.concatenate([tokens[starts[start] : starts[end]] for start, end in spans[group]])
        order = np.argsort(covered, kind="stable")
        numbers, bags = np.unique(covered[order], return_index=True)
        arrays = (batch, mask, np.concatenate(rows)[order], bags, numbers, counts[numbers])
        yield Batch(*(torch.from_numpy(array).to(encoder.device) for array in arrays))


def find_tokens(pieces: list[Pieces], lengths: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of each piece, as numbers among those of all notes.

    lengths (list[int]): Tokens of each note.
    RETURNS (tuple[np.ndarray, np.ndarray]): The tokens, those of one piece after the other, and the places where each
        piece begins among them, with the end behind.
    """
    first = np.concatenate([note.first + shift for note, shift in zip(pieces, np.cumsum([0, *lengths]), strict=False)])
    counts = np.concatenate([note.last - note.first for note in pieces])
    starts = np.concatenate([[0], np.cumsum(counts)])
    return np.repeat(first - starts[:-1], counts) + np.arange(starts[-1]), starts


def batch_sizes(
    encoder: PreTrainedModel, cores: ThreadPoolExecutor | None, in_tiles: bool, pieces: int
) -> tuple[int, int]:
    """How many pieces to compute at once, if there are so many in all, and how many of these may be padding."""
    if encoder.device.type != "cpu":
        return GPU_BATCH
    if cores is None:
        return CPU_BATCH
    most, spare = TILES_BATCH if in_tiles else CORE_BATCH
    return min(most, max(CORE_FEWEST, -(-pieces // cores._max_workers))), spare


def compute(
    encoder: PreTrainedModel, cores: ThreadPoolExecutor | None, batches: Sequence[Batch]
) -> Iterable[tuple[Tensor, Tensor]]:
    """The tokens of each batch and their vectors, tokens x width in float32; what cores compute comes when it is done.

    A vector is the mean of the token's pieces; of a token that windows cut, each batch gives its pieces' share of it.
    """

    def compute_batch(batch: Batch) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(not encoder.training):
            hidden = encoder(batch.ids, attention_mask=batch.mask).last_hidden_state.flatten(0, 1).float()
            return batch.tokens, F.embedding_bag(batch.rows, hidden, batch.bags, mode="sum") / batch.counts[:, None]

    if cores is None or len(batches) == 1:
        return [compute_batch(batch) for batch in batches]
    return cores.map(compute_batch, batches)


def group_by_length(lengths: np.ndarray, most: int, spare: int) -> Iterator[np.ndarray]:
    """Yield groups of places, from short to long.

    A group is at most `most` when padded to its longest, of which at most `spare` is padding, or it is of one.
    """
    order = np.argsort(lengths, kind="stable")
    sums = np.cumsum([0, *lengths[order]])
    start = 0
    for end in range(1, len(order) + 1):
        if end < len(order):
            padded = (end + 1 - start) * lengths[order[end]]
            if padded <= most and padded - (sums[end + 1] - sums[start]) <= spare:
                continue
        yield order[start:end]
        start = end


# The listener


class TokenListener(TransformerListener):
    """spacy-transformers' listener, for vectors that are the tokens' own."""

    def __init__(self, upstream: str, keep_output: bool) -> None:
        super().__init__(upstream)
        self._func = listen
        self.attrs["keep_output"] = keep_output
        self.starting = False

    def initialize(self, X: Any = None, Y: Any = None) -> Model:
        self.starting = True
        return super().initialize(X, Y)


def listen(model: TokenListener, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    if not is_train:
        starting, model.starting = model.starting, False
        return [_blank(model, doc) if starting else _take(model, doc) for doc in docs], lambda gradients: []
    assert model._outputs is not None
    vectors: list[Any] = [data.tensors[0][0] for data in model._outputs]
    assert [len(doc) for doc in docs] == [len(tokens) for tokens in vectors]

    def backprop(gradients: list[Floats2d]) -> Any:
        return model.backprop_and_clear([_wrap(gradient) for gradient in gradients])

    return vectors, backprop


def _blank(model: TokenListener, doc: Doc) -> Floats2d:
    """When a component is initialized it asks for the width with Docs that no transformer has seen."""
    return model.ops.alloc2f(len(doc), model.get_dim("nO"))


def _take(model: TokenListener, doc: Doc) -> Floats2d:
    if not len(doc):
        return _blank(model, doc)
    if doc._.trf_data is None:
        raise ValueError(
            "A Doc has no vectors: the transformer did not run before, or of several components that listen to it"
            " one before the last has keep_output = false."
        )
    vectors = doc._.trf_data.tensors[0][0]
    if not model.attrs["keep_output"]:
        doc._.trf_data = None
    return vectors


def _wrap(vectors: Floats2d) -> TransformerData:
    places: Any = np.arange(len(vectors), dtype="i")
    align = Ragged(places, np.ones_like(places))
    output = ModelOutput(last_hidden_state=vectors[None])  # type: ignore[index]
    return TransformerData(WordpieceBatch.empty(), output, align)
