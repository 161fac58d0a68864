"""The encoder layer: no wordpiece lost or computed twice, no token without its vector, whatever the text."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, xp2torch
from torch.nn import functional as F
from transformers import AutoModel

from scripts import architectures
from scripts.corpus.docs import create_nlp
from tests import encoders
from tests.helpers import hostile_text

LINES = [
    "she denies chest pain .",
    "ekg was normal .",
    "given 81 mg aspirin daily for pain .",
    "no fever or chills .",
] * 9
WINDOW = 16
HOSTILE = {
    "one line": "chestpain denied " * 6000,
    "no blanks": "aspirin" * 15000,
    "newlines": "\n" * 500,
    "emoji": "😀👩‍⚕️ pain 😀" * 50,
    "control characters": "\x00\x01 pain \x7f\x1b\u200b",
    "stops": "pain . " * 100 + "fever ! No . " * 40,
}


@pytest.fixture(scope="module", params=["bert", "albert"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    {"bert": encoders.build_bert, "albert": encoders.build_albert}[request.param](LINES, folder)
    return folder


def build(encoder: Path, window: int = WINDOW, precision: str = "float32", keep_output: bool = False) -> Language:
    """A pipeline with a NER head that knows two labels, not trained."""
    model = {
        "@architectures": "medner.TransformerModel.v1",
        "name": str(encoder),
        "window": window,
        "precision": precision,
        "tokenizer_config": {"use_fast": True},
        "transformer_config": {},
    }
    listener = {"@architectures": "medner.TransformerListener.v1", "upstream": "*", "keep_output": keep_output}
    nlp = create_nlp()
    nlp.add_pipe("transformer", config={"model": model, "max_batch_items": 100_000})
    nlp.add_pipe("ner", config={"model": {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner",
        "extra_state_tokens": False, "hidden_width": 64, "maxout_pieces": 2, "use_upper": False, "nO": None,
        "tok2vec": listener}})  # fmt: skip
    nlp.initialize(lambda: [example(nlp)])
    return nlp


def example(nlp: Language, text: str = "she denies chest pain .") -> Example:
    doc = nlp.make_doc(text)
    return Example.from_dict(doc, {"entities": [(11, 21, "problem"), (0, 3, "person")]})


@pytest.fixture(scope="module")
def nlp(encoder: Path) -> Language:
    return build(encoder)


def vectors(nlp: Language, docs: list[Doc]) -> list[np.ndarray]:
    return nlp.get_pipe("transformer").predict(docs).vectors


def tokenizer_of(nlp: Language):
    return nlp.get_pipe("transformer").model.shims[0]._hfmodel.tokenizer


def naive_vectors(nlp: Language, doc: Doc, windows: np.ndarray) -> np.ndarray:
    """Each window computed on its own, each token's pieces found by a loop over characters."""
    tokenizer, encoder = tokenizer_of(nlp), nlp.get_pipe("transformer").model.shims[0]._model.eval()
    encoding = tokenizer.backend_tokenizer.encode(doc.text, add_special_tokens=False)
    rows = []
    for start, end in windows:
        ids = tokenizer.build_inputs_with_special_tokens(encoding.ids[start:end])
        with torch.no_grad():
            rows += list(encoder(torch.tensor([ids])).last_hidden_state[0, 1:-1].numpy())
    result = np.zeros((len(doc), encoders.WIDTH), dtype="f")
    for token in doc:
        mine = [
            row
            for row, (start, end) in zip(rows, encoding.offsets, strict=True)
            if set(range(start, max(end, start + 1))) & set(range(token.idx, token.idx + len(token)))
        ]
        if mine:
            result[token.i] = np.mean(mine, axis=0)
    return result


def windows_of(nlp: Language, doc: Doc, limit: int = WINDOW - 2) -> tuple[architectures.Pieces, np.ndarray]:
    (pieces,) = architectures.read_pieces(tokenizer_of(nlp), [doc])
    return pieces, architectures.cut_windows(pieces, limit)


def assert_lawful(pieces: architectures.Pieces, windows: np.ndarray, limit: int) -> None:
    """Windows cover every piece once, in order, and only a token longer than a window is cut."""
    covered = [place for start, end in windows for place in range(start, end)]
    assert covered == list(range(len(pieces.ids)))
    assert all(0 < end - start <= limit for start, end in windows)
    for end in windows[:-1, 1]:
        if pieces.last[end - 1] > pieces.first[end]:
            token = pieces.first[end]
            assert ((pieces.first <= token) & (pieces.last > token)).sum() > limit // 2


