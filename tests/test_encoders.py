"""An encoder is checked before it is trained, and what is wrong with it is named; its rate follows from its width."""

import json
import logging
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub.utils import logging as hub_logging
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskedLM, BertForMaskedLM
from transformers import logging as transformers_logging

from scripts.cli import InputError
from scripts.encoders import (
    BASE_WIDTH,
    LONGEST_CAUSE,
    check_encoder,
    describe_cause,
    hash_weights,
    reporting_faults,
    scale_rate,
)
from tests.encoders import BUILD, WIDTH
from tests.paths import ROOT
from tests.unlabelled import NAMES, build_encoders, sample_texts


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder with tiny encoders."""
    return build_encoders(tmp_path_factory.mktemp("encoders"), sample_texts())


@pytest.fixture
def bert(built, tmp_path) -> Path:
    """A copy to damage."""
    return shutil.copytree(built / "bert", tmp_path / "copied")


@pytest.fixture
def albert(built, tmp_path) -> Path:
    return shutil.copytree(built / "albert", tmp_path / "copied")


def test_a_rate_is_stated_for_an_encoder_768_wide():
    assert BASE_WIDTH == 768 and scale_rate(5e-5, 768) == 5e-5


@pytest.mark.parametrize(("width", "rate"), [(384, 2e-4), (192, 8e-4), (1024, 2.8125e-5)])
def test_a_narrow_encoder_takes_a_higher_rate_by_the_square(width, rate):
    assert scale_rate(5e-5, width) == pytest.approx(rate)


@given(st.floats(1e-7, 1e-2), st.integers(16, 4096))
def test_the_rate_times_the_square_of_the_width_is_an_invariant(rate, width):
    assert scale_rate(rate, width) * width**2 == pytest.approx(rate * BASE_WIDTH**2)


@pytest.mark.parametrize("name", NAMES)
def test_an_encoder_that_serves_is_known_by_its_width(name, built):
    assert check_encoder(str(built / name)) == WIDTH


def reason(encoder: Path | str) -> str:
    """The sentence that an encoder is refused with."""
    with pytest.raises(InputError) as caught:
        check_encoder(str(encoder))
    assert str(caught.value).startswith(f"The encoder '{encoder}' ") and "\n" not in str(caught.value)
    if "cannot be loaded" in str(caught.value):
        cause = caught.value.__cause__
        assert isinstance(cause, Exception) and type(cause).__name__ in str(caught.value)
        assert "--vars.bert, --vars.albert" in str(caught.value)
    return str(caught.value)


def test_damaged_weights_are_named_as_the_cause(bert):
    whole = (bert / "model.safetensors").read_bytes()
    for damaged in (whole[:1000], b"", whole[:-1000]):
        (bert / "model.safetensors").write_bytes(damaged)
        assert "cannot be loaded (SafetensorError: Error while deserializing header" in reason(bert)


def test_a_missing_config_is_named_as_the_cause(bert):
    (bert / "config.json").unlink()
    assert f"cannot be loaded (ValueError: Unrecognized model in {bert}." in reason(bert)
    assert len(reason(bert)) < 700


def test_a_config_cut_short_is_named_as_the_cause(bert):
    (bert / "config.json").write_text("{")
    assert f"config file at '{bert}/config.json' is not a valid JSON file):" in reason(bert)


def test_pickled_weights_are_not_loaded_and_named_as_the_cause(bert):
    (bert / "model.safetensors").unlink()
    torch.save({}, bert / "pytorch_model.bin")
    assert f"(OSError: Error no file named model.safetensors found in directory {bert})" in reason(bert)


def test_a_damaged_tokenizer_is_named_as_the_cause(bert):
    (bert / "tokenizer.json").write_text("{")
    assert "(Exception: EOF while parsing an object at line 1 column 1)" in reason(bert)


def test_an_encoder_that_is_not_there_is_reported(tmp_path):
    assert "cannot be loaded (OSError: Can't load the configuration of" in reason(tmp_path / "none")


def test_an_albert_without_its_vocabulary_file_is_reported(albert):
    (albert / "spiece.model").unlink()
    assert "lacks its vocabulary file spiece.model: add it." in reason(albert)


def test_a_slow_tokenizer_is_reported(bert):
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (bert / file).unlink()
    (bert / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CanineTokenizer"}))
    assert "has no fast tokenizer: add its tokenizer.json." in reason(bert)


def add_weights(encoder: Path, *names: str) -> None:
    file = encoder / "model.safetensors"
    save_file(load_file(file) | {name: torch.ones(1) for name in names}, file, metadata={"format": "pt"})


def test_weights_that_are_not_used_are_reported_with_their_number(bert, capsys):
    add_weights(bert, "classifier.bias", "classifier.weight", "encoder.layer.2.output.dense.bias")
    assert check_encoder(str(bert)) == WIDTH
    said = " ".join(capsys.readouterr().out.split())
    assert f"3 weights of the encoder '{bert}' are not used (classifier, encoder)" in said


def test_missing_weights_are_reported_with_their_number(bert):
    file = bert / "model.safetensors"
    renamed = {f"model.bert.{name}": value for name, value in load_file(file).items()}
    save_file(renamed, file, metadata={"format": "pt"})
    said = f"{len(renamed) - 2} are missing and 0 have another shape, the first is embeddings.LayerNorm.bias;"
    assert f"{said} {len(renamed)} have other names (model). Save it with" in reason(bert)


@pytest.mark.parametrize("encoder", sorted(path.name for path in (ROOT / "encoders").iterdir() if path.is_dir()))
def test_of_the_projects_own_encoders_there_is_nothing_to_report(encoder, capsys):
    check_encoder(str(ROOT / "encoders" / encoder))
    assert capsys.readouterr() == ("", "")


def test_the_heads_of_pretraining_are_nothing_to_report(tmp_path, capsys):
    torch.manual_seed(0)
    for kind, build in BUILD.items():
        (tmp_path / kind).mkdir()
        build(["she denies chest pain"] * 9, tmp_path / kind)
        AutoModelForMaskedLM.from_pretrained(tmp_path / kind).save_pretrained(tmp_path / kind)
        capsys.readouterr()
        assert (check_encoder(str(tmp_path / kind)), capsys.readouterr()) == (WIDTH, ("", ""))


def test_the_libraries_are_quiet_from_then_on(built, tmp_path, capfd):
    """Transformers would warn of weights that are missing or not used, which is as it should be here."""
    folder = shutil.copytree(built / "bert", tmp_path / "headed")
    BertForMaskedLM.from_pretrained(folder).save_pretrained(folder)  # without the pooler
    for library in (hub_logging, transformers_logging):
        library.set_verbosity_info()
    capfd.readouterr()
    check_encoder(str(folder))
    BertForMaskedLM.from_pretrained(built / "bert")  # without its head
    assert capfd.readouterr() == ("", "")
    assert hub_logging.get_verbosity() == transformers_logging.get_verbosity() == logging.ERROR


def raised(error: Exception) -> Exception:
    """The same error with the traceback of one that was raised here."""
    try:
        raise error
    except Exception as caught:
        return caught


def test_the_words_of_a_foreign_error_are_left_out():
    assert describe_cause(raised(KeyError("chest pain"))) == "KeyError"
    assert describe_cause(raised(SafetensorError("header too\nlarge"))) == "SafetensorError: header too"
    assert describe_cause(raised(SafetensorError(""))) == "SafetensorError"
    long = describe_cause(raised(SafetensorError("word " * 1000)))
    assert len(long) <= LONGEST_CAUSE + len("SafetensorError: ") and long.endswith("word ...")


def test_the_hash_of_weights_is_of_names_and_values():
    torch.manual_seed(0)
    layer, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    same = torch.nn.Linear(3, 2)
    same.load_state_dict(layer.state_dict())
    named = torch.nn.ModuleDict({"layer": layer})
    assert hash_weights(layer) == hash_weights(same)
    assert len({hash_weights(model) for model in (layer, other, named)}) == 3


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SafetensorError("Error while serializing: I/O error: File too large"), "is the disk full?"),
        (RuntimeError("[enforce fail] PytorchStreamWriter failed writing file"), "is the disk full?"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 1280 vs 1174"), "is the disk full?"),
        (RuntimeError("PytorchStreamReader failed reading zip archive"), "holds a damaged checkpoint"),
        (SafetensorError("Error while deserializing header"), "holds a damaged checkpoint"),
        (pickle.UnpicklingError("Weights only load failed"), "holds a damaged checkpoint"),
        (EOFError(), "holds a damaged checkpoint: remove it to start again."),
    ],
)
def test_faults_of_weights_are_reported_with_their_place(error, sentence):
    with pytest.raises(InputError, match="out") as caught, reporting_faults(Path("out")):
        raise error
    assert sentence in str(caught.value) and caught.value.__cause__ is error


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("no")])
def test_other_faults_are_left_as_they_are(error):
    with pytest.raises(type(error)) as caught, reporting_faults(Path("out")):
        raise error
    assert caught.value is error
