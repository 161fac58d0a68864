"""What a pipeline says of a mention, as extension attributes of spaCy's Span.

ent._.confidence (float | None): How likely the mention is right in label and both ends, calibrated on the dev notes;
    None if it was not, and for mentions that our recognizer's own search has not found.
ent._.assertion (str | None): Whether the note says that it is there: present, absent, possible, conditional,
    hypothetical or associated_with_someone_else; None where the question does not apply.
ent._.assertion_probability (float | None): How likely that is right, calibrated on the dev notes; None if it was not.
"""

from spacy.tokens import Span

NAMES = ("confidence", "assertion", "assertion_probability")


def install_extensions() -> None:
    """Make them known to spaCy; a package with the same ones may have done so before."""
    for name in NAMES:
        if not Span.has_extension(name):
            Span.set_extension(name, default=None)
