"""Registered names: two packages in one process have the same only if their code is the same."""

import importlib
import itertools
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Span
from spacy.training import Example
from thinc.api import fix_random_seed

from scripts import functions, runtime
from scripts.runtime import registered, versioned
from tests.pipelines import LINES

FOLDER = Path(runtime.__file__).parent
MODULES = ("architectures", "component", "fork", "ner", "tokenizer")
NAMES = {"medner.Tok2VecTransformer.v1", "medner.Tokenizer.v1", "medner.TransformerListener.v1",
         "medner.TransformerModel.v1", "medner.MentionClassifier.v1", "medner.AssertionScorer.v1", "medner_ner",
         "medner_transformer", "medner_assertion"}  # fmt: skip
# Another code: words are not cut inside, vectors are doubled, mentions not trimmed, and less is read ahead.
CHANGES = {
    "tokenizer.py": ("infix_finditer=infixes.finditer,", ""),
    "transformer.py": ("tokens[numbers.numpy()] += part.numpy()", "tokens[numbers.numpy()] += 2 * part.numpy()"),
    "ner.py": ("while doc[end - 1].is_space:", "while False:"),
    "component.py": ("AHEAD = 2", "AHEAD = 1"),
}
TEXT = "she denies chest/pain .\n aspirin daily\n"
codes = (f"{number:08x}" for number in itertools.count(1))  # each test has new ones, as nothing is unregistered


class Copy(NamedTuple):
    """A package with a copy of the code."""

    name: str
    code: str

    def module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self.name}.runtime.{name}")

    def load(self) -> "Copy":
        for name in MODULES:
            self.module(name)
        return self

    def registered(self, name: str) -> str:
        return versioned(name, self.code)


