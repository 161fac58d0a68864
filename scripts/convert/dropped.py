"""Annotations that would be lost, in words."""

from scripts.corpus.note import Problem


def say_dropped(dropped: int, share: float, first: Problem, limit: float) -> str:
    """One sentence on annotations that would be dropped, which are so many in a hundred."""
    return (
        f"{dropped:,} of {round(100 * dropped / share):,} annotations ({share:.1f} %) would be dropped, the first"
        f" ({first.kind}) in {where(first)}: correct them, or raise --max-dropped ({limit:g} %)."
    )


def where(problem: Problem) -> str:
    return f"{problem.file}, line {problem.line}" if problem.line else problem.file
