"""One colour a label, the same in every picture, distinct to colour-blind readers too."""

from collections.abc import Iterable

# Paul Tol's "light" scheme, 2021: all stand out from each other, and black text on them is easily read.
PALETTE = ("#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#44bb99", "#bbcc33", "#99ddff", "#aaaa00", "#dddddd")
# Of the models, in lines and bars: Okabe and Ito, 2008.
MODELS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def label_colours(labels: Iterable[str]) -> dict[str, str]:
    """A background colour for each label, by its place in the alphabet; beyond nine labels colours come again."""
    return {label: PALETTE[place % len(PALETTE)] for place, label in enumerate(sorted(set(labels)))}
