"""The notes are read whole, and everything is counted."""

from transformers import AutoTokenizer

from tests.unlabelled import sample_texts


def test_every_note_and_piece_is_counted_once(corpus, tiny):
    tokenizer = AutoTokenizer.from_pretrained(tiny("bert"))
    counts = corpus.counts
    assert counts["pieces"] == sum(len(tokenizer.tokenize(text)) for text in [*sample_texts(), " \n"])
    assert counts["pieces"] == counts["train"]["pieces"] + counts["held_out"]["pieces"]
    assert counts["train"]["blocks"] == len(corpus.parts.train)
    assert (counts["notes"], counts["blank_notes"], counts["unused_files"]) == (41, 1, {".pdf": 1})
    assert counts["held_out_notes"] == corpus.parts.held_out_notes
