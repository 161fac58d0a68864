"""The whole workflow, run for real on a few notes."""

import json
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest
import spacy
import srsly
import torch
from spacy.tokens import Doc, DocBin, Span

from scripts.clean.__main__ import main as clean
from scripts.corpus.corpora import CORPORA
from scripts.corpus.docs import DOCBIN_ATTRS, NOTE_ID
from scripts.corpus.pipelines import encoder_name
from scripts.evaluate.__main__ import main as evaluate
from scripts.export.__main__ import main as export
from scripts.train.__main__ import main as train
from tests.commands import assert_fails, run
from tests.paths import ROOT
from tests.projects import EPOCHS, SETTINGS, Project

MODELS = ("bert", "albert")
PROJECT = srsly.read_yaml(ROOT / "project.yml")
WORKFLOW, VERSION = PROJECT["workflows"]["all"], PROJECT["vars"]["version"]


def json_of(project: Project, name: str) -> dict:
    return json.loads(project.path(name).read_text())


def test_the_workflow_writes_every_output_that_it_declares(workflow):
    for command in PROJECT["commands"]:
        if command["name"] in WORKFLOW:
            for output in command["outputs"]:
                path = output.replace("${vars.corpus}", "sample").replace("${vars.version}", VERSION)
                assert workflow.path(path).exists(), path


def test_a_second_run_skips_what_has_not_changed(workflow):
    """A command that ran, and wrote bytecode, would have changed the folders that it depends on."""
    done = workflow.run("-m", "spacy", "project", "run", "all", ".", *SETTINGS)
    assert done.returncode == 0
    assert done.stdout.count("nothing changed") == len(WORKFLOW)


