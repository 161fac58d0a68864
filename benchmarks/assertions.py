"""Assertions by rules and by trained pipelines, of the same gold mentions: the official task of i2b2 2010.

python -m benchmarks.assertions training/sample/bert/model-best training/sample/albert/model-best
python -m benchmarks.assertions training/i2b2-2010/bert/model-best --corpus corpus/i2b2-2010
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import srsly
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc, Span
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.compare.significance import intervals, label_intervals
from scripts.corpus.assertions import PRESENT, VALUES
from scripts.corpus.docs import GOLD, create_nlp, read_docs
from scripts.corpus.given import Given, classify_given, get_classifier, stated_mentions
from scripts.corpus.pipelines import load_pipeline
from scripts.corpus.resampling import Interval
from scripts.evaluate.assertions import score_given
from scripts.machine import describe_machine
from scripts.runtime.assertion import Assertion

RESULTS = Path(__file__).parent / "results" / "assertions.jsonl"
# What medspaCy's attributes say; is_historical says nothing, as what was once is present in i2b2 2010.
ATTRIBUTES = {
    "is_negated": "absent",
    "is_uncertain": "possible",
    "is_hypothetical": "hypothetical",
    "is_family": "associated_with_someone_else",
}
# A line may hold several sentences, and a semicolon ends a statement in terse notes; of lines alone, these without the
# semicolon and with it, the last gives both baselines their best scores on the sample's train and dev notes.
SENTENCE_ENDS = (".", "?", "!", ";")
SHORT = {"associated_with_someone_else": "someone else"}  # in the table


def main(
    models: Annotated[list[str] | None, typer.Argument(help="Folders or packages of trained pipelines")] = None,
    corpus: Annotated[Path, typer.Option(help="Converted corpus with assertions")] = Path("corpus/sample"),
) -> None:
    """Score what is said of the test notes' gold mentions: always present, NegEx, ConText, and the MODELS."""
    test = corpus / "test.spacy"
    supports = count_values(read_docs(test, create_nlp().vocab))
    if not supports:
        raise InputError(f"{test} has no mention with an assertion: give a corpus that has some.")
    found = [*by_rules(test), *(by_pipeline(test, model) for model in models or ())]
    scores = [(name, score(notes)) for name, notes in found]
    report(scores, supports)
    row = {
        "corpus": corpus.name,
        "notes": len(found[0][1]),
        "mentions": supports,
        "scores": [{"name": name, **of_one} for name, of_one in scores],
        "machine": describe_machine(torch.device("cpu")),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    srsly.write_jsonl(RESULTS, [row], append=True, append_new_line=False)


def count_values(golds: Sequence[Doc]) -> dict[str, int]:
    """How many gold mentions have each value."""
    stated = [value for doc in golds for _, value in stated_mentions(doc)]
    return {value: stated.count(value) for value in VALUES if value in stated}


def by_rules(test: Path) -> Iterator[tuple[str, list[list[Given]]]]:
    """What the baselines say; one whose package is not installed is left out with a warning.

    YIELDS (tuple): Its name, and the gold mentions of each note with what it says of them.
    """
    yield "always present", apply_rules(test, lambda nlp: lambda span: PRESENT)
    for name, package, make in (("NegEx", "negspacy", make_negex), ("ConText", "medspacy", make_context)):
        try:
            yield f"{name} ({package} {version(package)})", apply_rules(test, make)
        except ImportError as error:
            msg.warn(f"{name} is left out: {error}.")


def apply_rules(test: Path, make: Callable[[Language], Callable[[Span], str]]) -> list[list[Given]]:
    """Have rules say something of the gold mentions.

    make (Callable): Adds the rules to a blank pipeline; what it returns reads what they said of a mention.
    """
    nlp = create_nlp()
    read = make(nlp)
    notes = []
    for gold in read_docs(test, nlp.vocab):
        stated = stated_mentions(gold)
        doc = nlp(cut_into_sentences(gold))
        said = [Assertion(read(Span(doc, span.start, span.end)), 1.0, None) for span, _ in stated]
        notes.append([Given(*pair, assertion) for pair, assertion in zip(stated, said, strict=True)])
    return notes


def cut_into_sentences(doc: Doc) -> Doc:
    """Let sentences end with lines, as the corpora of i2b2 have it, and with a token of SENTENCE_ENDS."""
    text = doc.text
    for token in doc:
        before = text[doc[token.i - 1].idx : token.idx] if token.i else "\n"
        token.is_sent_start = "\n" in before or before.strip() in SENTENCE_ENDS
    return doc


def make_negex(nlp: Language) -> Callable[[Span], str]:
    """NegEx (Chapman et al. 2001) with negspacy's clinical terms: absent or present."""
    import_module("negspacy.negation")
    nlp.add_pipe("negex", config={"span_keys": [GOLD]})
    return lambda span: "absent" if span._.negex else PRESENT


def make_context(nlp: Language) -> Callable[[Span], str]:
    """ConText (Harkema et al. 2009) with medspaCy's rules; of several values the last of VALUES counts."""
    import_module("medspacy.context")
    nlp.add_pipe("medspacy_context", config={"input_span_type": "group", "span_group_name": GOLD})
    return lambda span: max(
        (value for name, value in ATTRIBUTES.items() if span._.get(name)), key=VALUES.index, default=PRESENT
    )


def by_pipeline(test: Path, model: str) -> tuple[str, list[list[Given]]]:
    """What a trained pipeline says; RETURNS as `by_rules` yields.

    RAISES (InputError): It says nothing of assertions.
    """
    nlp = load_pipeline(model)
    if get_classifier(nlp) is None:
        raise InputError(f"{model} gives no assertions: train it on a corpus that has some.")
    path = Path(model)
    name = path.parent.name if path.name.startswith("model-") else path.name
    return name, [*classify_given(nlp, read_docs(test, nlp.vocab))]


def score(notes: Sequence[Sequence[Given]]) -> dict[str, Any]:
    """Micro P, R and F and those of each value, with the 95 % interval of F by the bootstrap over notes."""
    result = score_given(notes)
    table = np.array(result["per_note"]["counts"])
    of_values = zip(result["per_value"].items(), label_intervals(table), strict=True)
    return {
        "micro": with_interval(result["micro"], intervals(table)["f"]),
        "per_value": {value: with_interval(scores, interval) for (value, scores), interval in of_values},
    }


def with_interval(scores: dict[str, float], interval: Interval) -> dict[str, Any]:
    """Rounded, as results have them."""
    return {
        **{name: round(number, 4) for name, number in scores.items()},
        "interval": [round(end, 4) for end in interval],
    }


def report(scores: Sequence[tuple[str, dict[str, Any]]], supports: dict[str, int]) -> None:
    """Print F as one table, with the intervals of all values together and of absent."""
    rows: list[tuple] = [("gold mentions", sum(supports.values()), *supports.values())]
    for name, of_one in scores:
        cells = [show(of_one["per_value"].get(value), value == "absent") for value in supports]
        rows.append((name, show(of_one["micro"], True), *cells))
    header = ("F, % (95 % interval)", "micro", *(SHORT.get(value, value) for value in supports))
    msg.table(rows, header=header, aligns=("l", *"r" * (len(header) - 1)), divider=True)


def show(scores: dict[str, Any] | None, interval: bool) -> str:
    """F in percent, if asked for with its interval; "-" where there is none."""
    if scores is None:
        return "-"
    low, high = scores["interval"]
    return f"{100 * scores['f']:.1f}" + (f" ({100 * low:.1f}-{100 * high:.1f})" if interval else "")


if __name__ == "__main__":
    cli.run(main)
