"""The listener: vectors are there for those who listen, and gone when they are not needed."""

from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language

from tests import encoders
from tests.pipelines import build, example, transformer_of


def test_output_is_kept_only_when_asked(encoder: Path, nlp: Language):
    assert nlp("chest pain")._.trf_data is None
    assert next(nlp.pipe(["chest pain"]))._.trf_data is None
    kept = build(encoder, keep_output=True)("chest pain")._.trf_data
    assert kept.tensors[0].shape == (1, 2, encoders.WIDTH)


@pytest.mark.parametrize("keeps", [True, False])
def test_two_listeners_need_the_first_to_keep_the_output(bert: Path, keeps: bool):
    nlp = build(bert, keep_output=keeps)
    nlp.add_pipe("ner", name="second", config={"model": nlp.get_pipe_config("ner")["model"]})
    second: Any = nlp.get_pipe("second")
    second.initialize(lambda: [example(nlp)], nlp=nlp)
    transformer_of(nlp).find_listeners(second)
    if keeps:
        assert len(nlp("chest pain")) == 2
    else:
        with pytest.raises(ValueError, match="one before the last has keep_output = false"):
            nlp("chest pain")


def test_a_doc_that_no_transformer_has_seen_is_refused(bert: Path):
    nlp = build(bert)
    with pytest.raises(ValueError, match="the transformer did not run before"):
        nlp("chest pain", disable=["transformer"])
