"""One page of a PDF to drawn pieces: where each stands and which letters it is.

A PDF draws glyphs at places and need not say in which order they are read. So the place is
kept, and `pdf_lines` decides the order; pypdf parses the objects, the fonts and the operators.
What `/ActualText` says of a few glyphs is taken instead of theirs: Chromium, LibreOffice,
Typst and cairo give their letters and marks so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from sys import intern

from pypdf import PageObject, PdfReader
from pypdf.generic import ContentStream, DictionaryObject, IndirectObject, StreamObject

from indexer.extraction.pdf.fonts import Face, is_mark, numbers, object_of, plain
from search.errors import SourceError

Matrix = tuple[float, float, float, float, float, float]

MAX_GLYPHS = 500_000  # of a page; a dense page of a newspaper has 20,000
MAX_FORMS = 5_000  # forms drawn on a page
MAX_DEPTH = 16  # forms in forms
FARTHEST = 1e7  # points from a page's corner; a page has 14,400 at most

_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class DrawnText:
    """Some glyphs that are one letter, mark, ligature or `/ActualText`, in reading order.

    `start` and `end` are its sides along the line, `level` the height of the line, both in
    the direction the text runs (`turn` quarters to the left); `size` is that of the font.
    """

    text: str
    start: float
    end: float
    level: float
    size: float
    turn: int = 0
    mark: bool = False


@dataclass(slots=True)
class _State:
    """What `q` keeps and `Q` brings back."""

    matrix: Matrix = _IDENTITY
    font: Face | None = None
    size: float = 1.0
    char_space: float = 0.0
    word_space: float = 0.0
    scale: float = 1.0
    leading: float = 0.0
    rise: float = 0.0


Fonts = dict[tuple[int, int], Face]  # by the number of the object


class _Page:
    """The pieces of one page as its operators draw them."""

    def __init__(self, reader: PdfReader, fonts: Fonts) -> None:
        self._reader = reader
        self._fonts = fonts
        self.large: list[IndirectObject] = []  # streams that pypdf would keep
        self._forms = 0
        self._state = _State()
        self._text = self._line = _IDENTITY
        self._actual: list[str | None] = []  # of each marked content that is open
        self._held: list[DrawnText] = []  # drawn inside of the outermost /ActualText
        self.pieces: list[DrawnText] = []

    def draw(self, content: object, resources: object, depth: int = 0) -> None:
        if not isinstance(content, DictionaryObject | list) or not isinstance(
            resources, DictionaryObject
        ):
            return
        fonts = _dictionary(resources.get("/Font"))
        forms = _dictionary(resources.get("/XObject"))
        named = _dictionary(resources.get("/Properties"))
        stack: list[_State] = []
        for operands, operator in ContentStream(content, self._reader, "bytes").operations:
            state = self._state
            if operator in (b"TJ", b"Tj", b"'", b'"'):
                if operator in (b"'", b'"'):
                    self._move(0, -state.leading)
                    if operator == b'"' and len(operands) > 2:
                        state.word_space, state.char_space = numbers(operands, 2)
                self._show(operands[-1] if operands else None)
            elif operator == b"Tm":
                self._text = self._line = _matrix(operands)
            elif operator in (b"Td", b"TD"):
                x, y = numbers(operands, 2)
                if operator == b"TD":
                    state.leading = -y
                self._move(x, y)
            elif operator == b"T*":
                self._move(0, -state.leading)
            elif operator == b"Tf":
                state.font = self._font(fonts, operands[0]) if operands else None
                (state.size,) = numbers(operands[1:], 1)
            elif operator == b"Tc":
                (state.char_space,) = numbers(operands, 1)
            elif operator == b"Tw":
                (state.word_space,) = numbers(operands, 1)
            elif operator == b"Tz":
                state.scale = numbers(operands, 1)[0] / 100
            elif operator == b"TL":
                (state.leading,) = numbers(operands, 1)
            elif operator == b"Ts":
                (state.rise,) = numbers(operands, 1)
            elif operator == b"BT":
                self._text = self._line = _IDENTITY
            elif operator == b"cm":
                state.matrix = _times(_matrix(operands), state.matrix)
            elif operator == b"q":
                stack.append(replace(state))
            elif operator == b"Q":
                self._state = stack.pop() if stack else _State()
            elif operator in (b"BDC", b"BMC"):
                self._open(operands[1] if len(operands) > 1 else None, named)
            elif operator == b"EMC":
                self._close()
            elif operator == b"Do" and operands:
                self._form(forms.get(operands[0]), resources, depth)

    def _form(self, drawn: object, resources: DictionaryObject, depth: int) -> None:
        if isinstance(drawn, IndirectObject):
            self.large.append(drawn)
        form = object_of(drawn)
        if not isinstance(form, StreamObject) or form.get("/Subtype") != "/Form":
            return
        self._forms += 1
        if depth >= MAX_DEPTH or self._forms > MAX_FORMS:
            raise SourceError("its pages draw themselves without an end", code="bomb")
        kept = replace(self._state)
        if isinstance(matrix := object_of(form.get("/Matrix")), list):
            self._state.matrix = _times(_matrix(matrix), self._state.matrix)
        own = object_of(form.get("/Resources"))
        self.draw(form, own if isinstance(own, DictionaryObject) else resources, depth + 1)
        self._state = kept

    def _font(self, fonts: DictionaryObject, name: object) -> Face | None:
        given = fonts.get(name)
        resource = object_of(given)
        if not isinstance(resource, DictionaryObject):
            return None
        key = (id(resource), -1)
        if isinstance(given, IndirectObject):
            key = (given.idnum, given.generation)
        if key not in self._fonts:
            self._fonts[key] = Face(resource)
        return self._fonts[key]

    def _open(self, properties: object, named: DictionaryObject) -> None:
        if isinstance(properties, str):
            properties = named.get(properties)
        found = object_of(properties)
        actual = found.get("/ActualText") if isinstance(found, DictionaryObject) else None
        if isinstance(actual, bytes):
            actual = _decoded(actual)
        self._actual.append(actual if isinstance(actual, str) else None)

    def _close(self) -> None:
        actual = self._actual.pop() if self._actual else None
        if actual is None or any(text is not None for text in self._actual):
            return
        held, self._held = self._held, []
        base = [piece for piece in held if not piece.mark] or held
        if actual and base:
            text = intern(plain(actual))
            first = base[0]
            start, end = min(piece.start for piece in base), max(piece.end for piece in base)
            self._add(replace(first, text=text, start=start, end=end, mark=is_mark(text)))

    def _move(self, x: float, y: float) -> None:
        self._text = self._line = _times((1, 0, 0, 1, x, y), self._line)

    def _show(self, shown: object) -> None:
        for part in shown if isinstance(shown, list) else [shown]:
            if isinstance(part, bytes):
                self._glyphs(part)
            elif isinstance(part, int | float):
                state = self._state
                move = -float(part) / 1000 * state.size * state.scale
                self._text = _times((1, 0, 0, 1, move, 0), self._text)

    def _glyphs(self, codes: bytes) -> None:
        state = self._state
        if state.font is None:
            return
        held = any(text is not None for text in self._actual)
        a, b, c, d, e, f = _times(self._text, state.matrix)
        along = (a * a + b * b) ** 0.5 or 1e-9
        turn = round({True: 0 if a > 0 else 2, False: 1 if b > 0 else 3}[abs(a) >= abs(b)])
        ux, uy = ((1, 0), (0, 1), (-1, 0), (0, -1))[turn]
        e, f = e + c * state.rise, f + d * state.rise
        origin, level = e * ux + f * uy, f * ux - e * uy
        size = abs(state.size) * ((c * c + d * d) ** 0.5)
        if not max(abs(origin), abs(level), size) < FARTHEST or along > FARTHEST:
            return  # nobody sees it, and sums of it would be no numbers
        moved = 0.0
        for text, width, is_space, mark in state.font.glyphs(codes):
            wide = width / 1000 * state.size
            start, end = origin + moved * along, origin + (moved + wide * state.scale) * along
            if end < start:
                start, end = end, start
            piece = DrawnText(text, start, end, level, size, turn, mark)
            if held:
                self._held.append(piece)
            elif text:
                self._add(piece)
            space = state.word_space if is_space else 0.0
            moved += (wide + state.char_space + space) * state.scale
        self._text = _times((1, 0, 0, 1, moved, 0), self._text)

    def _add(self, piece: DrawnText) -> None:
        if len(self.pieces) >= MAX_GLYPHS:
            raise SourceError(f"a page draws more than {MAX_GLYPHS:,} letters", code="bomb")
        self.pieces.append(piece)


def pieces_of(page: PageObject, reader: PdfReader, fonts: Fonts) -> list[DrawnText]:
    """Return what a page draws, in the order it is drawn; `fonts` is kept for its other pages.

    Its streams are forgotten after it: pypdf keeps what it has read, and a scanned book is
    200 MB of pictures.
    """
    drawing = _Page(reader, fonts)
    content = page.get("/Contents")
    parts = content if isinstance(content, list) else [content]
    drawing.large += [part for part in parts if isinstance(part, IndirectObject)]
    drawing.draw(object_of(content), _inherited(page, "/Resources"))
    for part in drawing.large:
        reader.resolved_objects.pop((part.generation, part.idnum), None)
    return drawing.pieces


def has_picture(page: PageObject) -> bool:
    """Tell whether a page has a picture among what it may draw."""
    resources = _inherited(page, "/Resources")
    drawn = _dictionary(resources.get("/XObject")) if isinstance(resources, dict) else {}
    found = (object_of(value) for value in list(drawn.values())[:100])
    return any(isinstance(one, dict) and one.get("/Subtype") == "/Image" for one in found)


def _decoded(text: bytes) -> str:
    if text.startswith(b"\xfe\xff"):
        return text[2:].decode("utf-16-be", "replace")
    return text.decode("utf-8" if text.startswith(b"\xef\xbb\xbf") else "latin-1", "replace")


def _dictionary(value: object) -> DictionaryObject:
    found = object_of(value)
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _inherited(page: PageObject, key: str) -> object:
    """Return an entry of a page or of the nearest branch of the page tree that has it."""
    branch: object = page
    for _ in range(100):
        if not isinstance(branch, DictionaryObject):
            break
        if key in branch:
            return object_of(branch.get(key))
        branch = object_of(branch.get("/Parent"))
    return None


def _matrix(operands: list[object]) -> Matrix:
    a, b, c, d, e, f = numbers(operands, 6)
    return (a, b, c, d, e, f)


def _times(m: Matrix, n: Matrix) -> Matrix:
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4],
        m[4] * n[1] + m[5] * n[3] + n[5],
    )
