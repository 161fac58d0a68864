"""The wheels in apps: streams in threads and processes, copies, and what other code asks of a pipeline of spaCy's."""

import json
from collections.abc import Iterator

import pytest

from tests.forks import Forks, with_wheels
from tests.projects import Project

# In float32, so that what a note is computed together with cannot matter; a stream is several batches.
SETTINGS = '{"components": {"transformer": {"max_batch_items": 100, "model": {"precision": "float32"}}}}'
NOTES = f"""
import itertools, sys, threading, time
import spacy, torch

SETTINGS = {SETTINGS}
NOTE = "She denies chest pain . EKG was normal . Given aspirin 81 mg daily . "
TEXTS = [f"Note {{number}} : " + NOTE * (1 + number % 7) for number in range(30)]
THREADS = 3

def read(docs):
    return [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs]

def threads_now():
    found = []
    asked = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    asked.start()
    asked.join()
    return torch.get_num_threads(), *found

torch.set_num_threads(THREADS)
nlp = spacy.load("en_medner_bert", config=SETTINGS)
if __name__ == "__main__":
    ALONE = read(map(nlp, TEXTS))
    assert all(ALONE) and threads_now() == (THREADS, THREADS)
"""
IN_THREADS = f"""
{NOTES}
import asyncio
from concurrent.futures import ThreadPoolExecutor

def request(number):
    "Of a note alone, or of a stream of some."
    part = slice(number, number + (1, 4, 8, 16)[number % 4])
    found = read(nlp.pipe(TEXTS[part])) if number % 5 else read(map(nlp, TEXTS[part]))
    assert torch.get_num_threads() == THREADS
    return found == ALONE[part]

async def serve():
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(None, request, number) for number in range(8)))

async def hop():
    stream = nlp.pipe(TEXTS)
    return [doc async for doc in in_threads(stream)]

async def in_threads(stream):
    while doc := await asyncio.to_thread(next, stream, None):
        yield doc

with ThreadPoolExecutor(8) as pool:
    assert all(pool.map(request, range(36)))
    made = nlp.pipe(TEXTS)
    begun = next(made)
    assert read([begun, *pool.submit(list, made).result()]) == ALONE
    assert pool.submit(lambda: list(zip(read(nlp.pipe(TEXTS)), read(nlp.pipe(TEXTS))))).result() == [*zip(ALONE, ALONE)]
assert all(asyncio.run(serve()))
assert read(asyncio.run(hop())) == ALONE
other = spacy.load("en_medner_albert", config=SETTINGS)
with ThreadPoolExecutor(2) as pool:
    both = [pool.submit(lambda pipeline: read(pipeline.pipe(TEXTS)), pipeline) for pipeline in (nlp, other)]
    assert both[0].result() == ALONE and both[1].result() == read(map(other, TEXTS)) != ALONE
assert threads_now() == (THREADS, THREADS)
"""
IN_ONE_THREAD = f"""
{NOTES}
import gc

def take(stream, count):
    return read(itertools.islice(stream, count))

outer = nlp.pipe(TEXTS)
next(outer)
inner = nlp.pipe(TEXTS)
found = take(inner, 1)
outer.close()
assert found + read(inner) == ALONE

first, second, third = nlp.pipe(TEXTS), nlp.pipe(TEXTS[::-1]), nlp.pipe(TEXTS, batch_size=2)
assert [read(docs) for docs in zip(first, second, third)] == [list(f) for f in zip(ALONE, ALONE[::-1], ALONE)]
outer = nlp.pipe(TEXTS[:5])
assert [(read([doc]), read(nlp.pipe(TEXTS[:9])), read([nlp(TEXTS[0])])) for doc in outer] == [
    ([found], ALONE[:9], ALONE[:1]) for found in ALONE[:5]
]
assert read(nlp.pipe(doc.text for doc in nlp.pipe(TEXTS))) == ALONE
assert [(tuple(read([doc])), number) for doc, number in nlp.pipe(zip(TEXTS, itertools.count()), as_tuples=True)] == [
    ((found,), number) for number, found in enumerate(ALONE)
]
assert read(nlp.pipe(map(nlp.make_doc, TEXTS))) == ALONE
assert read(nlp.pipe([])) == [] and read(nlp.pipe(["", TEXTS[0], " ", ""])) == [[], ALONE[0], [], []]
with nlp.memory_zone():
    assert read(nlp.pipe(TEXTS)) == ALONE

def fails():
    yield from TEXTS[:20]
    raise LookupError("no more")

stream, found = nlp.pipe(fails(), batch_size=8), []
try:
    for doc in stream:
        found += read([doc])
except LookupError:
    pass
else:
    raise AssertionError("it has not failed")
assert found and found == ALONE[: len(found)]

left = []
for number in range(12):
    stream = nlp.pipe(TEXTS)
    assert take(stream, 1 + number % 3) == ALONE[: 1 + number % 3]
    if number % 2:
        left.append(stream)  # unread, and referred to
assert threading.active_count() <= 1 + THREADS, threading.enumerate()
assert read(left[-1]) == ALONE[1 + 11 % 3 :] and read(left[-2]) == ALONE[1 + 9 % 3 :]
del left, stream
gc.collect()
with nlp.select_pipes(disable="ner"):
    assert read(nlp.pipe(TEXTS[:3])) == [[], [], []]
for count in (1, 2, 4):  # as users set it in between
    torch.set_num_threads(count)
    stream = nlp.pipe(TEXTS)
    assert take(stream, 20) == ALONE[:20]
    torch.set_num_threads(THREADS)
    assert read(stream) == ALONE[20:]
    assert read(nlp.pipe(TEXTS)) == ALONE
assert threads_now() == (THREADS, THREADS)
"""
IN_PROCESSES = f"""
{NOTES}
import copy, multiprocessing, os, pickle
from concurrent.futures import ProcessPoolExecutor
from spacy.util import load_model_from_config

def work(part):
    assert torch.get_num_threads() >= 1
    return read(nlp.pipe(TEXTS[part])), read(nlp.pipe(TEXTS[part])), read(map(nlp, TEXTS[part]))

def work_in_threads(part):
    found = [[], []]
    threads = [threading.Thread(target=lambda own=own: own.extend(read(nlp.pipe(TEXTS[part])))) for own in found]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return found

def rest(stream):
    "What a child reads of its parent's stream, as bytes."
    reader, writer = os.pipe()
    if not os.fork():
        os.write(writer, pickle.dumps(read(stream)))
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        return pickle.load(file)

def waits_while_processes_start():
    "What a thread reads that waits for the encoder when another one forks."
    found, waits = [], threading.Event()
    def wait(*arguments):
        waits.set()
        time.sleep(0.1)
    (shim,) = nlp.get_pipe("transformer").model.shims
    with shim.computing(False) as reader:
        hook = reader.register_forward_pre_hook(wait)
    beside = threading.Thread(target=lambda: found.extend(read(nlp.pipe(TEXTS))))
    beside.start()
    waits.wait()
    assert read(nlp.pipe(TEXTS[:6], n_process=2, batch_size=3)) == ALONE[:6]
    hook.remove()
    beside.join()
    return found

if __name__ == "__main__":
    unread = nlp.pipe(TEXTS)
    assert read([next(unread)]) == ALONE[:1]
    assert read(nlp.pipe(TEXTS, n_process=2, batch_size=3)) == ALONE
    assert read(nlp.pipe(map(nlp.make_doc, TEXTS), n_process=2, batch_size=3)) == ALONE
    assert rest(unread) == ALONE[1:]
    fork, parts = multiprocessing.get_context("fork"), [slice(0, 15), slice(15, 30)]
    with ProcessPoolExecutor(2, fork) as pool:
        assert list(pool.map(work, parts)) == [(ALONE[part],) * 3 for part in parts]
        assert list(pool.map(work_in_threads, parts)) == [[ALONE[part]] * 2 for part in parts]
    assert waits_while_processes_start() == ALONE

    loaded = load_model_from_config(nlp.config)
    for again in (copy.deepcopy(nlp), pickle.loads(pickle.dumps(nlp)), loaded.from_bytes(nlp.to_bytes())):
        assert read(again.pipe(TEXTS)) == ALONE == read(map(again, TEXTS))
        assert read(again.pipe(TEXTS[:6], n_process=2, batch_size=3)) == ALONE[:6]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(work, parts[:1]) == [(ALONE[parts[0]],) * 3]
    assert read(unread) == ALONE[1:]
    assert threads_now() == (THREADS, THREADS)
"""
# Ways in which a program ends while streams are unread.
ENDS = {
    "returns": "print('ends')",
    "fails": "raise SystemExit(print('ends'))",
    "leaves a thread": "threading.Thread(target=lambda: [print('ends'), next(streams[1])], daemon=True).start()",
    "leaves a thread that reads on": "threading.Thread(target=lambda: print('ends', len(list(streams[1])))).start()",
    "drops the pipeline": "del nlp; print('ends')",
    "reads on at the end": "import atexit; atexit.register(lambda: print('ends', len(read(streams[0]))))",
}
INTERRUPTED = f"""
{NOTES}
import os, signal

threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for doc in nlp.pipe(itertools.cycle(TEXTS)):
        pass
except KeyboardInterrupt:
    print("interrupted", threads_now() == (THREADS, THREADS), read(nlp.pipe(TEXTS)) == ALONE)
"""
# What is known of a stream comes back before more is, of whole batches and at its end.
LIVE = f"""
{NOTES}
import queue

def check(known, size, pipeline):
    texts, found = queue.Queue(), queue.Queue()
    def work():
        for doc in pipeline.pipe(iter(texts.get, None), batch_size=size):
            found.put(read([doc])[0])
        found.put("end")
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    for number in range(known):
        for text in TEXTS[number * size : (number + 1) * size]:
            texts.put(text)
        for known in ALONE[number * size : (number + 1) * size]:
            assert found.get(timeout=60) == known
    texts.put(TEXTS[-1])
    texts.put(None)
    assert [found.get(timeout=60), found.get(timeout=60)] == [ALONE[-1], "end"]

for size in (1, 2, 5):
    check(3, size, nlp)
nlp.add_pipe("sentencizer")
check(3, 1, nlp)
del SETTINGS["components"]["transformer"]["max_batch_items"]
check(3, 2, spacy.load("en_medner_bert", config=SETTINGS))
"""


