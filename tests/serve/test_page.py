"""The page in a real browser: a note is read, looked at, filtered and taken away, and leaves nothing."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from scripts.corpus.brat import ann_lines
from tests.serving import PATTERNS, Client, make_pipeline, running

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
# So that it reaches for nothing outside by itself
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
NOTE = "Pt 😀 has chest\n  pain .\nEKG was <b>fine</b> & quillwort .\n"
ATTACKS = (
    "<img src=x onerror=window.hacked=1>", "<script>window.hacked=1</script>", "</div><svg onload=window.hacked=1>",
    "javascript:window.hacked=1", "<a href=javascript:window.hacked=1>go</a>", "${window.hacked=1}",
    "{{window.hacked=1}}",
    "\"'><iframe srcdoc='<script>parent.hacked=1</script>'>", "&lt;img src=x onerror=window.hacked=1&gt;",
)  # fmt: skip
TOKEN = b"zorblattin-90817263"


@pytest.fixture(scope="module")
def both() -> Iterator[Client]:
    """Two models, of which the second reads some words otherwise, and writes a label that is HTML."""
    other = [*PATTERNS[:1], {"label": "treatment", "pattern": "quillwort"}, {"label": "<i>test", "pattern": "EKG"}]
    with running({"rules": make_pipeline(), "other": make_pipeline(other)}) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport=WIDE, accept_downloads=True) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, both: Client) -> Iterator[Page]:
    """The page, which says nothing in the console and asks nobody else."""
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    open_page(page, both)
    yield page
    assert said == []
    assert asked and all(url.startswith((f"http://127.0.0.1:{both.port}/", "blob:")) for url in asked)


def open_page(page: Page, client: Client) -> None:
    page.goto(f"http://127.0.0.1:{client.port}/")
    expect(page.locator("#model option").first).to_be_attached()


def read(page: Page, text: str = NOTE, model: str | None = None) -> None:
    """Let a note be read."""
    if model is not None:
        page.select_option("#model", model)
    page.evaluate("text => { document.querySelector('#text').value = text; }", text)  # as quick as pasting is
    page.click("#annotate")
    expect(page.locator("#annotate")).to_be_enabled()
    expect(page.locator("#status")).to_contain_text("mentions")


def marks(page: Page) -> list[str]:
    """What is marked and shown, with its label."""
    return page.locator("mark:not(.off)").evaluate_all("marks => marks.map((mark) => mark.textContent)")


def rows(page: Page, column: int = 1) -> list[str]:
    return page.locator(f"tbody td:nth-child({column})").all_text_contents()


def test_a_note_that_is_typed_is_shown_with_its_mentions(page: Page):
    page.locator("#text").press_sequentially("She has chest pain .")
    page.keyboard.press("Control+Enter")
    expect(page.locator("mark")).to_have_count(1)
    assert marks(page) == ["chest painproblem, absent"]
    read(page)
    assert marks(page) == ["chestproblem, absent", "  painproblem, absent", "EKGtest", "quillwortproblem, absent"]
    # What is rendered, which comes later than what is put into the page
    expect(page.locator(".lines")).to_have_text(re.compile("^Pt 😀 has chest"), use_inner_text=True)
    assert page.locator(".line").nth(2).evaluate("line => line.textContent") == (
        "EKGtest was <b>fine</b> & quillwortproblem, absent ."
    )
    assert rows(page) == ["chest\n  pain", "EKG", "quillwort"] and rows(page, 2) == ["problem", "test", "problem"]
    assert page.locator("mark.low").all_text_contents() == ["EKGtest"]


def test_what_is_known_of_a_mention_is_shown_on_hover_and_on_focus(page: Page):
    read(page)
    tip = page.locator("#tip")
    expect(tip).to_be_hidden()
    page.hover("mark >> nth=0")
    expect(tip).to_have_text("problem, absent\nthe note says that it is not there\nconfidence 0.75")
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    page.focus(".lines")
    page.keyboard.press("Tab")
    expect(tip).to_contain_text("problem, absent")
    for key, label in (("ArrowRight", "problem"), ("ArrowDown", "test"), ("End", "problem"), ("Home", "problem")):
        page.keyboard.press(key)
        expect(tip).to_contain_text(label)
    expect(page.locator("mark").first).to_be_focused()
    page.keyboard.press("Tab")  # one stop for all mentions
    expect(page.locator("#filter")).to_be_focused()
    expect(tip).to_be_hidden()


def test_the_tip_stays_at_a_mention_that_the_keys_scroll_to(page: Page):
    read(page, "EKG .\n" * 200)
    page.focus("mark >> nth=0")
    for key in ("End", *["ArrowUp"] * 20, "Home", *["ArrowDown"] * 20):
        page.keyboard.press(key)
        page.wait_for_timeout(20)  # what is scrolled is told of later
        expect(page.locator("#tip")).to_be_visible()


def test_labels_unsure_mentions_and_rows_can_be_left_out(page: Page):
    read(page)
    label = page.get_by_role("button", name="problem 2")
    label.click()
    assert (marks(page), rows(page)) == (["EKGtest"], ["EKG"])
    assert label.get_attribute("aria-pressed") == "false"
    label.click()
    page.locator("#least").fill("0.5")
    expect(page.locator("#least-shown")).to_have_text("0.50")
    assert "EKGtest" not in marks(page) and rows(page) == ["chest\n  pain", "quillwort"]
    page.fill("#filter", "QUILL")
    assert rows(page) == ["quillwort"] and len(marks(page)) == 3


def test_the_table_is_sorted_by_any_column(page: Page):
    read(page)
    page.get_by_role("button", name="text").click()
    assert rows(page) == ["chest\n  pain", "EKG", "quillwort"]
    page.get_by_role("button", name="text").click()
    assert rows(page) == ["quillwort", "EKG", "chest\n  pain"]
    page.get_by_role("button", name="confidence").click()
    assert rows(page, 4) == ["0.25", "0.75", "0.75"]
    expect(page.locator("th").nth(3)).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("button", name="confidence")).to_be_focused()


def test_both_models_stand_side_by_side_with_their_differences(page: Page):
    read(page, model="")
    assert page.locator("h3").all_text_contents() == ["rules", "other"]
    assert page.locator("mark.differs").all_text_contents() == [
        "EKGtest", "quillwortproblem, absent", "EKG<i>test", "quillworttreatment",
    ]  # fmt: skip
    page.check("#differ")
    assert sorted(rows(page, 2)) == ["EKG", "EKG", "quillwort", "quillwort"]
    page.select_option("#model", "other")
    expect(page.locator("h3")).to_have_text(["other"])
    expect(page.locator("mark.differs")).to_have_count(0)


def downloads(page: Page, kind: str, count: int = 1) -> dict[str, str]:
    """By name the content of the files that a button gives."""
    taken = []
    page.on("download", lambda download: taken.append(download))
    page.locator(f"[data-download={kind}]").click()
    for _ in range(500):
        if len(taken) == count:
            break
        page.wait_for_timeout(20)
    assert len(taken) == count
    return {download.suggested_filename: Path(download.path()).read_bytes().decode() for download in taken}


def test_mentions_are_taken_away_as_the_service_and_annotate_give_them(page: Page, both: Client):
    read(page)
    answer = both.ask("/annotate", {"text": NOTE}).json
    found = json.loads(downloads(page, "json")["mentions.json"])
    assert found == {"model": "rules", "text": NOTE, "ents": answer["ents"]}
    files = downloads(page, "brat", 2)
    lines = ann_lines(NOTE, make_pipeline()(NOTE))
    assert files == {"note.txt": NOTE, "note.ann": "".join(f"{line}\n" for line in lines)}
    table = list(csv.DictReader(io.StringIO(downloads(page, "csv")["mentions.csv"], newline="")))
    assert [(row["model"], row["text"], row["label"], int(row["start"])) for row in table] == [
        ("rules", ent["text"], ent["label"], ent["start"]) for ent in answer["ents"]
    ]
    page.get_by_role("button", name="test 1").click()
    assert len(json.loads(downloads(page, "json")["mentions.json"])["ents"]) == 2


def test_what_is_copied_is_what_is_shown(page: Page, context: BrowserContext):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    read(page)
    page.click("[data-copy]")
    expect(page.locator("#status")).to_have_text("Copied")
    assert len(json.loads(page.evaluate("navigator.clipboard.readText()"))["ents"]) == 3


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_is_never_more_than_text(page: Page, attack):
    text = f"{attack} EKG {attack} chest\n {attack}\npain {attack}"
    read(page, text, "")
    page.hover("mark >> nth=0")
    assert page.locator(".lines").first.evaluate("lines => lines.textContent").count(attack) == 4
    assert page.evaluate("window.hacked") is None
    assert page.locator("#result :is(img, script, iframe, svg, a, i, b)").count() == 0


def test_a_csv_holds_no_formulas(context: BrowserContext):
    with running({"rules": make_pipeline([{"label": "=1+1", "pattern": "EKG"}])}) as client:
        page = context.new_page()
        open_page(page, client)
        read(page, "EKG .")
        assert '"EKG","\'=1+1"' in downloads(page, "csv")["mentions.csv"]


def test_files_and_sample_notes_are_read(page: Page, both: Client, tmp_path: Path):
    path = tmp_path / "note.txt"
    path.write_text(NOTE, encoding="utf8")
    page.set_input_files("#file", path)
    expect(page.locator("mark")).to_have_count(4)
    page.evaluate(
        """(text) => {
            const data = new DataTransfer();
            data.items.add(new File([text], "note.txt"));
            document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
        }""",
        "EKG EKG .",
    )
    expect(page.locator("mark")).to_have_count(2)
    page.select_option("#sample", index=1)
    name = page.input_value("#sample")
    expect(page.locator("#text")).to_have_value(both.ask(f"/samples/{name}").body.decode())


def test_a_file_is_read_as_it_is_stored(page: Page, tmp_path: Path):
    """With its line ends and byte-order mark, by which offsets are counted."""
    path, text = tmp_path / "note.txt", "\ufeffPt has chest\r\n  pain .\r\nEKG\r\n"
    path.write_bytes(text.encode())
    page.set_input_files("#file", path)
    expect(page.locator("mark")).to_have_count(3)
    files = downloads(page, "brat", 2)
    lines = ann_lines(text, make_pipeline()(text))
    assert files == {"note.txt": text, "note.ann": "".join(f"{line}\n" for line in lines)}
    path.write_bytes(b"chest pain \xff")
    page.set_input_files("#file", path)
    expect(page.locator("#problem")).to_have_text("The file is no text in UTF-8.")
    expect(page.locator("#result")).to_be_hidden()


def test_text_is_dropped_too(page: Page):
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.setData("text/plain", "EKG .");
            document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
        }"""
    )
    expect(page.locator("mark")).to_have_count(1)


