"""The report's pictures as inline SVG, each with its text alternative."""

import io
import re
from itertools import count
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.corpus.assertions import VALUES
from scripts.pages.colours import MODELS

# Text stays text, so that it can be read aloud and searched; no picture holds a date, so that it comes out the same.
STYLE: Any = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 11, "axes.spines.top": False,
         "axes.spines.right": False, "svg.hashsalt": "medner"}  # fmt: skip
HATCHES = ("", "//", "..", "xx", "\\\\", "oo")  # for those who print without colour
_numbers = count()


def draw_labels(labels: dict[str, dict[str, dict[str, float]]]) -> str:
    """Bars of each label's F with its 95 % interval, models side by side.

    labels (dict): By label and model `f`, `low`, `high`, as shares of 1.
    """
    names = list(next(iter(labels.values()), {}))
    figure, axes = _canvas(height=1 + 0.32 * len(labels) * (len(names) + 0.6))
    step = 1 / (len(names) + 0.6)
    for i, name in enumerate(names):
        rows = [models[name] for models in labels.values()]
        places = [place + i * step for place in range(len(labels))]
        values, ends = _with_ends(rows, "f")
        axes.barh(places, values, step, xerr=ends, label=name, color=MODELS[i % len(MODELS)], edgecolor="white",
                  hatch=HATCHES[i % len(HATCHES)], error_kw={"ecolor": "#333333", "capsize": 3})  # fmt: skip
    axes.set_yticks([place + step * (len(names) - 1) / 2 for place in range(len(labels))], list(labels))
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("strict F1, % (lines: 95 % interval)")
    _legend(axes, len(names))
    described = "; ".join(
        f"{label}: " + ", ".join(f"{name} {100 * row['f']:.1f}" for name, row in models.items())
        for label, models in labels.items()
    )
    return _svg(figure, f"Strict F1 by label. {described}.")


def draw_curves(logs: dict[str, list[dict[str, Any]]], key: str, title: str) -> str:
    """A number of the training logs over the epochs, one line a model.

    logs (dict): By model the rows that spacy.ConsoleLogger.v3 writes.
    key (str): "loss" for the sum of losses, else the name of a score.
    """
    figure, axes = _canvas(height=3.2)
    described = []
    for i, (name, rows) in enumerate(logs.items()):
        points = [(row["epoch"], _value(row, key)) for row in rows]
        points = [(epoch, value) for epoch, value in points if value is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=name, color=MODELS[i % len(MODELS)], marker="osD^v*"[i % 6])
            described.append(f"{name} from {points[0][1]:.4g} to {points[-1][1]:.4g}")
    axes.set_xlabel("epoch")
    axes.set_ylabel(title)
    axes.set_ylim(bottom=0)
    _legend(axes, len(logs))
    return _svg(figure, f"{title} over the epochs: {'; '.join(described)}.")


def _value(row: dict[str, Any], key: str) -> float | None:
    if key == "loss":
        return sum(row["losses"].values()) if row.get("losses") else None
    return row.get("scores", row).get(key)  # in per cent already


def draw_outcomes(outcomes: dict[str, dict[str, int]]) -> str:
    """Bars of the error classes, models side by side.

    outcomes (dict): By model and class the number of mentions, without the correct ones.
    """
    names, classes = list(outcomes), list(next(iter(outcomes.values())))
    figure, axes = _canvas(height=3.2)
    step = 1 / (len(names) + 0.6)
    for i, name in enumerate(names):
        places = [place + i * step for place in range(len(classes))]
        axes.bar(places, list(outcomes[name].values()), step, label=name, color=MODELS[i % len(MODELS)],
                 edgecolor="white", hatch=HATCHES[i % len(HATCHES)])  # fmt: skip
    axes.set_xticks([place + step * (len(names) - 1) / 2 for place in range(len(classes))], classes)
    axes.set_ylabel("mentions")
    _legend(axes, len(names))
    counts = {
        name: ", ".join(f"{outcome} {count}" for outcome, count in rows.items()) for name, rows in outcomes.items()
    }
    described = "; ".join(f"{name}: {row}" for name, row in counts.items())
    return _svg(figure, f"Errors by class. {described}.")


