"""The text as a stream of pieces: nothing is lost, every stretch comes once, and a step decides its batch."""

import json
import lzma

import numpy as np
import pytest

from scripts.cli import InputError
from scripts.distill.batches import LONG_EVERY, PIECES_PER_STEP, Batches, read_batches, read_stream, take_blocks
from scripts.masking import IGNORED, Masking, Vocabulary, read_vocabulary
from tests.helpers import write_files
from tests.unlabelled import sample_texts

NONE = np.array([])
EDGES = Vocabulary(NONE, NONE, cls=-1, sep=-2, mask=-3, pad=-4)


@pytest.fixture(scope="module")
def batches(teacher, text) -> Batches:
    return read_batches(text, teacher.tokenizer, 0.2, 0)


def test_the_stream_holds_every_piece_of_every_text_and_a_sep_after_each(teacher, text):
    stream, tokenizer = read_stream(text, teacher.tokenizer), teacher.tokenizer
    ends = np.flatnonzero(stream == tokenizer.sep_token_id)
    found = [part[:-1].tolist() for part in np.split(stream, ends + 1)[:-1]]
    expected = [tokenizer.encode(text, add_special_tokens=False) for text in [*sample_texts(), " \n"]]
    assert sorted(found) == sorted(expected) and found != expected
    assert stream[-1] == tokenizer.sep_token_id and np.array_equal(stream, read_stream(text, tokenizer))


def test_packed_lines_are_read(teacher, tmp_path):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in ("chest pain", "fever"))
    source = write_files(tmp_path, {"a.jsonl.xz": lzma.compress(lines.encode())})
    found = teacher.tokenizer.decode(read_stream(source, teacher.tokenizer).tolist())
    assert sorted(part.strip() for part in found.split("[SEP]")) == ["", "chest pain", "fever"]


def test_a_long_text_is_not_cut_off(teacher, tmp_path):
    source = write_files(tmp_path, {"1.txt": "pain " * 3000})
    assert len(read_stream(source, teacher.tokenizer)) == 3001


def test_every_stretch_comes_once_before_any_comes_again():
    stream = np.arange(3 * PIECES_PER_STEP + 100)
    epochs = [
        [take_blocks(stream, step, 0, EDGES)[0, 1] // PIECES_PER_STEP for step in range(first, first + 3)]
        for first in (0, 3, 6, 9)
    ]
    assert all(sorted(epoch) == [0, 1, 2] for epoch in epochs) and len({tuple(epoch) for epoch in epochs}) > 1


def test_a_block_is_a_stretch_between_cls_and_sep():
    stream = np.arange(2 * PIECES_PER_STEP)
    for step, shape in ((0, (32, 128)), (LONG_EVERY - 1, (8, 512)), (LONG_EVERY, (32, 128))):
        blocks = take_blocks(stream, step, 0, EDGES)
        assert blocks.shape == shape and (blocks[:, 0] == -1).all() and (blocks[:, -1] == -2).all()
        inside = blocks[:, 1:-1].ravel()
        assert inside[0] % PIECES_PER_STEP == 0 and (np.diff(inside) == 1).all()


def test_a_step_decides_its_batch_together_with_the_seed(batches):
    again = Batches(*batches)
    for step in (0, 3, LONG_EVERY - 1):
        assert all((batches.at(step)[name] == again.at(step)[name]).all() for name in batches.at(step))
    other = batches._replace(seed=1)
    assert len(batches.stream) // PIECES_PER_STEP > 2
    masks = [(one.at(step)["labels"] != IGNORED).numpy() for one in (batches, other) for step in (0, 1, 2)]
    assert all(not np.array_equal(one, two) for place, one in enumerate(masks) for two in masks[:place])


def test_the_seed_decides_the_masks_as_well(batches):
    one, other = (batches._replace(stream=batches.stream[:PIECES_PER_STEP], seed=seed).at(0) for seed in (0, 1))
    assert (one["labels"] != other["labels"]).any()


def test_single_words_are_hidden(batches):
    assert batches.masking == Masking(share=0.2, longest=1)


@pytest.mark.parametrize("share", [0.15, 0.2])
def test_the_share_wanted_is_hidden_as_whole_words(batches, share):
    wanted = batches._replace(masking=Masking(share))
    hidden, fates = [], []
    for step in range(12):
        batch = {name: tensor.numpy() for name, tensor in wanted.at(step).items()}
        masked = batch["labels"] != IGNORED
        ids = np.where(masked, batch["labels"], batch["input_ids"])
        assert not wanted.vocabulary.special[ids[masked]].any()
        text = ~wanted.vocabulary.special[ids]
        hidden.append(masked.sum() / text.sum())
        seen = batch["input_ids"][masked]
        fates.append([(seen == wanted.vocabulary.mask).mean(), (seen == ids[masked]).mean()])
        goes_on = ~wanted.vocabulary.begins[ids][:, 1:] & text[:, :-1] & text[:, 1:]
        assert (masked[:, 1:] == masked[:, :-1])[goes_on].all() and goes_on.any()
    assert np.mean(hidden) == pytest.approx(share, abs=0.01)
    assert np.mean(fates, axis=0) == pytest.approx([0.8, 0.1], abs=0.02)


def test_the_identity_changes_with_all_that_decides_the_batches(batches, teacher, tmp_path):
    others = [
        batches._replace(seed=1),
        batches._replace(masking=Masking(0.15)),
        batches._replace(stream=np.roll(batches.stream, 1)),
    ]
    assert Batches(*batches).identity() == batches.identity()
    for name, other in zip(("seed", "share", "text"), others, strict=True):
        assert {key for key, value in batches.identity().items() if other.identity()[key] != value} == {name}


def test_text_that_does_not_serve_is_reported(teacher, tmp_path):
    short = write_files(tmp_path / "short", {"1.txt": "pain " * (PIECES_PER_STEP - 2)})
    with pytest.raises(InputError, match=r"The text is 4,095 wordpieces long, and one step takes 4,096"):
        read_batches(short, teacher.tokenizer, 0.2, 0)
    write_files(tmp_path / "short", {"1.txt": "pain " * (PIECES_PER_STEP - 1)})
    assert len(read_batches(short, teacher.tokenizer, 0.2, 0).stream) == PIECES_PER_STEP
    unknown = write_files(tmp_path / "unknown", {"1.txt": "漢 " * PIECES_PER_STEP})
    with pytest.raises(InputError, match="knows no piece of the text"):
        read_batches(unknown, teacher.tokenizer, 0.2, 0)


def test_the_vocabulary_is_that_of_the_tokenizer(batches, teacher):
    expected = read_vocabulary(teacher.tokenizer, "bert")
    assert (batches.vocabulary.begins == expected.begins).all() and batches.vocabulary.mask == expected.mask
