"""Tasks of Label Studio, as its JSON export and its short form (JSON_MIN) hold them."""

from collections.abc import Sequence
from typing import Any

from scripts.cli import InputError

_COPIES = ("annotations", "completions")
_NO_MENTIONS = ("relation", "choices", "taxonomy", "textarea", "rating")


def is_task(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("data"), dict) and not value.keys().isdisjoint(_COPIES)


def find_copies(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The annotations of a task that count, one an annotator."""
    listed = [copies for key in _COPIES if isinstance(copies := task.get(key), list)]
    found = [copy for copies in listed for copy in copies if isinstance(copy, dict)]
    return [copy for copy in found if not copy.get("was_cancelled") and isinstance(copy.get("result"), list)]


def read_task(task: dict[str, Any], copy: dict[str, Any], file: str, line: int) -> dict[str, Any]:
    """A task as annotated in a copy, with `id`, `text` and `ents`.

    RAISES (InputError): Which of its texts was annotated cannot be told.
    """
    results = [result for result in copy["result"] if isinstance(result, dict)]
    mentions = [_read_value(result) for result in results if result.get("type") not in _NO_MENTIONS]
    return {"id": task.get("id"), "text": _find_text(task["data"], file, line), "ents": mentions}


def short_mentions(value: dict[str, Any]) -> Sequence[Any] | None:
    """The mentions of the short form, which are under the name that the project gave them; None if there are none."""
    for mentions in value.values():
        if isinstance(mentions, list) and mentions and all(map(_is_short, mentions)):
            return mentions
    return [] if {"annotation_id", "lead_time"} <= value.keys() else None


def _is_short(value: Any) -> bool:
    return isinstance(value, dict) and {"start", "end", "labels"} <= value.keys()


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
