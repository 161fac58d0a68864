"""XML as a tree whose elements know their lines. Nothing outside the file is read, and no entities but XML's own."""

import re
from collections.abc import Iterator
from xml.parsers import expat

from scripts.archives import File, decode, is_utf8
from scripts.cli import InputError

_ROOT = re.compile(rb"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>[]*(?:\[[^\]]*\])?\s*>\s*)*<([^\s/>]+)", re.DOTALL)
_BARE = re.compile(rb"(<!\[CDATA\[.*?\]\]>)|&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)", re.DOTALL)
_LATE = re.compile(rb"(\s+)(<\?xml\s[^>]*\?>)")  # a declaration that blanks stand before
_ENCODING = re.compile(rb"\s*<\?xml[^>]*?encoding=[\"'](?!utf-?8)", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"
_DEEPEST = 100  # elements in each other


class Node:
    """An element.

    tag (str): Its name, with its prefix.
    attributes (dict[str, str]): As parsed.
    line (int): 1-based line on which it begins.
    pieces (list): Its texts and elements in order.
    """

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag, self.attributes, self.line = tag, attributes, line
        self.pieces: list[str | Node] = []

    @property
    def children(self) -> list["Node"]:
        return [piece for piece in self.pieces if isinstance(piece, Node)]

    @property
    def text(self) -> str:
        """The text of the element itself, character for character, without that of elements in it."""
        return "".join(piece for piece in self.pieces if isinstance(piece, str))

    def find(self, tag: str) -> "Node | None":
        return next((child for child in self.children if child.tag == tag), None)

    def walk(self) -> Iterator["Node"]:
        """The elements below, each before those in it."""
        left = self.children[::-1]
        while left:
            node = left.pop()
            yield node
            left += node.children[::-1]


def root_tag(file: File) -> str:
    """The name of the outermost element, from the beginning of a file; "" if it is no XML."""
    match = _ROOT.match(file.data[:5000].removeprefix(_BOM))
    return match[1].decode("utf8", "replace") if match else ""


def parse(file: File) -> Node:
    """The outermost element of a file. Line ends are single newlines, as XML has them.

    RAISES (InputError): It is not well-formed, or has entities of its own.
    """
    file = _declared_first(file)
    builder = _Builder(file)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: builder.start(tag, attributes, parser.CurrentLineNumber)
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.add
    parser.EntityDeclHandler = lambda *_: builder.refuse(parser.CurrentLineNumber)
    parser.SkippedEntityHandler = lambda *_: builder.refuse(parser.CurrentLineNumber)
    try:
        parser.Parse(file.data, True)
    except expat.ExpatError as error:
        _check_utf8(file)
        reason = expat.ErrorString(error.code)
        raise InputError(f"{file.path}, line {error.lineno}: damaged XML ({reason}); correct it.") from None
    except (LookupError, ValueError):
        raise InputError(f"{file.path}: in an encoding that cannot be read; convert the file to UTF-8.") from None
    return builder.root


def _declared_first(file: File) -> File:
    """The file with the blanks before its declaration moved behind it, so that lines keep their numbers."""
    late = _LATE.match(file.data)
    return file._replace(data=late[2] + late[1] + file.data[late.end() :]) if late else file


def _check_utf8(file: File) -> None:
    """RAISES (InputError): A file is not UTF-8, and states no other encoding."""
    if is_utf8(file) or _ENCODING.match(file.data) or file.data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    try:
        decode(file)
    except InputError as error:
        hint = "for instance by `iconv -f latin1 -t utf8 OLD > NEW`"
        raise InputError(f"{str(error).removesuffix('.')}, {hint}.") from None


def escape_bare(file: File) -> File:
    """The file with each & that begins no entity, as some releases have, written as XML has it; CDATA stays."""
    data = _BARE.sub(lambda match: match[1] or b"&amp;", file.data)
    return file if data == file.data else file._replace(data=data)


class _Builder:
    """Puts together what the parser finds."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._open = [Node("", {}, 0)]

    @property
    def root(self) -> Node:
        return self._open[0].children[0]

    def start(self, tag: str, attributes: dict[str, str], line: int) -> None:
        if len(self._open) > _DEEPEST:
            raise InputError(f"{self._file.path}, line {line}: elements nested too deeply; correct it.")
        node = Node(tag, attributes, line)
        self._open[-1].pieces.append(node)
        self._open.append(node)

    def end(self, tag: str) -> None:
        self._open.pop()

    def add(self, text: str) -> None:
        self._open[-1].pieces.append(text)

    def refuse(self, line: int) -> None:
        raise InputError(f"{self._file.path}, line {line}: entities of its own, which are not read; write them out.")
