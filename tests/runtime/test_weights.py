"""An encoder whose weights, config and tokenizer do not belong together is refused, and none is given too much."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertConfig, BertForMaskedLM, RobertaConfig
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

from scripts import encoders as leaf
from scripts.cli import InputError
from scripts.encoders import check_encoder
from scripts.runtime import weights
from scripts.runtime.weights import check_vocabulary, longest_window
from tests import encoders
from tests.pipelines import build


@pytest.fixture
def damaged(bert: Path, tmp_path: Path) -> Path:
    """An encoder to damage."""
    return shutil.copytree(bert, tmp_path / "damaged")


def rename(folder: Path, beginning: str) -> int:
    """Give all weights other names, as some frameworks for training do.

    RETURNS (int): How many there are.
    """
    file = folder / "model.safetensors"
    renamed = {f"{beginning}{name}": value for name, value in load_file(file).items()}
    save_file(renamed, file, metadata={"format": "pt"})
    return len(renamed)


def refusal(encoder: Path) -> str:
    """The sentence by which a pipeline refuses an encoder, which the check before the training begins alike."""
    with pytest.raises(ValueError, match="encoder") as caught:
        build(encoder)
    with pytest.raises(InputError) as said:
        check_encoder(str(encoder))
    assert str(said.value).startswith(str(caught.value).rstrip(".").split(":")[0])
    return str(caught.value)


def test_weights_by_other_names_are_refused(damaged: Path):
    count = rename(damaged, "model.bert.") - 2  # the pooler's are not needed
    expected = f"{count} are missing and 0 have another shape, the first is embeddings.LayerNorm.bias."
    assert refusal(damaged).endswith(expected)


def test_the_name_of_transformers_class_before_those_of_the_weights_is_known(damaged: Path):
    rename(damaged, "bert.")
    build(damaged)


def test_a_single_weight_that_is_missing_is_refused(damaged: Path):
    file = damaged / "model.safetensors"
    left = load_file(file)
    del left["encoder.layer.1.output.dense.bias"]
    save_file(left, file, metadata={"format": "pt"})
    assert "1 are missing and 0 have another shape, the first is encoder.layer.1.output.dense.bias" in refusal(damaged)


def test_weights_of_another_shape_are_refused(damaged: Path):
    config = json.loads((damaged / "config.json").read_text(encoding="utf8"))
    config["intermediate_size"] *= 2
    (damaged / "config.json").write_text(json.dumps(config), encoding="utf8")
    assert "0 are missing and 6 have another shape, the first is encoder.layer.0.inter" in refusal(damaged)


def test_an_encoder_may_lack_the_pooler(bert: Path, tmp_path: Path):
    model = BertForMaskedLM.from_pretrained(bert)
    assert not any("pooler" in name for name in model.state_dict())
    headed = shutil.copytree(bert, tmp_path / "headed")
    model.save_pretrained(headed)
    build(headed)


@pytest.mark.parametrize("more", [1, -200])
def test_the_tokenizer_of_another_encoder_is_refused(damaged: Path, more: int):
    rows = 1000
    AutoModel.from_config(BertConfig(vocab_size=rows, **encoders.SHAPE)).save_pretrained(damaged)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(damaged)
    tokenizer.add_tokens([f"piece{number}" for number in range(rows + more - len(tokenizer))])
    tokenizer.save_pretrained(damaged)
    assert f"a tokenizer of {rows + more} pieces, but weights for {rows}" in refusal(damaged)


class Sized:
    """A tokenizer of which only the vocabulary counts."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def get_vocab(self) -> dict[str, int]:
        return {"first": 0, "last": self.pieces - 1}


PADDED = {  # pieces and rows of encoders as they are published
    "bert-base-uncased": (30522, 30522),
    "DeBERTa-v3": (128001, 128100),
    "mDeBERTa-v3": (250102, 251000),
    "ModernBERT": (50280, 50368),
    "GatorTron": (50101, 50176),
}
MIXED = {  # pieces of one, rows of another
    "bert-base-cased with the weights of -uncased": (28996, 30522),
    "bert-base-uncased with the weights of -cased": (30522, 28996),
    "bert-base-uncased with the weights of RoBERTa": (30522, 50265),
}


@pytest.mark.parametrize(("pieces", "rows"), PADDED.values(), ids=PADDED)
def test_rows_of_padding_are_allowed(pieces: int, rows: int):
    check_vocabulary("name", Sized(pieces), rows)
    leaf.check_vocabulary("name", pieces, rows)


@pytest.mark.parametrize(("pieces", "rows"), MIXED.values(), ids=MIXED)
def test_vocabularies_of_different_encoders_are_refused(pieces: int, rows: int):
    with pytest.raises(ValueError, match=f"'name' has a tokenizer of {pieces} pieces, but weights for {rows}"):
        check_vocabulary("name", Sized(pieces), rows)
    with pytest.raises(InputError, match=f"'name' has a tokenizer of {pieces} pieces, but weights for {rows}"):
        leaf.check_vocabulary("name", pieces, rows)


def test_both_checks_have_one_rule():
    assert (weights.FEWEST_SPARE, weights.SPARE_SHARE) == (leaf.FEWEST_SPARE, leaf.SPARE_SHARE)


@pytest.mark.parametrize("kind", encoders.BUILD)
def test_positions_that_are_kept_for_padding_are_not_counted(make_encoder: Callable[[str], Path], kind: str):
    model = AutoModel.from_pretrained(make_encoder(kind))
    assert longest_window(model) == encoders.MAX_PIECES
    assert model.config.max_position_embeddings == encoders.MAX_PIECES + 2 * (kind in ("roberta", "mpnet"))


def test_the_place_of_the_padding_counts():
    shape = {**encoders.SHAPE, "max_position_embeddings": 130, "pad_token_id": 0}
    assert longest_window(AutoModel.from_config(RobertaConfig(vocab_size=20, **shape))) == 129
