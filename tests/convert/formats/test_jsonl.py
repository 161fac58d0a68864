"""Notes in JSON: every tool's keys, what is left out, offsets count otherwise, values that are no notes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import detect, jsonl
from scripts.convert.formats.offsets import MISMATCH
from scripts.corpus.note import Note
from tests.cases import case
from tests.helpers import file, hostile_text, problems, quoted

TEXT = "She has fever .\nTakes zorvex 20 mg ."
FEVER, ZORVEX = [8, 13, "problem"], [22, 28, "drug"]
BOTH = [("problem", "fever"), ("drug", "zorvex")]


def lines(*values: Any) -> str:
    return "".join(f"{json.dumps(value)}\n" for value in values)


def read(content: str | bytes, name: str = "train.jsonl") -> list[Note]:
    return list(jsonl.read([file(name, content)]))


def read_one(value: Any) -> Note:
    [note] = read(lines(value))
    return note


def span(start: int, end: int, label: str, **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label, **more}


# --- the tools


@pytest.mark.parametrize(
    "value",
    [
        {"text": TEXT, "ents": [span(*FEVER), span(*ZORVEX)]},
        {"text": TEXT, "label": [FEVER, ZORVEX]},
        {"text": TEXT, "labels": [FEVER, ZORVEX]},
        {"data": TEXT, "label": [FEVER, ZORVEX]},
        {
            "text": TEXT,
            "entities": [
                {"id": 1, "label": "problem", "start_offset": 8, "end_offset": 13},
                {"id": 2, "label": "drug", "start_offset": 22, "end_offset": 28},
            ],
            "relations": [{"from_id": 1, "to_id": 2, "type": "x"}],
        },
        {"text": TEXT, "spans": [span(*FEVER, token_start=2), span(*ZORVEX)], "answer": "accept", "tokens": []},
        {"text": TEXT, "spans": [span(*FEVER), span(*ZORVEX)], "label": "a category"},
        [TEXT, {"entities": [FEVER, ZORVEX]}],
        [TEXT, {"entities": [[*FEVER, "C1"], ZORVEX], "cats": {}}],
        {"text": TEXT, "ents": [span(*FEVER), span(*ZORVEX)], "sents": [], "tokens": [], "spans": {"sc": []}},
        {"classes": ["problem", "drug"], "annotations": [[TEXT, {"entities": [FEVER, ZORVEX]}], None]},
    ],
)
def test_the_keys_tell_whose_notes_they_are(value):
    for content, name in ((lines(value), "a.jsonl"), (json.dumps([value], indent=1), "a.json")):
        assert detect([file(name, content)]) == "jsonl"
        [note] = read(content, name)
        assert (note.text, quoted(note), note.problems) == (TEXT, BOTH, ())


def task(*copies: Any, **data: str) -> dict[str, Any]:
    return {"id": 7, "data": data or {"text": TEXT}, "annotations": list(copies), "predictions": []}


def copy(*mentions: list, **more: Any) -> dict[str, Any]:
    values = [{"start": s, "end": e, "text": TEXT[s:e], "labels": [label]} for s, e, label in mentions]
    return {"result": [{"type": "labels", "value": value, "to_name": "t"} for value in values], **more}


def test_label_studio_is_read():
    note = read_one(task(copy(FEVER, ZORVEX)))
    assert (note.id, quoted(note), note.problems) == ("7", BOTH, ())
    assert quoted(read_one(task(copy(FEVER), note=TEXT))) == BOTH[:1]
    [note] = read(json.dumps([{**task(copy(FEVER)), "completions": []}]))
    assert quoted(note) == BOTH[:1]
    assert detect([file("export.json", json.dumps([task(copy(FEVER))]))]) == "jsonl"


def test_label_studios_other_results_are_no_mentions_and_several_labels_are_several():
    copies = copy(FEVER)
    copies["result"] += [{"type": "relation", "from_id": "a"}, {"type": "choices", "value": {"choices": ["x"]}}]
    copies["result"][0]["value"]["labels"] = ["problem", "symptom"]
    note = read_one(task(copies))
    assert quoted(note) == [("problem", "fever"), ("symptom", "fever")] and note.problems == ()


def test_label_studios_short_form_is_read_under_whatever_name():
    mentions = [{"start": 8, "end": 13, "text": "fever", "labels": ["problem"]}]
    note = read_one({"id": 3, "text": TEXT, "ner": mentions, "annotation_id": 1, "lead_time": 2.5})
    assert (note.id, quoted(note)) == ("3", BOTH[:1])


def test_of_several_annotators_one_is_read_and_the_others_are_told():
    note = read_one(task(copy(ZORVEX, was_cancelled=True), copy(FEVER), copy(ZORVEX)))
    assert quoted(note) == BOTH[:1]
    assert problems(note) == [
        (1, "a further annotation of the same text, left alone", 0),
        (1, "mention of a further annotation only, left alone", 0),
    ]


def test_the_ground_truth_is_read_else_a_copy_with_mentions():
    choice = {"result": [{"type": "choices", "value": {"choices": ["x"]}}]}
    assert quoted(read_one(task(choice, copy(FEVER)))) == BOTH[:1]
    assert quoted(read_one(task(choice, copy(FEVER), copy(ZORVEX, ground_truth=True)))) == BOTH[1:]
    assert read_one(task(copy(FEVER), choice | {"ground_truth": True})).entities == ()


@pytest.mark.parametrize("kind", ["number", "datetime", "choices", "pairwise", "ranker", "relation", "textarea"])
def test_only_results_of_labels_are_mentions(kind):
    copies = copy(FEVER)
    copies["result"].append({"type": kind, "value": {kind: 3, "start": 8, "end": 13}})
    assert (quoted(note := read_one(task(copies))), note.problems) == (BOTH[:1], ())


def test_two_keys_of_the_short_form_are_both_read():
    fever, zorvex = ({"start": s, "end": e, "text": TEXT[s:e], "labels": [label]} for s, e, label in (FEVER, ZORVEX))
    for names in (("disease", "drug"), ("label", "drug"), ("drug", "label")):
        values = dict(zip(names, ([fever], [zorvex]), strict=True))
        note = read_one({"id": 3, "text": TEXT, **values, "annotation_id": 1, "lead_time": 2.5})
        assert (quoted(note), note.problems) == (BOTH, ())


@pytest.mark.parametrize(
    ("value", "unread"),
    [
        ({"entities": [], "label": [FEVER]}, 0),
        ({"entities": [], "label": [FEVER], "labels": ["note"]}, 0),
        ({"ents": [], "spans": {"sc": [span(*FEVER)]}}, 0),
        ({"ents": [span(*FEVER)], "spans": {"sc": [span(*FEVER, kb_id=""), span(*ZORVEX)]}}, 1),
        ({"entities": [FEVER], "label": [ZORVEX, [0, 3, "who"]]}, 2),
    ],
)
def test_the_first_key_with_mentions_is_read_and_those_of_others_are_counted(value, unread):
    note = read_one({"text": TEXT, **value})
    assert quoted(note) == BOTH[:1]
    assert problems(note) == [(1, "mention under a key that is not read", 1)] * unread


def test_whole_numbers_written_with_a_point_are_offsets():
    assert quoted(read_one({"text": TEXT, "label": [[8.0, 13.0, "problem"]]})) == BOTH[:1]


@pytest.mark.parametrize("answer", ["ignore", "reject"])
def test_a_file_of_prodigy_may_begin_with_what_was_not_accepted(answer):
    content = lines({"text": "Skip .", "answer": answer}, {"text": TEXT, "spans": [span(*FEVER)], "answer": "accept"})
    assert detect([file("a.jsonl", content)]) == "jsonl"
    assert [quoted(note) for note in read(content)] == [BOTH[:1]]


def test_which_of_several_texts_was_annotated_is_not_guessed():
    with pytest.raises(InputError, match=r"train.jsonl, line 1: 2 texts in a task"):
        read_one(task(copy(FEVER), one=TEXT, other=TEXT))


def test_what_was_not_accepted_or_not_annotated_is_left_out_and_counted():
    rows = [{"text": TEXT, "spans": [span(*FEVER)], "answer": answer} for answer in ("reject", "accept", "ignore")]
    [note] = read(lines(*rows, task(), task(copy(FEVER, was_cancelled=True))))
    assert note.id == "train-2" and quoted(note) == BOTH[:1]
    assert problems(note) == [
        *((line, "an answer that is not accepted, left out", 0) for line in (1, 3)),
        *((line, "a task that nobody annotated, left out", 0) for line in (4, 5)),
    ]
    with pytest.raises(InputError, match=r"train.jsonl holds no annotation that was accepted"):
        read(lines(rows[0]))


def test_an_accepted_answer_without_mentions_is_a_note_and_a_text_alone_is_none():
    assert read_one({"text": TEXT, "answer": "accept"}).entities == ()
    assert read_one({"text": TEXT, "label": []}).entities == ()
    assert not jsonl.recognises(file("a.jsonl", lines({"text": TEXT})))
    with pytest.raises(InputError, match=r"train.jsonl, line 2: no note with mentions"):
        read(lines({"text": TEXT, "label": []}, {"text": TEXT}))


def test_assertions_concepts_fragments_and_attributes_are_read():
    more = {"assertion": "absent", "kb_id": "C1", "fragments": [[8, 13], [16, 21]], "attributes": [["a", "b"]]}
    note = read_one({"text": TEXT, "ents": [span(8, 21, "problem", text="fever .\nTakes", **more)]})
    [entity] = note.entities
    assert (entity.fragments, entity.assertion, entity.stated) == (((8, 13), (16, 21)), "absent", 1)
    assert (entity.kb_id, entity.attributes, note.problems) == ("C1", (("a", "b"),), ())
    note = read_one({"text": TEXT, "ents": [span(*FEVER, assertion="who knows")]})
    assert problems(note) == [(1, "assertion that cannot be read", 0)] and len(note.entities) == 1


def test_training_data_of_spacy_2_is_refused_with_the_way_on():
    with pytest.raises(InputError, match="spacy convert"):
        read(json.dumps([{"id": 0, "paragraphs": [{"raw": TEXT, "sentences": []}]}]))


def answer(*mentions: list, text: str = TEXT, **more: Any) -> dict[str, Any]:
    return {"text": text, "spans": [span(*each) for each in mentions], "answer": "accept", **more}


@pytest.mark.parametrize("more", [{}, {"_session_id": "a"}, {"_input_hash": 7}])
def test_rows_of_prodigy_on_one_text_are_one_note(more):
    first, other = read(lines(answer(FEVER, **more), answer(text="x"), answer(ZORVEX, **more)))
    assert (first.id, quoted(first), other.id) == ("train-1", BOTH, "train-2")
    assert problems(first) == [(3, "a further row of the same text and session, read with the first", 0)]


def test_rows_of_other_sessions_and_of_other_tools_stay_notes_of_their_own():
    for key, values in (("_session_id", "ab"), ("_annotator_id", "ab"), ("_input_hash", (1, 2))):
        assert len(read(lines(*(answer(FEVER, **{key: value}) for value in values)))) == 2
    assert len(read(lines({"text": TEXT, "label": [FEVER]}, {"text": TEXT, "label": [ZORVEX]}))) == 2


# --- cases


@pytest.mark.parametrize(("name", "each"), [("jsonl-doccano", 5), ("jsonl-medner", 5), ("json-spacy-v2", 1)])
def test_the_cases_are_read(name, each):
    files = case(name)
    assert detect(files) == "jsonl"
    notes = list(jsonl.read(files))
    assert [note.split for note in notes] == [*["dev"] * each, *["test"] * each, *["train"] * each]
    assert all(quoted(note) == [("problem", "fever")] and not note.problems for note in notes)
    assert len({note.id for note in notes}) == len(notes)


# --- ids and files


def test_ids_that_occur_twice_get_their_file_and_then_a_number():
    files = [file(f"{part}.jsonl", lines(*[{"id": i, "text": "x", "label": []} for i in ids])) for part, ids in
             (("dev", "aab"), ("train", "ac"))]  # fmt: skip
    assert [note.id for note in jsonl.read(files)] == ["dev/a-1", "dev/a-2", "b", "train/a", "c"]


def test_an_id_is_printable():
    assert read_one({"id": "a\n\x07b", "text": "x", "label": []}).id == "a\\n\\x07b"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_do_no_harm(newline, mark):
    content = mark + lines({"text": TEXT, "label": [FEVER]}, {"text": TEXT, "label": [ZORVEX]}).replace("\n", newline)
    assert jsonl.recognises(file("a.jsonl", content))
    assert [quoted(note) for note in read(content)] == [BOTH[:1], BOTH[1:]]


def test_a_value_longer_than_what_is_looked_at_first_is_recognised():
    long = {"text": "x" * 2**21, "label": []}
    assert jsonl.recognises(file("a.json", json.dumps([long]))) and jsonl.recognises(file("a.jsonl", lines(long, long)))


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"a": 1}', '{"text": 1}', "-DOCSTART-\tO\n", '[{"text": "x"}]'])
def test_other_files_are_not_recognised(content):
    assert not jsonl.recognises(file("a.json", content))


@pytest.mark.parametrize("content", ["[", "{", "{'text': 1}", "[[", '{"text": "x", "label": [}'])
def test_what_begins_as_json_and_is_damaged_is_told_not_passed_over(content):
    assert not jsonl.recognises(file("a.conll", content))
    with pytest.raises(InputError, match=r"b.json, line 1: damaged JSON"):
        list(jsonl.read([file("a.json", lines({"text": TEXT, "label": [FEVER]})), file("b.json", content)]))


@pytest.mark.parametrize(
    "rest", ['{"text": "x", ', "}", '{"text": "x", "label": [}', "nonsense", '{"a": ' + "[" * 10**5]
)
def test_a_damaged_line_is_named(rest):
    with pytest.raises(InputError, match=r"train.jsonl, line 2: damaged JSON"):
        read(lines({"text": TEXT, "label": [FEVER]}) + rest)


def test_a_list_that_is_cut_short_is_damaged():
    content = json.dumps([{"text": TEXT, "label": [FEVER]}], indent=1)
    for cut in (content[:-1], content + "x"):
        with pytest.raises(InputError, match="damaged JSON"):
            read(cut, "a.json")


def test_halves_of_characters_are_refused_where_they_are():
    with pytest.raises(InputError, match=r"train.jsonl, line 2: the text has lone surrogates"):
        read(lines({"text": "x", "label": []}, {"text": "\ud800", "label": []}))
    note = read_one({"text": TEXT, "label": [[8, 13, "\ud800"], FEVER]})
    assert quoted(note) == BOTH[:1] and problems(note) == [(1, "no label that can be read", 1)]


# --- mentions


@pytest.mark.parametrize(
    ("mention", "kind"),
    [
        *(
            (wrong, "no label that can be read")
            for wrong in (None, 1, "x", [], [1, 2], {}, [8, 13, None], [8, 13, " "])
        ),
        ([13, 8, "x"], "empty or reversed offsets"),
        ([8, 8, "x"], "empty or reversed offsets"),
        ([8, 99, "x"], "offset beyond the text"),
        *(
            ([wrong, 13, "x"], "no offsets that can be read")
            for wrong in (None, -1, 8.5, float("inf"), True, "a", "9" * 999, 10**30)
        ),
        ({"start": 8, "end": 12, "label": "x", "text": "fever"}, MISMATCH),
    ],
)
def test_a_mention_that_cannot_be_read_is_counted(mention, kind):
    note = read_one({"text": TEXT, "ents": [mention, span(*ZORVEX)]})
    assert quoted(note) == BOTH[1:] and problems(note) == [(1, kind, 1)]


def test_a_number_of_thousands_of_digits_is_no_offset():
    [note] = read('{"id": N, "text": "fever", "label": [[0, N, "x"], [0, 5, "x"]]}'.replace("N", "9" * 5000))
    assert (note.id, problems(note)) == ("train-1", [(1, "no offsets that can be read", 1)])
    assert quoted(note) == [("x", "fever")]


def test_offsets_may_be_strings():
    assert quoted(read_one({"text": TEXT, "label": [["8", "13", "problem"]]})) == BOTH[:1]


@pytest.mark.parametrize(
    ("text", "counted", "name"),
    [
        ("😀😀 fever and fever", lambda text: len(text.encode("utf-16-le")) // 2, "UTF-16 units"),
        ("é é fever and fever", lambda text: len(text.encode("utf8")), "UTF-8 bytes"),
        ("a\r\nb\r\nfever and fever", lambda text: len(text.replace("\r\n", "\n")), "line ends as one character"),
        ("a\nb\nfever and fever", lambda text: len(text) + text.count("\n"), "line ends as two characters"),
    ],
)
def test_offsets_that_count_otherwise_are_told_by_the_quotes(text, counted, name):
    first, second = text.index("fever"), text.rindex("fever")
    ents = [span(counted(text[:at]), counted(text[: at + 5]), "x", text="fever") for at in (first, second)]
    note = read_one({"text": text, "ents": ents})
    assert [entity.fragments for entity in note.entities] == [((first, first + 5),), ((second, second + 5),)]
    assert problems(note) == [(0, f"offsets count {name}", 0)]


def test_a_quote_that_is_elsewhere_is_not_looked_for():
    note = read_one({"text": "fever xxxxx fever", "ents": [span(5, 10, "x", text="fever")]})
    assert note.entities == () and problems(note) == [(1, MISMATCH, 1)]


@given(hostile_text(max_size=30), st.data())
def test_mentions_of_any_text_are_read_back(text, data):
    cuts = [sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=2))) for _ in range(len(text) > 1)]
    ents = [{"start": s, "end": e, "label": "A", "text": text[s:e]} for s, e in cuts]
    for content in (
        lines({"text": text, "ents": ents}),
        json.dumps([{"text": text, "ents": ents}], ensure_ascii=False),
    ):
        [note] = jsonl.read([File(file("a.json", "").path, content.encode("utf8"))])
        assert note.text == text and [entity.fragments for entity in note.entities] == [((s, e),) for s, e in cuts]
        assert note.problems == ()