def test_no_command_writes_bytecode(workflow):
    """Bytecode in a room would count as a change of every command that depends on it."""
    rooms = [path for path in workflow.path("scripts").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert len(rooms) > 10 and not [path for room in rooms for path in room.rglob("*.pyc")]


def test_a_changed_leaf_trains_nothing_again(workflow):
    """A typo corrected in cli.py once trained both models again."""
    path = workflow.path("scripts/cli.py")
    before = path.read_text(encoding="utf8")
    path.write_text(f"{before}\n# a comment\n", encoding="utf8")
    done = workflow.run("-m", "spacy", "project", "run", "all", ".", *SETTINGS)
    path.write_text(before, encoding="utf8")
    assert done.stdout.count("nothing changed") == len(WORKFLOW)


def test_what_took_hours_is_not_cleaned(tmp_path, monkeypatch):
    for name in ("corpus/a", "training/sample/bert", "training/pretrained/bert", "training/distilled/x", "packages/y"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert run(clean).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["training"]
    assert sorted(path.name for path in (tmp_path / "training").iterdir()) == ["distilled", "pretrained"]


def test_a_changed_setting_runs_again(workflow):
    done = workflow.run("-m", "spacy", "project", "run", "train-bert", ".", "--vars.epochs", "2", "--dry")
    assert "Running command" in done.stdout and "--epochs 2" in done.stdout


def test_each_epoch_is_a_row_of_the_log(workflow):
    for model in MODELS:
        rows = list(srsly.read_jsonl(workflow.path(f"training/sample/{model}/log.jsonl")))
        assert len(rows) == EPOCHS + 1  # before the first epoch and after each
        assert {"epoch", "step", "losses", "scores"} <= set(rows[-1])
        assert {"ents_f", "ents_p", "ents_r"} <= set(rows[-1]["scores"])


@pytest.mark.parametrize("model", MODELS)
def test_the_scores_are_those_of_the_predicted_notes(workflow, model):
    metrics = json_of(workflow, f"metrics/sample/{model}.json")
    vocab = spacy.blank("en").vocab
    gold = list(DocBin().from_disk(workflow.path("corpus/sample/test.spacy")).get_docs(vocab))
    predicted = list(DocBin().from_disk(workflow.path(f"metrics/sample/{model}.spacy")).get_docs(vocab))
    assert [doc.user_data[NOTE_ID] for doc in predicted] == [doc.user_data[NOTE_ID] for doc in gold]
    assert [doc.text for doc in predicted] == [doc.text for doc in gold]
    pairs = list(zip(gold, predicted, strict=True))
    right = sum(len({*map(key, one.ents)} & {*map(key, other.ents)}) for one, other in pairs)
    found = sum(len(doc.ents) for doc in predicted)
    assert metrics["support"] == sum(len(doc.ents) for doc in gold)
    assert metrics["ents_r"] == pytest.approx(right / metrics["support"])
    assert metrics["ents_p"] == pytest.approx(right / found if found else 0)


def key(ent) -> tuple[int, int, str]:
    return ent.start, ent.end, ent.label_


def test_both_models_are_compared(workflow):
    comparison = json_of(workflow, "metrics/sample/comparison.json")
    assert list(comparison["models"]) == list(MODELS)
    for model in MODELS:
        assert comparison["models"][model]["ents_f"] == json_of(workflow, f"metrics/sample/{model}.json")["ents_f"]


def test_all_ends_in_a_report(workflow):
    page = workflow.path("metrics/sample/report.html").read_text(encoding="utf8")
    sentence = json_of(workflow, "metrics/sample/comparison.json")["differences"][0]["sentence"]
    assert sentence in page and sentence in workflow.path("metrics/sample/comparison.md").read_text(encoding="utf8")
    assert "training loss" in page and "No training log" not in page


def wheel(project: Project, model: str) -> Path:
    (path,) = project.path("packages").glob(f"en_medner_{model}-*/dist/*.whl")
    return path


@pytest.mark.parametrize("model", MODELS)
def test_the_model_card_is_filled(workflow, model):
    with zipfile.ZipFile(wheel(workflow, model)) as archive:
        meta = json.loads(archive.read(f"en_medner_{model}/meta.json"))
        names = archive.namelist()
    assert meta["name"] == f"medner_{model}" and meta["version"] == VERSION and meta["license"] == "MIT"
    assert set(meta["labels"]["ner"]) == set(CORPORA["sample"].labels)
    assert meta["performance"]["ents_f"] == json_of(workflow, f"metrics/sample/{model}.json")["ents_f"]
    assert meta["sources"][0]["name"] == "sample"
    required = {requirement.split(">=")[0] for requirement in meta["requirements"]}
    assert required == {"spacy", "spacy-transformers", "transformers", "torch"}
    assert all("<" in requirement for requirement in meta["requirements"])
    travelling = {path.name for path in (ROOT / "scripts/runtime").glob("*.py")}
    assert {name.rpartition("/")[2] for name in names if name.startswith(f"en_medner_{model}/runtime/")} == travelling


@pytest.mark.parametrize("model", MODELS)
def test_a_package_holds_no_path_of_the_machine_that_trained(workflow, model):
    with zipfile.ZipFile(wheel(workflow, model)) as archive:
        for name in archive.namelist():
            assert str(workflow.folder).encode() not in archive.read(name), name
        (config,) = (name for name in archive.namelist() if name.endswith("config.cfg"))
        assert b"corpus/sample" not in archive.read(config)


def test_progress_is_shown_on_conversion_and_evaluation(workflow):
    printed = workflow.path("run.log").read_text()
    assert "Converting: 100%" in printed and "Predicting: 100%" in printed


def test_no_half_written_output_is_left(workflow):
    assert not list(workflow.folder.rglob("*.part"))


def test_the_exported_corpus_reads_back_to_the_same_mentions(workflow, tmp_path):
    done = workflow.run("-m", "spacy", "project", "run", "export", ".")
    assert done.returncode == 0, done.stdout
    done = workflow.run("-m", "scripts.convert", "again", "exports/sample", str(tmp_path / "again"))
    assert done.returncode == 0, done.stdout
    vocab = spacy.blank("en").vocab
    for split in ("train", "dev", "test"):
        docs, again = (
            list(DocBin().from_disk(folder / f"{split}.spacy").get_docs(vocab))
            for folder in (workflow.path("corpus/sample"), tmp_path / "again")
        )
        assert [doc.user_data[NOTE_ID] for doc in again] == [doc.user_data[NOTE_ID] for doc in docs]
        for one, other in zip(docs, again, strict=True):
            assert [unspaced(ent) for ent in other.ents] == [unspaced(ent) for ent in one.ents]


def unspaced(ent) -> tuple[str, str]:
    """A mention without blanks, since those between exported tokens are not kept."""
    return "".join(ent.text.split()), ent.label_


def test_an_encoder_that_cannot_be_loaded_is_reported_with_the_way_out(workflow, tmp_path):
    corpus = workflow.path("corpus/sample")
    for encoder in ("no-such-encoder", str(tmp_path)):
        done = run(train, ROOT / "configs/bert.cfg", encoder, corpus, tmp_path / "out")
        assert_fails(done, f"'{encoder}' cannot be loaded", "--vars.bert", without=tmp_path / "out")


def test_a_gpu_that_is_not_there_is_reported(workflow, tmp_path):
    corpus, encoder = workflow.path("corpus/sample"), workflow.path("encoders/bert-compact")
    done = run(train, ROOT / "configs/bert.cfg", encoder, corpus, tmp_path / "out", "--gpu", "99")
    assert_fails(done, "GPU 99 cannot be used", "--vars.gpu -1", without=tmp_path / "out")


def test_an_encoder_with_pickled_weights_only_is_not_loaded(workflow, tmp_path):
    encoder = tmp_path / "encoder"
    shutil.copytree(workflow.path("encoders/bert-compact"), encoder)
    (encoder / "model.safetensors").unlink()
    torch.save({}, encoder / "pytorch_model.bin")
    done = run(train, ROOT / "configs/bert.cfg", encoder, workflow.path("corpus/sample"), tmp_path / "out")
    assert_fails(done, "cannot be loaded", "model.safetensors", without=tmp_path / "out")


def test_a_damaged_encoder_is_reported(workflow, tmp_path):
    encoder = tmp_path / "encoder"
    for name in ("model.safetensors", "tokenizer.json"):
        shutil.copytree(workflow.path("encoders/bert-compact"), encoder, dirs_exist_ok=True)
        (encoder / name).write_bytes((encoder / name).read_bytes()[:50])
        done = run(train, ROOT / "configs/bert.cfg", encoder, workflow.path("corpus/sample"), tmp_path / "out")
        assert_fails(done, "cannot be loaded", without=tmp_path / "out")


def test_a_damaged_corpus_is_reported(workflow, tmp_path):
    for split in ("train", "dev", "test"):
        whole = workflow.path(f"corpus/sample/{split}.spacy").read_bytes()
        (tmp_path / f"{split}.spacy").write_bytes(whole[:100])
    shutil.copy(workflow.path("corpus/sample/conversion.json"), tmp_path)
    encoder = workflow.path("encoders/bert-compact")
    done = run(train, ROOT / "configs/bert.cfg", encoder, tmp_path, tmp_path / "out")
    assert_fails(done, "train.spacy cannot be read", without=tmp_path / "out")
    assert_fails(run(export, tmp_path, tmp_path / "out"), "train.spacy cannot be read", without=tmp_path / "out")


def test_an_encoder_of_the_hub_keeps_its_whole_name(workflow):
    nlp = spacy.load(workflow.path("training/sample/bert/model-best"))
    model = nlp.config["components"]["transformer"]["model"]
    for name, expected in (("org/bert", "org/bert"), ("/models/bert", "bert"), ("bert-base", "bert-base")):
        model["name"] = name
        assert encoder_name(nlp) == expected


@pytest.mark.parametrize("name", ["my notes", "o'neil", "Ärztebriefe 日本", "50% #1; {a} [b] & c"])
def test_odd_names_of_folders_and_corpora_are_taken(name, workflow, tmp_path):
    source = tmp_path / name
    shutil.copytree(workflow.path("assets/sample/concepts"), source)
    settings = ["--vars.corpus", name, "--vars.source", str(source)]
    done = workflow.run("-m", "spacy", "project", "run", "convert", ".", *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json_of(workflow, f"corpus/{name}/conversion.json")["corpus"] == name
    again = workflow.run("-m", "spacy", "project", "run", "convert", ".", *settings)
    assert "nothing changed" in again.stdout


def test_every_command_takes_odd_names(workflow):
    """Of each command the script's words, with such names in all variables that take one."""
    names = {"corpus": "o'neil's notes", "source": "/d/my notes", "text": "it's/my text", "teacher": "a b",
             "bert": "/o'neil/b", "albert": "/x y/a", "repo": "user/it's"}  # fmt: skip
    settings = [word for name, value in names.items() for word in (f"--vars.{name}", value)]
    for command in PROJECT["commands"]:
        done = workflow.run("-m", "spacy", "project", "run", command["name"], ".", "--dry", *settings)
        assert done.returncode == 0, done.stdout + done.stderr
        ran = [shlex.split(line.partition(": ")[2]) for line in done.stdout.splitlines() if "Running command" in line]
        assert len(ran) == len(command["script"])
        for words, line in zip(ran, command["script"], strict=True):
            assert len(words) == len(line.split()), words


def test_a_folder_that_weasel_cannot_take_is_converted_directly(workflow, tmp_path):
    source = tmp_path / "a$b"
    shutil.copytree(workflow.path("assets/sample/concepts"), source)
    done = workflow.run("-m", "scripts.convert", "dollars", str(source), "corpus/dollars")
    assert done.returncode == 0, done.stdout + done.stderr
    link = tmp_path / "link"
    link.symlink_to(source)
    settings = ["--vars.corpus", "linked", "--vars.source", str(link)]
    done = workflow.run("-m", "spacy", "project", "run", "convert", ".", *settings)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_albert_without_its_vocabulary_file_is_reported(workflow, tmp_path):
    encoder = tmp_path / "encoder"
    shutil.copytree(workflow.path("encoders/albert-compact"), encoder)
    (encoder / "spiece.model").unlink()
    done = run(train, ROOT / "configs/albert.cfg", encoder, workflow.path("corpus/sample"), tmp_path / "out")
    assert_fails(done, "lacks its vocabulary file spiece.model", without=tmp_path / "out")


def corpus_with(path: Path, workflow, test: bytes | None) -> Path:
    """A corpus with the workflow's train notes and terms, and the given test.spacy, or none."""
    path.mkdir()
    shutil.copy(workflow.path("corpus/sample/conversion.json"), path)
    shutil.copy(workflow.path("corpus/sample/train.spacy"), path)
    if test is not None:
        (path / "test.spacy").write_bytes(test)
    return path


def test_evaluating_what_is_not_there_is_reported(workflow, tmp_path):
    model, corpus = workflow.path("training/sample/bert/model-best"), workflow.path("corpus/sample")
    output = tmp_path / "metrics"
    assert_fails(run(evaluate, tmp_path, corpus, output), "holds no trained pipeline")
    assert_fails(run(evaluate, model, corpus_with(tmp_path / "no", workflow, None), output), "does not exist: convert")
    cut = corpus_with(tmp_path / "cut", workflow, (corpus / "test.spacy").read_bytes()[:100])
    assert_fails(run(evaluate, model, cut, output), "cannot be read")
    empty = corpus_with(tmp_path / "empty", workflow, DocBin().to_bytes())
    assert_fails(run(evaluate, model, empty, output), "holds no notes")
    assert not list(tmp_path.glob("metrics*"))


def test_a_corpus_of_other_tokens_is_refused(workflow, tmp_path):
    doc = Doc(spacy.blank("en").vocab, words=["aspi", "rin"], spaces=[False, False])
    doc.user_data[NOTE_ID] = "other"
    other = corpus_with(tmp_path / "other", workflow, DocBin(docs=[doc], store_user_data=True).to_bytes())
    done = run(evaluate, workflow.path("training/sample/bert/model-best"), other, tmp_path / "m")
    assert_fails(done, "note other was cut into other tokens")


def test_a_label_that_the_model_never_saw_is_reported(workflow, tmp_path):
    vocab = spacy.blank("en").vocab
    docs = list(DocBin().from_disk(workflow.path("corpus/sample/test.spacy")).get_docs(vocab))
    docs[0].set_ents([Span(docs[0], ent.start, ent.end, "allergy") for ent in docs[0].ents])
    test = DocBin(docs=docs, attrs=DOCBIN_ATTRS, store_user_data=True).to_bytes()
    corpus = corpus_with(tmp_path / "strange", workflow, test)
    done = run(evaluate, workflow.path("training/sample/bert/model-best"), corpus, tmp_path / "m")
    assert done.code == 0 and "never saw the label allergy" in " ".join(done.output.split())