def test_mentions_of_another_note_never_stand_beside_a_note(context: BrowserContext, both: Client):
    page = context.new_page()
    open_page(page, both)
    read(page, "EKG .")
    page.evaluate("document.querySelector('#text').value = 'a\\u0000'")
    page.click("#annotate")
    expect(page.locator("#problem")).to_contain_text("null bytes")
    expect(page.locator("#result")).to_be_hidden()
    expect(page.locator("mark")).to_have_count(0)
    read(page, "EKG EKG .")
    page.fill("#text", "")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#annotate")).to_be_enabled()
    expect(page.locator("mark")).to_have_count(0)


def test_what_goes_wrong_is_said(context: BrowserContext, both: Client):
    page = context.new_page()
    open_page(page, both)
    page.click("#annotate")
    expect(page.locator("#problem")).to_have_text("There is no note yet: paste one.")
    read(page, "EKG .")
    page.route("**/annotate?*", lambda route: route.abort())
    page.click("#annotate")
    expect(page.locator("#problem")).to_have_text("The service cannot be reached.")
    page.unroute("**/annotate?*")
    page.click("#annotate")
    expect(page.locator("#problem")).to_have_text("")


def test_a_service_with_a_token_asks_for_it(context: BrowserContext):
    with running({"rules": make_pipeline()}, token=TOKEN) as client:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{client.port}/")
        expect(page.locator("#token")).to_be_visible()
        page.fill("#text", "EKG .")
        page.fill("#token", "wrong")
        page.click("#annotate")
        expect(page.locator("#problem")).to_contain_text("Give the token")
        page.fill("#token", TOKEN.decode())
        page.keyboard.press("Enter")
        expect(page.locator("mark")).to_have_count(1)
        expect(page.locator("#token")).to_be_hidden()


