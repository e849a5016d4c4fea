"""Zip files opened as if by an enemy. Three formats are made of them, and each is tried."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from indexer.extraction import zipped
from indexer.extraction.zipped import Package, inside
from search.errors import SourceError
from tests.formats.building import zip_of
from tests.formats.reading import AUTHOR, BUILDERS, DAY, SEED, TITLE, article, check_damage, refusal

KINDS = ["docx", "odt", "epub"]
# the member that has the text
MEMBERS = {"docx": "word/document.xml", "odt": "content.xml", "epub": "OEBPS/text/chapter0.xhtml"}
FACTS = {"docx": "docProps/core.xml", "odt": "meta.xml", "epub": "OEBPS/content.opf"}


def built(kind: str) -> bytes:
    return BUILDERS[kind](TITLE, AUTHOR, DAY, SEED[:5])


def members(content: bytes) -> dict[str, bytes | str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(kind: str, name: str, content: bytes | str) -> bytes:
    return zip_of({**members(built(kind)), name: content})


@pytest.mark.parametrize("kind", KINDS)
def test_one_format_under_the_name_of_another(kind: str) -> None:
    for other in {*KINDS} - {kind}:
        assert refusal(built(other), kind) == "damaged"


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_office_file(kind: str) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 3_000_000
    assert refusal(ole, kind) == "damaged"
    stream = "EncryptedPackage".encode("utf-16-le")
    assert refusal(ole + stream, kind) == "encrypted"
    boundary = 1 << 20
    across = ole[: boundary - 7] + stream + ole[boundary:]
    assert refusal(across, kind) == "encrypted"


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_that_unpacks_without_end(kind: str) -> None:
    space = b" " * (zipped._FREE + 1)
    assert refusal(changed(kind, MEMBERS[kind], b"<a>" + space), kind) == "bomb"


@pytest.mark.parametrize("kind", KINDS)
def test_a_size_that_lies(kind: str) -> None:
    """The header says 10 bytes, and there are 20 million."""
    content = bytearray(changed(kind, MEMBERS[kind], b"<a>" + b" " * 20_000_000))
    place = 0
    name = MEMBERS[kind].encode()
    while (place := content.find(name, place + 1)) >= 0:
        for signature, size in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 22)):
            start = place - (30 if size == 8 else 46)
            if content[start : start + 4] == signature:
                struct.pack_into("<I", content, place - size, 10)
    assert refusal(bytes(content), kind) in ("bomb", "damaged")


def test_bytes_that_are_read_again_are_counted_again() -> None:
    package = Package(io.BytesIO(zip_of({"a": b" " * 1_000_000})))
    for _ in range(16):
        package.read("a")
    with pytest.raises(SourceError) as error:
        package.read("a")
    assert error.value.code == "bomb"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", [MEMBERS, FACTS])
def test_damage_inside(kind: str, which: dict[str, str]) -> None:
    content = members(built(kind))[which[kind]]
    assert isinstance(content, bytes)
    check_damage(content, kind, lambda damaged: changed(kind, which[kind], damaged))


def test_a_list_of_too_many_members() -> None:
    content = zip_of({f"{'a' * 200}{number}": b"" for number in range(18_000)})
    with pytest.raises(SourceError) as error:
        Package(io.BytesIO(content))
    assert error.value.code == "bomb"


def test_a_file_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped, "MAX_ZIPPED_FILE", 1_000)
    assert refusal(built("docx"), "docx") == "too-large"


@pytest.mark.parametrize("kind", KINDS)
def test_a_way_of_packing_that_no_document_has(kind: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in members(built(kind)).items():
            archive.writestr(name, content)
    assert refusal(stream.getvalue(), kind) == "damaged"


ENTITIES = (
    '<!DOCTYPE a [<!ENTITY a "نص"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">'
    '<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">]>'
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
PARAMETERS = '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>'


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", [MEMBERS, FACTS])
@pytest.mark.parametrize("doctype", [ENTITIES, OUTSIDE, PARAMETERS])
@pytest.mark.parametrize("used", ["<a>&f;</a>", '<a b="&f;"/>', "<a/>"])
def test_entities(kind: str, which: dict[str, str], doctype: str, used: str) -> None:
    hostile = changed(kind, which[kind], f'<?xml version="1.0"?>{doctype}{used}')
    if kind == "epub" and which is MEMBERS:  # read as HTML, which knows no such entities
        text = article(hostile, kind).fields["text"] if "&f;" in used and "b=" not in used else ""
        assert "نصنص" not in str(text)
        assert "root:" not in str(text)
    else:
        assert refusal(hostile, kind) in ("bomb", "damaged")


@pytest.mark.parametrize("kind", KINDS)
def test_a_doctype_without_entities(kind: str) -> None:
    """Books of before 2014 have one in their list of parts."""
    facts = members(built(kind))[FACTS[kind]]
    assert isinstance(facts, bytes)
    doctype = b'<!DOCTYPE package PUBLIC "+//ISBN 0-9673008-1-9//DTD OEB 1.2//EN" "oeb12.dtd">'
    found = article(changed(kind, FACTS[kind], doctype + facts), kind)
    assert found.fields["title"] == TITLE


@pytest.mark.parametrize("kind", ["docx", "odt"])
def test_elements_in_elements(kind: str) -> None:
    deep = "<a>" * 100_000 + "نص" + "</a>" * 100_000
    assert refusal(changed(kind, MEMBERS[kind], deep), kind) in ("empty", "damaged")


@pytest.mark.parametrize("kind", KINDS)
def test_facts_that_are_no_xml(kind: str) -> None:
    assert refusal(changed(kind, FACTS[kind], "<a>نص"), kind) == "damaged"
    assert refusal(changed(kind, FACTS[kind], ""), kind) == "damaged"


def test_names_in_any_case_and_with_either_slash() -> None:
    for rename in (str.upper, lambda name: name.replace("/", "\\"), lambda name: "/" + name):
        parts = {rename(name): content for name, content in members(built("docx")).items()}
        assert article(zip_of(parts), "docx").fields["title"] == TITLE


@pytest.mark.parametrize(
    ("base", "reference", "member"),
    [
        ("OEBPS/content.opf", "text/a.xhtml", "OEBPS/text/a.xhtml"),
        ("OEBPS/content.opf", "../a.xhtml", "a.xhtml"),
        ("OEBPS/content.opf", "./x/../a.xhtml#p1", "OEBPS/a.xhtml"),
        ("OEBPS/content.opf", "%D9%86%D8%B5.xhtml", "OEBPS/نص.xhtml"),
        ("content.opf", "a%20b.xhtml", "a b.xhtml"),
        ("word/document.xml", "/word/footnotes.xml", "word/footnotes.xml"),
        ("OEBPS/content.opf", "../../a.xhtml", ""),
        ("OEBPS/content.opf", "%2e%2e/%2e%2e/etc/passwd", ""),
        ("OEBPS/content.opf", "/../a", ""),
        ("OEBPS/content.opf", "//etc/passwd", ""),
        ("OEBPS/content.opf", "http://example.org/a", ""),
        ("OEBPS/content.opf", "file:///etc/passwd", ""),
        ("OEBPS/content.opf", "//[", ""),
        ("OEBPS/content.opf", "..", ""),
        ("OEBPS/content.opf", "", ""),
    ],
)
def test_references_stay_inside(base: str, reference: str, member: str) -> None:
    assert inside(base, reference) == member
