"""What a format cannot hold of the notes that are written in it."""

from collections import Counter

from spacy.tokens import Doc

from scripts.corpus.brat import brat_type, cut_lines
from scripts.corpus.con import con_label, count_words
from scripts.corpus.mentions import Mention, written_mentions


def count_losses(doc: Doc, to: str, assertions: bool) -> Counter[str]:
    """What is lost of a note, in words that go on after its number.

    to (str): The format: conll, brat, jsonl or con.
    assertions (bool): Whether conll has a column of these.
    """
    mentions = written_mentions(doc)
    counts = {"conll": _of_conll, "con": _of_con, "brat": _of_brat}.get(to, _of_none)(doc, mentions)
    if to in ("conll", "con"):
        counts["concepts of mentions, left out"] = sum(mention.span.kb_id != 0 for mention in mentions)
        counts["attributes of mentions, left out"] = sum(len(mention.attributes) for mention in mentions)
    if to == "conll" and not assertions:
        counts["assertions, left out"] = sum(mention.assertion != "" for mention in mentions)
    return +counts


def _of_none(doc: Doc, mentions: list[Mention]) -> Counter[str]:
    return Counter()


def _of_conll(doc: Doc, mentions: list[Mention]) -> Counter[str]:
    ents = {(ent.start, ent.end, ent.label) for ent in doc.ents}
    kept = [each for each in mentions if (each.span.start, each.span.end, each.span.label) in ents]
    return _pieces(kept) + Counter(
        {
            "mentions that others overlap, left out": len(mentions) - len(doc.ents),
            "mentions widened to whole tokens": sum(_ends(each) != _tokens(each) for each in kept),
            "texts whose blanks are not kept": 1,
        }
    )


def _of_con(doc: Doc, mentions: list[Mention]) -> Counter[str]:
    words = count_words(doc.text)
    widened = sum(words.widen(*_ends(each)) != _ends(each) for each in mentions)
    labels = sum(con_label(each.span.label_) != each.span.label_ for each in mentions)
    counts = {"mentions widened to whole words": widened, "labels with other quotation marks or blanks": labels}
    return _pieces(mentions) + Counter(counts)


def _of_brat(doc: Doc, mentions: list[Mention]) -> Counter[str]:
    cut = [tuple(part for piece in each.fragments for part in cut_lines(doc.text, piece)) for each in mentions]
    names = [name for each in mentions for name in (each.span.label_, *(name for name, _ in each.attributes))]
    pieces = sum(parts != each.fragments for parts, each in zip(cut, mentions, strict=True))
    blanks = sum(brat_type(name) != name for name in names)
    return Counter({"mentions cut at line ends": pieces, "names with _ for their blanks": blanks})


def _pieces(mentions: list[Mention]) -> Counter[str]:
    several = sum(len(each.fragments) > 1 for each in mentions)
    return Counter({"mentions in pieces, from the first to the last character": several})


def _ends(mention: Mention) -> tuple[int, int]:
    return mention.start, mention.end


def _tokens(mention: Mention) -> tuple[int, int]:
    return mention.span.start_char, mention.span.end_char
