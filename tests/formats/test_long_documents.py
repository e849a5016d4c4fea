"""Documents that are longer than an article may be: split at their headings, under ids that stay."""

from __future__ import annotations

import pytest

from indexer.extraction import documents
from indexer.extraction.registry import Extracted
from tests.formats.building import docx_around, epub_around, odt_around
from tests.formats.parts import articles_of, items_of

TEXT = "نص طويل في الفصل " * 4
TEI_HEAD = "<teiHeader><fileDesc><titleStmt><title>كتاب</title></titleStmt></fileDesc></teiHeader>"


def of_word(headings: list[str]) -> bytes:
    style = '<w:pPr><w:pStyle w:val="Heading1"/></w:pPr>'
    return docx_around(
        "".join(
            f"<w:p>{style}<w:r><w:t>{h}</w:t></w:r></w:p><w:p><w:r><w:t>{TEXT}</w:t></w:r></w:p>"
            for h in headings
        ),
        title="كتاب",
    )


def of_writer(headings: list[str]) -> bytes:
    inner = "".join(f"<text:h>{h}</text:h><text:p>{TEXT}</text:p>" for h in headings)
    return odt_around(inner, title="كتاب")


def of_a_book(headings: list[str]) -> bytes:
    chapters = {f"{n}.xhtml": f"<h2>{h}</h2><p>{TEXT}</p>" for n, h in enumerate(headings)}
    return epub_around(chapters, title="كتاب")


def of_tei(headings: list[str]) -> bytes:
    inner = "".join(f"<div><head>{h}</head><p>{TEXT}</p></div>" for h in headings)
    return f"<TEI>{TEI_HEAD}<text><body>{inner}</body></text></TEI>".encode()


@pytest.mark.parametrize(
    ("name", "made"),
    [("a.docx", of_word), ("a.odt", of_writer), ("a.epub", of_a_book), ("a.xml", of_tei)],
)
def test_a_long_document_is_split_at_its_headings(
    name: str, made: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_TEXT", 100)

    def read(*headings: str) -> list[Extracted]:
        assert callable(made)
        return articles_of(items_of(name, made(list(headings))))

    first, second, third = read("تمهيد", "الماء", "الهواء")
    starts = [str(part.fields["text"]).split("\n")[0] for part in (first, second, third)]
    assert starts == ["تمهيد", "الماء", "الهواء"]
    assert [part.fields["title"] for part in (first, second, third)] == [
        "كتاب",
        "كتاب – الماء",
        "كتاب – الهواء",
    ]
    assert first.inside == ""
    again = {part.inside for part in read("تمهيد", "التراب", "الماء", "الهواء")}
    assert {second.inside, third.inside} < again


def test_the_texts_of_a_long_corpus_have_ids_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_TEXT", 100)
    texts = "".join(
        of_tei(["تمهيد", "الماء"]).decode().replace("<TEI>", f'<TEI xml:id="t{n}">') for n in (1, 2)
    )
    found = articles_of(items_of("a.xml", f"<teiCorpus>{texts}</teiCorpus>".encode()))
    assert [part.fields.get("id") for part in found][::2] == ["t1", "t2"]
    assert [part.place for part in found] == ["1", "1", "2", "2"]