SAVED = f"""
{NOTES}
assert [token.text for token in spacy.blank("en")("No fever .")] == ["No", "fever", "."]
for name in ("en_medner_bert", "en_medner_albert"):
    nlp = spacy.load(name)
    nlp.add_pipe("sentencizer")
    nlp.to_disk(name)
    ruler = nlp.add_pipe("entity_ruler", before="ner")
    ruler.add_patterns([{{"label": "thing", "pattern": "EKG"}}])
    nlp.to_disk(name + "_ruler")
"""
# In a process of its own, in which nothing has imported a package
LOADED = """
import json, sys, warnings
import spacy

warnings.simplefilter("error")
text = "She denies chest pain . EKG was normal . Given aspirin 81 mg daily ."
found = []
for name in sys.argv[1:]:
    nlp = spacy.load(name)
    assert not any(module.partition(".")[0] == "scripts" for module in sys.modules)
    (doc, again), alone = nlp.pipe([text, text]), nlp(text)
    assert [*map(str, doc.ents)] == [*map(str, again.ents)] == [*map(str, alone.ents)] != []
    found.append([[ent.text, ent.label_] for ent in doc.ents])
print(json.dumps(found))
"""
# Each of these lines works with a pipeline of spacy-transformers.
ASKED = f"""
{NOTES}
import pickle
from spacy import displacy
from spacy.matcher import Matcher
from spacy.tokens import DocBin

TEXT, FOUND = TEXTS[3], ALONE[3:4]
transformer, ner = nlp.get_pipe("transformer"), nlp.get_pipe("ner")
WIDTH = transformer.model.transformer.config.hidden_size
(doc,) = transformer.pipe([nlp.make_doc(TEXT)])
assert doc._.trf_data.tensors[-1].shape == (1, WIDTH)
assert read(ner.pipe([doc])) == FOUND == read([ner(transformer(nlp.make_doc(TEXT)))])
assert transformer.model.tokenizer(TEXT)["input_ids"] == transformer.model.tokenizer.encode(TEXT)
vector = spacy.load("en_medner_bert", exclude=["ner", "assertion"])(TEXT)._.trf_data.tensors[-1][0].tolist()
assert len(vector) == WIDTH and any(vector) and nlp(TEXT)._.trf_data is None

asked = {{"transformer": {{"max_batch_items": 512, "model": {{"window": 64}}}}}}
asked["ner"] = {{"model": {{"tok2vec": {{"keep_output": True}}}}}}
keeping = spacy.load("en_medner_bert", config={{"components": asked}})
assert keeping.get_pipe("transformer").model.attrs["window"] == 64
assert keeping.get_pipe("transformer").cfg["max_batch_items"] == 512
assert keeping.config["components"]["transformer"]["model"]["window"] == 64
doc = keeping(TEXT)
assert doc._.trf_data.tensors[0].shape[1] == len(doc) and doc.ents
again = [(ent.start, ent.end) for ent in keeping.get_pipe("ner")(doc).ents]
assert again == [(ent.start, ent.end) for ent in doc.ents]

assert list(nlp.pipe_factories) == ["transformer", "ner", "assertion"] == nlp.pipe_names
problems = nlp.analyze_pipes()["problems"]
assert problems == {{"transformer": [], "ner": [], "assertion": []}}, problems
with nlp.select_pipes(enable=["transformer"]):
    assert not nlp(TEXT).ents and nlp(TEXT)._.trf_data is not None
assert not spacy.load("en_medner_bert", disable=["ner"])(TEXT).ents
assert read([nlp(TEXT)]) == FOUND
assert displacy.render(nlp(TEXT), style="ent", jupyter=False).count("<mark") == len(FOUND[0])
docs = list(nlp.pipe(TEXTS))
stored = DocBin(store_user_data=True, docs=docs).to_bytes()
assert read(DocBin().from_bytes(stored).get_docs(nlp.vocab)) == ALONE == read(pickle.loads(pickle.dumps(docs)))
matcher = Matcher(nlp.vocab, validate=True)
matcher.add("aspirin", [[{{"LOWER": "aspirin"}}]])
assert len(matcher(nlp(TEXT))) == 4
assert nlp.evaluate([spacy.training.Example(nlp.make_doc(TEXT), nlp(TEXT))])["ents_f"] == 1
"""
BESIDE = f"""
{NOTES}
def with_pipe(name, **options):
    pipeline = spacy.load("en_medner_bert", config=SETTINGS)
    added = pipeline.add_pipe(name, **options)
    if name == "entity_ruler":
        added.add_patterns([{{"label": "thing", "pattern": "EKG"}}, {{"label": "thing", "pattern": "She"}}])
    return pipeline

for options in ({{"first": True}}, {{"before": "ner"}}, {{"last": True}}):
    docs = list(with_pipe("sentencizer", **options).pipe(TEXTS))
    assert [len(list(doc.sents)) for doc in docs] == [text.count(" .") for text in TEXTS]
    if options == {{"last": True}}:
        assert read(docs) == ALONE
    else:
        assert all(ent.sent.start <= ent.start and ent.end <= ent.sent.end for doc in docs for ent in doc.ents)
        assert all(doc.ents for doc in docs)
for options in ({{"before": "ner"}}, {{"first": True}}):
    pipeline = with_pipe("entity_ruler", **options)
    docs = list(pipeline.pipe(TEXTS))
    assert read(docs) == read(map(pipeline, TEXTS))
    for doc, text in zip(docs, TEXTS):
        assert sum(ent.label_ == "thing" for ent in doc.ents) == text.count("EKG") + text.count("She")
        assert any(ent.label_ != "thing" for ent in doc.ents)
for name in ("entity_ruler", "merge_entities", "span_ruler", "doc_cleaner"):
    docs = list(with_pipe(name).pipe(TEXTS))
    texts = [[ent.text for ent in doc.ents if ent.label_ != "thing"] for doc in docs]
    assert texts == [[doc[start:end].text for start, end, _ in found] for doc, found in zip(nlp.pipe(TEXTS), ALONE)]
"""
OWN_ENCODER = f"""
{NOTES}
import warnings

warnings.simplefilter("error")
wheels = {{name: spacy.load(name, config=SETTINGS) for name in ("en_medner_bert", "en_medner_albert")}}
want = {{name: read(pipeline.pipe(TEXTS)) for name, pipeline in wheels.items()}}
assert want["en_medner_bert"] == ALONE != want["en_medner_albert"]
alone = {{}}
for name, pipeline in wheels.items():
    pipeline.replace_listeners("transformer", "ner", ["model.tok2vec"])
    assert read(pipeline.pipe(TEXTS)) == want[name]
    alone[name] = spacy.blank("en")
    alone[name].tokenizer = pipeline.tokenizer
    alone[name].add_pipe("ner", name="medical_ner", source=pipeline)
    assert alone[name].pipe_names == ["medical_ner"]
    assert read(alone[name].pipe(TEXTS)) == want[name] == read(map(alone[name], TEXTS))
    alone[name].to_disk(sys.argv[1] + "/" + name)
    assert read(spacy.load(sys.argv[1] + "/" + name).pipe(TEXTS)) == want[name]

both = spacy.load("en_medner_bert", config=SETTINGS)  # the other wheel's recognizer in it
other = spacy.load("en_medner_albert", config=SETTINGS)
other.replace_listeners("transformer", "ner", ["model.tok2vec"])
both.add_pipe("ner", name="other", source=other, last=True)
assert both.pipe_names == ["transformer", "ner", "assertion", "other"] and all(doc.ents for doc in both.pipe(TEXTS))
"""
INVISIBLE = f"""
{NOTES}
ROWS = ["Patient reports {{}}nausea{{}} and was given aspirin 81 mg daily .",
        "She denies chest pain . {{}}EKG was normal .{{}}"]
CHARACTERS = "\\ufeff\\x13\\x14\\x7f\\x00\\u200b\\u200d\\u00ad\\u202a\\u200e\\ue000\\ufffd\\u2060\\ufe0f\\x1b\\x08"
assert len(CHARACTERS) == 16

def mentions(docs):
    return [[(ent.text.translate(dict.fromkeys(map(ord, CHARACTERS))).split(), ent.label_) for ent in doc.ents]
            for doc in docs]

for name in ("en_medner_bert", "en_medner_albert"):
    pipeline = spacy.load(name, config=SETTINGS)
    plain = mentions(pipeline(row.format("", "")) for row in ROWS)
    assert any(plain)
    for character in CHARACTERS:
        for around in ((character + " ", " " + character), ("", " " + character * 3), (character, character)):
            docs = list(pipeline.pipe([row.format(*around) for row in ROWS]))
            assert all(set(ent.text) - set(CHARACTERS + " ") for doc in docs for ent in doc.ents)
            # The encoder reads the rest as if they were not there: that of ALBERT here has pieces for some.
            if name == "en_medner_bert":
                assert mentions(docs) == plain, ascii(around)
        assert not pipeline(character).ents and not pipeline(f"{{character}} \\n {{character}}").ents
"""