def draw_confusion(name: str, pairs: list[dict[str, Any]]) -> str:
    """A model's assertions of given mentions: gold ones down, predicted ones across, shares of each row as shades.

    pairs (list[dict]): `gold`, `predicted` and `count`.
    """
    counts = {(pair["gold"], pair["predicted"]): pair["count"] for pair in pairs}
    values = [value for value in VALUES if any(value in pair for pair in counts)]
    columns = [*values, *([""] if any(not predicted for _, predicted in counts) else [])]
    table = np.array([[counts.get((gold, predicted), 0) for predicted in columns] for gold in values])
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure, axes = _canvas(height=1.6 + 0.5 * len(values))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(table.shape):
        axes.text(j, i, f"{table[i, j]:,}", ha="center", va="center", color="white" if shares[i, j] > 0.6 else "black")
    titles = [value.replace("associated_with_someone_else", "someone else") or "none" for value in columns]
    axes.set_xticks(range(len(columns)), titles, rotation=20)
    axes.set_yticks(range(len(values)), titles[: len(values)])
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold")
    axes.set_title(name, fontsize=11)
    described = "; ".join(
        f"gold {gold}: " + ", ".join(f"{table[i, j]} {predicted}" for j, predicted in enumerate(titles) if table[i, j])
        for i, gold in enumerate(titles[: len(values)])
    )
    return _svg(figure, f"Assertions by {name}. {described}.")


def draw_reliability(models: dict[str, dict[str, Any]]) -> str:
    """By tenth of confidence the share of mentions that are right, one line a model; on the diagonal it is honest.

    models (dict): By model its `bins`, as `compare_confidence` gives them.
    """
    figure, axes = _canvas(height=4.2)
    axes.plot([0, 100], [0, 100], color="#888888", linestyle="--", linewidth=1)
    described = []
    for i, (name, model) in enumerate(models.items()):
        points = [(100 * row["confidence"], 100 * row["right"]) for row in model["bins"]]
        sizes = [20 + 400 * row["share"] for row in model["bins"]]
        axes.plot(*zip(*points, strict=True), color=MODELS[i % len(MODELS)], linewidth=1)
        axes.scatter(*zip(*points, strict=True), s=sizes, label=name, color=MODELS[i % len(MODELS)], alpha=0.8,
                     marker="osD^v*"[i % 6])  # fmt: skip
        described.append(f"{name}: " + ", ".join(f"of {sure:.0f} right {right:.0f}" for sure, right in points))
    axes.set_xlabel("confidence, % (larger points: more mentions)")
    axes.set_ylabel("right mentions, %")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    _legend(axes, len(models))
    return _svg(figure, f"Right mentions by confidence. {'; '.join(described)}.")


def draw_thresholds(models: dict[str, dict[str, Any]]) -> str:
    """Precision over recall of the mentions that are at least as sure as a threshold, with 95 % intervals.

    models (dict): By model its `thresholds`, as `compare_confidence` gives them.
    """
    figure, axes = _canvas(height=4.2)
    described = []
    for i, (name, model) in enumerate(models.items()):
        rows = [row for row in model["thresholds"] if row["p"] and (row["threshold"] >= 0.5 or not row["threshold"])]
        (x, x_ends), (y, y_ends) = (_with_ends([row[key] for row in rows]) for key in "rp")
        axes.errorbar(x, y, xerr=x_ends, yerr=y_ends, label=name, color=MODELS[i % len(MODELS)],
                      marker="osD^v*"[i % 6], ecolor="#999999", capsize=2)  # fmt: skip
        if not i:
            for row, at in zip(rows, zip(x, y, strict=True), strict=True):
                title = f"{row['threshold']:.1f}" if row["threshold"] else "all"
                axes.annotate(title, at, xytext=(5, 6), textcoords="offset points", fontsize=9)
        described.append(f"{name}: " + ", ".join(
            f"from {row['threshold']:.1f} precision {100 * row['p']['value']:.1f}, recall {100 * row['r']['value']:.1f}"
            for row in rows
        ))  # fmt: skip
    axes.set_xlabel("recall, %")
    axes.set_ylabel("precision, %")
    _legend(axes, len(models))
    return _svg(figure, f"Precision and recall by least confidence. {'; '.join(described)}.")


def _with_ends(rows: list[dict[str, float]], key: str = "value") -> tuple[list[float], list[list[float]]]:
    """Values in per cent, and how far their intervals go to both sides."""
    values = [100 * row[key] for row in rows]
    return values, [[max(0.0, 100 * (row[key] - row["low"])) for row in rows],
                    [max(0.0, 100 * (row["high"] - row[key])) for row in rows]]  # fmt: skip


def _canvas(height: float) -> tuple[Figure, Axes]:
    """In inches; the page scales it to its own width."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7, height), layout="constrained")
        return figure, figure.add_subplot()


def _legend(axes: Axes, models: int) -> None:
    if models and axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=models, frameon=False)


def _svg(figure: Figure, alternative: str) -> str:
    """The picture as an <svg> element whose ids are its own in the page."""
    file = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    prefix = f"picture{next(_numbers)}-"
    svg = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{prefix}", svg)
    svg = re.sub(r'(<svg [^>]*?)width="[\d.]+pt" height="[\d.]+pt"', r"\1", svg, count=1, flags=re.DOTALL)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{_escape(alternative)}" ', 1)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
