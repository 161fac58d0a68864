"""The XML of i2b2 2012 and 2014: text to the character, what each release marks, and the faults of their files."""

from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.archives import File, read_files
from scripts.cli import InputError
from scripts.convert.formats import FORMATS, brat, detect, i2b2_2014
from scripts.convert.formats.mae import GROUP
from scripts.convert.formats.offsets import MISMATCH
from scripts.corpus.note import Note
from tests.cases import case
from tests.helpers import file, hostile_text, open_corpus, problems, quoted

TEXT = "\n\nRecord date: 2031-02-03\n\nDr. Fizz saw Mr. Quill, 93 yo.\n"
DATE = '<DATE id="P0" start="15" end="25" text="2031-02-03" TYPE="DATE" comment="" />'
FIZZ = '<NAME id="P1" start="31" end="35" text="Fizz" TYPE="DOCTOR" />'
NOTE_2012 = "\nAdmission Date :\n02/03/2031\nShe has fever & chills .\n"
FEVER = '<EVENT id="E0" start="37" end="42" text="fever" modality="FACTUAL" polarity="NEG" type="PROBLEM" />'
TIME = '<TIMEX3 id="T0" start="18" end="28" text="02/03/2031" type="DATE" val="2031-02-03" mod="NA" />'
ROOTS = {"i2b2-2014": "deIdi2b2", "i2b2-2014-risk": "root", "i2b2-2012": "ClinicalNarrativeTemporalAnnotation"}


def xml(root: str, text: str, *tags: str) -> str:
    head = f'<?xml version="1.0" encoding="UTF-8" ?>\n<{root}>\n<TEXT><![CDATA[{text}]]></TEXT>\n<TAGS>\n'
    return head + "".join(f"{tag}\n" for tag in tags) + f"</TAGS>\n</{root}>\n"


def read(format: str, text: str, *tags: str, **options: str) -> Note:
    files = [file("100-01.xml", xml(ROOTS[format], text, *tags))]
    assert detect(files) == format
    [note] = FORMATS[format].read(files, **options)
    return note


# --- i2b2 2014


def test_the_case_is_read():
    files = case("xml-i2b2-2014")
    assert detect(files) == "i2b2-2014"
    notes = list(i2b2_2014.read(files))
    assert [(note.id, note.split) for note in notes] == [(part, part) for part in ("dev", "test", "train")]
    for note in notes:
        assert note.text == "\nDr. Fizz saw her on 02/03/2031.\n" and note.problems == ()
        assert quoted(note) == [("DOCTOR", "Fizz"), ("DATE", "02/03/2031")]


def test_the_text_is_kept_to_the_character():
    note = read("i2b2-2014", TEXT, DATE, FIZZ)
    assert (note.id, note.text, note.problems) == ("100-01", TEXT, ())
    assert quoted(note) == [("DATE", "2031-02-03"), ("DOCTOR", "Fizz")]
    assert [entity.line for entity in note.entities] == [10, 11]


def test_labels_are_types_or_groups_and_a_tag_named_phi_has_the_group_of_its_type():
    phi = '<PHI id="P2" start="44" end="49" text="Quill" TYPE="PATIENT" comment="sure" />'
    assert [label for label, _ in quoted(read("i2b2-2014", TEXT, DATE, FIZZ, phi))] == ["DATE", "DOCTOR", "PATIENT"]
    note = read("i2b2-2014", TEXT, DATE, FIZZ, phi, labels=GROUP)
    assert [label for label, _ in quoted(note)] == ["DATE", "NAME", "NAME"]
    assert note.entities[2].attributes == (("TYPE", "PATIENT"), ("comment", "sure"))


def test_other_types_have_the_group_that_their_tag_names():
    tag = '<LOCATION start="31" end="35" text="Fizz" TYPE="CALLE" />'
    assert quoted(read("i2b2-2014", TEXT, tag, labels=GROUP)) == [("LOCATION", "Fizz")]
    unknown = '<PHI start="31" end="35" text="Fizz" TYPE="CALLE" />'
    assert problems(read("i2b2-2014", TEXT, unknown, labels=GROUP)) == [(10, "no label that can be read", 1)]


