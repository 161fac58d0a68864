"""The notes of a source annotated shard by shard, from where an earlier run ended."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from scripts.annotate.shards import Manifest, Totals
from scripts.cli import Stopped
from scripts.corpus.failures import failure_of
from scripts.corpus.pipelines import count_words
from scripts.corpus.processes import annotate_items, count_chars
from scripts.corpus.texts import Failure, Text, fingerprint
from scripts.corpus.writers import Writer
from scripts.runtime.cut import cut

SHARD_CHARS = 10_000_000  # a shard is kept in memory until it is whole


def describe(nlp: Language) -> dict[str, str]:
    """Which pipeline it is: its name and version, and a hash of its files."""
    name = f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}"
    return {"model": name, "model_sha256": fingerprint(Path(nlp.path or ""))}


def annotate_rest(
    nlp: Language,
    items: Iterable[Text | Failure],
    manifest: Manifest,
    create_writer: Callable[[], Writer],
    shard_size: int,
    n_process: int,
    min_confidence: float = 0.0,
    is_changed: Callable[[], bool] = lambda: False,
) -> None:
    """Annotate what earlier runs have left, shard by shard.

    nlp (Language): The pipeline.
    items (Iterable[Text | Failure]): All notes of the source.
    manifest (Manifest): Says how many of them are done, and takes the others.
    create_writer (Callable[[], Writer]): Makes the writer of a shard.
    shard_size (int): Notes a shard.
    n_process (int): Number of processes.
    min_confidence (float): Mentions that are less sure are left out; those without a confidence are not.
    is_changed (Callable[[], bool]): Says at the end whether the source was changed meanwhile.
    """
    rest = iter(items)
    with _say_what_stands(manifest), tqdm(desc="Annotating", unit="word", unit_scale=True) as bar:
        do = partial(_do_shard, nlp, manifest, create_writer, n_process, min_confidence, bar)
        for place, entry in enumerate(manifest.entries):
            known = list(islice(rest, entry["notes"]))
            if place in manifest.damaged:
                do(known, again=place)
        for shard in cut(rest, count_chars, SHARD_CHARS, shard_size):
            do(shard)
            bar.set_postfix(notes=manifest.totals.notes, failed=manifest.totals.failed)
    manifest.finish(is_changed())


@contextmanager
def _say_what_stands(manifest: Manifest) -> Iterator[None]:
    try:
        yield
    except Stopped as stop:
        stop.stands = f"{manifest.totals.notes:,} notes are done in {manifest.folder}, and the same command goes on."
        raise


def _do_shard(
    nlp: Language,
    manifest: Manifest,
    create_writer: Callable[[], Writer],
    n_process: int,
    min_confidence: float,
    bar: tqdm,
    shard: Sequence[Text | Failure],
    again: int | None = None,
) -> None:
    """Annotate the notes of a shard and write it.

    again (int | None): The place of a damaged one that it replaces.
    """
    writer, failures, totals = create_writer(), [], Totals()
    for done in annotate_shard(nlp, shard, writer, n_process, min_confidence):
        failures.extend([done] if isinstance(done, Failure) else [])
        counts = Totals(notes=1, failed=1) if isinstance(done, Failure) else done
        totals = totals.plus(counts)
        bar.update(counts.words)
    manifest.commit(writer, failures, totals, [item.id for item in shard], again)


def annotate_shard(
    nlp: Language, shard: Sequence[Text | Failure], writer: Writer, n_process: int, min_confidence: float = 0.0
) -> Iterator[Totals | Failure]:
    """Annotate the notes of a shard and hand them to the writer.

    YIELDS (Totals | Failure): Of each note in order its counts, or why it failed.
    """
    for item, found in annotate_items(nlp, shard, n_process):
        if isinstance(found, Failure):
            yield found
        else:
            assert isinstance(item, Text)  # of a failure a failure becomes
            yield write_note(writer, item, found, min_confidence)


def write_note(writer: Writer, note: Text, found: Doc, min_confidence: float) -> Totals | Failure:
    """Hand an annotated note to the writer, without the mentions that are less sure; its counts, or why it failed."""
    try:
        mentions = found.ents  # each access makes all of them again
        kept = [ent for ent in mentions if ent._.confidence is None or ent._.confidence >= min_confidence]
        if len(kept) < len(mentions):
            found.ents = kept
        unrated = sum(ent._.confidence is None for ent in kept)
        left_out = len(mentions) - len(kept)
        counts = Totals(1, 1, 0, len(mentions), len(kept), left_out, unrated, count_words([found]))
        writer.add(note, found)
    except Exception as error:
        return failure_of(note, "it cannot be written", error)
    return counts