@pytest.fixture(scope="module")
def python(workflow: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Programs with both wheels."""
    yield from with_wheels(workflow, tmp_path_factory.mktemp("site"))


def test_streams_in_many_threads_find_what_notes_alone_do(python, tmp_path):
    python.use(tmp_path, IN_THREADS)


def test_streams_nested_interleaved_closed_and_left_in_one_thread(python, tmp_path):
    python.use(tmp_path, IN_ONE_THREAD)


def test_processes_and_copies_beside_a_stream_that_is_not_read_to_its_end(python, tmp_path):
    python.use(tmp_path, IN_PROCESSES)


@pytest.mark.parametrize("end", ENDS)
def test_a_program_ends_though_streams_are_unread(python, tmp_path, end):
    begun = "streams = [nlp.pipe(TEXTS * 5), nlp.pipe(TEXTS)]\nassert read(map(next, streams)) == ALONE[:1] * 2\n"
    assert python.use(tmp_path, NOTES + begun + ENDS[end]).startswith("ends")


def test_a_stream_that_is_interrupted_ends_and_the_next_one_is_right(python, tmp_path):
    assert python.use(tmp_path, INTERRUPTED) == "interrupted True True\n"


def test_notes_of_a_live_stream_come_back_once_a_batch_is_known(python, tmp_path):
    python.use(tmp_path, LIVE)


def test_saved_copies_load_where_nothing_has_imported_a_package(python, tmp_path):
    python.use(tmp_path, SAVED)
    for name in ("en_medner_bert", "en_medner_albert"):  # each the first that is loaded
        ruled, plain, packaged = json.loads(python.use(tmp_path, LOADED, f"./{name}_ruler", f"./{name}", name))
        assert ["EKG", "thing"] in ruled and ["EKG", "thing"] not in plain and plain == packaged


def test_what_other_code_asks_of_a_pipeline(python, tmp_path):
    python.use(tmp_path, ASKED)


def test_other_components_stand_beside(python, tmp_path):
    python.use(tmp_path, BESIDE)


def test_a_recognizer_with_an_encoder_of_its_own_goes_into_another_pipeline(python, tmp_path):
    python.use(tmp_path, OWN_ENCODER, str(tmp_path))


def test_characters_that_nobody_sees_change_no_mention(python, tmp_path):
    python.use(tmp_path, INVISIBLE)