def test_offsets_of_a_file_that_count_bytes_are_told_by_the_quotes():
    text = "\nMother\u2019s and father\u2019s: Dr. Fizz saw Fizz .\n"
    starts = [len(text[: text.index("Fizz")].encode()), len(text[: text.rindex("Fizz")].encode())]
    tags = (f'<NAME id="P{at}" start="{at}" end="{at + 4}" text="Fizz" TYPE="DOCTOR" />' for at in starts)
    note = read("i2b2-2014", text, *tags)
    assert [entity.start for entity in note.entities] == [text.index("Fizz"), text.rindex("Fizz")]
    assert problems(note) == [(0, "offsets count UTF-8 bytes", 0)]


def test_a_careless_quote_is_told_and_the_mention_kept_but_not_most_of_a_note():
    careless = '<AGE id="P3" start="51" end="53" text="ninety" TYPE="AGE" />'
    note = read("i2b2-2014", TEXT, DATE, FIZZ, careless)
    assert len(note.entities) == 3 and problems(note) == [(12, MISMATCH, 0)]
    note = read("i2b2-2014", TEXT, careless, FIZZ)
    assert quoted(note) == [("DOCTOR", "Fizz")] and problems(note) == [(10, MISMATCH, 1)]


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ('<NAME id="P1" start="31" end="35" text="Fizz" />', "no label that can be read"),
        ('<NAME id="P1" text="Fizz" TYPE="DOCTOR" />', "no offsets that can be read"),
        (f'<NAME start="{"9" * 5000}" end="35" text="Fizz" TYPE="DOCTOR" />', "no offsets that can be read"),
        ('<NAME start="35" end="31" text="Fizz" TYPE="DOCTOR" />', "empty or reversed offsets"),
        ('<NAME start="31" end="350" text="Fizz" TYPE="DOCTOR" />', "offset beyond the text"),
    ],
)
def test_a_tag_that_cannot_be_read_is_counted(tag, kind):
    note = read("i2b2-2014", TEXT, tag, DATE)
    assert quoted(note) == [("DATE", "2031-02-03")] and problems(note) == [(10, kind, 1)]


def test_a_text_without_tags_is_not_annotated():
    assert not i2b2_2014.recognises(file("a.xml", "<deIdi2b2><TEXT>x</TEXT></deIdi2b2>"))
    assert read("i2b2-2014", TEXT).entities == ()


def test_windows_line_ends_are_single_characters_and_offsets_may_count_either():
    for shift in (0, 1):
        content = xml("deIdi2b2", TEXT, *(tag for tag in (DATE, FIZZ))).replace("\n", "\r\n")
        if shift:  # five line ends before the second name
            content = content.replace('"15" end="25"', '"17" end="27"').replace('"31" end="35"', '"35" end="39"')
        [note] = i2b2_2014.read([file("a.xml", content)])
        assert note.text == TEXT and quoted(note) == [("DATE", "2031-02-03"), ("DOCTOR", "Fizz")]
        assert len(note.problems) == shift


def test_ids_are_those_of_patients_and_copies_in_two_folders_stay_two():
    files = [file(f"{folder}/100-01.xml", xml("deIdi2b2", TEXT, DATE)) for folder in ("training-PHI-Gold-Set1", "test")]
    notes = list(i2b2_2014.read(files))
    assert [(note.id, note.split) for note in notes] == [
        ("training-PHI-Gold-Set1/100-01/100-01", "train"),
        ("test/100-01/100-01", "test"),
    ]


# --- risk factors

RISK = "\nShe has hypertension, takes zorvex.\n"
INNER = (
    '<HYPERTENSION id="H1" start="9" end="21" text="hypertension" time="before DCT" indicator="mention" comment="" />'
)
FAMILY = '<FAMILY_HIST id="F0" start="-1" end="-1" text="" indicator="not present" />'


def around(*inner: str) -> str:
    return f'<HYPERTENSION id="DOC0" time="before DCT" indicator="mention">\n{"".join(inner)}</HYPERTENSION>'


