"""spaCy's own commands on the wheels, as a user gives them, and configs that take components from a wheel."""

import importlib.metadata
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import spacy
from spacy.language import DEFAULT_CONFIG
from spacy.tokens import DocBin
from thinc.api import Config

from tests.forks import Done, Forks, with_wheels
from tests.projects import Project

NOTE = "She denies chest pain . EKG was normal . Given aspirin 81 mg daily ."
FEW = ["--training.max_steps", "3", "--training.eval_frequency", "1"]
TRAINED = """
[paths]
train = null
dev = null

[nlp]
lang = "en"
pipeline = {pipeline}

[components]

[components.transformer]
source = "en_medner_bert"

{components}
[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${{paths.train}}

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${{paths.dev}}

[training]
frozen_components = {frozen}
annotating_components = {annotating}
"""
NER = """
[components.{name}]
factory = "{factory}"

[components.{name}.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 16
maxout_pieces = 2
use_upper = false

[components.{name}.model.tok2vec]
{listener}
"""
OURS = """@architectures = "{architectures}"
upstream = "*"
keep_output = {keep}
"""
STOCK = """@architectures = "spacy-transformers.TransformerListener.v1"
grad_factor = 1.0
pooling = {"@layers":"reduce_mean.v1"}
"""
SOURCED = """
[components.ner]
source = "en_medner_bert"
"""
LOADED = """
import json, sys, warnings
import spacy

warnings.simplefilter("error")
nlp, texts = spacy.load(sys.argv[1]), sys.argv[2:] * 3
assert not any(name.partition(".")[0] == "scripts" for name in sys.modules)
found = [[(ent.text, ent.label_) for ent in doc.ents] for doc in nlp.pipe(texts)]
assert found == [[(ent.text, ent.label_) for ent in nlp(text).ents] for text in texts]
print(json.dumps([nlp.pipe_names, found[0]]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def python(workflow: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Programs with both wheels."""
    yield from with_wheels(workflow, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def registered(python: Forks) -> dict[str, str]:
    """What the wheel registers: names by the names without the code's version."""
    (wheel,) = importlib.metadata.distributions(name="en_medner_bert", path=[str(python.path)])
    names = [point.name for point in wheel.entry_points]
    return {re.sub(r"[._][0-9a-f]{8}$", "", name): name for name in names}


def spacy_command(python: Forks, folder: Path, *arguments: str) -> Done:
    done = python.run(folder, "-m", "spacy", *arguments)
    assert done.code == 0, f"{done.code}: {done.output[-2000:]}{done.errors[-3000:]}"
    return done


# Commands on a wheel


def test_evaluate_and_its_page(python, folder, workflow):
    (folder / "drawn").mkdir()
    test = str(workflow.path("corpus/sample/test.spacy"))
    options = ["--output", "scores.json", "--displacy-path", "drawn"]
    done = spacy_command(python, folder, "evaluate", "en_medner_bert", test, *options)
    assert "NER F" in done.output
    assert (folder / "drawn/entities.html").read_text(encoding="utf8").count("<mark") > 10
    ours = json.loads(workflow.path("metrics/sample/bert.json").read_text(encoding="utf8"))
    theirs = json.loads((folder / "scores.json").read_text(encoding="utf8"))
    assert theirs["ents_f"] == pytest.approx(ours["ents_f"], abs=1e-3)


def test_benchmark(python, folder, workflow):
    test = str(workflow.path("corpus/sample/test.spacy"))
    assert "NER F" in spacy_command(python, folder, "benchmark", "accuracy", "en_medner_albert", test).output
    speed = ["benchmark", "speed", "en_medner_bert", test, "--batches", "30", "--warmup", "0", "--batch-size", "1"]
    assert "Mean" in spacy_command(python, folder, *speed).output


def test_debug_data_has_a_section_on_entities(workflow):
    paths = [f"--paths.{part}=corpus/sample/{part}.spacy" for part in ("train", "dev")]
    encoder = "--components.transformer.model.name=encoders/bert-compact"
    done = workflow.run(
        "-m", "spacy", "debug", "data", "configs/bert.cfg", "--code", "scripts/functions.py", *paths, encoder
    )
    assert done.returncode in (0, 1), done.stderr  # 1 as these are few notes
    assert "Low number of examples to train a new pipeline (4)" in done.stdout
    assert "Named Entity Recognition" in done.stdout and "5 label(s)" in done.stdout


def test_apply(python, folder):
    (folder / "notes").mkdir()
    for number in range(3):
        (folder / "notes" / f"{number}.txt").write_text(f"Note {number} . {NOTE}", encoding="utf8")
    spacy_command(python, folder, "apply", "en_medner_bert", "notes", "read.spacy", "--n-process", "2")
    docs = list(DocBin().from_disk(folder / "read.spacy").get_docs(spacy.blank("en").vocab))
    assert sorted(doc.text[5] for doc in docs) == ["0", "1", "2"] and all(doc.ents for doc in docs)


def test_info(python, folder):
    assert re.search(r"^name +medner_bert *$", spacy_command(python, folder, "info", "en_medner_bert").output, re.M)
    installed = "".join(spacy_command(python, folder, "info").output.split())
    assert "en_medner_bert(0.1.0)" in installed and "en_medner_albert(0.1.0)" in installed


# Components of a wheel in another config


def components_of(registered: dict[str, str], kind: str) -> dict[str, str]:
    """The parts of a config, of each kind in which people build on a wheel."""
    ours, keeping = (
        OURS.format(architectures=registered["medner.TransformerListener.v1"], keep=keep) for keep in ("false", "true")
    )
    factory = registered["medner_ner"]
    new, both, transformer, none = '["transformer","new"]', '["transformer","new","ner"]', '["transformer"]', "[]"
    own = SOURCED + 'replace_listeners = ["model.tok2vec"]\n'
    kinds = {
        "stock ner, encoder frozen": (new, NER.format(name="new", factory="ner", listener=ours), transformer),
        "our ner, encoder frozen": (new, NER.format(name="new", factory=factory, listener=ours), transformer),
        "stock listener, encoder frozen": (new, NER.format(name="new", factory="ner", listener=STOCK), transformer),
        "training goes on": ('["transformer","ner"]', SOURCED, none),
        "beside the known one": (
            both, NER.format(name="new", factory=factory, listener=keeping) + SOURCED, '["transformer","ner"]',
        ),
        "beside one with an encoder of its own": (
            both, NER.format(name="new", factory=factory, listener=ours) + own, '["ner"]',
        ),
    }  # fmt: skip
    pipeline, components, frozen = kinds[kind]
    annotating = transformer if "transformer" in frozen else none
    return {"pipeline": pipeline, "components": components, "frozen": frozen, "annotating": annotating}


KINDS = [
    "stock ner, encoder frozen",
    "our ner, encoder frozen",
    "stock listener, encoder frozen",
    "training goes on",
    "beside the known one",
    "beside one with an encoder of its own",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_with_components_of_the_wheel_trains(python, tmp_path, workflow, registered, kind):
    parts = components_of(registered, kind)
    DEFAULT_CONFIG.merge(Config().from_str(TRAINED.format(**parts), interpolate=False)).to_disk(tmp_path / "config.cfg")
    paths = [f"--paths.{part}={workflow.path(f'corpus/sample/{part}.spacy')}" for part in ("train", "dev")]
    spacy_command(python, tmp_path, "train", "config.cfg", "--output", "trained", *paths, *FEW)
    names, found = json.loads(python.use(tmp_path, LOADED, "./trained/model-last", NOTE))
    assert names == json.loads(parts["pipeline"]) and found


def test_an_encoder_that_is_frozen_and_does_not_annotate_is_told(python, tmp_path, workflow, registered):
    parts = {**components_of(registered, "our ner, encoder frozen"), "annotating": "[]"}
    DEFAULT_CONFIG.merge(Config().from_str(TRAINED.format(**parts), interpolate=False)).to_disk(tmp_path / "config.cfg")
    paths = [f"--paths.{part}={workflow.path(f'corpus/sample/{part}.spacy')}" for part in ("train", "dev")]
    done = python.run(tmp_path, "-m", "spacy", "train", "config.cfg", *paths, *FEW)
    assert done.code == 1 and "is frozen but none of the annotating components" in done.errors


def test_assemble_and_debug_a_config(python, tmp_path, workflow):
    parts = {"pipeline": '["transformer","ner","sentencizer"]', "frozen": "[]", "annotating": "[]"}
    components = SOURCED + '\n[components.sentencizer]\nfactory = "sentencizer"\n'
    (tmp_path / "base.cfg").write_text(TRAINED.format(components=components, **parts), encoding="utf8")
    spacy_command(python, tmp_path, "init", "fill-config", "base.cfg", "config.cfg")
    paths = [f"--paths.{part}={workflow.path(f'corpus/sample/{part}.spacy')}" for part in ("train", "dev")]
    spacy_command(python, tmp_path, "debug", "config", "config.cfg", *paths)
    spacy_command(python, tmp_path, "assemble", "config.cfg", "assembled", *paths)
    python.use(tmp_path, "import spacy; spacy.load('en_medner_bert').to_disk('plain')")
    found = [json.loads(python.use(tmp_path, LOADED, f"./{name}", NOTE)) for name in ("assembled", "plain")]
    assert found[0][1] == found[1][1] != []
    assert [names for names, _ in found] == [["transformer", "ner", "sentencizer"], ["transformer", "ner", "assertion"]]