@settings(max_examples=60, deadline=None)
@given(text=hostile_text(extra="\npain fever.", max_size=200), limit=st.integers(1, 20))
def test_windows_cover_every_piece_once(nlp: Language, text: str, limit: int):
    pieces, windows = windows_of(nlp, nlp.make_doc(text), limit)
    assert_lawful(pieces, windows, limit)


@pytest.mark.parametrize("name", HOSTILE)
def test_windows_of_hostile_notes_cover_every_piece_once(nlp: Language, name: str):
    pieces, windows = windows_of(nlp, nlp.make_doc(HOSTILE[name]))
    assert_lawful(pieces, windows, WINDOW - 2)


def test_windows_end_at_lines_then_sentences_then_tokens(nlp: Language):
    lines = nlp.make_doc("pain fever pain .\n" * 20)
    _, windows = windows_of(nlp, lines, 40)
    (pieces,) = architectures.read_pieces(tokenizer_of(nlp), [lines])
    assert all("\n" in lines.text[pieces.ends[end - 1] : pieces.ends[end]] for end in windows[:-1, 1])
    sentences = nlp.make_doc("pain fever pain . " * 20)
    pieces, windows = windows_of(nlp, sentences, 40)
    assert all(sentences.text[pieces.ends[end - 1] - 1] == "." for end in windows[:-1, 1])
    words = nlp.make_doc("pain fever " * 60)
    pieces, windows = windows_of(nlp, words, 40)
    assert all(pieces.last[end - 1] == pieces.first[end] for end in windows[:-1, 1])


def test_windows_are_about_equally_long(nlp: Language):
    _, windows = windows_of(nlp, nlp.make_doc("pain " * 300), 100)
    lengths = windows[:, 1] - windows[:, 0]
    assert lengths.min() > 0.8 * lengths.max()


@settings(max_examples=40, deadline=None)
@given(text=hostile_text(extra="\npain fever.", max_size=120))
def test_tokens_get_the_mean_of_their_pieces(nlp: Language, text: str):
    doc = nlp.make_doc(text)
    if len(doc):
        _, windows = windows_of(nlp, doc)
        np.testing.assert_allclose(vectors(nlp, [doc])[0], naive_vectors(nlp, doc, windows), atol=1e-5)


def test_every_piece_is_computed_once(nlp: Language):
    docs = [nlp.make_doc(text) for text in [*HOSTILE.values(), "", "pain"]]
    seen: list[int] = []
    encoder = nlp.get_pipe("transformer").model.shims[0]._model
    special = set(tokenizer_of(nlp).all_special_ids) - {tokenizer_of(nlp).unk_token_id}
    hook = encoder.register_forward_pre_hook(
        lambda module, arguments: seen.extend(i for i in arguments[0].flatten().tolist() if i not in special)
    )
    found = vectors(nlp, docs)
    hook.remove()
    expected = [i for note in architectures.read_pieces(tokenizer_of(nlp), docs) for i in note.ids if i not in special]
    assert sorted(seen) == sorted(expected)
    assert [len(rows) for rows in found] == [len(doc) for doc in docs]


def test_output_does_not_depend_on_the_batch(nlp: Language, monkeypatch: pytest.MonkeyPatch):
    docs = [nlp.make_doc(text) for text in ["pain", "", *LINES[:4], "\n\n", "chest pain . " * 30, HOSTILE["emoji"]]]
    together = vectors(nlp, docs)
    monkeypatch.setattr(architectures, "CPU_BATCH", (20, 5))
    for doc, rows in zip(docs, together, strict=True):
        if len(doc):
            np.testing.assert_allclose(vectors(nlp, [doc])[0], rows, atol=1e-5)


