"""The tokenizer for clinical English: spaCy's, with the cuts that annotated notes need.

spaCy strips prefixes and suffixes one at a time and searches what is left again after each, so
that a run of signs takes time with the square of its length (3.8: 2 s for 5,000 underscores). Here
every cut is an infix, and all of them are found in one pass over the word. spaCy ignores an infix
at the very start, so that one is a prefix. Its `url_match`, which can take quadratic time as well,
gives way to the first two patterns of WHOLE.
"""

from collections.abc import Callable

from spacy.language import Language
from spacy.symbols import ORTH
from spacy.tokenizer import Tokenizer
from spacy.util import compile_infix_regex, compile_prefix_regex, registry

from . import registered

LETTER = r"[^\W\d_]"
DASH = r"[-\u2010-\u2014\u2212]"
APOSTROPHE = r"['\u2019]"
# A sign is no part of a word and no blank. Accents of their own belong to the letter before them,
# and what ends a value (30%, 37.5°C) to the value.
SIGN = r"[^\w\s\u0300-\u036f%°℃℉]"
# A sign other than the first one of a number: -5, +.5, .25
FREE_SIGN = rf"(?![-+\u2013\u2212]?\.?\d){SIGN}"
FIRST_NUMBER = "".join(rf"(?<!{LETTER}\d{{{n}}})" for n in (1, 2, 3)) + r"(?<=\d)"

# Found whole, so that no other cut falls inside.
WHOLE = [
    r"(?:https?://|www\.)[^\s<>()\[\]\"]*[\w/]",
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+",
    r"(?<![A-Za-z.])(?:[A-Za-z]\.){2,}",  # p.o. b.i.d. U.S.
    r"(?<!\w)[Qq]\.\d{1,2}(?:-\d{1,2})?[Hh]\.",  # q.4h.
    r"(?<!\w)[Qq]\.?\d{1,2}(?:-\d{1,2})?[Hh]\b",  # q4-6h
    r"(?<!\w)[A-Z][A-Za-z]*\d+(?!\W?\w)",  # [**Hospital1 18**]
]

# Cuts without width, most of them where a blank was left out.
GLUED = [
    # 10mg, 2tabs; not B12a, 2nd, 1990s, 2x, stage 3b, 4q35, 2x3
    rf"{FIRST_NUMBER}(?=[a-zµμ])(?!(?:st|nd|rd|th|[abcpqsx])\b|[epqx]\d)",
    r"(?<=[a-z]{4})(?=\d)",  # tablet2, and the number of a footnote: nausea3
    rf"(?<=%)(?={LETTER})",  # 50%narrowing
    rf"(?<=\b[A-Za-z]\.[A-Za-z]\.)(?=\d|{LETTER}{{2}})",  # p.o.daily; not U.S.A
    rf"(?<={LETTER})(?=n{APOSTROPHE}t\b)",  # did|n't
]

# Of those that match at one place the first wins.
LONG_SIGNS = [
    r"\[\*\*|\*\*\]",  # de-identified: [**2151-7-16**]
    rf"(?<={LETTER})\([Ee]?[Ss]\)",  # tablet(s)
    r"[-=]{1,3}>|<--?(?!\d)",  # arrows; <-2 compares
    r"[<>]/?=?",  # >=, and </= as it is typed
]
SAME_SIGNS = r"(?P<sign>[^\w\s()\[\]{}\u0300-\u036f]|_)(?P=sign)+"  # ----, ..., **; not ))
SIGNS = [
    r"[=≤≥≠→()\[\]{}\"“”«»;!?…|\\#]",
    r"[\u3001\u3002\uff08\uff09\uff0c\uff1a-\uff1e]",  # the same, full-width
    r"(?<!\d)[,:]|[,:](?!\d)",  # not 12,000, 10:30
    r"/(?!(?<=\d/)\d|(?<=(?<![^\W\d_])[a-z]/)[a-z]\b)",  # not 120/80, s/p, w/o
    rf"(?<=\w){DASH}(?={LETTER})|(?<=\w)[—+]",  # not IL-6, 1-2, 2151-7-16
    *(rf"(?<=\d[a-zµμ]{{{n}}}){DASH}(?=\d)" for n in (1, 2, 3, 4)),  # 10mg-20mg
    rf"(?<={LETTER}){APOSTROPHE}(?:[sSm]|ll|re|ve)\b",
    rf"(?<={LETTER}{{2}})\.(?=[A-Z]|{LETTER}{{2}})",  # end.The; not H.pylori
    rf"(?<=\d)\.(?={LETTER}{{2}})",  # 1.Aspirin; not 3.41
    rf"(?<={LETTER}{{4}})\.(?=\d)",  # a footnote again: nausea.3; not No.3
    rf"(?<!\w){FREE_SIGN}|(?<=\w){SIGN}(?!\w)",  # all that does not stand between two words
]


@registry.tokenizers(registered("medner.Tokenizer.v1"))
def create_tokenizer() -> Callable[[Language], Tokenizer]:
    """Create the factory of the tokenizer for clinical English.

    RETURNS (Callable): Takes the pipeline and returns a plain spaCy Tokenizer.
    """

    def tokenizer_factory(nlp: Language) -> Tokenizer:
        cuts = [*LONG_SIGNS, SAME_SIGNS, *SIGNS]
        # A first sign with another one behind it is cut by the infix that finds the second.
        prefixes = compile_prefix_regex([f"(?:{'|'.join(cuts)})(?!{FREE_SIGN})"])
        infixes = compile_infix_regex([*WHOLE, *GLUED, *cuts])
        exceptions = nlp.Defaults.tokenizer_exceptions
        return Tokenizer(
            nlp.vocab,
            rules={orth: tokens for orth, tokens in exceptions.items() if _keep(orth, tokens)},
            prefix_search=prefixes.search,
            infix_finditer=infixes.finditer,
        )

    return tokenizer_factory


def _keep(orth: str, tokens: list[dict]) -> bool:
    """Whether an exception of spaCy's suits notes: contractions (can't), Dr. and and/or.

    Not so emoticons (`8)` ends a bracket), letters with a stop (`mEq/L.` ends a sentence), months
    and states (`Mass.` ends a finding), contractions without apostrophe (`im` and `id` are routes).
    Nor blanks: they become tokens anyway, and once a note has had an exception spaCy caches none
    of its later words, which would be all behind the first line.
    """
    if "'" in orth or "\u2019" in orth:
        return any(char.isalpha() for char in orth)
    word = len(orth) > 2 and orth[0].isalpha()
    return word and ("/" in orth or (orth[-1] == "." and tokens == [{ORTH: orth}]))