def test_the_annotators_tags_are_mentions_and_those_of_the_document_are_not():
    whole = '<FAMILY_HIST id="DOC1" indicator="not present"/>'
    note = read("i2b2-2014-risk", RISK, around(INNER, INNER), FAMILY, whole)
    assert quoted(note) == [("HYPERTENSION", "hypertension")] * 2 and note.problems == ()
    assert note.entities[0].attributes == (("time", "before DCT"), ("indicator", "mention"))


def test_the_edition_without_offsets_is_refused():
    with pytest.raises(InputError, match=r"100-01.xml: no tag has offsets, as in the Gold edition"):
        read("i2b2-2014-risk", RISK, around(), FAMILY)


def test_a_second_declaration_inside_the_file_does_no_harm():
    content = xml("root", RISK, around(INNER)).replace("<root>", "<root>\n<?xml version='1.0' encoding='UTF-8'?>")
    [note] = FORMATS["i2b2-2014-risk"].read([file("a.xml", content)])
    assert quoted(note) == [("HYPERTENSION", "hypertension")] and note.problems == ()


# --- i2b2 2012


def test_events_and_times_are_read_with_what_is_said_of_them():
    link = '<TLINK id="TL0" fromID="E0" fromText="fever" toID="T0" toText="02/03/2031" type="OVERLAP" />'
    section = '<SECTIME id="S0" start="18" end="28" text="02/03/2031" type="ADMISSION" dvalue="2031-02-03" />'
    note = read("i2b2-2012", NOTE_2012, FEVER, TIME, link, section)
    assert note.text == NOTE_2012 and note.problems == ()
    assert quoted(note) == [("PROBLEM", "fever"), ("DATE", "02/03/2031")]
    assert [(entity.assertion, entity.stated) for entity in note.entities] == [("absent", 2), ("", 0)]
    assert note.entities[0].attributes == (("modality", "FACTUAL"), ("polarity", "NEG"))
    assert note.entities[1].attributes == (("val", "2031-02-03"), ("mod", "NA"))


def test_labels_may_be_events_and_times():
    note = read("i2b2-2012", NOTE_2012, FEVER, TIME, labels=GROUP)
    assert quoted(note) == [("EVENT", "fever"), ("TIMEX3", "02/03/2031")]
    assert note.entities[0].attributes[-1] == ("type", "PROBLEM")


@pytest.mark.parametrize(
    ("modality", "polarity", "assertion"),
    [
        ("FACTUAL", "POS", "present"),
        ("CONDITIONAL", "POS", "conditional"),
        ("POSSIBLE", "NEG", "possible"),
        ("PROPOSED", "POS", "hypothetical"),
    ],
)
def test_modality_and_polarity_are_an_assertion(modality, polarity, assertion):
    tag = FEVER.replace("FACTUAL", modality).replace("NEG", polarity)
    assert [entity.assertion for entity in read("i2b2-2012", NOTE_2012, tag).entities] == [assertion]


def test_an_empty_type_is_counted_where_types_are_the_labels():
    tag = FEVER.replace('type="PROBLEM"', 'type=""')
    assert problems(read("i2b2-2012", NOTE_2012, tag, TIME)) == [
        (9, "no label that can be read", 1),
        (9, "assertion of a dropped mention", 0),
        (9, "assertion of a dropped mention", 0),
    ]
    assert quoted(read("i2b2-2012", NOTE_2012, tag, TIME, labels=GROUP))[0] == ("EVENT", "fever")


def test_a_bare_ampersand_in_an_attribute_moves_no_character():
    text = "\nfever & chills and &apos;pain&apos; now\n"
    start = text.index("now")
    tags = [
        '<EVENT id="E0" start="1" end="15" text="fever & chills" modality="FACTUAL" polarity="POS" type="PROBLEM" />',
        f'<EVENT id="E1" start="{start}" end="{start + 3}" text="now" type="OCCURRENCE" />',
        '<EVENT id="E2" start="20" end="36" text="&apos;pain&apos;" type="PROBLEM" />',
    ]
    note = read("i2b2-2012", text, *tags)
    assert note.text == text and problems(note) == [(0, "& that begins no entity, taken as it stands", 0)]
    assert [words for _, words in quoted(note)] == ["fever & chills", "now", "&apos;pain&apos;"]


