"""A pruned vocabulary: what is used stays, words of the text come, and each piece keeps its meaning."""

import copy
from collections import Counter

import pytest
import torch

from scripts.cli import InputError
from scripts.distill.vocabulary import (
    SPECIAL,
    Pieces,
    average_rows,
    choose_pieces,
    count_usage,
    count_words,
    is_general,
    is_plain_character,
    make_tokenizer,
    replace_pieces,
)
from tests.helpers import write_files


@pytest.fixture(scope="module")
def counts(teacher, text) -> Counter[str]:
    return count_words(text, teacher.tokenizer)


@pytest.fixture(scope="module")
def pieces(teacher, counts) -> Pieces:
    """Half of the pieces, among them some that the text does not need, and 30 new words."""
    return choose_pieces(teacher.tokenizer, counts, size=500, words=30, least=60)


def test_words_are_counted_as_wordpiece_sees_them(teacher, tmp_path):
    source = write_files(tmp_path, {"1.txt": "Fever, FEVER; co-amoxiclav.\n", "2.txt": "Café fever"})
    counts = count_words(source, teacher.tokenizer)
    assert counts == Counter({"fever": 3, ",": 1, ";": 1, "co": 1, "-": 1, "amoxiclav": 1, ".": 1, "cafe": 1})


def test_pieces_used_and_pieces_that_a_word_would_save_are_counted():
    tokenizer = make_tokenizer([*SPECIAL, "pain", "am", "##ox", "##i", "##cl", "##av", "x", "##9"])
    usage = count_usage(tokenizer, Counter({"pain": 5, "amoxiclav": 3, "amox": 2, "amo9": 1, "x99": 7, "oxa": 8}))
    assert usage.used["##ox"] == 5 and usage.used["am"] == 5 and usage.used["pain"] == 5 and usage.used["[UNK]"] == 9
    assert usage.saved == Counter({"amoxiclav": 12, "amox": 2})


def test_special_and_used_pieces_and_characters_are_kept(pieces, teacher, counts):
    assert pieces.all[: len(SPECIAL)] == SPECIAL and len(set(pieces.all)) == len(pieces.all) == 500
    used = count_usage(teacher.tokenizer, counts).used
    former = teacher.tokenizer.get_vocab()
    assert {piece for piece in former if used[piece] >= 60 and piece not in SPECIAL} <= set(pieces.all)
    assert {piece for piece in former if is_plain_character(piece)} <= set(pieces.all)
    assert any(0 < used[piece] < 60 for piece in former.keys() - pieces.all)


def test_pieces_stay_in_the_teachers_order_and_new_words_follow(pieces, teacher):
    numbers = [teacher.tokenizer.get_vocab().get(piece) for piece in pieces.all]
    old = numbers[len(SPECIAL) : -30]
    assert None not in old and old == sorted(old)
    assert numbers[-30:] == [None] * 30 and pieces.all[-30:] == pieces.new


def test_the_new_words_are_those_that_save_most_pieces(pieces, teacher, counts):
    saved = count_usage(teacher.tokenizer, counts).saved
    assert sorted((saved[word] for word in pieces.new), reverse=True) == [count for _, count in saved.most_common(30)]
    tokenizer = make_tokenizer(pieces.all)
    assert all(tokenizer.tokenize(word) == [word] for word in pieces.new)


def test_a_word_that_is_a_piece_already_is_not_added_again(teacher):
    pieces = choose_pieces(teacher.tokenizer, Counter({"patient": 9, "zebra": 1}), size=1000, words=9, least=1)
    assert "patient" in teacher.tokenizer.get_vocab()
    assert pieces.new == ["zebra"] and pieces.all.count("patient") == 1


def test_general_pieces_fill_up_to_the_size_and_no_further(teacher, counts):
    sizes = [len(choose_pieces(teacher.tokenizer, counts, size, 30, 60).all) for size in (400, 500, 5000)]
    assert sizes[:2] == [400, 500] and sizes[2] <= len(teacher.tokenizer) + 30
    assert is_general("##ing") and not is_general("[unused1]") and not is_general("über")


def test_characters_come_before_general_pieces():
    tokenizer = make_tokenizer([*SPECIAL, "rare", "common", "漢", "##µ", "≥", "also"])
    pieces = choose_pieces(tokenizer, Counter({"common": 9}), size=8, words=9, least=9)
    assert pieces.all == [*SPECIAL, "common", "##µ", "≥"]
    assert choose_pieces(tokenizer, Counter({"common": 9}), 9, 9, 9).all == [*SPECIAL, "rare", "common", "##µ", "≥"]


def test_what_does_not_fit_is_reported(teacher, counts):
    with pytest.raises(InputError, match=r"pieces and 30 new words do not fit in 100 \(--size\): raise --least"):
        choose_pieces(teacher.tokenizer, counts, size=100, words=30, least=60)


@pytest.mark.parametrize(
    ("piece", "plain"), [("a", True), ("##a", True), ("µ", True), ("≥", True), ("ab", False), ("漢", False)]
)
def test_characters_that_notes_may_hold(piece, plain):
    assert is_plain_character(piece) == plain


def test_a_new_word_has_the_mean_of_its_parts(teacher):
    old = torch.randn(len(teacher.tokenizer), 3, generator=torch.Generator().manual_seed(0))
    parts = teacher.tokenizer.convert_tokens_to_ids(teacher.tokenizer.tokenize("zebrapain"))
    known, new = average_rows(["patient", "zebrapain"], teacher.tokenizer, old)
    assert len(parts) > 2 and torch.equal(known, old[teacher.tokenizer.get_vocab()["patient"]])
    assert torch.allclose(new, old[parts].mean(0))


@torch.no_grad()
def test_a_model_reads_pieces_that_were_kept_as_before(teacher):
    model = copy.deepcopy(teacher.model)
    torch.nn.init.normal_(model.cls.predictions.decoder.bias)  # as of a head that was trained
    before = copy.deepcopy(model)
    former = teacher.tokenizer.convert_ids_to_tokens(list(range(len(teacher.tokenizer))))
    kept = [piece for number, piece in enumerate(former) if piece in SPECIAL or number % 3]
    replace_pieces(model, teacher.tokenizer, [*kept, "zebrapain"])
    assert model.config.vocab_size == len(kept) + 1
    text = " ".join([piece for piece in kept if piece.isalpha()][-100:])
    old, new = teacher.tokenizer(text), make_tokenizer([*kept, "zebrapain"])(text)
    assert old.tokens() == new.tokens() and old["input_ids"] != new["input_ids"]
    was = before(torch.tensor([old["input_ids"]])).prediction_logits
    now = model(torch.tensor([new["input_ids"]])).prediction_logits
    numbers = teacher.tokenizer.convert_tokens_to_ids(kept)
    assert torch.allclose(now[:, :, :-1], was[:, :, numbers], atol=1e-5)
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight


def test_a_tokenizer_is_uncased_and_numbers_its_pieces_in_order(pieces):
    tokenizer = make_tokenizer(pieces.all)
    assert tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))) == pieces.all
    assert tokenizer.tokenize("The PATIENT") == tokenizer.tokenize("the patient")
    assert tokenizer.model_max_length == 512 and sorted(tokenizer.all_special_tokens) == sorted(SPECIAL)
