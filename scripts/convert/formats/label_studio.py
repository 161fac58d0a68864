"""Tasks of Label Studio, as its JSON export and its short form (JSON_MIN) hold them."""

from collections.abc import Sequence
from typing import Any

from scripts.cli import InputError

_COPIES = ("annotations", "completions")


def is_task(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("data"), dict) and not value.keys().isdisjoint(_COPIES)


def find_copies(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The annotations of a task that count, one an annotator: the ground truth first, then those with mentions."""
    listed = [copies for key in _COPIES if isinstance(copies := task.get(key), list)]
    found = [copy for copies in listed for copy in copies if isinstance(copy, dict)]
    counted = [copy for copy in found if not copy.get("was_cancelled") and isinstance(copy.get("result"), list)]
    return sorted(counted, key=lambda copy: (not copy.get("ground_truth"), not mentions_of(copy)))


def mentions_of(copy: dict[str, Any]) -> list[dict[str, Any]]:
    """The mentions of a copy, which are the results of a type that ends in `labels`."""
    results = [result for result in copy["result"] if isinstance(result, dict)]
    return [_read_value(result) for result in results if _is_mention(result)]


def read_task(task: dict[str, Any], copy: dict[str, Any], file: str, line: int) -> dict[str, Any]:
    """A task as annotated in a copy, with `id`, `text` and `ents`.

    RAISES (InputError): Which of its texts was annotated cannot be told.
    """
    return {"id": task.get("id"), "text": _find_text(task["data"], file, line), "ents": mentions_of(copy)}


def short_mentions(value: dict[str, Any]) -> Sequence[Any] | None:
    """The mentions of the short form, which are under the names that the project gave them; None if there are none."""
    lists = [each for each in value.values() if isinstance(each, list) and each and all(map(_is_short, each))]
    if not lists and not {"annotation_id", "lead_time"} <= value.keys():
        return None
    return [mention for each in lists for mention in each]


def _is_short(value: Any) -> bool:
    return isinstance(value, dict) and {"start", "end", "labels"} <= value.keys()


def _is_mention(result: dict[str, Any]) -> bool:
    kind, value = result.get("type"), result.get("value")
    if isinstance(kind, str):
        return kind.lower().endswith("labels")
    return isinstance(value, dict) and "labels" in value


def _read_value(result: dict[str, Any]) -> dict[str, Any]:
    value = result.get("value")
    value = value if isinstance(value, dict) else {}
    labels = value.get(result.get("type") if isinstance(result.get("type"), str) else "labels", value.get("labels"))
    return {key: value.get(key) for key in ("start", "end", "text")} | {"labels": labels or [None]}


def _find_text(data: dict[str, Any], file: str, line: int) -> str:
    texts = [value for value in data.values() if isinstance(value, str)]
    if isinstance(data.get("text"), str):
        return data["text"]
    if len(texts) != 1:
        raise InputError(f"{file}, line {line}: {len(texts)} texts in a task; name the one annotated `text`.")
    return texts[0]
