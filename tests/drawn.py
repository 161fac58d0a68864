"""Pages with notes drawn by displaCy, read back as a reader sees them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Mark:
    """A mention as it is drawn; how sure the model is of it makes no other mark of it."""

    text: str
    label: str
    colour: str
    assertion: str = ""
    struck: bool = False
    pale: bool = field(default=False, compare=False)


@dataclass
class Row:
    """What is drawn for the sides that mark a passage alike; its text without blanks."""

    names: list[str]
    text: str
    marks: list[Mark]


class Page(HTMLParser):
    """What a reader sees: all words, every mark, and by note the rows of each passage."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.notes: dict[str, list[list[Row]]] = {}
        self.marks: list[Mark] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "meta"):
            self.tags.append(tag)
        if tag == "dl":
            self.passages.append([])
        elif tag == "dt":
            self.passages[-1].append(Row([], "", []))
        elif tag == "mark":
            style = re.match(r"background: (#\w+);", dict(attrs)["style"] or "")
            assert style
            self.marks.append(Mark("", "", style[1][:7], pale=len(style[1]) > 7))
            if "dd" in self.tags:
                self.passages[-1][-1].marks.append(self.marks[-1])

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.tags.pop()

    def handle_data(self, data: str) -> None:
        text = squeeze(data)
        if not text or "style" in self.tags:
            return
        self.words.append(text)
        tag = self.tags[-1]
        if tag == "h2":
            self.passages = self.notes[text] = []
        elif tag == "dt":
            self.passages[-1][-1].names += text.split(", ")
        elif tag == "span":
            self.marks[-1].label = text
        elif "mark" in self.tags and tag == "small":
            self.marks[-1].assertion = text.removeprefix(", ")
        elif "mark" in self.tags:
            self.marks[-1].text, self.marks[-1].struck = text, tag == "s"
        if "dd" in self.tags and tag not in ("span", "small"):
            self.passages[-1][-1].text += glue(text)

    def rows(self, note: str, side: str) -> list[Row]:
        """The row of a side in each passage of a note."""
        return [row for rows in self.notes[note] for row in rows if side in row.names or row.names == ["all"]]

    @property
    def prose(self) -> str:
        return " ".join(self.words)


def squeeze(text: str) -> str:
    return " ".join(text.split())


def glue(text: str) -> str:
    return "".join(text.split())