def test_nothing_is_stored_and_leaving_leaves_nothing(page: Page, context: BrowserContext, both: Client):
    read(page)
    stored = """async () => [localStorage.length, sessionStorage.length, document.cookie,
        (await indexedDB.databases()).length, (await caches.keys()).length, location.href]"""
    assert page.evaluate(stored) == [0, 0, "", 0, 0, f"http://127.0.0.1:{both.port}/"]
    assert context.cookies() == []
    page.goto("about:blank")
    page.go_back()
    expect(page.locator("#text")).to_have_value("")
    expect(page.locator("mark")).to_have_count(0)


def test_a_note_of_20_000_words_is_drawn(page: Page):
    text = "She has chest pain , EKG was fine .\n" * 2500
    read(page, text)
    expect(page.locator("#status")).to_have_text("rules: 5000 mentions")
    expect(page.locator("mark")).to_have_count(5000)
    assert len(rows(page)) == 200
    page.click("#more")
    assert len(rows(page)) == 400
    page.get_by_role("button", name="test 2500").click()
    assert len(marks(page)) == 2500


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_has_no_serious_finding_and_nothing_is_cut(browser: Browser, both: Client, size, scheme):
    with browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True) as context:
        page = context.new_page()
        open_page(page, both)
        assert serious(page) == []
        read(page, NOTE * 20, "")
        page.focus("mark >> nth=1")
        page.get_by_role("button", name="treatment").click()
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def serious(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in violations if one["impact"] in ("serious", "critical")]