@pytest.fixture
def widths(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The widths of the batches of each call of the encoder layer from now on."""
    compute, found = architectures.compute, []

    def record(encoder: Any, cores: Any, batches: list[architectures.Batch]) -> Any:
        found.append([batch.ids.shape[1] for batch in batches])
        return compute(encoder, cores, batches)

    monkeypatch.setattr(architectures, "compute", record)
    return found


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("tiles", [False, True])
def test_batches_fill_tiles(encoder: Path, precision: str, training: bool, tiles: bool, widths: Any, monkeypatch: Any):
    monkeypatch.setattr(architectures, "has_tiles", lambda: tiles)
    nlp = build(encoder, window=500, precision=precision)
    model = nlp.get_pipe("transformer").model
    widest = model.shims[0]._model.config.max_position_embeddings = architectures.NARROW + architectures.TILE + 1
    for text in ("pain denied", "pain " * 500):
        doc = nlp.make_doc(text)
        model([doc], is_train=training)
        (note,) = architectures.read_pieces(tokenizer_of(nlp), [doc])
        longest = int(np.diff(architectures.cut_windows(note, widest - 2)).max()) + 2
        step = architectures.TILE if longest > architectures.NARROW else architectures.TILE // 2
        filled = min(widest, -(-longest // step) * step)
        assert widths.pop()[-1] == (filled if tiles and precision == "bfloat16" else longest)
    assert longest > widest - architectures.TILE


def test_tiles_change_no_vector(nlp: Language, monkeypatch: pytest.MonkeyPatch):
    docs = [nlp.make_doc(text) for text in ["pain", "", *LINES[:4], "chest pain . " * 30, HOSTILE["emoji"]]]
    plain = vectors(nlp, docs)
    monkeypatch.setattr(architectures.EncoderShim, "in_tiles", True)
    for rows, expected in zip(vectors(nlp, docs), plain, strict=True):
        np.testing.assert_allclose(rows, expected, atol=1e-5)


@pytest.mark.parametrize("tiles", [False, True])
@pytest.mark.parametrize("words", [1, 3])
def test_cores_share_what_there_is(nlp: Language, tiles: bool, words: int, widths: Any, monkeypatch: Any):
    monkeypatch.setattr(architectures.EncoderShim, "in_tiles", tiles)
    monkeypatch.setattr(architectures, "CORE_FEWEST", 1)
    model = nlp.get_pipe("transformer").model
    docs = [nlp.make_doc("pain " * words)] * 8
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        with model.shims[0].by_cores():
            model.predict(docs)
    finally:
        torch.set_num_threads(before)
    assert len(widths.pop()) == 4
    model.predict(docs)
    assert len(widths.pop()) == 1


@given(st.lists(st.integers(1, 130), min_size=1, max_size=300), st.integers(1, 3000), st.integers(1, 1000))
def test_windows_computed_together_are_of_similar_length(lengths: list[int], most: int, spare: int):
    groups = [np.array(lengths)[group] for group in architectures.group_by_length(np.array(lengths), most, spare)]
    assert np.concatenate(groups).tolist() == sorted(lengths)
    for group, behind in zip(groups, [*groups[1:], None], strict=True):
        padded = len(group) * group.max()
        assert len(group) == 1 or (padded <= most and padded - group.sum() <= spare)
        if behind is not None:  # one more would have been too many
            padded = (len(group) + 1) * behind[0]
            assert padded > most or padded - group.sum() - behind[0] > spare


def test_blank_notes_alone_are_taken(nlp: Language):
    doc = nlp.make_doc("\n \n")
    np.testing.assert_allclose(vectors(nlp, [doc])[0], naive_vectors(nlp, doc, windows_of(nlp, doc)[1]), atol=1e-5)
    nlp.update([Example(nlp.make_doc("\n \n"), doc)], sgd=Adam(0.0))


def test_gradient_is_that_of_the_mean(nlp: Language):
    shim = nlp.get_pipe("transformer").model.shims[0]
    docs = [nlp.make_doc("she denies chest pain ."), nlp.make_doc("aspirin daily " * 20)]
    wanted = [
        np.random.default_rng(i).normal(size=(len(doc), encoders.WIDTH)).astype("f") for i, doc in enumerate(docs)
    ]
    dropouts = [module for module in shim._model.modules() if isinstance(module, torch.nn.Dropout)]
    rates = [module.p for module in dropouts]
    for module in dropouts:
        module.p = 0.0
    _, backprop = nlp.get_pipe("transformer").model(docs, is_train=True)
    backprop(wanted)
    found = {name: p.grad.clone() for name, p in shim._model.named_parameters() if p.grad is not None}
    shim._model.zero_grad()
    shim._model.eval()
    for doc, gradient in zip(docs, wanted, strict=True):
        pieces, windows = windows_of(nlp, doc)
        total = torch.zeros(())
        for start, end in windows:
            ids = tokenizer_of(nlp).build_inputs_with_special_tokens(pieces.ids[start:end].tolist())
            hidden = shim._model(torch.tensor([ids])).last_hidden_state[0, 1:-1]
            for row, first, last in zip(hidden, pieces.first[start:end], pieces.last[start:end], strict=True):
                for token in range(first, last):
                    mine = ((pieces.first <= token) & (pieces.last > token)).sum()
                    total = total + (row * xp2torch(gradient[token])).sum() / mine
        total.backward()
    for module, rate in zip(dropouts, rates, strict=True):
        module.p = rate
    assert found
    for name, p in shim._model.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(found[name].to_dense(), p.grad.to_dense(), atol=1e-4, rtol=1e-3)
    shim._model.zero_grad()


def test_bfloat16_agrees_with_float32(encoder: Path):
    nlp = build(encoder)
    docs = [nlp.make_doc(line) for line in LINES[:4]]
    exact = np.vstack(vectors(nlp, docs))
    nlp.get_pipe("transformer").model.shims[0].precision = "bfloat16"
    rough = np.vstack(vectors(nlp, docs))
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.15
    assert all(p.dtype == torch.float32 for p in nlp.get_pipe("transformer").model.shims[0]._model.parameters())


def test_bfloat16_predictions_follow_training(encoder: Path):
    nlp = build(encoder, precision="bfloat16")
    before = vectors(nlp, [nlp.make_doc("chest pain")])[0]
    optimizer = Adam(0.1, use_averages=False)
    for _ in range(2):  # spaCy lets the transformer learn one step late
        nlp.update([example(nlp)], sgd=optimizer)
    assert np.abs(vectors(nlp, [nlp.make_doc("chest pain")])[0] - before).max() > 0.01


@pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this CPU computes no bfloat16")
def test_packed_weights_predict_as_plain_ones_and_are_not_saved(encoder: Path):
    nlp = build(encoder, precision="bfloat16")
    shim, docs = nlp.get_pipe("transformer").model.shims[0], [nlp.make_doc(line) for line in LINES[:4]]
    plain = copy.deepcopy(shim._model).bfloat16().eval()
    packed = vectors(nlp, docs)
    kinds = [type(module) for module in shim._copy.modules()]
    assert architectures.PackedLinear in kinds
    assert torch.nn.Linear not in kinds
    assert all(type(module) is not architectures.PackedLinear for module in shim._model.modules())
    shim._copy = plain
    for rows, expected in zip(packed, vectors(nlp, docs), strict=True):
        np.testing.assert_allclose(rows, expected, atol=0.05)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_drops_its_share_and_keeps_the_sum(dtype: torch.dtype):
    layer, ones = architectures.Dropout(0.1), torch.ones(3, 333_333, dtype=dtype, requires_grad=True)
    torch.manual_seed(1)
    found = layer(ones)
    found.sum().backward()
    assert (found == 0).float().mean().item() == pytest.approx(0.1, abs=0.002)
    torch.testing.assert_close(found.unique(), torch.tensor([0.0, 1 / 0.9], dtype=dtype), atol=0.0, rtol=1e-5)
    torch.testing.assert_close(ones.grad, found.detach())
    assert not torch.equal(found, layer(ones))
    torch.manual_seed(1)
    assert torch.equal(found, layer(ones))
    assert layer.eval()(ones) is ones
    for rate, left in ((0.0, 1.0), (1.0, 0.0)):
        assert (architectures.Dropout(rate)(ones) == left).all()


def test_every_dropout_is_ours_and_alberts_activation_too(encoder: Path):
    model = build(encoder).get_pipe("transformer").model.shims[0]._model
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert layers
    assert all(type(layer) is architectures.Dropout for layer in layers)
    theirs = AutoModel.from_pretrained(encoder).eval()
    assert model.config.hidden_act == {"gelu": "gelu", "gelu_new": "gelu_pytorch_tanh"}[theirs.config.hidden_act]
    ids = torch.randint(5, 20, (2, 9))
    torch.testing.assert_close(model.eval()(ids).last_hidden_state, theirs(ids).last_hidden_state, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("width", [9, 200])  # longer than windows of plain attention
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_is_hugging_faces(encoder: Path, training: bool, width: int, dtype: torch.dtype):
    ours = build(encoder).get_pipe("transformer").model.shims[0]._model
    theirs = AutoModel.from_pretrained(encoder)
    mask = torch.ones(2, width, dtype=torch.int64)
    mask[1, width // 2 :] = 0
    ids, close = torch.randint(5, 20, (2, width)), {torch.float32: 1e-4, torch.bfloat16: 0.1}[dtype]
    gradient, found = torch.randn(2, width, encoders.WIDTH, dtype=dtype) * mask[..., None], {}
    for model in (ours, theirs):
        model.to(dtype).train(training)
        for name, weights in model.named_parameters():
            if name.endswith(("query.weight", "key.weight")):
                weights.data *= 10  # so that pieces differ in what they take from others
        for layer in model.modules():
            if isinstance(layer, torch.nn.Dropout):
                layer.p = 0.0
            if hasattr(layer, "dropout_prob"):
                layer.dropout_prob = 0.0
        hidden = model(ids, attention_mask=mask).last_hidden_state
        hidden.backward(gradient)
        weights = next(value for name, value in model.named_parameters() if name.endswith("query.weight"))
        found[model] = (hidden[mask == 1], weights.grad)
    for mine, expected in zip(found[ours], found[theirs], strict=True):
        assert (mine - expected).abs().max() < close * expected.abs().max()


def test_attention_drops_in_training_only(encoder: Path):
    model = build(encoder).get_pipe("transformer").model.shims[0]._model
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.5 if name.endswith(("self.dropout", "attention_dropout")) else 0.0
    ids = torch.randint(5, 20, (1, 30))
    for training in (True, False):
        model.train(training)
        again = torch.equal(model(ids).last_hidden_state, model(ids).last_hidden_state)
        assert again is not training


def test_plain_attention_is_taken_where_it_is_faster(
    encoder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    nlp = build(encoder, window=512, precision="bfloat16")
    nlp("chest pain")
    assert not caplog.records  # Hugging Face would tell if it was asked for plain attention
    model = nlp.get_pipe("transformer").model.shims[0]._model
    fused, calls = architectures.F.scaled_dot_product_attention, []
    monkeypatch.setattr(
        architectures.F, "scaled_dot_product_attention", lambda *parts: calls.append(1) or fused(*parts)
    )
    for dtype, training, width, tiles, plain in (
        (torch.bfloat16, False, 128, False, True),
        (torch.bfloat16, False, 129, False, False),
        (torch.bfloat16, False, 128, True, False),
        (torch.float32, False, 10, False, False),
        (torch.float32, True, 200, False, True),
        (torch.bfloat16, True, 128, True, True),
    ):
        monkeypatch.setattr(architectures, "has_tiles", lambda found=tiles: found)
        calls.clear()
        model.to(dtype).train(training)(torch.full((1, width), 5))
        assert len(calls) == (0 if plain else model.config.num_hidden_layers)


def test_unknown_precision_is_refused(encoder: Path):
    with pytest.raises(ValueError, match="precision is 'int8', but has to be one of auto, float32, bfloat16"):
        build(encoder, precision="int8")


def test_auto_asks_for_instructions(monkeypatch: pytest.MonkeyPatch):
    for capabilities, fast in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert architectures.has_fast_bfloat16(torch.device("cpu")) is fast


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_saved_pipeline_predicts_the_same(encoder: Path, precision: str, tmp_path: Path):
    nlp = build(encoder, precision=precision)
    nlp.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    doc = nlp.make_doc("chest pain . " * 12)
    np.testing.assert_array_equal(vectors(nlp, [doc])[0], vectors(again, [again.make_doc(doc.text)])[0])
    weights = again.get_pipe("transformer").model.shims[0]._model.state_dict()
    assert all(tensor.dtype == torch.float32 for name, tensor in weights.items() if tensor.is_floating_point())
    assert not any("pooler" in name for name in weights)


def test_output_is_kept_only_when_asked(encoder: Path, nlp: Language):
    assert nlp("chest pain")._.trf_data is None
    assert next(nlp.pipe(["chest pain"]))._.trf_data is None
    kept = build(encoder, keep_output=True)("chest pain")._.trf_data
    assert kept.tensors[0].shape == (1, 2, encoders.WIDTH)


@pytest.mark.parametrize("keeps", [True, False])
def test_two_listeners_need_the_first_to_keep_the_output(encoder: Path, keeps: bool):
    nlp = build(encoder, keep_output=keeps)
    nlp.add_pipe("ner", name="second", config={"model": nlp.get_pipe_config("ner")["model"]})
    nlp.get_pipe("second").initialize(lambda: [example(nlp)], nlp=nlp)
    nlp.get_pipe("transformer").find_listeners(nlp.get_pipe("second"))
    if keeps:
        assert len(nlp("chest pain")) == 2
    else:
        with pytest.raises(ValueError, match="one before the last has keep_output = false"):
            nlp("chest pain")


@pytest.mark.parametrize("settings", [{}, {"L2": 0.1, "grad_clip": 0.01}, {"L2": 0.1, "L2_is_weight_decay": False}])
def test_fused_adam_is_thincs(encoder: Path, settings: dict):
    found = []
    for fused in (True, False):
        nlp = build(encoder)
        shim = nlp.get_pipe("transformer").model.shims[0]
        optimizer = Adam(0.01, eps=1e-8, use_averages=False, **settings)
        for step in range(3):
            torch.manual_seed(step)
            for weights in shim._model.parameters():
                weights.grad = torch.randn(weights.shape)
            if fused:
                shim.finish_update(optimizer)
            else:
                super(architectures.EncoderShim, shim).finish_update(optimizer)
        found.append(torch.cat([p.detach().flatten() for p in shim._model.parameters()]))
        assert not any(p.grad is not None and p.grad.any() for p in shim._model.parameters())
    torch.testing.assert_close(*found, atol=3e-5, rtol=1e-4)


@pytest.mark.parametrize("averages", [False, True])
def test_sparse_gradients_train_as_dense_ones(encoder: Path, averages: bool, monkeypatch: pytest.MonkeyPatch):
    found = []
    for dense in (False, True):
        nlp = build(encoder)
        shim = nlp.get_pipe("transformer").model.shims[0]
        table = shim._model.get_input_embeddings()
        if dense:
            monkeypatch.setattr(torch.nn.Embedding, "forward", lambda layer, ids: F.embedding(ids, layer.weight))
        optimizer = Adam(0.01, use_averages=averages)
        for line in LINES[:3]:
            for note in (line, "chest pain"):  # gradients of both are added
                docs = [nlp.make_doc(note)]
                torch.manual_seed(0)
                _, backprop = nlp.get_pipe("transformer").model(docs, is_train=True)
                backprop([np.ones((len(docs[0]), encoders.WIDTH), dtype="f")])
            assert table.weight.grad.is_sparse is not dense
            shim.finish_update(optimizer)
        found.append(table.weight.detach())
    torch.testing.assert_close(*found, atol=1e-3, rtol=0.0)


def test_averaged_weights_are_kept_by_thinc(encoder: Path):
    nlp = build(encoder)
    optimizer = Adam(0.01, use_averages=True)
    for _ in range(2):  # spaCy lets the transformer learn one step late
        nlp.update([example(nlp)], sgd=optimizer)
    with nlp.use_params(optimizer.averages):
        nlp("chest pain")
    assert any(str(key[1]).startswith("embeddings") for key in optimizer.averages)


def test_training_lowers_the_loss(encoder: Path):
    nlp = build(encoder, precision="auto")
    optimizer, losses = Adam(0.005, use_averages=False), []
    for _ in range(30):
        losses.append(nlp.update([example(nlp)], sgd=optimizer, losses={})["ner"])
    assert losses[-1] < 0.2 * losses[0]
    assert [(ent.text, ent.label_) for ent in nlp("she denies chest pain .").ents] == [
        ("she", "person"), ("chest pain", "problem")]  # fmt: skip


def test_empty_docs_pass_through(nlp: Language):
    assert [len(doc) for doc in nlp.pipe(["", "chest pain", ""])] == [0, 2, 0]
    assert len(nlp("")) == 0
    empty = nlp.make_doc("")
    nlp.update([Example(nlp.make_doc(""), empty), example(nlp)], sgd=Adam(0.0))
