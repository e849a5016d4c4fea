"""Texts read in a wrong encoding: mended where that is certain, told where not, right ones kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from indexer.extraction.encodings.mojibake import check_as_meant, mended, readable, readable_line
from indexer.extraction.registry import Extracted, Options
from indexer.sources import Failure
from search.errors import SourceError
from tests.formats.reading import article, items

ARABIC = (
    "أعلن وزير الدفاع في بغداد أمس أن القوات المشتركة ستغادر، وقال: «لن نبقى هنا» — بعد عام 2024.",
    "قِفا نَبكِ مِن ذِكرى حَبيبٍ وَمَنزِلِ بِسِقطِ اللِوى",
    "شو عم تعملي هلق؟ بدي روح عالسوق، خلص بكفي هيك…",
    "يوم السوق",
    "محمد علي",
)
OTHERS = (
    "ایران کشوری در جنوب غربی آسیا است که پایتخت آن تهران است",
    "پاکستان کا دارالحکومت اسلام آباد ہے اور یہاں کے لوگ اردو بولتے ہیں",
    "L’été dernier, nous étions à Genève où il faisait très chaud",
    "Größere Straßen führen über die Brücke nach München",
    "Türkiye’nin başkenti Ankara’dır, güneş ışığı çok güzel",
)
RIGHT = (
    *ARABIC,
    *OTHERS,
    "À É È Ç Ù «ÉTÉ» «CAFÉ» «DÉJÀ VU» L’ÉTÉ À ÂGÉ ÇÀ",
    "ÀÂÇÉÈÊËÎÏÔÙÛÜŸŒÆ àâçéèêëîïôùûüÿœæ",
    "Á É Í Ó Ú Ñ ÁÉÍÓÚÑ ¿Qué? «NIÑO»",
    "São Tomé, NÃO, IRMÃ, «IRMÃ», ÇÃÕ çãõ",
    "Þórður ísþúfa ævintýri ÆÐÞÖ áðý",
    "ÅÄÖ åäö ÆØÅ æøå «BLÅBÆR»",
    "Łódź zażółć gęślą jaźń",
    "Việt Nam, Hà Nội, Huế",
    "TÜRKİYE'NİN ÖĞRENCİSİ çığlığı",
    "المادة §5 والسعر ٥٠£ و٣° ±2 µm ½ كوب، «ع» … ‹نعم› ©2024 ®",
    "ع…ع…علي! ط…ط…طيب، ظ-ظ-ظل",
    "ص،ض،ط،ظ،ع،غ «ط»«ظ»«ع»«غ»",
    "عکس‌های پژوهشگران چگونه گرفته شد؟ غگعگ عکعک",
    "لڑکے نے ٹھنڈے پانی میں ڈبکی لگائی۔",
    "قال Müller إن «Société Générale» في Zürich باعت 3 آلاف",
    "ماذا؟؟؟ ?? what??? نعم ?!",
    "5 Å ± 0.1 Å, 20 °C, naïve café",
    "L’Haÿ-les-Roses, Ÿ, «ÿ» et ∫ƒ(x)dx ≤ √π",
    "╔═╪═╗ ┘└ ├─┘│ ╪╪ ░▒▓ α ≤ β",
)


def as_read_in(text: str, codec: str) -> str:
    """Return UTF-8 read in an 8-bit encoding; its holes become controls, as browsers have it."""
    return "".join(bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in text.encode())


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_text_is_kept(text: str) -> None:
    assert readable(text) == (text, ())
    assert readable_line(text) == (text, ())


# Without alphabets (åäö, ÁÉÍÓÚÑ), of which several in a row may be any 8-bit encoding.
WORDS = [
    word
    for text in RIGHT
    for word in text.split()
    if "??" not in word and any(char < "\u00c0" or char > "\u017f" for char in word)
]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_right_words_in_any_order_are_kept(text: str) -> None:
    assert mended(text) == (text, ())


@pytest.mark.parametrize("codec", ["latin-1", "cp1252", "cp1256"])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("text", ARABIC)
def test_utf8_read_in_8_bits(text: str, codec: str, times: int) -> None:
    read = text
    for _ in range(times):
        read = as_read_in(read, codec)
    found, notes = readable(read)
    assert found == text
    assert notes[0].startswith("mended: it was UTF-8 read as Windows-125")
    assert readable_line(read).text == text


@pytest.mark.parametrize("codec", ["mac_roman", "cp437"])
@pytest.mark.parametrize("text", [*ARABIC, *OTHERS[:2]])
def test_utf8_read_by_an_old_mac_or_dos(text: str, codec: str) -> None:
    found, notes = readable(as_read_in(text, codec))
    assert found == text
    assert notes[0].startswith("mended: it was UTF-8 read as ")
    assert readable_line(as_read_in(text, codec)).text == text


@pytest.mark.parametrize("codec", ["latin-1", "cp1252", "cp1256", "mac_roman", "cp437"])
@pytest.mark.parametrize("apart", ["\n", "</p><p>"])
def test_each_line_is_mended_whatever_the_others_are(codec: str, apart: str) -> None:
    """Short words (في, و) say nothing of themselves, and lines of right words stand beside them."""
    right, wrong = "ع… پگ", "خرج و لم يعد في كل ما قال له"
    read = apart.join([right, as_read_in(wrong, codec), right, ARABIC[2]])
    assert mended(read).text == apart.join([right, wrong, right, ARABIC[2]])


@pytest.mark.parametrize("codec", ["cp1252", "cp1256", "mac_roman", "cp437"])
@pytest.mark.parametrize("name", ["title", "headline", "author", "tags"])
def test_what_is_mended_in_a_field_is_told(name: str, codec: str) -> None:
    value = as_read_in("أخبار الرياضة اليوم", codec)
    content = json.dumps({"text": ARABIC[0], name: [value] if name == "tags" else value}).encode()
    (found,) = items(content, "objects")
    assert isinstance(found, Extracted)
    assert any(note.startswith(f"{name} mended: ") for note in found.notes)


@pytest.mark.parametrize("name", ["title", "author", "source"])
@pytest.mark.parametrize("value", ["?????", "??? ??? ????", "\ufffd\ufffd"])
def test_a_field_that_is_asked_for_is_refused_where_its_letters_are_lost(
    name: str, value: str
) -> None:
    content = json.dumps({"text": ARABIC[0], "x": value}).encode()
    (found,) = items(content, "objects", Options(fields={name: "x"}))
    assert isinstance(found, Failure)
    assert found.code == "garbled"


@pytest.mark.parametrize("name", ["text", "title", "author", "source", "tags"])
@pytest.mark.parametrize(
    "value", [as_read_in(ARABIC[0], "cp1252"), as_read_in(ARABIC[0], "cp1256"), "??? ??? ????"]
)
def test_what_is_given_by_name_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SourceError, match=f'^"{name}"') as error:
        check_as_meant(name, value)
    assert error.value.code == "garbled"


@pytest.mark.parametrize("text", [*RIGHT, ""])
def test_what_is_given_as_it_is_meant_is_taken(text: str) -> None:
    for name in ("text", "title"):
        check_as_meant(name, text)


@pytest.mark.parametrize("text", OTHERS)
@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
def test_utf8_of_other_languages_read_in_8_bits(text: str, codec: str) -> None:
    assert readable(as_read_in(text, codec)).text == text


@example("ء")
@given(st.text(st.sampled_from("ابتثجحخدذرزسشصضطظعغفقكلمنهوي ةىأإآ،؟َُِ"), min_size=2, max_size=60))
def test_every_arabic_word_comes_back(text: str) -> None:
    assume(any(len(word) > 1 for word in text.replace("،", " ").split()))
    for codec in ("latin-1", "cp1252"):
        assert mended(as_read_in(text, codec)).text == text


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
@pytest.mark.parametrize("text", [*ARABIC[:3], "القوات المسلحة", "أخبار الرياضة اليوم"])
def test_windows_1256_read_in_latin(text: str, codec: str) -> None:
    content = text.encode("cp1256")
    read = "".join(bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in content)
    found, notes = readable(read)
    assert found == text
    assert notes == ("mended: it was Arabic in 8 bits read as Windows-1252",)


@pytest.mark.parametrize("codec", ["latin-1", "cp1252", "cp1256"])
def test_wrong_words_between_right_ones_are_mended(codec: str) -> None:
    wrong = as_read_in("القوات المسلحة", codec)
    found = mended(f"قال الرجل: «نعم» ثم كتب {wrong} وسكت «ع»").text
    assert found == "قال الرجل: «نعم» ثم كتب القوات المسلحة وسكت «ع»"


LOST = (
    "????? ?? ??????",
    "????? ??? ????\nسطر سليم من النص هنا",
    "\ufffd\ufffd\ufffd نص",
    "نص " * 20 + "\ufffd" * 5,
    # ف has a hole of Windows-1252 in it, and somebody passed over it
    as_read_in("في الفترة الفائتة فاز الفريق", "latin-1").replace("\x81", ""),
    as_read_in("في الفترة الفائتة فاز الفريق", "latin-1").replace("\x81", "?"),
    "ãÕÑ",  # مصر or not: three letters are too few
)


@pytest.mark.parametrize("text", LOST)
def test_what_nothing_mends_for_certain_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="save it anew from its source as UTF-8") as error:
        readable(text)
    assert error.value.code == "garbled"
    title, notes = readable_line(text)
    assert title == ""
    assert notes


@pytest.mark.parametrize(
    "text",
    ["نص سليم " * 100 + "\ufffd", "نص سليم " * 400 + "??? ??? ??", "نص سليم " * 400 + "العراÙ"],
)
def test_few_wrong_letters_in_a_long_text_are_noted(text: str) -> None:
    found, notes = readable(text)
    assert found.startswith("نص سليم ")
    assert notes


@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_any_text_is_taken_without_an_error(text: str) -> None:
    mended(text)
    readable_line(text)


def letter_of(body: bytes, headers: str) -> bytes:
    return f"From: a@b.example\r\n{headers}\r\n".encode() + body


def _item(content: bytes, kind: str, options: Options | None = None) -> Extracted | Failure:
    (found,) = items(content, kind, options)
    return found


def test_utf8_bytes_as_json_escapes_are_mended() -> None:
    """Its JSON has each byte of UTF-8 as an escape, م with the control U+0085 among them."""
    said = {
        "title": as_read_in("يوم السلام", "latin-1"),
        "content": as_read_in(ARABIC[0], "latin-1"),
    }
    content = json.dumps({**said, "tags": [as_read_in("علم", "latin-1")]}).encode()
    (found,) = items(content, "objects")
    assert isinstance(found, Extracted)
    assert found.fields["text"] == ARABIC[0]
    assert found.fields["title"] == "يوم السلام"
    assert found.fields["tags"] == ["علم"]
    assert any("mended" in note for note in found.notes)


def test_what_is_lost_is_set_aside_and_the_others_are_read() -> None:
    lines = [{"text": ARABIC[0]}, {"text": LOST[0]}, {"text": ARABIC[1], "title": LOST[0]}]
    content = "\n".join(map(json.dumps, lines)).encode()
    first, second, third = items(content, "objects")
    assert isinstance(first, Extracted)
    assert isinstance(second, Failure)
    assert second.code == "garbled"
    assert isinstance(third, Extracted)
    assert "title" not in third.fields
    assert any(note.startswith("title left out: ") for note in third.notes)


@pytest.mark.parametrize("codec", ["latin-1", "cp1252", "cp1256"])
@pytest.mark.parametrize("kind", ["plain", "html", "eml"])
def test_every_kind_of_file_is_mended(kind: str, codec: str) -> None:
    wrong = as_read_in(ARABIC[0], codec)
    content = {
        "plain": wrong.encode(),
        "html": f"<html><head><title>{wrong}</title></head><body><p>{wrong}</p></body>".encode(),
        "eml": letter_of(wrong.encode(), "Subject: x\r\n"),
    }[kind]
    found = article(content, kind)
    assert found.fields["text"] == ARABIC[0]
    assert any("mended" in note for note in found.notes)


CHARSETS = ("windows-1256", "iso-8859-6", "utf-16le", "cp720", "mac-arabic")
SHORT = "لا نص"


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("kind", ["plain", "html", "eml", "objects", "tables"])
@pytest.mark.parametrize("text", [SHORT, "خيتعور جحمرش"])
def test_what_a_person_says_of_the_encoding_decides(kind: str, charset: str, text: str) -> None:
    """Also for words that no statistics know, and where the file declares another one."""
    written = {
        "plain": text,
        "html": f'<html><head><meta charset="utf-8"></head><body><p>{text}</p></body></html>',
        "eml": text,
        "objects": json.dumps({"text": text}, ensure_ascii=False),
        "tables": f"text\n{text}\n",
    }[kind].encode(charset)
    if kind == "eml":
        written = letter_of(written, "Content-Type: text/plain; charset=iso-8859-1\r\n")
    found = _item(written, kind, Options(encoding=charset))
    assert isinstance(found, Extracted)
    assert found.fields["text"] == text


@pytest.mark.parametrize("kind", ["plain", "objects"])
def test_bytes_that_are_not_in_what_a_person_says_are_refused(kind: str) -> None:
    content = json.dumps({"text": ARABIC[1]}, ensure_ascii=False).encode("cp1256")
    options = Options(encoding="utf-8")
    if kind == "plain":
        with pytest.raises(SourceError, match="not UTF-8: byte"):
            items(content, kind, options)
    else:
        broken = _item(content, kind, options)
        assert isinstance(broken, Failure)
        assert broken.code == "encoding"
