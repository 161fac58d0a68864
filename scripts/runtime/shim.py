"""The encoder and its tokenizer inside a layer of thinc's: precision, cores, updates, and how they are saved."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import transformers
from spacy_transformers.data_classes import HFObjects
from spacy_transformers.layers.hf_shim import HFShim
from spacy_transformers.layers.transformer_model import huggingface_from_pretrained
from thinc.api import Model, Optimizer
from tokenizers import Tokenizer
from transformers.modeling_utils import PreTrainedModel
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

from .cores import Cores, count_threads
from .hardware import has_fast_bfloat16, has_fast_int8, has_tiles
from .layers import LeanModel
from .optimizer import DenseGradient, FusedAdam, can_fuse
from .reader import make_reader
from .weights import check_vocabulary

PRECISIONS = ("auto", "float32", "bfloat16", "int8")


class EncoderShim(HFShim):
    """The encoder without its pooler: trained in mixed precision on any device; predictions wholly in one.

    tokenizer_config, transformer_config (dict): Further settings for Hugging Face's tokenizer and model.
    precision (str): One of `PRECISIONS`.
    """

    def __init__(self, tokenizer_config: dict[str, Any], transformer_config: dict[str, Any], precision: str) -> None:
        objects = HFObjects(None, None, None, tokenizer_config, transformer_config)
        super().__init__(objects, model_cls=LeanModel)  # type: ignore[arg-type]
        self.precision = precision
        self._cores = Cores()
        self._forget()

    def _forget(self) -> None:
        """Forget what belongs to an encoder that is replaced."""
        self._copy: tuple[tuple, PreTrainedModel] | None = None  # what it was made for, and what predicts
        self._backend: Tokenizer | None = None
        self.adam: FusedAdam | None = None
        self._embedding_gradient = DenseGradient()

    @property
    def encoder(self) -> PreTrainedModel:
        """The encoder that is trained and saved, in float32; before `load` there is none."""
        return self._model

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Hugging Face's tokenizer."""
        return self._hfmodel.tokenizer

    @property
    def backend(self) -> Tokenizer:
        """The tokenizer's own one inside, which cuts nothing off: a copy, whatever users set in theirs, and when."""
        if self._backend is None:
            backend = copy.deepcopy(self.tokenizer.backend_tokenizer)
            backend.no_truncation()
            backend.no_padding()
            self._backend = backend
        return self._backend

    @property
    def cores(self) -> Cores | None:
        """What predicts a stream on a CPU: each core on its own. None if there is one only, and on a GPU."""
        return self._cores if self.device.type == "cpu" and count_threads() > 1 else None

    @property
    def is_loaded(self) -> bool:
        """Whether there is an encoder."""
        return self._hfmodel.transformer is not None

    def load(self, name: str) -> None:
        """Load the encoder and its tokenizer.

        name (str): Folder of the encoder, or its name on the hub.
        RAISES (ValueError): Its weights, config and tokenizer do not belong together.
        """
        settings = self._hfmodel
        objects = huggingface_from_pretrained(
            name,
            dict(settings._init_tokenizer_config),
            dict(settings._init_transformer_config),
            model_cls=LeanModel,  # type: ignore[arg-type]
        )
        check_vocabulary(name, objects.tokenizer, objects.transformer.config.vocab_size)
        objects.transformer.config._name_or_path = ""  # would be saved, and may be a path of this machine
        self._forget()
        self._model, self._hfmodel = objects.transformer, objects

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the matrix products in training."""
        if self.precision in ("auto", "int8"):
            return torch.bfloat16 if has_fast_bfloat16(self.device) else torch.float32
        return getattr(torch, self.precision)

    @property
    def reads_in(self) -> str:
        """The precision of the matrix products in prediction; 8-bit integers on a CPU only."""
        wanted = self.precision == "int8" or (self.precision == "auto" and self.dtype == torch.float32)
        if wanted and self.device.type == "cpu" and has_fast_int8():
            return "int8"
        return str(self.dtype).removeprefix("torch.")

    @property
    def in_tiles(self) -> bool:
        """Whether matrices are multiplied by AMX's tiles."""
        return self.device.type == "cpu" and self.dtype == torch.bfloat16 and has_tiles()

    @contextmanager
    def computing(self, is_train: bool) -> Iterator[PreTrainedModel]:
        """Yield the encoder to compute with, in training mode or not, in the right precision."""
        count_threads()  # a thread that computes for the first time while cores start would have one for good
        if is_train:
            embeddings: Any = self.encoder.get_input_embeddings()
            embeddings.sparse = self.device.type == "cpu"
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
                yield self.encoder.train()
        else:
            yield self._reader()

    def _reader(self) -> PreTrainedModel:
        """The copy of the encoder that predicts, made again when precision, device or a weight has changed."""
        weights = [each for each in self.encoder.parameters() if not each.is_inference()]  # which count no changes
        made_for = (self.reads_in, self.device, *(each._version for each in weights))
        with self._cores.lock:
            kept = self._copy
            if kept is None or kept[0] != made_for:
                self._copy = kept = made_for, make_reader(self.encoder, self.reads_in)
            return kept[1]

    def finish_update(self, optimizer: Optimizer) -> None:
        self._copy = None
        embeddings: Any = self.encoder.get_input_embeddings()
        with self._embedding_gradient.replacing(embeddings.weight):
            if not can_fuse(optimizer):
                super().finish_update(optimizer)
                return
            if self.adam is None or self.adam.optimizer is not optimizer:
                self.adam = FusedAdam(optimizer, self.encoder.parameters())
            self.adam.update()

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and deepcopy: without what is made again when it is needed."""
        return {**vars(self), "_copy": None, "_backend": None}

    def from_bytes(self, bytes_data: bytes) -> "EncoderShim":
        """RAISES (ValueError): The weights are not those of the encoder that this version of transformers builds."""
        self._forget()
        with warnings.catch_warnings():
            # spacy-transformers 1.4 would go on with random weights
            warnings.filterwarnings("error", message="Error loading saved torch state_dict")
            try:
                return super().from_bytes(bytes_data)
            except UserWarning as warning:
                version = transformers.__version__
                raise ValueError(
                    f"transformers {version} builds the encoder of this pipeline with other weights."
                ) from warning

    @contextmanager
    def use_params(self, params: dict) -> Iterator[None]:
        self._copy = None
        try:
            with super().use_params(params):
                yield
        finally:
            self._copy = None


def encoder_shim(model: Model) -> EncoderShim:
    """The encoder of a layer, as `medner.TransformerModel.v1` makes it.

    RAISES (ValueError): It holds none.
    """
    for shim in model.shims:
        if isinstance(shim, EncoderShim):
            return shim
    raise ValueError(f"The layer {model.name} holds no encoder of medner's.")