@pytest.fixture
def make_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Copy]:
    """Write a package that is not imported yet; what it registers stays registered."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, code: str, changes: dict[str, tuple[str, str]] | None = None) -> Copy:
        name = f"{name}_{code}"
        folder = tmp_path / name / "runtime"
        shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for file, (old, new) in {"__init__.py": ('CODE = ""', f'CODE = "{code}"'), **(changes or {})}.items():
            source = (folder / file).read_text(encoding="utf8")
            assert source.count(old) == 1
            (folder / file).write_text(source.replace(old, new), encoding="utf8")
        return Copy(name, code)

    return make


def build(copy: Copy, encoder: Path) -> Language:
    """A pipeline by the names of a copy, which takes every note for a mention; two are equal but for the code."""
    fix_random_seed(0)
    model = {"@architectures": copy.registered("medner.TransformerModel.v1"), "name": str(encoder), "window": 32,
        "precision": "float32", "tokenizer_config": {"use_fast": True}, "transformer_config": {}}  # fmt: skip
    listener = {"@architectures": copy.registered("medner.TransformerListener.v1"), "upstream": "*",
        "keep_output": True}  # fmt: skip
    parser = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner", "extra_state_tokens": False,
        "hidden_width": 8, "maxout_pieces": 2, "use_upper": False, "nO": None, "tok2vec": listener}  # fmt: skip
    nlp = spacy.blank("en", config={"nlp": {
        "tokenizer": {"@tokenizers": copy.registered("medner.Tokenizer.v1")}}})  # fmt: skip
    nlp.add_pipe(
        copy.registered("medner_transformer"), name="transformer", config={"model": model, "max_batch_items": 10}
    )
    nlp.add_pipe(copy.registered("medner_ner"), name="ner", config={"model": parser})
    doc = nlp.make_doc("chest pain")
    doc.ents = [Span(doc, 0, 2, "problem")]
    nlp.initialize(lambda: [Example(doc.copy(), doc)])
    lower = nlp.get_pipe("ner").model.get_ref("lower")
    for name in ("W", "pad", "b"):
        lower.set_param(name, np.zeros_like(lower.get_param(name)))
    bias = lower.get_param("b")
    bias[0], bias[1] = 2.0, 1.0  # of the actions to begin and to go on: a mention has the whole note
    lower.set_param("b", bias)
    return nlp


def load(copy: Copy, folder: Path) -> Language:
    """Load a saved pipeline; another one may have been loaded before."""
    nlp = spacy.load(folder)
    transformer, ner = (nlp.get_pipe(name) for name in ("transformer", "ner"))
    listener = next(node for node in ner.model.walk() if node.name == "transformer-listener")
    shim = copy.module("shim").encoder_shim(transformer.model)
    for thing in (shim, transformer, listener, ner):
        module = type(thing).__module__
        assert module.split(".")[0] == copy.name
    return nlp


def test_names_have_the_version_of_the_code(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime, "NAMES", set())
    assert registered("medner.TransformerModel.v1") == "medner.TransformerModel.v1"
    assert registered("medner_ner") == "medner_ner"
    monkeypatch.setattr(runtime, "CODE", "3fa9c2d1")
    assert registered("medner.TransformerModel.v1") == "medner.TransformerModel.v1.3fa9c2d1"
    assert registered("medner_ner") == "medner_ner_3fa9c2d1"
    assert {"medner.TransformerModel.v1", "medner_ner"} == runtime.NAMES


def test_all_names_are_recorded():
    assert functions.ner.FACTORY == "medner_ner"
    assert NAMES == runtime.NAMES
    registers = re.compile(r"(?:@registry\.\w+|Language\.factory|has_factory)\(\s*([\w.]+)")
    for path in FOLDER.glob("*.py"):
        source = path.read_text(encoding="utf8")
        assert {*registers.findall(source)} <= {"registered", "FACTORY"}, path


@pytest.mark.parametrize("first", [0, 1])
def test_pipelines_of_two_codes_in_one_process_are_each_their_own(
    bert: Path, make_copy: Callable[..., Copy], tmp_path: Path, first: int
):
    ours, other = make_copy("ours", next(codes)), make_copy("other", next(codes), CHANGES)
    copies = [copy.load() for copy in ((ours, other) if first == 0 else (other, ours))]
    for copy in copies:
        build(copy, bert).to_disk(tmp_path / f"{copy.name}_model")
    for order in (copies, copies[::-1]):
        nlp = {copy.name: load(copy, tmp_path / f"{copy.name}_model") for copy in order}
        check_their_own(nlp[ours.name], nlp[other.name])


def check_their_own(ours: Language, other: Language) -> None:
    for text in LINES[:4]:
        np.testing.assert_allclose(vectors(ours, text) * 2, vectors(other, text), rtol=1e-6)
    assert "chest/pain" not in [token.text for token in ours.make_doc(TEXT)]
    assert "chest/pain" in [token.text for token in other.make_doc(TEXT)]
    in_stream = [list(nlp.pipe([TEXT] * 5)) for nlp in (ours, other)]
    assert [{doc.ents[0].text for doc in docs} for docs in in_stream] == [{TEXT.rstrip()}, {TEXT}]
    assert [read_ahead(nlp) for nlp in (ours, other)] == [3, 2]


def vectors(nlp: Language, text: str) -> Any:
    return nlp(text)._.trf_data.tensors[0][0]


def read_ahead(nlp: Language) -> int:
    """How many notes, each enough for a batch, are taken before the first one comes back."""
    taken: list[str] = []
    docs = nlp.get_pipe("transformer").pipe(
        (nlp.make_doc(taken.append(text) or text) for text in ["pain " * 10] * 9), batch_size=9
    )
    next(docs)
    docs.close()
    return len(taken)


def test_two_packages_with_the_same_code_share_a_process(bert: Path, make_copy: Callable[..., Copy], tmp_path: Path):
    code = next(codes)
    one, two = make_copy("same_one", code).load(), make_copy("same_two", code)
    nlp = build(one, bert)
    nlp.to_disk(tmp_path / "model")
    assert [ent.text for ent in nlp(TEXT).ents] == [TEXT.rstrip()]
    two.load()
    again = spacy.load(tmp_path / "model")
    for pipeline in (nlp, again):
        assert [ent.text for ent in pipeline(TEXT).ents] == [TEXT.rstrip()]
        assert [doc.ents[0].text for doc in pipeline.pipe([TEXT] * 5)] == [TEXT.rstrip()] * 5
