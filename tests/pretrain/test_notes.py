"""Notes are cut into pieces whole, and known by their hashes."""

from transformers import AutoTokenizer

from scripts.pretrain.notes import HASHES, encode_notes, hash_notes


def test_a_long_note_is_encoded_whole(tiny):
    tokenizer = AutoTokenizer.from_pretrained(tiny("bert"))
    text = "chest pain . " * 2000
    (one,), (again,) = encode_notes([text], tokenizer), encode_notes([text], tokenizer)
    assert len(one.ids) == 2000 * len(tokenizer.tokenize("chest pain ."))
    assert one.hash == again.hash < HASHES


def test_the_tokenizer_stays_as_it_came(tiny):
    tokenizer = AutoTokenizer.from_pretrained(tiny("bert"))
    tokenizer.backend_tokenizer.enable_truncation(5)
    before = tokenizer.backend_tokenizer.to_str()
    (note,) = encode_notes(["chest pain . " * 9], tokenizer)
    assert len(note.ids) > 5 and tokenizer.backend_tokenizer.to_str() == before


def test_the_hash_of_all_notes_is_of_their_texts_and_order(tiny):
    tokenizer = AutoTokenizer.from_pretrained(tiny("bert"))
    hashes = [
        hash_notes(list(encode_notes(texts, tokenizer)))
        for texts in (["chest", "pain"], ["chest", "pain"], ["pain", "chest"], ["CHEST", "pain"], ["chest"])
    ]
    assert hashes[0] == hashes[1] and len(set(hashes)) == 4