def test_annotations_before_the_merge_are_left_alone():
    content = xml(ROOTS["i2b2-2012"], NOTE_2012, FEVER)
    files = [file(f"ground_truth/{kind}/1.xml", content) for kind in ("merged_xml", "unmerged_xml")]
    assert [note.file for note in FORMATS["i2b2-2012"].read(files)] == ["ground_truth/merged_xml/1.xml"]
    assert len(list(FORMATS["i2b2-2012"].read(files[1:]))) == 1


# --- all of them


@pytest.mark.parametrize("format", ROOTS)
def test_damaged_files_are_named(format):
    good = xml(ROOTS[format], TEXT, DATE)
    deeper = good.replace("<TAGS>", "<B><TAGS>").replace("</TAGS>", "</TAGS></B>")
    for content in (good.replace("</TAGS>", ""), good[:-20], deeper):
        files = [file("a.xml", content)]
        assert FORMATS[format].recognises(files[0])
        with pytest.raises(InputError, match=r"^a\.xml.+\.$"):
            list(FORMATS[format].read(files))


@given(hostile_text("&<>'", without="\r\x01\x0b\x0c\x1c\v\f\x1b", max_size=40), st.data())
def test_mentions_of_any_text_are_read_back(text, data):
    cuts = [sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=2)))] if len(text) > 1 else []
    tags = [f"<A start='{s}' end='{e}' text={quoteattr(text[s:e])} TYPE='A' />" for s, e in cuts]
    content = xml("deIdi2b2", text, *tags)
    [note] = i2b2_2014.read([File(file("a.xml", "").path, content.encode("utf8"))])
    assert note.text == text and [entity.fragments for entity in note.entities] == [((s, e),) for s, e in cuts]
    assert note.problems == ()


def test_meddocan_in_xml_is_meddocan_in_brat():
    files = list(read_files(open_corpus("meddocan")))
    notes = {note.id: note for note in i2b2_2014.read(files)}
    pairs = {note.id: note for note in brat.read(files)}
    assert len(notes) == 250 and notes.keys() == pairs.keys()
    assert sum(len(note.entities) for note in notes.values()) == 5_661
    for name, note in notes.items():
        assert note.text == pairs[name].text and not note.problems
        one, other = (
            sorted((entity.label, entity.fragments) for entity in each.entities) for each in (note, pairs[name])
        )
        assert one == other


@pytest.mark.parametrize("tags", ["<TAGS/>", "<TAGS></TAGS>", "<TAGS>\n</TAGS>"])
def test_a_note_without_identifiers_is_a_note(tags):
    content = f"<MEDDOCAN><TEXT><![CDATA[{TEXT}]]></TEXT>{tags}</MEDDOCAN>"
    assert detect([file("a.xml", content)]) == "i2b2-2014"
    [note] = i2b2_2014.read([file("a.xml", content)])
    assert (note.text, note.entities, note.problems) == (TEXT, (), ())


def test_blanks_before_the_declaration_do_no_harm_and_lines_keep_their_numbers():
    content = "\n\n" + xml("deIdi2b2", TEXT, DATE, FIZZ.replace('start="31"', ""))
    [note] = i2b2_2014.read([file("a.xml", content)])
    assert note.text == TEXT and quoted(note) == [("DATE", "2031-02-03")]
    assert [line for line, _, _ in problems(note)] == [content[: content.index("<NAME")].count("\n") + 1]


def test_xml_that_is_not_utf8_says_so_and_what_to_do():
    content = xml("deIdi2b2", "Dr. Café", DATE).encode("latin1")
    with pytest.raises(InputError, match=r"a.xml, line 3: not UTF-8; .*iconv -f latin1"):
        list(i2b2_2014.read([File(file("a.xml", "").path, content)]))
    stated = content.replace(b"UTF-8", b"ISO-8859-1")
    [note] = i2b2_2014.read([File(file("a.xml", "").path, stated)])
    assert note.text == "Dr. Café"
