"""What a service says of a pipeline: which one it is, what it gives, how good and how fast it is."""

import time
from typing import Any

import torch
from spacy.language import Language
from spacy.pipeline import TrainablePipe

from scripts.corpus.pipelines import count_words, encoder_name, find_given, gives_confidence
from scripts.machine import describe_machine

# Read at the start to warm up and to measure; invented
NOTE = """She is a 58-year-old woman with hypertension who comes with two days of chest pain .
No fever and no cough . EKG was normal , troponin was negative .
She was given aspirin 325 mg and nitroglycerin ; the pain went away .
Her mother had breast cancer . Return if there is shortness of breath .
"""
BATCH, LEAST_SECONDS = 32, 0.5


def describe(name: str, nlp: Language) -> dict[str, Any]:
    """State what is known of a pipeline, after it has read a note for a while.

    name (str): What requests call it.
    RETURNS (dict[str, Any]): What /model answers; `words_per_second` is measured on such notes.
    """
    # By what it has: a package's encoder is a class of the package's own code.
    pipes: list[Any] = [pipe for _, pipe in nlp.components if isinstance(pipe, TrainablePipe)]
    shims = [shim for pipe in pipes for node in pipe.model.walk() for shim in node.shims]
    encoders = [shim for shim in shims if hasattr(shim, "precision")]
    return {
        "name": name,
        "pipeline": f"{nlp.meta['lang']}_{nlp.meta['name']}",
        "version": nlp.meta["version"],
        "description": nlp.meta["description"],
        "license": nlp.meta["license"],
        "labels": find_given(nlp, "doc.ents"),
        "assertions": find_given(nlp, "span._.assertion"),
        "confidence": gives_confidence(nlp),
        "scores": nlp.meta.get("performance", {}),
        "encoder": encoder_name(nlp) if encoders else None,
        "precision": name_precision(encoders[0]) if encoders else None,
        "processor": describe_machine(torch.device("cpu")),
        "words_per_second": round(measure_speed(nlp)),
    }


def name_precision(encoder: Any) -> str:
    """What an encoder reads in; that of a package with older code says only in which precision it is computed."""
    return getattr(encoder, "reads_in", str(encoder.dtype).removeprefix("torch."))


def measure_speed(nlp: Language) -> float:
    """Words that a pipeline reads in a second, blanks not counted, once it is warm."""
    list(nlp.pipe([NOTE] * BATCH))
    words, begun = 0, time.perf_counter()
    while (seconds := time.perf_counter() - begun) < LEAST_SECONDS or not words:
        words += count_words(nlp.pipe([NOTE] * BATCH))
    return words / seconds
